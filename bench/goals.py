#!/usr/bin/env python3
"""What the embedded engine should reach on this machine and what it does: each number is the median of several rounds, in which all measurements
take turns, beside the floor that was measured in the same round.

    goals.py BUILD_DIR [--rounds N] [--seconds S] [--json FILE]     (`./dev bench goals` calls it with build/release)
"""
import argparse
import datetime
import json
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile

from run import idle_memory, machine, program_json, start_up

TOPICS = 100_000
BODY = 1024


class Goal:
    """`value` and `limit` get the measurements of one round; `at_least` or at most. Without a limit: only shown, as a floor, what the machine can."""

    def __init__(self, name, unit, value, limit, at_least):
        self.name, self.unit, self.value, self.limit, self.at_least = name, unit, value, limit, at_least

    def result(self, rounds):
        values = sorted(self.value(one) for one in rounds)
        median = statistics.median(values)
        limit = None if self.limit is None else statistics.median(self.limit(one) for one in rounds)
        reached = None if limit is None else median >= limit if self.at_least else median <= limit
        return {"name": self.name, "unit": self.unit, "median": median, "least": values[0], "most": values[-1], "limit": limit,
                "at_least": self.at_least, "reached": reached}


def at_least(name, unit, limit, value):
    return Goal(name, unit, value, limit if callable(limit) else lambda _: limit, True)


def at_most(name, unit, limit, value):
    return Goal(name, unit, value, limit if callable(limit) else lambda _: limit, False)


def shown(name, unit, value):
    return Goal(name, unit, value, None, True)


def floor(name, unit, value):
    return shown("floor: " + name, unit, value)


GOALS = [
    floor("4 KiB written and durable, p50", "us", lambda r: r["log"]["floor_4k"]["p50_us"]),
    floor("1 MiB written and durable, around the page cache", "MB/s", lambda r: r["log"]["floor_1m_direct"]["mb_per_second"]),
    floor("the segments read in pieces of 2 MiB, around the page cache", "/s", lambda r: r["read"]["catch_up"]["floor_before"]["per_second"]),
    at_least("publish of 1 KB, durable, many in flight", "/s", 400_000, lambda r: r["publish"]["many_in_flight"]["per_second"]),
    at_least("the same, against a third of the disk's sequential bandwidth", "MB/s", lambda r: r["log"]["floor_1m_direct"]["mb_per_second"] / 3,
             lambda r: r["publish"]["many_in_flight"]["mb_per_second"]),
    at_most("publish, one in flight, p50, against 1.5 times the floor", "us", lambda r: 1.5 * r["log"]["floor_4k"]["p50_us"],
            lambda r: r["publish"]["one_in_flight"]["p50_us"]),
    at_most("the same beside 100 MB/s, p99", "us", 3_000, lambda r: r["publish"]["one_in_flight_beside_100_mb_per_second"]["p99_us"]),
    at_least("reading from memory, entries as a door gets them", "/s", 1_000_000, lambda r: r["read"]["tail"]["door"]["per_second"]),
    at_least("reading from memory, a reader of the C++ API", "/s", 1_000_000, lambda r: r["read"]["tail"]["reader"]["per_second"]),
    at_least("reading from the disk, entries as a door gets them", "/s", 600_000, lambda r: r["read"]["catch_up"]["door"]["per_second"]),
    at_least("reading from the disk, a reader of the C++ API", "/s", 600_000, lambda r: r["read"]["catch_up"]["reader"]["per_second"]),
    at_most("processor time of a message, 10,000 topics against one", "times", 2,
            lambda r: r["ten_thousand_topics"]["cpu_us_per_message"] / r["one_topic"]["cpu_us_per_message"]),
    at_most("open files with 10,000 topics", "", 1_000, lambda r: r["ten_thousand_topics"]["open_files"]),
    at_most("100,000 topics made", "s", 60, lambda r: r["create"]["seconds"]),
    at_most("start with them", "s", 2, lambda r: r["start"]["seconds"]),
    at_most("memory with them, more than without", "MiB", 100, lambda r: r["start"]["resident_mib"] - r["start"]["resident_before_mib"]),
    at_most("start after a kill, for each GB of journal", "s", 3, lambda r: r["recovery"]["seconds"] / (r["fill"]["journal_mib"] * (1 << 20) / 1e9)),
    at_most("exec to ready, existing directory", "ms", 50, lambda r: r["start_up"]["p50_ms"]),
    at_most("idle memory", "MiB", 25, lambda r: r["idle_memory"]["rss_kib"] / 1024),
    at_least("work on one core and connection on another, against one core", "times", 0.7, lambda r: r["split"]["ratio"]),
]


def one_round(build, folder, seconds):
    programs = build / "bin"

    def fresh(name):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder / name

    def topics(verb, directory, *flags, ends_with=0):
        return program_json(programs / "topics_bench", verb, directory, *flags, ends_with=ends_with)

    measured = {}
    # First: behind gigabytes that were just deleted a disk is busy with itself.
    measured["read"] = program_json(programs / "read_bench", "rates", fresh("read"))
    measured["log"] = program_json(programs / "log_bench", "--json", "--dir", fresh("log").parent, "--size", BODY)
    measured["publish"] = program_json(programs / "publish_bench", fresh("bus"), BODY, 3000, seconds, 2)
    measured["one_topic"] = topics("publish", fresh("one"), "--topics", 1)
    measured["ten_thousand_topics"] = topics("publish", fresh("many"), "--topics", 10_000)
    measured["create"] = topics("create", fresh("topics"), "--topics", TOPICS)
    measured["start"] = topics("start", folder / "topics")
    measured["fill"] = topics("fill", fresh("journal"), "--journal", 800, ends_with=-signal.SIGKILL)
    measured["recovery"] = topics("start", folder / "journal")
    measured["split"] = program_json(programs / "split_bench", fresh("split"), "--runs", 1)
    measured["start_up"] = start_up(build, fresh("serve").parent)
    measured["idle_memory"] = idle_memory(build, folder)
    return measured


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def print_table(results):
    width = max(len(result["name"]) for result in results)
    print(f"{'':{width}}  {'median':>16}  {'from - to':>23}  goal")
    for result in results:
        goal = "" if result["limit"] is None else f"{'at least' if result['at_least'] else 'at most'} {number(result['limit'])}"
        print(f"{result['name']:{width}}  {number(result['median']) + ' ' + result['unit']:>16}  "
              f"{number(result['least']) + ' - ' + number(result['most']):>23}  {goal}{': NOT REACHED' if result['reached'] is False else ''}".rstrip())


def options(doc, seconds, seconds_help):
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=seconds, help=seconds_help)
    parser.add_argument("--json", type=pathlib.Path)
    return parser


def run_rounds(arguments, goals, one_round):
    """The program: rounds of `one_round(build, folder, seconds)`, then the table, and the report where it is wanted."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="geminga-goals-", dir=arguments.build))  # beside the build: a disk, not a tmpfs
    rounds = []
    try:
        for done in range(arguments.rounds):
            print(f"round {done + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
            rounds.append(one_round(arguments.build, folder / "round", arguments.seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results = [goal.result(rounds) for goal in goals]
    print_table(results)
    report = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "machine": machine(), "goals": results, "rounds": rounds}
    if arguments.json:
        arguments.json.write_text(json.dumps(report) + "\n")
    return report


if __name__ == "__main__":
    run_rounds(options(__doc__, 60, "of publishing in each round; 60 leave about 35 GB on the disk until it ends").parse_args(), GOALS, one_round)
