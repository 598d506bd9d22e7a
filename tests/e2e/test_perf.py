"""geminga perf: what it counts is what happened, and its numbers hang together. How large they are is the machine's matter."""
import json
import os
import pty
import re
import signal
import subprocess
import time
import unittest

from harness import GEMINGA, Case, environment, run

PERCENTILES = ["p50", "p95", "p99", "p99.9", "max"]
KEYS = {"load", "url", "topic", "rate", "messages", "failed", "bytes", "seconds", "messages_per_second", "mb_per_second", "latency_ms"}


class Perf(Case):
    def setUp(self):
        super().setUp()
        self.url = f"embedded:{self.folder}/bus"

    def perf(self, load, *arguments, url=None):
        return run("perf", load, "--url", url or self.url, "--topic", "t", *arguments)

    def measured(self, load, *arguments):
        done = self.perf(load, *arguments, "-o", "json")
        self.assertEqual(0, done.returncode, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(KEYS, set(report))
        self.assertEqual((load, self.url, "t", 0), (report["load"], report["url"], report["topic"], report["failed"]))
        self.assertEqual(PERCENTILES, list(report["latency_ms"]))
        values = list(report["latency_ms"].values())
        self.assertEqual(sorted(values), values)
        self.assertGreater(values[0], 0)
        self.assertAlmostEqual(report["messages"] / report["seconds"], report["messages_per_second"], delta=report["messages_per_second"] * 0.001)
        self.assertAlmostEqual(report["bytes"] / report["seconds"] / 1e6, report["mb_per_second"], delta=report["mb_per_second"] * 0.001)
        return report

    def test_what_was_published_is_received(self):
        sent = self.measured("produce", "--size", 100, "--count", 5000)
        self.assertEqual((5000, 500_000, "max"), (sent["messages"], sent["bytes"], sent["rate"]))
        stats = run("topics", "list", url="http://127.0.0.1:1")  # no server is needed for any of this
        self.assertNotEqual(0, stats.returncode)
        received = self.measured("consume", "--size", 100, "--count", 5000)
        self.assertEqual((5000, 500_000), (received["messages"], received["bytes"]))
        self.assertGreaterEqual(received["latency_ms"]["max"], sent["latency_ms"]["p50"])

    def test_one_after_the_other(self):
        report = self.measured("produce", "--in-flight", 1, "--count", 50)
        # None waits for the one before it, so the times add up to the whole; were that wait counted, to twice of it.
        self.assertLessEqual(report["latency_ms"]["p50"] * 25, report["seconds"] * 1000 * 1.3)

    def test_a_rate_is_kept(self):
        report = self.measured("e2e", "--rate", 200, "--time", "2s")
        self.assertEqual(200, report["rate"])
        self.assertEqual(1024 * report["messages"], report["bytes"])
        self.assertLessEqual(report["messages"], 400)
        self.assertGreaterEqual(report["messages"], 300)  # all 400, but on a machine that stands still

    def test_consume_begins_with_the_earliest_and_leaves_no_subscription(self):
        self.measured("produce", "--count", 10)
        self.measured("consume", "--count", 1)
        rest = run("consume", "t", "-s", "after", "--from", "earliest", "-n", 1, "--timeout", "30s", "-o", "json", "--url", self.url)
        self.assertEqual(0, rest.returncode, rest.stderr)

    def test_text_for_people(self):
        done = self.perf("produce", "--count", 10)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stdout, r"^published 10 messages in .* msg/s, .* MB/s\nlatency  p50 .* max .* ms\n$")
        self.assertEqual("", done.stderr)  # no bar where nobody looks

    def test_a_terminal_sees_a_bar_and_ctrl_c_prints_what_was_measured(self):
        ours, theirs = pty.openpty()
        with open(self.folder / "out", "w+") as out:
            process = subprocess.Popen([GEMINGA, "perf", "produce", "--url", self.url, "--rate", "100", "--time", "50s", "-o", "json"],
                                       stdout=out, stderr=theirs, env={**environment(TERM="xterm"), "NO_COLOR": ""})
            os.close(theirs)
            seen = b""
            deadline = time.monotonic() + 30
            shows_a_rate = re.compile(rb"\b[1-9][0-9]* msg/s \[")
            while not shows_a_rate.search(seen) and time.monotonic() < deadline:
                seen += os.read(ours, 1000)
            process.send_signal(signal.SIGINT)
            try:  # the bar must find a reader to the end
                while os.read(ours, 1000):
                    pass
            except OSError:
                pass
            self.assertEqual(0, process.wait(timeout=30))
            os.close(ours)
            self.assertRegex(seen, shows_a_rate)
            out.seek(0)
            report = json.loads(out.read())
        self.assertGreater(report["messages"], 0)
        self.assertLess(report["seconds"], 45)

    def test_what_cannot_work_says_what_can(self):
        def refused(code, *arguments):
            done = run("perf", *arguments)
            self.assertEqual(code, done.returncode, done.stderr)
            return done.stderr

        self.assertIn("--url embedded:", refused(2, "produce"))
        self.assertIn("messages a second", refused(2, "produce", "--url", self.url, "--rate", "fast"))
        self.assertIn("16 bytes", refused(2, "e2e", "--url", self.url, "--size", "8"))
        self.assertIn("1 or more", refused(2, "produce", "--url", self.url, "--count", "0"))
        self.assertIn("embedded", refused(1, "produce", "--url", "carrier-pigeon://x"))
        self.assertIn("perf produce", refused(1, "consume", "--url", self.url, "--time", "300ms"))
        self.measured("produce", "--size", 10, "--count", 1)
        self.assertIn("has 10 bytes", self.perf("consume", "--size", 11, "--time", "20s").stderr)

    def test_a_directory_that_is_held_says_by_whom(self):
        where = self.serve()
        done = self.perf("produce", url=f"embedded:{where.folder}/data")
        self.assertEqual(1, done.returncode)
        self.assertIn(str(where.pid), done.stderr)


if __name__ == "__main__":
    unittest.main()
