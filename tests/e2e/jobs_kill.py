#!/usr/bin/env python3
"""Jobs over kills: eight clients post jobs while serve is killed with SIGKILL again and again, each time while at least 20 of them are in flight.
Then every job that was accepted must have ended exactly once and with the tool's own answer, each attempt must have called its tool once, dead
letters must be those of the exhausted and of the unknown outcomes, no topic may hold anything back, and no process may be left. What is looked at,
and how, stands in jobs_verdict.py.

With --store postgresql the jobs are in a PostgreSQL of its own, which is killed twice as well, in the middle and by itself.
With --control serve claims a call only when it has been made (unsafe_serve.cpp): the run is good when that is noticed.

usage: jobs_kill.py [--store sqlite|postgresql] [--jobs 2000] [--kills 30] [--seed N] [--control]
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time
import uuid

import jobs_verdict
from harness import FIXTURE, Serve, eventually, no_process_with, processes_with
from jobs_stores import LOOK_FAILED, STORES

UNSAFE_SERVE = pathlib.Path(os.environ.get("GEMINGA_UNSAFE_SERVE", "build/dev/bin/geminga_unsafe_serve")).resolve()
IN_FLIGHT_MIN = 20
CLIENTS = 8
MAX_ATTEMPTS = 3
STOP_SECONDS_MAX = 10
# Both tools take 0 to 800 ms, fail 10 % of the calls in a way that may pass and 5 % for good. `delete` says that it destroys, `work` says nothing.
FIXTURE_OPTIONS = ["--delay-ms", "0", "800", "--fail-percent", "10", "--fail-final-percent", "5"]
TOOLS = ("work", "work", "work", "delete")
RULES = "".join(f"""
[[rule]]
pattern = '^{tool} (?P<text>.+)$'
server = "tools"
tool = "{tool}"
params = {{ text = "${{text}}" }}
""" for tool in sorted(set(TOOLS)))
# In flight: accepted, not ended, and not just waiting for the time of a retry. Beside it the calls that run, as far as they are claimed.
IN_FLIGHT = """select (select count(*) from orchestrator_jobs j where j.status in ('PENDING', 'PROCESSING')
                       and not exists (select 1 from claims c where c.request_id = j.request_id and c.state = 'RETRY')),
                      (select count(*) from claims where state = 'RUNNING')"""
OPEN = "select count(*) from orchestrator_jobs where status in ('PENDING', 'PROCESSING')"


class Run:
    """`retry_delays` as geminga.toml writes them; nothing: the default ones, 5 s and 30 s."""

    def __init__(self, folder, jobs, kills, seed, store="sqlite", retry_delays=None, program=None):
        self.folder = pathlib.Path(folder)
        self.store = STORES[store](folder)
        self.program = program
        # On a machine that is too busy for the matcher a plan would be an answer as well; here only tools shall answer.
        delays = f"retry_delays = {json.dumps(retry_delays)}\n" if retry_delays else ""
        self.config = f'[servers.tools]\nmax_concurrent = 32\n[orchestrator]\nplan_window = "10m"\n{delays}'
        self.random = random.Random(seed)
        self.wanted, self.kills = jobs, kills
        self.marker = f"geminga-jobs-kill-{uuid.uuid4()}"
        self.fixture_log = self.folder / "calls.log"
        self.address = None
        self.serve = None
        self.killed_at = []  # ms since 1970
        self.changed = threading.Condition()
        self.accepted = {}   # jobId -> sentence; under changed
        self.next_number = 0  # under changed
        self.allowed = 0      # under changed: of the jobs, so many may be posted by now
        self.posted_again = 0
        self.done = False

    # --- load ---------------------------------------------------------------------------------------------------------------
    def start(self):
        # The same port each time, so that clients just try again, as real ones do.
        flags = ["--http", self.address] if self.address else []
        servers = {"tools": {"command": str(FIXTURE), "args": [*FIXTURE_OPTIONS, "--log", str(self.fixture_log)], "env": {"E2E_MARKER": self.marker}}}
        self.serve = Serve(self.folder, *flags, mcp=servers, rules=RULES, env=self.store.env, config=self.config, program=self.program)
        self.address = self.serve.ready["http"]

    def allow(self, jobs):
        """So many of all jobs may be posted by now: there shall be load until the last kill."""
        with self.changed:
            self.allowed = max(self.allowed, min(self.wanted, jobs))
            self.changed.notify_all()

    def next_job(self):
        """A number and how long to wait before it is posted, or nothing when all were taken."""
        with self.changed:
            self.changed.wait_for(lambda: self.done or self.next_number < self.allowed or self.next_number == self.wanted)
            if self.done or self.next_number == self.wanted:
                return None
            self.next_number += 1
            return self.next_number, self.random.uniform(0, 0.05)

    def client(self):
        while (job := self.next_job()) is not None:
            number, pause = job
            time.sleep(pause)  # so that posts are under way when kills come
            sentence = f"{TOOLS[number % len(TOOLS)]} number {number}"
            # One key for one job: an answer that a kill has swallowed is no second job.
            body, headers = {"query": sentence}, {"Idempotency-Key": f"{self.marker}-{number}"}
            while not self.done:
                try:
                    status, answer = self.serve.request("POST", "/api/orchestrator/jobs", body, headers=headers, timeout=15)
                except (OSError, http.client.HTTPException):  # killed under us
                    status, answer = 0, None
                if 200 <= status < 300:
                    with self.changed:
                        self.accepted[answer["jobId"]] = sentence
                    break
                self.posted_again += 1
                time.sleep(0.05)

    # --- kills --------------------------------------------------------------------------------------------------------------
    def count(self, select):
        try:
            return [int(number) for number in self.store.rows(select)[0]]
        except LOOK_FAILED:
            return [-1, -1]  # nobody knows

    def enough_in_flight(self):
        counts = self.count(IN_FLIGHT)
        if counts[0] >= IN_FLIGHT_MIN:
            return counts
        if self.next_number == self.allowed:
            self.allow(self.allowed + IN_FLIGHT_MIN)
        return None

    def drawn_moment(self, number):
        """Waits for enough work in flight, for a time that is drawn, and again for enough; what was in flight then."""
        wait = lambda: eventually(f"{IN_FLIGHT_MIN} jobs in flight for kill {number}", self.enough_in_flight, 60, every=self.store.seconds_between_looks)
        wait()
        time.sleep(self.random.uniform(0, 0.5))
        jobs, calls = wait()
        return f"{jobs} jobs in flight, {calls} claimed calls among them, {len(self.accepted)} jobs accepted so far"

    def kill_store_once(self, number):
        seen = self.drawn_moment(number)
        began = time.monotonic()
        self.store.kill_and_start()
        print(f"kill {number} of the store's server: {seen}; it answers again after {(time.monotonic() - began) * 1000:.0f} ms", flush=True)

    def kill_once(self, number):
        seen = self.drawn_moment(number)
        self.killed_at.append(time.time_ns() // 1_000_000)
        began = time.monotonic()
        self.serve.kill()
        self.serve.__exit__()
        no_process_with(self.marker, 2)
        gone = time.monotonic()
        self.start()
        print(f"kill {number}: {seen}; tools gone after {(gone - began) * 1000:.0f} ms, ready again after {(time.monotonic() - gone) * 1000:.0f} ms", flush=True)

    def kill_all(self):
        every = max(1, self.kills // max(1, self.store.kills))
        part = self.wanted // (self.kills + 1)
        for number in range(1, self.kills + 1):
            self.allow((number + 1) * part)
            eventually(f"{(number - 1) * part} jobs to be accepted", lambda: len(self.accepted) >= (number - 1) * part, 120)
            self.kill_once(number)
            if self.store.kills and number % every == 0 and number // every <= self.store.kills:
                self.kill_store_once(number // every)
        self.allow(self.wanted)

    # --- the end --------------------------------------------------------------------------------------------------------------
    def backlogs(self):
        return {f"{topic['name']} {each['name']}": (each["backlog"], each["unacked"], each["delayed"])
                for topic in self.serve.status()["topics"] for each in topic["subscriptions"] if each["backlog"] or each["unacked"] or each["delayed"]}

    def letters(self):
        """The request ids of all dead letters."""
        found, after = [], ""
        while True:
            status, page = self.serve.request("GET", f"/api/orchestrator/dlq?limit=500{after}")
            assert status == 200, (status, page)
            if not page["deadLetters"]:
                return found
            found += [letter["requestId"] for letter in page["deadLetters"]]
            after = f"&after={page['next']}"

    def run(self):
        """The faults, none when all is well."""
        with self.store:
            clients = [threading.Thread(target=self.client) for _ in range(CLIENTS)]
            try:
                self.start()
                for thread in clients:
                    thread.start()
                self.kill_all()
                for thread in clients:
                    thread.join()
                eventually("every accepted job to end", lambda: self.count(OPEN)[0] == 0, 300, every=0.2)
                eventually(lambda: f"empty backlogs, but there are {self.backlogs()}", lambda: not self.backlogs(), 30, every=0.2)
                letters = self.letters()
                code, seconds = self.serve.terminate()
            finally:
                with self.changed:
                    self.done = True
                    self.changed.notify_all()
                if self.serve:
                    self.serve.__exit__()
            no_process_with(self.marker, 2)
            requests = jobs_verdict.requests_of(self.store, self.fixture_log.read_text().splitlines(), letters)
        self.report = {"jobs_accepted": len(self.accepted), "kills": self.kills, "kills_of_the_store": self.store.kills, "posted_again": self.posted_again,
                       **jobs_verdict.summary(requests), "backlogs": 0, "processes_left": len(processes_with(self.marker)), "sigterm_exit": code,
                       "sigterm_seconds": round(seconds, 2)}
        print(json.dumps(self.report), flush=True)
        found = jobs_verdict.faults(requests, self.accepted, self.wanted, self.killed_at, MAX_ATTEMPTS)
        return found + ([f"SIGTERM: exit {code} after {seconds:.1f} s"] if code != 0 or seconds >= STOP_SECONDS_MAX else [])


def noticed(run):
    """For the control: a tool that destroys was called twice for one attempt, and the verdict says so."""
    found = run.run()
    print(*found[:10], sep="\n")
    return run.report["of_them_destructive"] > 0 and any(fault.startswith("delete ") and " calls of attempt " in fault for fault in found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=STORES, default="sqlite")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--control", action="store_true")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="geminga-jobs-kill-")
    print(f"store {arguments.store}, seed {arguments.seed}, folder {folder}", flush=True)
    run = Run(folder, arguments.jobs, arguments.kills, arguments.seed, arguments.store, program=UNSAFE_SERVE if arguments.control else None)
    if arguments.control:
        good = noticed(run)
        print("the control was noticed" if good else "the control was NOT noticed")
    else:
        found = run.run()
        print(*found[:20], sep="\n")
        good = not found
        print("good" if good else f"NOT good, {len(found)} faults")
    if good:
        shutil.rmtree(folder)
    else:
        print(f"kept for a look: {folder}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
