#!/usr/bin/env python3
"""What the orchestrator should reach on this machine and what it does: queries that one trivial C++ tool server answers over stdio, every hop on the
disk, the load from the same machine. Each number is the median of several rounds, beside the floor that was measured in the same round.

    query_goals.py BUILD_DIR [--rounds N] [--seconds S] [--json FILE]     (`./dev bench queries` calls it with build/release)
"""
import json
import shutil
import subprocess
import time

from goals import at_least, at_most, floor, options, run_rounds
from run import Serve, floor_fdatasync, query_bench

RULES = """
[[rule]]
pattern = '^echo (?P<text>.+)$'
server = "tools"
tool = "echo"
params = { text = "${text}" }

[[rule]]
pattern = '^wait$'
server = "tools"
tool = "slow"
params = { ms = 3000 }
"""
QUERY = "/api/orchestrator/query"
WAITING = 1000

GOALS = [
    floor("4 KiB written and durable, p50", "us", lambda r: r["floor_fdatasync"]["p50_us"]),
    floor("HTTP round trip (GET /healthz), p50", "us", lambda r: r["floor_http"]["p50_us"]),
    floor("HTTP round trips, 64 in flight", "/s", lambda r: r["floor_http_many"]["per_second"]),
    at_most("query at 200/s, p50", "us", 3_000, lambda r: r["steady"]["p50_us"]),
    at_most("query at 200/s, p99", "us", 15_000, lambda r: r["steady"]["p99_us"]),
    at_least("queries, 128 in flight", "/s", 3_000, lambda r: r["many"]["per_second"]),
    at_most(f"memory of {WAITING:,} waiting queries", "MiB", 64, lambda r: r["waiting_mib"]),
]


def memory_of_waiting(build, serve):
    """While that many wait for a tool that takes its time: some in the call, the others for a place."""
    before = serve.memory_kib()["rss_kib"]
    load = subprocess.Popen([build / "bin/query_bench", serve.url, QUERY, "--sentence", "wait", "--count", str(WAITING), "--in-flight", str(WAITING)],
                            stdout=subprocess.PIPE, text=True)
    most = before
    while load.poll() is None:
        most = max(most, serve.memory_kib()["rss_kib"])
        time.sleep(0.1)
    answer = json.load(load.stdout)
    if load.returncode != 0 or answer["failed"]:
        raise SystemExit(f"waiting queries failed: {answer}")
    return (most - before) / 1024


def one_round(build, folder, seconds):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": {"tools": {"command": str(build / "bin/geminga_mcp_fixture")}}}))
    (folder / "rules.toml").write_text(RULES)
    serve = Serve(build, folder, "--mcp", folder / "mcp.json", "--rules", folder / "rules.toml")
    ask = lambda **options: query_bench(build, serve.url, QUERY, "echo hello", **options)
    try:
        ask(count=200, in_flight=8)  # warm
        return {
            "floor_fdatasync": floor_fdatasync(folder),
            "floor_http": query_bench(build, serve.url, "/healthz", count=1000),
            "floor_http_many": query_bench(build, serve.url, "/healthz", count=20_000, in_flight=64),
            "one": ask(count=500),
            "steady": ask(count=200 * seconds, rate=200),
            "many": ask(count=2_000 * seconds, in_flight=128),
            "waiting_mib": memory_of_waiting(build, serve),
        }
    finally:
        serve.stop()


if __name__ == "__main__":
    run_rounds(options(__doc__, 10, "of each load").parse_args(), GOALS, one_round)
