#!/usr/bin/env python3
"""What Pulsar's clients get on this machine: every load in turn, round after round, with the floors of the machine beside it. The load comes from our own
program, and with --real also from Apache's pulsar-perf, and then also to a real Pulsar. Everything is on the disk before it is answered, on both sides.

    pulsar_goals.py BUILD_DIR [--rounds N] [--seconds S] [--real] [--json FILE]     (`./dev bench pulsar` calls it with build/release)
"""
import json
import shutil
import time

from goals import at_least, at_most, floor, options, run_rounds, shown
from run import Serve, cpu_ms, floor_fdatasync, memory_kib, program_json

# pulsar_perf is imported where it is needed: it wants Maven.

CONNECTIONS = 10_000
TOPICS = 100_000
BATCH = 1_000         # messages of an entry, as official clients do
PERF_BATCH = 100      # of the backlog that pulsar-perf reads: about what it makes itself
BACKLOG = 300_000     # messages for each second of --seconds
RATE = 2_000
CLIENT_MEMORY = "64M"  # for what has no receipt: the default of the Java client, where pulsar-perf has none
NAMESPACE = "persistent://public/default"


# On the disk before it is answered, as ours; and nothing of what tests want of it, for it costs.
REAL_SETTINGS = {"journalSyncData": "true", "brokerEntryMetadataInterceptors": "", "exposingBrokerEntryMetadataToClientEnabled": "false",
                 "transactionCoordinatorEnabled": "false", "delayedDeliveryTickTimeMillis": 1000, "backlogQuotaCheckIntervalInSeconds": 60}


class Ours(Serve):
    def __init__(self, build, folder):
        super().__init__(build, folder)
        self.start_ms = self.ready_ms


class Real:
    """A real Pulsar with the same interface."""

    def __init__(self, folder):
        from pulsar_perf import pulsar_broker
        began = time.perf_counter()
        self.broker = pulsar_broker.PulsarBroker(fast=True, folder=folder, **REAL_SETTINGS).__enter__()
        self.start_ms = (time.perf_counter() - began) * 1000
        self.process, self.pulsar_url, self.url = self.broker.process, self.broker.url(), self.broker.http_url()

    def stop(self):
        self.broker.__exit__()


class Loads:
    """What is asked of one broker; each has topics of its own."""

    def __init__(self, build, broker, seconds, perf):
        self.program, self.broker, self.seconds, self.perf = build / "bin/pulsar_load", broker, seconds, perf

    def load(self, verb, topic, **flags):
        words = [text for name, value in flags.items() for text in (f"--{name.replace('_', '-')}", value)]
        return program_json(self.program, verb, "--url", self.broker.pulsar_url, "--topic", f"{NAMESPACE}/{topic}", "--server-pid", self.broker.process.pid, *words)

    def with_cpu(self, run):
        before = cpu_ms(self.broker.process.pid)
        result = run()
        return {**result, "broker_cpu_seconds": (cpu_ms(self.broker.process.pid) - before) / 1000}

    def own(self):
        latency = self.load("produce", "latency", rate=RATE, seconds=self.seconds + 1, warm_up=1)["latency"]
        both = self.load("both", "both", rate=RATE, seconds=self.seconds + 1, warm_up=1)["latency"]
        self.load("subscribe", "backlog")
        produced = self.with_cpu(lambda: self.load("produce", "backlog", batch=BATCH, connections=2, seconds=self.seconds))
        consumed = self.with_cpu(lambda: self.load("consume", "backlog", queue=10 * BATCH, messages=produced["messages"]))
        lone = self.with_cpu(lambda: self.load("produce", "lone", connections=2, seconds=self.seconds))
        return {"latency": latency, "both": both, "produce": produced, "consume": consumed, "produce_lone": lone}

    def apaches(self):
        topic = lambda name: f"{NAMESPACE}/{name}"
        messages = BACKLOG * self.seconds
        self.load("subscribe", "perf-read")
        self.load("produce", "perf-read", batch=PERF_BATCH, messages=messages)
        return {
            "produce": self.with_cpu(lambda: self.perf.produce(self.broker, topic("perf-produce"), self.seconds, "-r", 10_000_000, "-ml", CLIENT_MEMORY)),
            "latency": self.with_cpu(lambda: self.perf.produce(self.broker, topic("perf-latency"), self.seconds, "-r", RATE, "-db")),
            "consume": self.with_cpu(lambda: self.perf.consume(self.broker, topic("perf-read"), "load", messages)),
        }

    def measure(self):
        time.sleep(2)
        measured = {"start_ms": self.broker.start_ms, "idle_mib": memory_kib(self.broker.process.pid)["rss_kib"] / 1024, "own": self.own()}
        if self.perf:
            measured["perf"] = self.apaches()
        measured["loaded_mib"] = memory_kib(self.broker.process.pid)["rss_kib"] / 1024
        return measured


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def measure_ours(build, folder, seconds, perf):
    broker = Ours(build, fresh(folder))
    try:
        measured = Loads(build, broker, seconds, perf).measure()
    finally:
        broker.stop()
    broker = Ours(build, fresh(folder))  # what many cost, without what the loads left
    try:
        loads = Loads(build, broker, seconds, None)
        measured["idle"] = loads.load("idle", "none", connections=CONNECTIONS, seconds=max(seconds, 40))
        measured["topics"] = loads.load("topics", "many", connections=20, topics=TOPICS, size=100)
    finally:
        broker.stop()
    return measured


def measure_real(build, folder, seconds, perf):
    broker = Real(fresh(folder))
    try:
        return Loads(build, broker, seconds, perf).measure()
    finally:
        broker.stop()


class Rounds:
    def __init__(self, real):
        self.real, self.count = real, 0

    def __call__(self, build, folder, seconds):
        measured = {"floor_fdatasync": floor_fdatasync(fresh(folder)), "floor_loopback": program_json(build / "bin/pulsar_load", "loopback", "--seconds", 2)}
        perf = None
        if self.real:
            from pulsar_perf import Perf
            perf = Perf(folder.parent)
        turns = [("ours", measure_ours)] + ([("real", measure_real)] if self.real else [])
        for name, measure in turns if self.count % 2 == 0 else reversed(turns):
            measured[name] = measure(build, folder, seconds, perf)
        shutil.rmtree(folder, ignore_errors=True)
        self.count += 1
        return measured


FLOORS = [
    floor("4 KiB written and durable, p50", "us", lambda r: r["floor_fdatasync"]["p50_us"]),
    floor("4 KiB written and durable, p99", "us", lambda r: r["floor_fdatasync"]["p99_us"]),
    floor("1 KB there and back through loopback, p50", "us", lambda r: r["floor_loopback"]["round_trip"]["p50_us"]),
    floor("bytes through loopback", "MB/s", lambda r: r["floor_loopback"]["mb_per_second"]),
]

OWN = [
    at_least("own load: produce, batches of 1,000", "/s", 400_000, lambda r: r["ours"]["own"]["produce"]["per_second"]),
    at_least("own load: catch-up read of it", "/s", 800_000, lambda r: r["ours"]["own"]["consume"]["per_second"]),
    shown("own load: produce, one message an entry", "/s", lambda r: r["ours"]["own"]["produce_lone"]["per_second"]),
    at_most("own load: 2,000/s without batches, p50", "us", 500, lambda r: r["ours"]["own"]["latency"]["p50_us"]),
    at_most("own load: 2,000/s without batches, p99", "us", 3_000, lambda r: r["ours"]["own"]["latency"]["p99_us"]),
    shown("own load: 2,000/s, from producer to consumer, p50", "us", lambda r: r["ours"]["own"]["both"]["p50_us"]),
    shown("own load: 2,000/s, from producer to consumer, p99", "us", lambda r: r["ours"]["own"]["both"]["p99_us"]),
    at_least("idle connections that stay", "", CONNECTIONS, lambda r: r["ours"]["idle"]["open"]),
    at_most("resident memory with them", "MiB", 200, lambda r: r["ours"]["idle"]["resident_mib"]),
    at_least("topics made, with a producer and a message each", "", TOPICS, lambda r: r["ours"]["topics"]["topics"]),
    shown("time for their producers", "s", lambda r: r["ours"]["topics"]["producers_seconds"]),
    shown("time for their messages", "s", lambda r: r["ours"]["topics"]["publish_seconds"]),
    shown("resident memory with them", "MiB", lambda r: r["ours"]["topics"]["resident_mib"]),
]


def both(name, unit, value):
    """The same of ours and of the real one."""
    return [shown(f"{who}: {name}", unit, lambda r, who=who: value(r[who])) for who in ("ours", "real")]


def ratio(value):
    return lambda r: value(r["ours"]) / value(r["real"])


def per_second(run):
    return lambda broker: broker["perf"][run]["per_second"]


def latency(name):
    return lambda broker: broker["perf"]["latency"][name]


REAL = [
    *both("pulsar-perf, produce", "/s", per_second("produce")),
    at_least("ours against the real one", "times", 2.5, ratio(per_second("produce"))),
    *both("processor time of pulsar-perf for a message produced", "us", lambda b: b["perf"]["produce"]["cpu_us_per_message"]),
    *both("processors that pulsar-perf kept busy", "", lambda b: b["perf"]["produce"]["cores"]),
    *both("pulsar-perf, consume", "/s", per_second("consume")),
    at_least("ours against the real one", "times", 2, ratio(per_second("consume"))),
    *both("processor time of pulsar-perf for a message consumed", "us", lambda b: b["perf"]["consume"]["cpu_us_per_message"]),
    *both("pulsar-perf, 2,000/s without batches, p50", "ms", latency("p50_ms")),
    at_most("ours against the real one", "times", 0.2, ratio(latency("p50_ms"))),
    *both("pulsar-perf, 2,000/s without batches, p99", "ms", latency("p99_ms")),
    at_most("ours against the real one", "times", 0.2, ratio(latency("p99_ms"))),
    *both("own load: produce, batches of 1,000", "/s", lambda b: b["own"]["produce"]["per_second"]),
    *both("own load: catch-up read", "/s", lambda b: b["own"]["consume"]["per_second"]),
    *both("own load: 2,000/s without batches, p50", "us", lambda b: b["own"]["latency"]["p50_us"]),
    *both("own load: 2,000/s without batches, p99", "us", lambda b: b["own"]["latency"]["p99_us"]),
    *both("start until it answers", "ms", lambda b: b["start_ms"]),
    *both("resident memory, idle", "MiB", lambda b: b["idle_mib"]),
    *both("resident memory behind the loads", "MiB", lambda b: b["loaded_mib"]),
]


def main():
    parser = options(__doc__, 10, "of each load")
    parser.add_argument("--real", action="store_true", help="a real Pulsar beside it, and pulsar-perf for both; needs Java and Maven")
    arguments = parser.parse_args()
    print(json.dumps(run_rounds(arguments, FLOORS + OWN + (REAL if arguments.real else []), Rounds(arguments.real))))


if __name__ == "__main__":
    main()
