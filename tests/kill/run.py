#!/usr/bin/env python3
"""SIGKILL rounds on the embedded bus under load, with a checker.

    run.py --rounds 30                 every promise holds, or exit 1 with what broke
    run.py --rounds 30 --control       the negative control: receipts before the write; exit 1 unless the checker notices
    run.py --rounds 3 --kills-of-recovery 20
                                       after each round the start is killed 20 times before it may come through
    run.py --rounds 300 --receipts 20000 --fresh-every 10
                                       no kill before so many receipts; a new directory after so many rounds

Each round starts build/<preset>/bin/geminga_kill_worker on the same directory, kills it at a random moment while it publishes, consumes,
acknowledges and forwards, then looks at what is there. What the worker knew for sure stands in its output (see worker.cpp).
"""
import argparse
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from checker import Breach, Checker, whole_lines

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SEQUENCES_PER_ROUND = 10_000_000


class Totals:
    """Over all directories."""

    def __init__(self):
        self.receipts = self.acknowledgements = self.forwards = self.under_load = self.early = self.early_lost = self.compacted_away = 0

    def add(self, known):
        self.receipts += len(known.confirmed)
        self.acknowledgements += sum(map(len, known.acknowledged.values()))
        self.forwards += len(known.forwarded)
        self.early += len(known.early)
        self.early_lost += len(known.early_lost)
        self.compacted_away += known.compacted_away


class Rig:
    def __init__(self, worker, directory, seed, control, receipts):
        self.worker, self.directory, self.control, self.receipts = worker, directory, control, receipts
        self.random = random.Random(seed)
        self.checker = Checker()
        self.totals = Totals()

    def begin_anew(self):
        self.totals.add(self.checker)
        self.checker = Checker()
        shutil.rmtree(self.directory / "data", ignore_errors=True)

    def kill_round(self, number):
        output = self.directory / "work.log"
        command = [self.worker, self.directory / "data", str(number * SEQUENCES_PER_ROUND)]
        with open(output, "wb") as out:
            process = subprocess.Popen(command + ([self.control] if self.control else []), stdout=out)
            try:
                self.wait_for_load(process, output)
                self.wait_for_receipts(process, output)
                time.sleep(self.random.uniform(0.05, 0.6))
                self.totals.under_load += self.at_work(output)
                if process.poll() is not None:
                    raise Breach(f"the worker ended by itself with {process.returncode}: {whole_lines(output)[-1:]}")
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
        lines = whole_lines(output)
        self.checker.read_work(lines)
        return len(lines)

    def kill_starts(self, times):
        """A crash loop: the recovery itself is killed, in its first 60 ms."""
        for _ in range(times):
            process = subprocess.Popen([self.worker, self.directory / "data", "verify"], stdout=subprocess.DEVNULL)
            time.sleep(self.random.uniform(0.0, 0.06))
            process.send_signal(signal.SIGKILL)
            process.wait()

    @staticmethod
    def wait_for_load(process, output):
        deadline = time.monotonic() + 60
        while output.stat().st_size < 20_000:
            if process.poll() is not None or time.monotonic() > deadline:
                text = output.read_text(errors="replace")[-300:]
                raise Breach(f"the worker did not come to work (exit {process.poll()}): {text}")
            time.sleep(0.01)

    def wait_for_receipts(self, process, output):
        deadline = time.monotonic() + 300
        receipts = 0
        with open(output, "rb") as facts:
            while receipts < self.receipts and process.poll() is None:
                if time.monotonic() > deadline:
                    raise Breach(f"after five minutes the worker has {receipts} receipts")
                time.sleep(0.02)
                receipts += sum(line.startswith(b"P ") for line in facts.read().splitlines())

    @staticmethod
    def at_work(output, seconds=0.02):
        before = output.stat().st_size
        time.sleep(seconds)
        return output.stat().st_size > before

    def verify(self):
        run = subprocess.run([self.worker, self.directory / "data", "verify"], capture_output=True, text=True, timeout=300)
        if run.returncode != 0:
            raise Breach(f"verify ended with {run.returncode}: {run.stdout[-300:]} {run.stderr[-300:]}")
        return self.checker.read_verify(run.stdout.splitlines())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--control", nargs="?", const="ack-before-write", help="a promise that the worker breaks")
    parser.add_argument("--kills-of-recovery", type=int, default=0, metavar="N", help="after each round N starts are killed at random moments")
    parser.add_argument("--receipts", type=int, default=0, metavar="N", help="no kill of a round before it has so many")
    parser.add_argument("--fresh-every", type=int, default=0, metavar="N", help="a new directory after so many rounds")
    parser.add_argument("--worker", type=pathlib.Path, default=ROOT / "build/dev/bin/geminga_kill_worker")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="geminga-kill-"))
    rig = Rig(options.worker, directory, options.seed, options.control, options.receipts)
    breach = None
    for number in range(options.rounds):
        if options.fresh_every and number and number % options.fresh_every == 0:
            rig.begin_anew()
        try:
            facts = rig.kill_round(number)
            rig.kill_starts(options.kills_of_recovery)
            stored = rig.verify()
        except Breach as found:
            breach = f"round {number + 1}: {found}"
            break
        print(f"round {number + 1}: {facts} facts before the kill, stored {stored}", flush=True)
    totals = rig.totals
    totals.add(rig.checker)
    print(f"seed {options.seed}: {totals.receipts} receipts, {totals.acknowledgements} confirmed acknowledgements, {totals.forwards} confirmed forwards, "
          f"{totals.under_load} kills under load; {totals.early} early answers, {totals.early_lost} of them lost in the last moment; {totals.compacted_away} messages compacted away")
    if options.control:
        print(f"control: noticed: {breach}" if breach else "control: NOT noticed; the checker is blind")
        shutil.rmtree(directory)
        return 0 if breach else 1
    if breach:
        print(f"BREACH: {breach}\nthe directory is kept: {directory}")
        return 1
    shutil.rmtree(directory)
    print(f"{options.rounds} rounds: nothing acknowledged was lost, nothing that was sent again is there twice, order per key held, ids stayed, forwards were whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
