"""produce, consume and topics: through a running serve, and on an embedded bus without one."""
import json
import subprocess
import threading
import time
import unittest

from harness import GEMINGA, Case, environment, eventually, json_lines, run

FIELDS = {"id", "key", "body", "properties", "publish_time", "event_time", "redelivery_count", "topic"}


class OverTheServer(Case):
    def setUp(self):
        super().setUp()
        self.where = self.serve()

    def cli(self, *arguments, **more):
        return self.where.cli(*arguments, **more)

    def good(self, *arguments, **more):
        done = self.cli(*arguments, **more)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_what_is_produced_is_consumed_once_and_in_order(self):
        ids = self.good("produce", "orders", stdin="one\ntwo\nthree\n").split()
        self.assertEqual(3, len(set(ids)))
        lines = json_lines(self.good("consume", "orders", "-s", "billing", "--from", "earliest", "-n", 3, "-o", "json"))
        self.assertEqual(["one", "two", "three"], [line["body"] for line in lines])
        self.assertEqual(ids, [line["id"] for line in lines])
        self.assertEqual(FIELDS, set(lines[0]))
        self.assertEqual("persistent://public/default/orders", lines[0]["topic"])
        again = self.cli("consume", "orders", "-s", "billing", "-n", 1, "--timeout", "500ms")
        self.assertEqual(1, again.returncode)
        self.assertIn("no message", again.stderr)

    def test_key_properties_delay_and_bytes(self):
        (self.folder / "bytes").write_bytes(b"\xff\x00\xfe")
        self.good("produce", "all", "-f", self.folder / "bytes", "-k", "k1", "-P", "a=1", "-P", "b=x=y")
        line = json_lines(self.good("consume", "all", "-s", "s", "--from", "earliest", "-n", 1, "-o", "json"))[0]
        self.assertEqual("/wD+", line["body_base64"])
        self.assertEqual(("k1", {"a": "1", "b": "x=y"}), (line["key"], line["properties"]))
        began = time.monotonic()
        self.good("produce", "later", "-m", "later", "--delay", "1500ms")
        self.good("consume", "later", "-s", "s", "--type", "shared", "--from", "earliest", "-n", 1)
        self.assertGreaterEqual(time.monotonic() - began, 1.5)

    def test_what_is_handed_back_comes_again_with_its_count(self):
        self.good("produce", "again", "-m", "a", "-m", "b")
        lines = json_lines(self.good("consume", "again", "-s", "s", "--type", "shared", "--from", "earliest", "-n", 3, "--nack-every", 2, "-o", "json"))
        self.assertEqual(["a", "b", "b"], [line["body"] for line in lines])
        self.assertEqual([0, 0, 1], [line["redelivery_count"] for line in lines])

    def test_a_terminated_topic_is_consumed_to_its_end(self):
        last = self.good("produce", "orders", stdin="one\ntwo\n").split()[-1]
        self.assertEqual(last, self.good("topics", "terminate", "orders").strip())
        refused = self.cli("produce", "orders", "-m", "three")
        self.assertEqual(1, refused.returncode)
        self.assertIn("was terminated", refused.stderr)
        self.assertEqual("one\ntwo\n", self.good("consume", "orders", "-s", "s", "--from", "earliest"))
        short = self.cli("consume", "orders", "-s", "t", "--from", "earliest", "-n", 3)
        self.assertEqual((1, "one\ntwo\n"), (short.returncode, short.stdout))
        self.assertIn("2 of 3", short.stderr)

    def test_a_compacted_topic_has_the_last_of_each_key(self):
        for key, body in ("a", "1"), ("b", "1"), ("a", "2"), ("b", ""):
            self.good("produce", "prices", "--key", key, "-m", body)
        self.good("topics", "compact", "prices")
        self.assertEqual("1 messages", self.good("topics", "compact", "prices", "--wait").split(",")[0])
        compaction = json.loads(self.good("topics", "show", "prices", "-o", "json"))["compaction"]
        self.assertEqual(("idle", 1), (compaction["state"], compaction["messages"]))
        self.good("produce", "prices", "--key", "b", "-m", "3")
        for again in "first", "second":
            read = self.good("consume", "prices", "-s", again, "--from", "earliest", "--read-compacted", "-n", 2)
            self.assertEqual("2\n3\n", read)
        self.assertEqual("1\n", self.good("consume", "prices", "-s", "whole", "--from", "earliest", "-n", 1))
        self.assertEqual(1, self.cli("consume", "prices", "-s", "x", "--type", "shared", "--read-compacted").returncode)
        self.assertEqual(1, self.cli("topics", "compact", "nowhere", "--wait").returncode)

    def test_a_non_persistent_topic_reaches_who_is_there(self):
        topic = "non-persistent://public/default/ticks"
        done = []
        reader = threading.Thread(target=lambda: done.append(self.cli("consume", topic, "-s", "s", "-n", 1, "--timeout", "30s")))
        reader.start()
        eventually("a consumer", lambda: self.cli("topics", "show", topic).returncode == 0)
        self.good("produce", topic, "-m", "tick")
        reader.join()
        self.assertEqual((0, "tick\n"), (done[0].returncode, done[0].stdout))
        refused = self.cli("topics", "peek", topic)
        self.assertEqual(1, refused.returncode)
        self.assertIn("non-persistent", refused.stderr)

    def test_policies_are_set_shown_and_taken_back(self):
        self.good("topics", "create", "orders")
        self.assertEqual("", self.good("topics", "policies", "orders"))
        self.good("namespaces", "policies", "public/default", "--set", "message_ttl_seconds=7d")
        self.good("topics", "policies", "orders", "--set", "backlog_bytes=1000", "--set", "backlog_action=producer_exception", "--set", "max_consumers=1")
        shown = self.good("topics", "policies", "orders", "--unset", "max_consumers", "-o", "json")
        self.assertEqual([{"backlog_action": "producer_exception", "backlog_bytes": 1000}], json_lines(shown))
        self.where.terminate()
        self.where = self.serve()
        self.assertEqual(shown, self.good("topics", "policies", "orders", "-o", "json"))
        self.assertIn("message_ttl_seconds           604800", self.good("namespaces", "policies", "public/default"))
        self.assertIn("public/default", self.good("namespaces", "list").split())
        for wrong in ["--set", "max_consumers"], ["--set", "max_consumers=1h"], ["--set", "=1"], ["--unset", "max_producers"]:
            self.assertEqual(2, self.cli("topics", "policies", "orders", *wrong).returncode, wrong)
        refused = self.cli("topics", "policies", "orders", "--set", "message_ttl=1")
        self.assertEqual(1, refused.returncode)
        self.assertIn("message_ttl_seconds", refused.stderr)

    def test_what_could_not_be_printed_comes_again(self):
        self.good("produce", "kept", "-m", "x")
        with open("/dev/full", "w") as full:
            done = subprocess.run([GEMINGA, "consume", "kept", "-s", "s", "--from", "earliest", "-n", "1"], stdout=full, stderr=subprocess.PIPE, text=True,
                                  timeout=60, env=environment(GEMINGA_URL=self.where.url))
        self.assertEqual(1, done.returncode)
        self.assertIn("stdout", done.stderr)
        self.assertEqual("x\n", self.good("consume", "kept", "-s", "s", "-n", 1, "--timeout", "10s"))

    def test_failover_and_who_is_connected(self):
        self.good("produce", "jobs", "-m", "a", "-m", "b")
        self.assertEqual("a\n", self.good("consume", "jobs", "-s", "s", "--type", "failover", "--priority", 1, "--from", "earliest", "-n", 1))
        self.assertEqual("b\n", self.good("consume", "jobs", "-s", "s", "--type", "failover", "-n", 1))
        self.assertEqual([], json_lines(self.good("subscriptions", "consumers", "jobs", "s", "-o", "json")))
        self.assertEqual(1, self.cli("subscriptions", "consumers", "jobs", "nobody").returncode)

    def test_a_position_is_moved(self):
        def backlog():
            return json_lines(self.good("subscriptions", "list", "orders", "-o", "json"))[0]["backlog"]

        self.good("subscriptions", "create", "orders", "s", "--from", "earliest")
        self.good("subscriptions", "create", "orders", "z-keeps-all", "--from", "earliest")
        ids = self.good("produce", "orders", "-m", "1", "-m", "2", "-m", "3", "-m", "4").split()
        self.good("subscriptions", "skip", "orders", "s", "-n", 1)
        self.assertEqual(3, backlog())
        self.good("subscriptions", "skip", "orders", "s")
        self.assertEqual(0, backlog())
        self.good("subscriptions", "seek", "orders", "s", "--to", ids[2])
        self.assertEqual("3\n", self.good("consume", "orders", "-s", "s", "-n", 1))
        self.good("subscriptions", "seek", "orders", "s", "--since", "1h")
        self.assertEqual(4, backlog())
        self.good("subscriptions", "expire", "orders", "s", "--older-than", "1h")
        self.assertEqual(4, backlog())
        for wrong in ([], ["--to", "1:1:-1", "--since", "5m"]):
            self.assertEqual(2, self.cli("subscriptions", "seek", "orders", "s", *wrong).returncode)
        self.assertEqual(1, self.cli("subscriptions", "seek", "orders", "s", "--to", "then").returncode)

    def test_topics(self):
        self.good("produce", "orders", "-m", "x")
        listed = json_lines(self.good("topics", "list", "-o", "json"))
        self.assertIn("persistent://public/default/orders", [line["topic"] for line in listed])
        self.good("topics", "create", "empty")
        self.assertEqual(0, json.loads(self.good("topics", "show", "empty", "-o", "json"))["stored_messages"])
        peeked = json_lines(self.good("topics", "peek", "orders", "-o", "json"))
        self.assertEqual(["x"], [line["body"] for line in peeked])
        self.good("topics", "create", "many", "--partitions", "2")
        self.good("topics", "update-partitions", "many", "--partitions", "3")
        many = json.loads(self.good("topics", "show", "many", "-o", "json"))
        self.assertEqual((3, 3), (many["partitions"], len(many["per_partition"])))
        self.assertIn("many-partition-2", self.good("topics", "show", "many", "--partitions"))
        table = self.good("topics", "list")
        self.assertIn("default/many ", table)
        self.assertNotIn("many-partition-", table)
        self.assertNotEqual(0, self.cli("topics", "update-partitions", "many", "--partitions", "2").returncode)
        self.good("topics", "delete", "many")
        self.good("topics", "delete", "empty")
        gone = self.cli("topics", "show", "empty")
        self.assertEqual(1, gone.returncode)
        self.assertIn("empty", gone.stderr)


class OnADirectory(Case):
    def test_without_a_server(self):
        url = f"embedded:{self.folder / 'data'}"
        sent = run("produce", "orders", "--url", url, "-m", "one", "-m", "two", "-o", "json")
        self.assertEqual(0, sent.returncode, sent.stderr)
        ids = [line["id"] for line in json_lines(sent.stdout)]
        lines = json_lines(run("consume", "orders", "-s", "s", "--from", "earliest", "-n", 2, "-o", "json", "--url", url).stdout)
        self.assertEqual(ids, [line["id"] for line in lines], "ids are the same in another process")
        self.assertEqual(FIELDS, set(lines[0]))

    def test_what_one_wrote_without_a_server_a_server_reads(self):
        self.assertEqual(0, run("produce", "orders", "--url", f"embedded:{self.folder / 'data'}", "-m", "early").returncode)
        geminga = self.serve()
        taken = geminga.cli("consume", "orders", "-s", "s", "--from", "earliest", "-n", 1)
        self.assertEqual("early\n", taken.stdout)

    def test_a_directory_that_serve_holds(self):
        geminga = self.serve()
        refused = run("produce", "orders", "--url", f"embedded:{self.folder / 'data'}", "-m", "x")
        self.assertEqual(1, refused.returncode)
        self.assertIn(str(geminga.pid), refused.stderr)
        self.assertIn(geminga.ready["http"], refused.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
