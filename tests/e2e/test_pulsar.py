"""Pulsar's official Python client (and the C++ client inside) on `geminga serve`, as it is installed from PyPI."""
import official_client

official_client.run_there()

import contextlib
import datetime
import re
import time
import unittest

import pulsar
from pulsar import ConsumerType, InitialPosition

from harness import Case, Serve, eventually, json_lines, run
from pulsar_case import RECEIVE_MS, Clients


class Messages(Clients):
    def test_what_is_sent_is_received_once_and_in_order(self):
        producer = self.client.create_producer("orders")
        ids = [producer.send(f"{i}".encode()) for i in range(20)]
        self.assertEqual(20, len({str(each) for each in ids}))
        consumer = self.subscribe()
        got = self.take(consumer, 20)
        self.assertEqual([f"{i}".encode() for i in range(20)], [each.data() for each in got])
        self.assertEqual("persistent://public/default/orders", got[0].topic_name())
        self.nothing_comes(consumer)
        consumer.close()
        self.nothing_comes(self.subscribe())

    def test_all_that_a_message_may_have(self):
        producer = self.client.create_producer("orders", producer_name="shop")
        producer.send(b"body", properties={"a": "1", "b": "zwei ü"}, partition_key="key", ordering_key="order", event_timestamp=1234567)
        message = self.take(self.subscribe(), 1)[0]
        self.assertEqual(({"a": "1", "b": "zwei ü"}, "key", "order", 1234567, "shop"),
                         (message.properties(), message.partition_key(), message.ordering_key(), message.event_timestamp(), message.producer_name()))
        self.assertEqual(0, message.redelivery_count())

    def test_batches_of_every_compression(self):
        sent = []
        for compression in (pulsar.CompressionType.NONE, pulsar.CompressionType.LZ4, pulsar.CompressionType.ZLib, pulsar.CompressionType.ZSTD,
                            pulsar.CompressionType.SNAPPY):
            producer = self.client.create_producer("orders", batching_enabled=True, batching_max_messages=50, batching_max_publish_delay_ms=50,
                                                   compression_type=compression)
            for i in range(120):
                body = f"{compression} {i} {'x' * 100}".encode()
                producer.send_async(body, lambda result, _: self.assertEqual(pulsar.Result.Ok, result))
                sent.append(body)
            producer.flush()
            producer.close()
        self.assertEqual(sent, [each.data() for each in self.take(self.subscribe(), len(sent))])

    def test_large_messages_whole_and_in_chunks(self):
        whole = self.client.create_producer("orders")
        whole.send(b"w" * (5 << 20 >> 1))
        chunked = self.client.create_producer("orders", chunking_enabled=True, batching_enabled=False)
        chunked.send(b"c" * (12 << 20))
        got = self.take(self.subscribe(), 2)
        self.assertEqual([(b"w" * (5 << 20 >> 1)), b"c" * (12 << 20)], [each.data() for each in got])
        with self.assertRaises(pulsar.MessageTooBig):
            whole.send(b"x" * (6 << 20))

    def test_many_in_flight(self):
        producer = self.client.create_producer("orders", max_pending_messages=10_000, block_if_queue_full=True)
        failed = []
        for i in range(20_000):
            producer.send_async(b"%d" % i, lambda result, _: result == pulsar.Result.Ok or failed.append(result))
        producer.flush()
        self.assertEqual([], failed)
        got = self.take(self.subscribe(receiver_queue_size=5_000), 20_000)
        self.assertEqual([b"%d" % i for i in range(20_000)], [each.data() for each in got])

    def test_a_delayed_message_waits_on_a_shared_subscription(self):
        consumer = self.subscribe(consumer_type=ConsumerType.Shared)
        began = time.monotonic()
        self.client.create_producer("orders").send(b"later", deliver_after=datetime.timedelta(milliseconds=700))
        self.take(consumer, 1)
        self.assertGreater(time.monotonic() - began, 0.65)

    def test_the_bus_and_pulsar_clients_read_the_same_topic(self):
        done = self.where.cli("produce", "orders", "-m", "from the bus", "-k", "key", "-P", "a=1")
        self.assertEqual(0, done.returncode, done.stderr)
        message = self.take(self.subscribe(), 1, acknowledge=False)[0]  # acknowledged by all there are, it might be gone
        self.assertEqual((b"from the bus", "key", {"a": "1"}), (message.data(), message.partition_key(), message.properties()))
        self.client.create_producer("orders").send(b"from Pulsar", properties={"b": "2"}, partition_key="other")
        done = self.where.cli("consume", "orders", "-s", "both", "--from", "earliest", "-n", 2, "--timeout", "10s", "-o", "json")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(("from Pulsar", "other", {"b": "2"}), tuple(json_lines(done.stdout)[1][each] for each in ("body", "key", "properties")))

    def test_the_bus_reads_batches_message_by_message(self):
        producer = self.client.create_producer("orders", batching_enabled=True, batching_max_publish_delay_ms=200)
        for i in range(10):
            producer.send_async(b"%d" % i, lambda *_: None)
        producer.flush()
        for first in (0, 4):  # the consumer before has taken four of the batch
            done = self.where.cli("consume", "orders", "-s", "s", "--from", "earliest", "-n", 4, "--timeout", "10s", "-o", "json")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual([str(first + i) for i in range(4)], [line["body"] for line in json_lines(done.stdout)])

    def test_a_reader_at_the_end_hears_of_what_comes(self):
        producer = self.client.create_producer("orders")
        producer.send(b"before")
        reader = self.client.create_reader("orders", pulsar.MessageId.latest)
        self.assertFalse(reader.has_message_available())
        producer.send(b"new")
        self.assertTrue(reader.has_message_available())
        self.assertEqual(b"new", reader.read_next(RECEIVE_MS).data())
        self.assertFalse(reader.has_message_available())


class Subscriptions(Clients):
    def send(self, count, topic="orders", **more):
        producer = self.client.create_producer(topic, **more)
        for i in range(count):
            producer.send(b"%d" % i)
        producer.close()

    def test_shared_consumers_share(self):
        consumers = [self.subscribe(consumer_type=ConsumerType.Shared, receiver_queue_size=5) for _ in range(2)]
        self.send(40)
        got = [each.data() for consumer in consumers for each in self.drain(consumer)]
        self.assertEqual(sorted(b"%d" % i for i in range(40)), sorted(got))

    def drain(self, consumer):
        with contextlib.suppress(pulsar.Timeout):
            while True:
                message = consumer.receive(timeout_millis=500)
                consumer.acknowledge(message)
                yield message

    def test_an_exclusive_subscription_has_one_consumer(self):
        self.subscribe()
        with self.assertRaises(pulsar.ConsumerBusy):
            self.subscribe()

    def test_failover_goes_on_with_the_other_consumer(self):
        first = self.subscribe(consumer_type=ConsumerType.Failover, consumer_name="a")
        second = self.subscribe(consumer_type=ConsumerType.Failover, consumer_name="b")
        self.send(10)
        self.take(first, 4)
        self.nothing_comes(second)
        first.close()
        self.assertEqual([b"%d" % i for i in range(4, 10)], [each.data() for each in self.take(second, 6)])

    def test_a_key_stays_with_its_consumer_in_order(self):
        consumers = [self.subscribe(consumer_type=ConsumerType.KeyShared) for _ in range(3)]
        producer = self.client.create_producer("orders")
        for i in range(200):
            producer.send_async(b"%d" % i, None, partition_key=str(i % 10))
        producer.flush()
        by_key = {}
        for number, consumer in enumerate(consumers):
            for message in self.drain(consumer):
                by_key.setdefault(message.partition_key(), []).append((number, int(message.data())))
        for key, got in by_key.items():
            self.assertEqual(1, len({number for number, _ in got}), key)
            self.assertEqual(sorted(order for _, order in got), [order for _, order in got], key)
        self.assertEqual(200, sum(len(got) for got in by_key.values()))

    def test_negative_acknowledgements_are_counted(self):
        consumer = self.subscribe(consumer_type=ConsumerType.Shared, negative_ack_redelivery_delay_ms=100)
        self.send(1)
        consumer.negative_acknowledge(consumer.receive(RECEIVE_MS))
        again = consumer.receive(RECEIVE_MS)
        self.assertEqual(1, again.redelivery_count())
        consumer.acknowledge(again)
        self.nothing_comes(consumer)

    def test_cumulative_acknowledgement_and_what_is_left(self):
        self.send(10)
        consumer = self.subscribe()
        got = self.take(consumer, 7, acknowledge=False)
        consumer.acknowledge_cumulative(got[4])
        consumer.close()
        self.assertEqual([b"%d" % i for i in range(5, 10)], [each.data() for each in self.take(self.subscribe(), 5)])

    def test_seek_to_a_message_a_time_and_both_ends(self):
        producer = self.client.create_producer("orders")
        ids = [producer.send(b"%d" % i) for i in range(4)]
        time.sleep(0.05)  # the clock of the broker, not a wait for anybody
        middle = int(time.time() * 1000)
        for i in range(4, 8):
            producer.send(b"%d" % i)
        consumer = self.subscribe()
        self.take(consumer, 8)
        # Behind a message: this client leaves out the one that it names.
        for target, first in ((ids[2], 3), (pulsar.MessageId.earliest, 0), (middle, 4)):
            consumer.seek(target)
            self.assertEqual(b"%d" % first, self.take(consumer, 1)[0].data(), target)
        consumer.seek(pulsar.MessageId.latest)
        self.nothing_comes(consumer)
        producer.send(b"new")
        self.assertEqual(b"new", self.take(consumer, 1)[0].data())

    def test_a_reader_reads_to_the_end_and_seeks(self):
        self.send(5)
        reader = self.client.create_reader("orders", pulsar.MessageId.earliest)
        got = []
        while reader.has_message_available():
            got.append(reader.read_next(RECEIVE_MS))
        self.assertEqual([b"%d" % i for i in range(5)], [each.data() for each in got])
        reader.seek(got[1].message_id())
        self.assertTrue(reader.has_message_available())
        self.assertIn(reader.read_next(RECEIVE_MS).data(), (b"1", b"2"))
        behind = self.client.create_reader("orders", got[2].message_id())
        self.assertEqual(b"3", behind.read_next(RECEIVE_MS).data())

    def test_a_pattern_finds_topics(self):
        for topic in ("a-1", "a-2", "b-1"):
            self.send(1, topic)
        consumer = self.client.subscribe(re.compile("persistent://public/default/a-.*"), "all", initial_position=InitialPosition.Earliest)
        self.assertEqual({"persistent://public/default/a-1", "persistent://public/default/a-2"}, {each.topic_name() for each in self.take(consumer, 2)})

    def test_a_topic_with_partitions(self):
        done = self.where.cli("topics", "create", "parts", "--partitions", 3)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(3, len(self.client.get_topic_partitions("parts")))
        self.send(30, "parts", message_routing_mode=pulsar.PartitionsRoutingMode.RoundRobinDistribution)
        got = self.take(self.subscribe("parts"), 30)
        self.assertEqual({b"%d" % i for i in range(30)}, {each.data() for each in got})
        self.assertEqual(3, len({each.topic_name() for each in got}))

    def test_unsubscribe_forgets(self):
        self.send(2)
        consumer = self.subscribe()
        self.take(consumer, 2)
        consumer.unsubscribe()
        self.assertEqual(b"0", self.take(self.subscribe(), 1)[0].data())

    def test_a_listener_hears_all(self):
        heard = []
        self.subscribe(message_listener=lambda consumer, message: (heard.append(message.data()), consumer.acknowledge(message)))
        self.send(50)
        eventually("fifty messages", lambda: len(heard) == 50)

    def test_exclusive_producers(self):
        first = self.client.create_producer("orders", access_mode=pulsar.ProducerAccessMode.Exclusive)
        with self.assertRaises(pulsar.ProducerFenced):
            self.connect().create_producer("orders", access_mode=pulsar.ProducerAccessMode.Exclusive)
        first.close()


class Faults(Clients):
    def test_what_has_a_receipt_is_there_after_a_kill_and_clients_go_on(self):
        producer = self.client.create_producer("orders", send_timeout_millis=30_000)
        consumer = self.subscribe()
        received = {producer.send(b"%d" % i) and self.take(consumer, 1)[0].data() for i in range(50)}
        port = self.where.ready["pulsar"]
        self.where.kill()
        again = Serve(self.folder, "--pulsar", port)
        self.addCleanup(again.__exit__)
        for i in range(50, 60):
            producer.send(b"%d" % i)
        while len(received) < 60:  # what was acknowledged shortly before the kill may come again
            received |= {self.take(consumer, 1)[0].data()}
        self.assertEqual({b"%d" % i for i in range(60)}, received)

    def test_sigterm_with_clients_is_quick(self):
        self.client.create_producer("orders").send(b"x")
        self.subscribe()
        code, seconds = self.where.terminate()
        self.assertEqual(0, code)
        self.assertLess(seconds, 8)


class Tokens(Case):
    def test_a_role_reaches_its_own_tenant_only(self):
        key = self.folder / "secret.key"
        made = run("tokens", "create-secret-key", "--output-file", key)
        self.assertEqual(0, made.returncode, made.stderr)
        token = run("tokens", "create", "--secret-key", f"file://{key}", "--subject", "shop", "--expiry-time", "1h")
        self.assertEqual(0, token.returncode, token.stderr)
        where = self.serve(config=f'[auth]\ntoken_secret_key = "file://{key}"\n[auth.roles.shop]\ntenant = "acme"\npermissions = ["produce", "consume"]\n')
        url = "pulsar://" + where.ready["pulsar"]
        logger = pulsar.FileLogger(pulsar.LoggerLevel.Error, str(self.folder / "client.log"))
        client = pulsar.Client(url, authentication=pulsar.AuthenticationToken(token.stdout.strip()), logger=logger)
        self.addCleanup(client.close)
        client.create_producer("persistent://acme/default/orders").send(b"mine")
        with self.assertRaises(pulsar.PulsarException):
            client.create_producer("persistent://public/default/orders")
        for authentication in (None, pulsar.AuthenticationToken("nonsense")):
            stranger = pulsar.Client(url, authentication=authentication, logger=logger, operation_timeout_seconds=3)
            with self.assertRaises(pulsar.PulsarException):
                stranger.create_producer("persistent://acme/default/orders")
            stranger.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
