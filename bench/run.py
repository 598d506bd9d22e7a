#!/usr/bin/env python3
"""Runs the benchmarks beside the machine's own floor, in one run, because a number means something only against the machine that it was taken on.

usage: run.py BUILD_DIR [--json FILE] [--queries N]     (`./dev bench` calls it with build/release)
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import tempfile
import time

RULES = "[[rule]]\npattern = '^echo (?P<text>.+)$'\nserver = \"echo\"\ntool = \"echo\"\nparams = { text = \"${text}\" }\n"


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def floor_fdatasync(folder, rounds=1000, size=4096):
    """A block written into a preallocated file and made durable."""
    path = folder / "floor"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    block = b"x" * size
    os.pwrite(descriptor, b"\0" * (rounds * size), 0)
    os.fsync(descriptor)
    took = []
    for number in range(rounds):
        began = time.perf_counter()
        os.pwrite(descriptor, block, number * size)
        os.fdatasync(descriptor)
        took.append((time.perf_counter() - began) * 1e6)
    os.close(descriptor)
    path.unlink()
    return {"p50_us": percentile(took, 0.5), "p99_us": percentile(took, 0.99)}


def cpu_ms(pid):
    """What a process has computed so far; unlike the time on the wall it does not grow with what else the machine does."""
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6


def memory_kib(pid):
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/smaps_rollup").read().splitlines()[1:])
    return {"rss_kib": int(fields["Rss"].split()[0]), "pss_kib": int(fields["Pss"].split()[0])}


class Serve:
    def __init__(self, build, folder, *flags):
        self.began = time.perf_counter()
        self.process = subprocess.Popen([build / "src/cli/geminga", "serve", "--data-dir", folder / "data", "--http", "127.0.0.1:0", "--pulsar", "127.0.0.1:0", "--ready-json",
                                         "--log-level", "warn", *map(str, flags)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.ready_ms = (time.perf_counter() - self.began) * 1000
        if not line:
            raise SystemExit("serve did not become ready")
        addresses = json.loads(line)
        self.url, self.pulsar_url = "http://" + addresses["http"], "pulsar://" + addresses["pulsar"]

    def cpu_ms(self):
        return cpu_ms(self.process.pid)

    def memory_kib(self):
        return memory_kib(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()


def start_up(build, folder, rounds=21):
    """From exec to the ready line, on a directory that exists, without MCP servers."""
    took, computed = [], []
    for number in range(rounds):
        serve = Serve(build, folder)
        if number > 0:  # the first one makes the directory
            took.append(serve.ready_ms)
            computed.append(serve.cpu_ms())
        serve.stop()
    return {"rounds": len(took), "p50_ms": percentile(took, 0.5), "max_ms": max(took), "cpu_p50_ms": percentile(computed, 0.5)}


def idle_memory(build, folder):
    serve = Serve(build, folder)
    time.sleep(2)
    memory = serve.memory_kib()
    serve.stop()
    return memory


def query_bench(build, url, path, sentence="", **options):
    """options: count, in_flight, rate"""
    flags = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    return program_json(build / "bin/query_bench", url, path, *(["--sentence", sentence] if sentence else []), *flags)


def queries(build, folder, count):
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": {"echo": {"command": str(build / "bin/geminga_mcp_fixture")}}}))
    (folder / "rules.toml").write_text(RULES)
    serve = Serve(build, folder, "--mcp", folder / "mcp.json", "--rules", folder / "rules.toml")
    path = "/api/orchestrator/query"
    query_bench(build, serve.url, path, "echo warm up", count=200, in_flight=8)
    result = {
        "floor_http": query_bench(build, serve.url, "/healthz", count=count),
        "one_in_flight": query_bench(build, serve.url, path, "echo hello", count=count),
        "sixty_four_in_flight": query_bench(build, serve.url, path, "echo hello", count=count * 10, in_flight=64),
    }
    serve.stop()
    return result


def program_json(*command, ends_with=0):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != ends_with:
        raise SystemExit(f"{command[0]} failed: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def perf(build, folder):
    """Through the public API, by the verb that users have: publishing, a lone one, catching up with all of it, and both ends at a moderate rate."""
    def run(load, topic, *flags):
        return program_json(build / "src/cli/geminga", "perf", load, "--url", f"embedded:{folder}", "--topic", topic, "-o", "json", *flags)

    produced = run("produce", "catch-up", "--time", "10s")
    return {
        "produce": produced,
        "consume": run("consume", "catch-up", "--time", "120s", "--count", produced["messages"]),
        "produce_lone": run("produce", "lone", "--time", "3s", "--in-flight", 1),
        "e2e": run("e2e", "both", "--time", "10s"),
        "e2e_1000": run("e2e", "both", "--time", "10s", "--rate", 1000),
    }


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory_gib = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal"))) / (1 << 20)
    return {"cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory_gib, 1), "kernel": platform.release(), "load": os.getloadavg()[0]}


def latency_row(name, value):
    rate = f"{value['per_second']:.0f}/s" if "per_second" in value else ""
    return name, f"{value['p50_us']:.0f} us", f"{value['p99_us']:.0f} us", rate


def perf_row(name, value):
    latency = value["latency_ms"]
    return name, f"{latency['p50'] * 1000:.0f} us", f"{latency['p99'] * 1000:.0f} us", f"{value['messages_per_second']:.0f}/s, {value['mb_per_second']:.0f} MB/s"


def print_table(report):
    publish, start, memory, query, log = report["publish"], report["start_up"], report["idle_memory"], report["query"], report["log"]
    many = publish["many_in_flight"]
    rows = [latency_row("floor: 4 KiB written and durable", report["floor_fdatasync"]),
            latency_row("publish of 1 KB, durable, one in flight", publish["one_in_flight"]),
            latency_row("the same beside 100 MB/s", publish["one_in_flight_beside_100_mb_per_second"]),
            ("publish of 1 KB, durable, many in flight", "", "", f"{many['per_second']:.0f}/s, {many['mb_per_second']:.0f} MB/s"),
            ("storage engine alone, 1 KB", f"{log['lone']['p50_us']:.0f} us", f"{log['lone']['p99_us']:.0f} us", f"{log['publish']['per_second']:.0f}/s"),
            *[(f"{name}, {who}", "", "", f"{report['read'][where][who]['per_second']:.0f}/s")
              for where, name in (("tail", "read from memory"), ("catch_up", "read from the disk")) for who in ("door", "reader", "consumer")],
            ("storage engine alone, reading", "", "", f"{log['catch_up']['per_second']:.0f}/s from the disk, {log['tail']['per_second']:.0f}/s from memory"),
            perf_row("perf produce, 1 KB, 10,000 in flight", report["perf"]["produce"]),
            perf_row("perf produce, one in flight", report["perf"]["produce_lone"]),
            ("perf consume, catching up", "", "", f"{report['perf']['consume']['messages_per_second']:.0f}/s"),
            perf_row("perf e2e, as fast as it goes", report["perf"]["e2e"]),
            perf_row("perf e2e, 1,000/s", report["perf"]["e2e_1000"]),
            latency_row("floor: HTTP round trip (GET /healthz)", query["floor_http"]),
            latency_row("query, one in flight", query["one_in_flight"]),
            latency_row("query, 64 in flight", query["sixty_four_in_flight"]),
            ("exec to ready, existing directory", f"{start['p50_ms']:.1f} ms", f"{start['max_ms']:.1f} ms (max)", f"{start['cpu_p50_ms']:.1f} ms of CPU"),
            ("idle memory (RSS)", f"{memory['rss_kib'] / 1024:.1f} MiB", "", "")]
    width = max(len(row[0]) for row in rows)
    print(f"{'':{width}}  {'p50':>12}  {'p99':>16}  rate")
    for name, p50, p99, rate in rows:
        print(f"{name:{width}}  {p50:>12}  {p99:>16}  {rate}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--queries", type=int, default=1000)
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="geminga-bench-", dir=arguments.build))  # beside the build: a disk, not a tmpfs
    try:
        programs = arguments.build / "bin"
        report = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "machine": machine(),
                  "floor_fdatasync": floor_fdatasync(folder), "start_up": start_up(arguments.build, folder),
                  "idle_memory": idle_memory(arguments.build, folder), "query": queries(arguments.build, folder, arguments.queries)}
        report["publish"] = program_json(programs / "publish_bench", folder / "bus", 1024, 1000, 5, 4)
        report["read"] = program_json(programs / "read_bench", "rates", folder / "read")
        report["perf"] = perf(arguments.build, folder / "perf")
        report["log"] = program_json(programs / "log_bench", "--json", "--dir", folder, "--size", 1024)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print_table(report)
    text = json.dumps(report)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
