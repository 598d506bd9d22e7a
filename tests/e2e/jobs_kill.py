#!/usr/bin/env python3
"""Jobs over kills: submits jobs from several clients while serve is killed with SIGKILL again and again, each time while calls are in flight.
Afterwards every job that was accepted must have ended exactly once, and nothing that the tool servers started may be left.

With --store postgresql the jobs are in a PostgreSQL of its own, which is killed twice as well, in the middle and by itself.

usage: jobs_kill.py [--jobs 500] [--kills 10] [--seed N] [--store sqlite|postgresql]
"""
import argparse
import collections
import contextlib
import http.client
import json
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "brokers"))
from harness import RULES, Serve, eventually, no_process_with, processes_with, tool_calls, tool_server
from postgresql import PostgreSQL

IN_FLIGHT_MIN = 10
CLIENTS = 16
TERMINAL = ("COMPLETED", "FAILED", "CANCELLED")


class SqliteJobs:
    """The jobs store as a file, looked at from outside."""
    kills = 0
    seconds_between_looks = 0.01

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "data" / "jobs.sqlite"
        self.env = {}

    def rows(self, select):
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)) as store:
            return store.execute(select).fetchall()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass


class PostgresqlJobs:
    """The jobs store on a server of its own, which may be killed."""
    kills = 2
    seconds_between_looks = 0.1  # each is a process

    def __init__(self, folder):
        self.server = PostgreSQL()
        self.env = {"DATABASE_URL": self.server.url()}

    def rows(self, select):
        return self.server.sql(f"set search_path to geminga; {select}")

    def kill_and_start(self):
        self.server.kill()
        self.server.start()

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *exception):
        self.server.__exit__()


STORES = {"sqlite": SqliteJobs, "postgresql": PostgresqlJobs}
LOOK_FAILED = (sqlite3.Error, RuntimeError, subprocess.SubprocessError)  # the store is being killed, or is not made yet


class Run:
    def __init__(self, folder, jobs, kills, seed, store="sqlite"):
        self.store = STORES[store](folder)
        self.folder = pathlib.Path(folder)
        self.random = random.Random(seed)
        self.wanted, self.kills = jobs, kills
        self.marker = f"geminga-jobs-kill-{uuid.uuid4()}"
        self.state = self.folder / "tools"
        self.accepted = {}  # jobId -> sentence
        self.refused = 0
        self.next_number = 0
        self.lock = threading.Lock()
        self.serve = None
        self.done = threading.Event()

    def start(self):
        # The same port each time, so that clients just try again, as real ones do.
        flags = ["--http", self.address] if getattr(self, "address", None) else []
        servers = {"tools": tool_server(self.state, E2E_MARKER=self.marker)}
        # The tool says that it only reads, so a call whose outcome a kill left unknown may be made again.
        self.serve = Serve(self.folder, *flags, mcp=servers, rules=RULES, env=self.store.env, config="[servers.tools]\nmax_concurrent = 16\n")
        self.address = self.serve.ready["http"]

    def client(self):
        while True:
            with self.lock:
                if self.next_number >= self.wanted:
                    return
                number = self.next_number
                self.next_number += 1
            # One key for one job: an answer that a kill swallowed is no second job.
            key = f"{self.marker}-{number}"
            sentence = f"sleep {self.random.uniform(0.1, 1.0):.3f}"
            while not self.done.is_set():
                try:
                    status, body = self.serve.request("POST", "/api/orchestrator/jobs", {"query": sentence}, headers={"Idempotency-Key": key}, timeout=10)
                except (OSError, http.client.HTTPException):  # killed under us
                    time.sleep(0.05)
                    continue
                if 200 <= status < 300:
                    with self.lock:
                        self.accepted[body["jobId"]] = sentence
                    time.sleep(self.random.uniform(0, 0.3))  # so that posts are under way when kills come
                    break
                self.refused += 1
                time.sleep(0.05)

    def in_flight(self):
        """Jobs that were accepted and have not ended, by the store itself."""
        with self.lock:
            accepted = len(self.accepted)
        try:
            ((open_jobs,),) = self.store.rows("select count(*) from orchestrator_jobs where status in ('PENDING', 'PROCESSING')")
        except LOOK_FAILED:
            return -1  # nobody knows
        return int(open_jobs) if accepted else 0

    def seen_in_flight(self, number):
        time.sleep(self.random.uniform(0, 1.0))
        return eventually(f"{IN_FLIGHT_MIN} jobs in flight for kill {number}", lambda: (n := self.in_flight()) >= IN_FLIGHT_MIN and n, 60,
                          every=self.store.seconds_between_looks)

    def kill_store_once(self, number):
        seen = self.seen_in_flight(number)
        began = time.monotonic()
        self.store.kill_and_start()
        print(f"kill {number} of the store's server: {seen} jobs in flight, {len(self.accepted)} accepted so far, it answers again "
              f"{(time.monotonic() - began) * 1000:.0f} ms later", flush=True)

    def kill_once(self, number):
        seen = self.seen_in_flight(number)
        self.serve.kill()
        self.serve.__exit__()
        began = time.monotonic()
        no_process_with(self.marker, 2)
        gone = time.monotonic() - began
        self.start()
        print(f"kill {number}: {seen} jobs in flight, {len(self.accepted)} accepted so far, tool processes gone after {gone * 1000:.0f} ms, "
              f"ready again {(time.monotonic() - began - gone) * 1000:.0f} ms later", flush=True)

    def run(self):
        with self.store:
            return self.run_with_store()

    def run_with_store(self):
        self.start()
        clients = [threading.Thread(target=self.client) for _ in range(CLIENTS)]
        for thread in clients:
            thread.start()
        try:
            # The kills of the store's server lie between those of serve, the last of them behind all.
            every = max(1, self.kills // max(1, self.store.kills))
            for number in range(1, self.kills + 1):
                self.kill_once(number)
                if self.store.kills and number % every == 0 and number // every <= self.store.kills:
                    self.kill_store_once(number // every)
            for thread in clients:
                thread.join()
            eventually("every accepted job to end", lambda: self.in_flight() == 0, 300, every=0.2)
            code, seconds = self.serve.terminate()
        finally:
            self.done.set()
            self.serve.__exit__(None, None, None)
        no_process_with(self.marker, 2)
        return self.verdict(code, seconds)

    def verdict(self, code, seconds):
        ends = collections.Counter(row[0] for row in self.store.rows(f"select job_id from job_events where event in {TERMINAL}"))
        states = dict(self.store.rows("select id, status from orchestrator_jobs"))
        lost = [job for job in self.accepted if states.get(job) not in TERMINAL]
        not_once = {job: ends[job] for job in self.accepted if ends[job] != 1}
        unknown = [job for job in states if job not in self.accepted]
        calls = tool_calls(self.state)
        by_key = collections.Counter(json.dumps((call["meta"] or {}).get("idempotencyKey")) for call in calls)
        report = {
            "jobs_accepted": len(self.accepted), "kills": self.kills, "kills_of_the_store": self.store.kills, "by_status": dict(collections.Counter(states.values())),
            "not_ended": len(lost), "ended_not_exactly_once": len(not_once), "jobs_nobody_was_told_of": len(unknown),
            "posts_refused_and_repeated": self.refused, "tool_calls": len(calls), "calls_made_again": sum(n - 1 for n in by_key.values()),
            "processes_left": len(processes_with(self.marker)), "sigterm_exit": code, "sigterm_seconds": round(seconds, 2)}
        print(json.dumps(report))
        good = (not lost and not not_once and len(self.accepted) == self.wanted and report["processes_left"] == 0 and code == 0 and seconds < 10
                and report["by_status"].get("COMPLETED", 0) == len(states))
        if not good:
            print("not ended:", lost[:5], "not once:", dict(list(not_once.items())[:5]))
        return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--store", choices=STORES, default="sqlite")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="geminga-jobs-kill-")
    print(f"seed {arguments.seed}, folder {folder}", flush=True)
    good = Run(folder, arguments.jobs, arguments.kills, arguments.seed, arguments.store).run()
    if good:
        shutil.rmtree(folder)
    print("good" if good else f"NOT good; kept for a look: {folder}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
