#!/usr/bin/env python3
"""Everything that proves the promises of docs/reliability.md, in its long form, one after the other; a table at the end.

    reliability.py [--only WORD] [--scale PERCENT]    PERCENT of the rounds (100), at least one of each

Exit 1 when anything broke a promise, was blind or was refused.
"""
import argparse
import datetime
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RIGS = ROOT / "tests/rigs"
REFUSED = 77
SIM_SLICE = 10
KILL_SLICE = 50
CONTROLS = ("ack-before-sync", "no-fsync", "no-dirsync", "skip-crc", "dedup-before-persist", "cursor-ahead", "lose-delayed")


def plan(build, scale):
    """(name, command) of every run; slices keep each below ten minutes."""
    def rounds(count):
        return str(max(1, count * scale // 100))

    def rig(program, *words):
        return [RIGS / program, "--bin", build / "bin", *words]

    def kill(*words):
        return [ROOT / "tests/kill/run.py", "--worker", build / "bin/geminga_kill_worker", *words]

    seeds = int(rounds(200))
    for first in range(1, seeds + 1, SIM_SLICE):
        count = min(SIM_SLICE, seeds + 1 - first)
        yield f"model checker {first}-{first + count - 1}", [build / "bin/geminga_sim", "--seeds", count, "--from", first, "--operations", 10_000]
    for control in CONTROLS:
        yield f"model checker notices {control}", [build / "bin/geminga_sim", "--control", control, "--seeds", 50, "--operations", 1_000]
    for first in range(0, int(rounds(300)), KILL_SLICE):
        yield f"SIGKILL {first + 1} on", kill("--rounds", KILL_SLICE, "--receipts", 20_000, "--fresh-every", 10)
    yield "SIGKILL with early receipts", kill("--rounds", 25, "--control")
    yield "SIGKILL of the start", kill("--rounds", rounds(10), "--kills-of-recovery", 20)
    yield "power cuts", rig("power_cut.py", "--cuts", rounds(300))
    yield "power cuts without sync", rig("power_cut.py", "--cuts", 30, "--control", "no-fsync")
    yield "power cuts with early receipts", rig("power_cut.py", "--cuts", 30, "--control", "ack-before-write")
    yield "sync errors injected", rig("sync_errors.py", "--kind", "injected", "--rounds", rounds(50))
    yield "sync errors natural", rig("sync_errors.py", "--kind", "natural", "--rounds", rounds(10))
    yield "disk full", rig("disk_full.py", "--fills", 3)
    yield "memory limit", rig("memory_limit.py", "--backlog", 512, "--limit", 256)
    yield "memory limit control", rig("memory_limit.py", "--control")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="runs whose name contains this")
    parser.add_argument("--scale", type=int, default=100)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev")
    options = parser.parse_args()
    results = []
    for name, command in plan(options.build, options.scale):
        if options.only not in name:
            continue
        print(f"== {name}", flush=True)
        begin = time.monotonic()
        words = [str(word) for word in command]
        code = subprocess.run([sys.executable, "-B", *words] if words[0].endswith(".py") else words).returncode
        verdict = {0: "held", REFUSED: "REFUSED"}.get(code, f"FAILED ({code})")
        results.append((verdict, name, time.monotonic() - begin))
    print(f"\n{datetime.date.today()}")
    for verdict, name, seconds in results:
        print(f"{verdict:12} {seconds:6.0f} s  {name}")
    return 0 if results and all(verdict == "held" for verdict, _, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
