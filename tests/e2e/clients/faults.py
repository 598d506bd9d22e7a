#!/usr/bin/env python3
"""Faults under Pulsar's official clients: kills, half-open connections, a stopped server, a crowd that comes again, a forwarded port.

    faults.py [SCENARIO...] [--rounds N]     (by the verb: ./dev e2e pulsar-faults)

`control` is a server that loses its data, which must be noticed. Exit 1 when a promise is broken, or when that is not noticed.
"""
import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import languages
import netns
import servers
import verdict
from harness import Serve, eventually

WARM_SECONDS, SETTLE_SECONDS = 4, 3
START_SECONDS_MAX = 60
STOPPED_SECONDS = 35
CROWD = 500
HALF_OPEN_SECONDS_MAX = 75  # a PING after 30 s of silence, the end after 60 s
PRODUCERS = {"java": "java", "go": "go", "python": "python", "go2": "go", "python2": "python"}
CONSUMERS = {"java": ("java", "Exclusive"), "go": ("go", "Exclusive"), "python": ("python", "Exclusive"), "go-shared": ("go", "Key_Shared"),
             "python-shared": ("python", "Key_Shared")}
WORK = {"java": lambda: [*languages.java()[:-1], "geminga.clients.Worker"], "go": lambda: [*languages.go(), "work"],
        "python": lambda: [languages.official_client.python(), "-B", languages.HERE / "python/worker.py"]}


class Server:
    """A serve that comes again at the same place."""

    def __init__(self, folder, *flags, pulsar="127.0.0.1:0"):
        self.folder, self.flags, self.pulsar = folder, flags, pulsar
        self.restarts = []
        self.start()

    def start(self):
        self.serve = Serve(self.folder, "--pulsar", self.pulsar, *self.flags)
        self.pulsar = self.serve.ready["pulsar"]

    def again(self):
        self.start()
        self.restarts.append(int(time.time() * 1000))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.serve.__exit__()


class Crew:
    """Workers, and what they wrote."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        self.processes = {}
        self.subscriptions = {}

    def start(self, name, language, *words, subscription="", wrap=list):
        with open(self.folder / f"{name}.lines", "w") as out, open(self.folder / f"{name}.err", "w") as errors:
            self.processes[name] = subprocess.Popen([str(word) for word in wrap([*WORK[language](), *words])], stdout=out, stderr=errors,
                                                    env={**os.environ, "CLIENTS_URL": self.url})
        self.subscriptions[name] = subscription

    def start_all(self, topic):
        self.start("consumer-late", "python", "consume", topic, "late", "Exclusive", subscription="late")
        for name, (language, kind) in CONSUMERS.items():
            subscription = name if kind == "Exclusive" else "shared"
            self.start(f"consumer-{name}", language, "consume", topic, subscription, kind, subscription=subscription)
        self.all_subscribed()
        self.stop("consumer-late")
        for name, language in PRODUCERS.items():
            self.start(f"producer-{name}", language, "produce", topic, name)
        self.all_work()

    def stop(self, name):
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        process.wait()

    def lines(self, name):
        return list(verdict.parse((self.folder / f"{name}.lines").read_text()))

    def all_subscribed(self):
        """A subscription gets what comes when it is there."""
        eventually("all consumers subscribe", lambda: all("ready" in (self.folder / f"{name}.lines").read_text() for name in self.processes if self.subscriptions[name]),
                   START_SECONDS_MAX, every=0.2)

    def all_work(self):
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise AssertionError(f"{name} ended: {(self.folder / f'{name}.err').read_text()[-500:]}")
        eventually(lambda: f"all work; silent: {[name for name in self.processes if not self.lines(name)]}",
                   lambda: all(self.lines(name) for name in self.processes), START_SECONDS_MAX, every=0.2)

    def end(self):
        """Producers first; consumers when nothing comes any more."""
        for role in ("producer", "consumer"):
            of_role = [process for name, process in self.processes.items() if name.startswith(role)]
            for process in of_role:
                process.send_signal(signal.SIGTERM)
            for process in of_role:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=25)
            self.quiet()

    def quiet(self):
        """Waits until nobody wrote anything for a while."""
        def size():
            return sum(path.stat().st_size for path in self.folder.glob("*.lines"))
        before = -1
        while before != size():
            before = size()
            time.sleep(SETTLE_SECONDS)

    def workers(self):
        return [verdict.Worker(name, self.subscriptions[name], self.lines(name), name != "consumer-late") for name in self.processes]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()


def under_clients(folder, rounds, fault):
    """Ten clients of three languages, `fault(server)` so many times, and what is wrong then."""
    with Server(folder) as server, Crew(folder, f"pulsar://{server.pulsar}") as crew:
        crew.start_all("orders")
        for _ in range(rounds):
            time.sleep(WARM_SECONDS)
            fault(server)
            time.sleep(verdict.RESUME_MS_MAX / 1000)
        # It was away all the time: what it gets is what the server kept, not what it passed on at once.
        crew.start("consumer-late", "python", "consume", "orders", "late", "Exclusive", subscription="late")
        crew.end()
        workers = crew.workers()
    acked = sum(line.what == "acked" for worker in workers for line in worker.lines)
    print(f"   {acked} messages acknowledged, {rounds} times; the last client went on after {verdict.slowest(workers, server.restarts):.1f} s", flush=True)
    return list(verdict.breaches(workers, server.restarts))


def killed(server):
    server.serve.kill()
    server.again()


def restarted(server):
    server.serve.terminate()
    server.again()


def stopped(server):
    server.serve.process.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED_SECONDS)
    server.serve.process.send_signal(signal.SIGCONT)
    server.restarts.append(int(time.time() * 1000))


def forgetful(server):
    """A kill after which nothing is left: what the checks are for."""
    server.serve.kill()
    shutil.rmtree(server.folder / "data")
    server.again()


def kill(folder, rounds):
    return under_clients(folder, rounds, killed)


def rolling(folder, rounds):
    return under_clients(folder, rounds, restarted)


def stop(folder, _):
    return under_clients(folder, 1, stopped)


def control(folder, _):
    found = under_clients(folder, 1, forgetful)
    lost = [each for each in found if "never got" in each]
    print(f"   noticed: {lost[0]}" if lost else "   not noticed", flush=True)
    return [] if lost else ["a server that lost its data was not noticed"]


def crowd(folder, _):
    """Hundreds of connections that come again at once."""
    with Server(folder) as server, Crew(folder, f"pulsar://{server.pulsar}") as crew:
        crew.start("producer-crowd", "go", "crowd", "orders", CROWD)
        every_one(crew, 0)
        server.serve.kill()
        server.again()
        seconds = every_one(crew, server.restarts[0])
        print(f"   {CROWD} clients went on within {seconds:.1f} s", flush=True)
    return [f"{CROWD} clients needed {seconds:.1f} s"] if seconds * 1000 > verdict.RESUME_MS_MAX else []


def every_one(crew, since):
    """Seconds until each of the crowd was acknowledged a message after `since`."""
    def first():
        found = {}
        for line in crew.lines("producer-crowd"):
            if line.at >= since:
                found.setdefault(line.key.rsplit("-", 1)[0], line.at)
        return found
    eventually(lambda: f"all of {CROWD} work, but {len(first())} do", lambda: len(first()) == CROWD, START_SECONDS_MAX, every=0.5)
    return (max(first().values()) - since) / 1000


def consumes(crew, name, words, wrap=list):
    crew.start(name, "python", "consume", "orders", *words, subscription=words[0], wrap=wrap)


def half_open(folder, _):
    """A client that is gone without a word: its place is free when the server has noticed."""
    with netns.Namespace("half", "10.213.7") as space, Server(folder, "--listen-all", "--insecure", pulsar="0.0.0.0:0") as server:
        port = server.pulsar.rsplit(":", 1)[1]
        with Crew(folder, f"pulsar://{space.outside}:{port}") as crew:
            crew.start("producer-go", "go", "produce", "orders", "go")
            consumes(crew, "consumer-inside", ("only", "Exclusive"), space.command)
            crew.all_work()
            space.cut()
            began = time.monotonic()
            while time.monotonic() - began < HALF_OPEN_SECONDS_MAX and not takes_over(crew):
                time.sleep(1)
            seconds = time.monotonic() - began
    print(f"   another client had the place after {seconds:.0f} s", flush=True)
    return [f"the place of a client that is gone was not free after {HALF_OPEN_SECONDS_MAX} s"] if seconds >= HALF_OPEN_SECONDS_MAX else []


def takes_over(crew):
    """Whether a second consumer gets in now; it ends at once when it is refused."""
    name = "consumer-outside"
    if name in crew.processes and crew.processes[name].poll() is None:
        return bool(crew.lines(name))
    consumes(crew, name, ("only", "Exclusive"))
    return False


def forwarded(folder, _):
    """A server beside others behind a published port: its own address is not to be reached from where the client is."""
    with netns.Namespace("srv", "10.213.8") as inner, netns.Namespace("cli", "10.213.9") as outer:
        program = folder / "serve-inside"
        program.write_text(f"#!/bin/sh\nexec {' '.join(inner.command([os.environ['GEMINGA_PROGRAM']]))} \"$@\"\n")
        program.chmod(0o755)
        with Serve(folder, "--pulsar", "0.0.0.0:6650", "--listen-all", "--insecure", program=program), \
                netns.Forward(outer.outside, (inner.inside, 6650)) as forward, Crew(folder, f"pulsar://{forward.at}") as crew:
            for language in WORK:
                crew.start(f"consumer-{language}", language, "consume", "orders", language, "Exclusive", subscription=language, wrap=outer.command)
            crew.all_subscribed()
            for language in WORK:
                crew.start(f"producer-{language}", language, "produce", "orders", language, wrap=outer.command)
            crew.all_work()
            crew.end()
            workers = crew.workers()
    print(f"   {sum(line.what == 'acked' for worker in workers for line in worker.lines)} messages through {forward.at}", flush=True)
    return list(verdict.breaches(workers, []))


SCENARIOS = {"kill": kill, "rolling": rolling, "stop": stop, "crowd": crowd, "half-open": half_open, "forwarded": forwarded, "control": control}
NEEDS_NETWORK = ("half-open", "forwarded")


def run(name, rounds):
    if name in NEEDS_NETWORK and (reason := netns.refusal()):
        return [f"refused: {reason}"]
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"geminga-faults-{name}-"))
    try:
        found = SCENARIOS[name](folder, rounds)
    except AssertionError as error:
        found = [str(error)]
    if found:
        print(f"   kept for a look: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=3, help="of what is done more than once (3)")
    options = parser.parse_intermixed_args()
    if unknown := set(options.scenario) - set(SCENARIOS):
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    os.environ["GEMINGA_PROGRAM"] = str(servers.harness.GEMINGA)
    wrong = 0
    for name in options.scenario or SCENARIOS:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        found = run(name, options.rounds)
        for each in found:
            print(f"   BROKEN: {each}")
        print(f"   {'FAILED' if found else 'held'} in {time.monotonic() - began:.0f} s", flush=True)
        wrong += bool(found)
    ran = len(options.scenario or SCENARIOS)
    print(f"{ran - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
