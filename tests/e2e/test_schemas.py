"""Schemas with Pulsar's official Python client on `geminga serve`: what is registered, refused, read again, and there after a kill."""
import official_client

official_client.run_there()

import unittest

import pulsar
from pulsar.schema import AvroSchema, Integer, JsonSchema, Record, String, StringSchema

from harness import Serve
from pulsar_case import Clients

COMPATIBLE = "schema_compatibility=always_compatible"


class Order(Record):
    number = Integer()
    text = String()


class OrderWithPrice(Record):
    number = Integer()
    text = String()
    price = Integer()


class Schemas(Clients):
    def read(self, schema, name="s", topic="orders"):
        return self.subscribe(topic, name, schema=schema)

    def value(self, consumer):
        return self.take(consumer, 1)[0].value()

    def policy(self, value):
        self.client.create_producer("first").close()  # so the namespace is there
        done = self.where.cli("namespaces", "policies", "public/default", "--set", value)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_records_go_through_as_json_and_as_avro(self):
        for kind, topic in ((JsonSchema, "json"), (AvroSchema, "avro")):
            self.client.create_producer(topic, schema=kind(Order)).send(Order(number=7, text="ü"))
            got = self.value(self.read(kind(Order), topic=topic))
            self.assertEqual((7, "ü"), (got.number, got.text))

    def test_a_string_is_a_schema_too(self):
        self.client.create_producer("orders", schema=StringSchema()).send("text")
        self.assertEqual("text", self.value(self.read(StringSchema())))
        with self.assertRaises(pulsar.IncompatibleSchema):
            self.read(JsonSchema(Order), "other")
        self.assertEqual(b"text", self.value(self.read(pulsar.schema.BytesSchema(), "bytes")))

    def test_another_schema_is_refused_until_the_policy_lets_it(self):
        first = self.client.create_producer("orders", schema=AvroSchema(Order))
        first.send(Order(number=1, text="a"))
        for other in (AvroSchema(OrderWithPrice), JsonSchema(Order), StringSchema()):
            with self.assertRaises(pulsar.IncompatibleSchema):
                self.client.create_producer("orders", schema=other)
        self.policy(COMPATIBLE)
        second = self.client.create_producer("orders", schema=AvroSchema(OrderWithPrice))
        second.send(OrderWithPrice(number=2, text="b", price=3))
        first.send(Order(number=4, text="c"))  # the producer of the old version goes on
        # A reader of the old version asks for the newer one by the number in the message.
        consumer = self.read(AvroSchema(Order))
        self.assertEqual([(1, "a"), (2, "b"), (4, "c")], [(each.number, each.text) for each in (self.value(consumer) for _ in range(3))])

    def test_versions_are_there_after_a_kill(self):
        self.policy(COMPATIBLE)
        for kind in (Order, OrderWithPrice):
            self.client.create_producer("orders", schema=AvroSchema(kind)).send(kind(number=1, text="a"))
        port = self.where.ready["pulsar"]
        self.leave(self.client)
        self.where.kill()
        self.where = Serve(self.folder, "--pulsar", port)
        self.addCleanup(self.where.__exit__)
        self.client = self.connect()
        done = self.where.cli("namespaces", "policies", "public/default", "--set", "schema_auto_update=false")
        self.assertEqual(0, done.returncode, done.stderr)
        for kind in (Order, OrderWithPrice):  # nothing new is registered, so both were there
            self.client.create_producer("orders", schema=AvroSchema(kind)).send(kind(number=2, text="b"))
        consumer = self.read(AvroSchema(Order))
        self.assertEqual([1, 1, 2, 2], [self.value(consumer).number for _ in range(4)])
        with self.assertRaises(pulsar.IncompatibleSchema):
            self.client.create_producer("orders", schema=StringSchema())

    def test_partitions_have_one_schema_and_a_deletion_takes_it(self):
        done = self.where.cli("topics", "create", "parts", "--partitions", 3)
        self.assertEqual(0, done.returncode, done.stderr)
        producer = self.client.create_producer("parts", schema=JsonSchema(Order), message_routing_mode=pulsar.PartitionsRoutingMode.RoundRobinDistribution,
                                               batching_enabled=False)
        for number in range(6):
            producer.send(Order(number=number, text="x"))
        with self.assertRaises(pulsar.IncompatibleSchema):
            self.client.create_producer("parts", schema=StringSchema())
        consumer = self.read(JsonSchema(Order), topic="parts")
        self.assertEqual(set(range(6)), {self.value(consumer).number for _ in range(6)})
        consumer.close()
        producer.close()
        done = self.where.cli("topics", "delete", "parts", "--force")
        self.assertEqual(0, done.returncode, done.stderr)
        self.client.create_producer("parts", schema=StringSchema()).close()

    def test_where_it_is_enforced_bytes_are_refused(self):
        self.client.create_producer("orders", schema=StringSchema())
        self.policy("schema_validation_enforced=true")
        with self.assertRaises(pulsar.IncompatibleSchema):
            self.client.create_producer("orders")
        self.client.create_producer("orders", schema=StringSchema()).send("text")


if __name__ == "__main__":
    unittest.main(verbosity=2)
