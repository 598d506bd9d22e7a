#!/usr/bin/env python3
"""SIGKILL rounds on the embedded bus under load, with a checker.

    run.py --rounds 30                 every promise holds, or exit 1 with what broke
    run.py --rounds 30 --control       the negative control: receipts before the write; exit 1 unless the checker notices

Each round starts build/<preset>/bin/geminga_kill_worker on the same directory, kills it at a random moment while it publishes, consumes,
acknowledges and forwards, then looks at what is there. What the worker knew for sure stands in its output (see worker.cpp).
"""
import argparse
import collections
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SEQUENCES_PER_ROUND = 10_000_000
TOPIC_OF = {"exclusive": "in", "shared": "in", "keyed": "in", "forward": "in", "later": "later"}
ORDERED = ("exclusive", "keyed")


class Breach(Exception):
    pass


class Checker:
    """What is known over all rounds, and what must hold."""

    def __init__(self):
        self.confirmed = {}  # (topic, id) -> (key, sequence): a receipt was given
        self.content = {}  # (topic, id) -> (key, sequence): seen in any read
        self.delivered = collections.defaultdict(set)  # subscription -> ids
        self.acknowledged = collections.defaultdict(set)  # subscription -> ids whose acknowledgement was confirmed
        self.forwarded = set()
        self.last_first = {}  # (subscription, key) -> sequence of the latest first delivery

    def same(self, topic, id_, what):
        if self.content.setdefault((topic, id_), what) != what:
            raise Breach(f"{topic} {id_} was {self.content[topic, id_]} and is now {what}")

    def read_work(self, lines):
        for line in lines:
            match line.split():
                case ["P", topic, id_, key, sequence]:
                    self.confirmed[topic, id_] = (key, int(sequence))
                    self.same(topic, id_, (key, int(sequence)))
                case ["D", group, id_, key, sequence]:
                    self.on_delivered(group, id_, key, int(sequence))
                case ["A", group, id_]:
                    self.acknowledged[group].add(id_)
                case ["F", id_]:
                    self.forwarded.add(id_)
                    self.acknowledged["forward"].add(id_)
                case ["ready"]:
                    pass
                case _:
                    raise Breach(f"the worker said: {line}")

    def on_delivered(self, group, id_, key, sequence):
        self.same(TOPIC_OF[group], id_, (key, sequence))
        if id_ in self.acknowledged[group]:
            raise Breach(f"{group}: {id_} came again though its acknowledgement was confirmed")
        if id_ in self.delivered[group]:
            return
        self.delivered[group].add(id_)
        if group in ORDERED:
            if self.last_first.get((group, key), -1) >= sequence:
                raise Breach(f"{group}: key {key}: {sequence} came first after {self.last_first[group, key]}")
            self.last_first[group, key] = sequence

    def read_verify(self, lines):
        stored = collections.defaultdict(dict)
        pending = collections.defaultdict(set)
        last = {}
        for line in lines:
            match line.split():
                case ["R", topic, id_, key, sequence]:
                    self.same(topic, id_, (key, int(sequence)))
                    stored[topic][id_] = (key, int(sequence))
                    if topic in ("in", "later"):
                        if last.get((topic, key), -1) >= int(sequence):
                            raise Breach(f"{topic}: key {key}: {sequence} is stored after {last[topic, key]}")
                        last[topic, key] = int(sequence)
                case ["N", group, id_]:
                    if id_ in pending[group]:
                        raise Breach(f"{group}: {id_} came twice")
                    pending[group].add(id_)
                case ["verified"]:
                    pass
                case _:
                    raise Breach(f"the worker said: {line}")
        self.compare(stored, pending)
        return {topic: len(ids) for topic, ids in stored.items()}

    def compare(self, stored, pending):
        for (topic, id_), what in self.confirmed.items():
            if stored[topic].get(id_) != what:
                raise Breach(f"{topic} {id_} {what} had its receipt and is lost")
        for group, topic in TOPIC_OF.items():
            if back := pending[group] & self.acknowledged[group]:
                raise Breach(f"{group}: {min(back)} is back though its acknowledgement was confirmed ({len(back)} of them)")
            if lost := set(stored[topic]) - pending[group] - self.delivered[group]:
                raise Breach(f"{group}: {min(lost)} is settled and was never delivered ({len(lost)} of them)")
        outputs = []
        for topic in ("out-1", "out-2"):
            keys = [key for key, _ in stored[topic].values()]
            if len(keys) != len(set(keys)):
                raise Breach(f"{topic}: an input was forwarded twice")
            outputs.append(set(keys))
        settled = set(stored["in"]) - pending["forward"]
        if not outputs[0] == outputs[1] == settled:
            raise Breach(f"forward is torn: {len(outputs[0])} and {len(outputs[1])} outputs of {len(settled)} acknowledged inputs")


class Rig:
    def __init__(self, worker, directory, seed, control):
        self.worker, self.directory, self.control = worker, directory, control
        self.random = random.Random(seed)
        self.checker = Checker()

    def kill_round(self, number):
        output = self.directory / "work.log"
        command = [self.worker, self.directory / "data", str(number * SEQUENCES_PER_ROUND)]
        with open(output, "wb") as out:
            process = subprocess.Popen(command + (["ack-before-write"] if self.control else []), stdout=out)
            try:
                self.wait_for_load(process, output)
                time.sleep(self.random.uniform(0.05, 0.6))
                if process.poll() is not None:
                    raise Breach(f"the worker ended by itself with {process.returncode}: {self.lines(output)[-1:]}")
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
        lines = self.lines(output)
        self.checker.read_work(lines)
        return len(lines)

    @staticmethod
    def wait_for_load(process, output):
        deadline = time.monotonic() + 60
        while output.stat().st_size < 20_000:
            if process.poll() is not None or time.monotonic() > deadline:
                text = output.read_text(errors="replace")[-300:]
                raise Breach(f"the worker did not come to work (exit {process.poll()}): {text}")
            time.sleep(0.01)

    def verify(self):
        run = subprocess.run([self.worker, self.directory / "data", "verify"], capture_output=True, text=True, timeout=300)
        if run.returncode != 0:
            raise Breach(f"verify ended with {run.returncode}: {run.stdout[-300:]} {run.stderr[-300:]}")
        return self.checker.read_verify(run.stdout.splitlines())

    @staticmethod
    def lines(path):
        text = path.read_text(errors="replace")
        # A line that the kill cut short is no fact.
        return text[: text.rfind("\n") + 1].splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--worker", type=pathlib.Path, default=ROOT / "build/dev/bin/geminga_kill_worker")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="geminga-kill-"))
    rig = Rig(options.worker, directory, options.seed, options.control)
    breach = None
    for number in range(options.rounds):
        try:
            facts = rig.kill_round(number)
            stored = rig.verify()
        except Breach as found:
            breach = f"round {number + 1}: {found}"
            break
        print(f"round {number + 1}: {facts} facts before the kill, stored {stored}", flush=True)
    known = rig.checker
    print(f"seed {options.seed}: {len(known.confirmed)} receipts, {sum(map(len, known.acknowledged.values()))} confirmed acknowledgements, "
          f"{len(known.forwarded)} confirmed forwards")
    if options.control:
        print(f"control: noticed: {breach}" if breach else "control: NOT noticed; the checker is blind")
        shutil.rmtree(directory)
        return 0 if breach else 1
    if breach:
        print(f"BREACH: {breach}\nthe directory is kept: {directory}")
        return 1
    shutil.rmtree(directory)
    print(f"{options.rounds} rounds: nothing acknowledged was lost, order per key held, ids stayed, forwards were whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
