"""Apache's own load program, pulsar-perf, as it comes from Maven. What it publishes counts without the first ten seconds, in which Java warms up."""
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
BROKERS = HERE.parent / "tests/brokers"
sys.path.insert(0, str(BROKERS))
import maven  # noqa: E402
import pulsar_broker  # noqa: E402

LINE = re.compile(r".* Throughput (?:produced|received): +(?P<messages>\d+) msg --- +(?P<rate>[\d.]+) +msg/s .*"
                  r"- med: +(?P<p50>[\d.]+) .*- 99pct: +(?P<p99>[\d.]+) ")
TOTAL = re.compile(r".* Aggregated throughput stats --- (?P<messages>\d+) records (?:sent|received) --- +(?P<rate>[\d.]+) +msg/s")
WARM_UP = 10  # seconds: from one line to the next
SECONDS_MAX = 300


class Perf:
    def __init__(self, folder):
        self.jars = f"{maven.jars(BROKERS / 'pulsar_broker.xml')}/*:{maven.jars(HERE / 'pulsar_perf.xml')}/*"
        self.settings = folder / "client.conf"

    def run(self, broker, verb, *words):
        """Its lines, the last one, and what it took of the processor."""
        self.settings.write_text(f"brokerServiceUrl={broker.pulsar_url}\nwebServiceUrl={broker.url}\n")
        command = ["java", "-Xmx1g", "-XX:MaxDirectMemorySize=1g", "-XX:+UseSerialGC", "-Dio.netty.tryReflectionSetAccessible=true",
                   f"-Dlog4j2.configurationFile={BROKERS / 'pulsar_broker_log.properties'}",
                   *(f"--add-opens={each}=ALL-UNNAMED" for each in pulsar_broker.OPENED), "-cp", self.jars,
                   "org.apache.pulsar.testclient.PulsarPerfTestTool", str(self.settings), verb, *map(str, words)]
        before, began = os.times(), time.perf_counter()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS_MAX)
        after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        wall = time.perf_counter() - began
        lines = [found for line in done.stdout.splitlines() if (found := LINE.match(line))]
        total = next((found for line in done.stdout.splitlines() if (found := TOTAL.match(line))), None)
        if total is None:
            raise SystemExit(f"pulsar-perf {verb} failed:\n{done.stdout[-3000:]}")
        return lines, total, {"cpu_seconds": cpu, "cores": cpu / wall, "cpu_us_per_message": cpu * 1e6 / int(total["messages"])}

    def produce(self, broker, topic, seconds, *words):
        lines, _, processor = self.run(broker, "produce", "-time", max(seconds, 10) + WARM_UP + 2, "-s", 1024, *words, topic)
        warm = lines[1:]
        if not warm:
            raise SystemExit(f"pulsar-perf said nothing after it had warmed up for {WARM_UP} s; give it 10 s or more")
        median = lambda name: statistics.median(float(line[name]) for line in warm)
        return {"per_second": median("rate"), "p50_ms": median("p50"), "p99_ms": median("p99"), **processor}

    def consume(self, broker, topic, subscription, messages):
        """All of a backlog, which is not long enough to leave out how Java warms up."""
        _, total, processor = self.run(broker, "consume", "-ss", subscription, "-sp", "Earliest", "-m", messages, topic)
        if int(total["messages"]) < messages:
            raise SystemExit(f"pulsar-perf got {total['messages']} of {messages} messages")
        return {"per_second": float(total["rate"]), **processor}
