"""Kinds of topics, what is set for them, and the schemas of their values."""
import re
import time

import pulsar
from pulsar import ConsumerType, PartitionsRoutingMode
from pulsar.schema import AvroSchema, Boolean, Integer, JsonSchema, Record, String, StringSchema

from lab import RECEIVE_MS, check, drain, eventually, feature, nothing_comes, numbers, refused, same, take, texts


def pattern(lab, period):
    name = lab.topic("a").removeprefix("persistent://")
    return lab.consumer(re.compile(f"persistent://{name}.*"), pattern_auto_discovery_period=period)


@feature("regex")
def regex(lab):
    for name in ("a1", "a2", "b"):
        lab.send(1, lab.topic(name))
    consumer = pattern(lab, 1)
    take(consumer, 2)
    lab.send(1, lab.topic("a3"))
    same(lab.topic("a3"), take(consumer, 1)[0].topic_name(), "a topic that came later")
    nothing_comes(consumer)


@feature("multi-topics")
def several(lab):
    topics = [lab.topic("a"), lab.topic("b")]
    for topic in topics:
        lab.send(5, topic)
    consumer = lab.client.subscribe(topics, "s", initial_position=pulsar.InitialPosition.Earliest)
    same(set(topics), {each.topic_name() for each in take(consumer, 10)}, "topics")


def round_robin(lab):
    return lab.producer(message_routing_mode=PartitionsRoutingMode.RoundRobinDistribution)


@feature("partitions")
def partitions(lab):
    lab.admin_topic("PUT", "/partitions", body=3)
    same(3, len(lab.client.get_topic_partitions(lab.topic())), "partitions")
    producer, consumer = round_robin(lab), lab.consumer()
    for i in range(30):
        producer.send(b"%d" % i)
    got = take(consumer, 30)
    same(3, len({each.topic_name() for each in got}), "partitions that got messages")
    same(set(numbers(0, 30)), set(texts(got)), "messages")


@feature("non-persistent")
def non_persistent(lab):
    topic = lab.topic().replace("persistent://", "non-persistent://")
    consumer = lab.client.subscribe(topic, "s")
    lab.send(10, topic)
    same(numbers(0, 10), texts(take(consumer, 10)), "messages")
    nothing_comes(lab.consumer(topic, name="later"))


@feature("table-view")
def table_view(lab):
    producer = lab.producer(schema=StringSchema())
    for key, value in (("a", "1"), ("b", "2"), ("a", "3")):
        producer.send(value, partition_key=key)
    table = lab.client.create_table_view(lab.topic(), schema=StringSchema())
    same(("3", 2), (table.get("a"), len(table)), "the table")
    producer.send("4", partition_key="c")
    eventually("the table follows", lambda: table.get("c") == "4")


@feature("compaction")
def compaction(lab):
    producer = lab.producer()
    for key, value in (("a", b"1"), ("b", b"2"), ("a", b"3"), ("c", b"4"), ("b", b"")):
        producer.send(value, partition_key=key)
    lab.admin_topic("PUT", "/compaction")
    eventually("the compaction ends", lambda: lab.admin_topic("GET", "/compaction")["status"] == "SUCCESS", 20)
    same(["3", "4"], texts(drain(lab.consumer(is_read_compacted=True))), "the last of each key")
    same(5, len(drain(lab.consumer(name="all"))), "messages of a subscription that wants all")


@feature("subscription-properties")
def properties(lab):
    lab.consumer(properties={"owner": "shop"}).close()
    got = lab.admin_topic("GET", "/stats")["subscriptions"]["s"]
    check("subscriptionProperties" in got, "the statistics have no properties")


@feature("auto-creation-off")
def auto_creation_off(lab):
    namespace = lab.namespace()
    lab.admin("POST", f"/namespaces/{namespace}/autoTopicCreation", {"allowAutoTopicCreation": False})
    with refused():
        lab.producer(f"persistent://{namespace}/topic")


@feature("auto-creation-partitioned")
def auto_creation_partitioned(lab):
    namespace = lab.namespace()
    lab.admin("POST", f"/namespaces/{namespace}/autoTopicCreation", {"allowAutoTopicCreation": True, "topicType": "partitioned", "defaultNumPartitions": 3})
    lab.producer(f"persistent://{namespace}/topic").send(b"x")
    same(3, len(lab.client.get_topic_partitions(f"persistent://{namespace}/topic")), "partitions")


@feature("publish-rate")
def publish_rate(lab):
    namespace = lab.namespace()
    lab.admin("POST", f"/namespaces/{namespace}/publishRate", {"publishThrottlingRateInMsg": 10, "publishThrottlingRateInByte": -1})
    producer = lab.producer(f"persistent://{namespace}/topic")
    began = time.monotonic()
    for i in range(40):
        producer.send(b"%d" % i)
    check(time.monotonic() - began > 1.5, f"40 messages took {time.monotonic() - began:.2f} s, but 10 a second are allowed")


@feature("quota-exception")
def quota_exception(lab):
    namespace = lab.namespace()
    lab.admin("POST", f"/namespaces/{namespace}/backlogQuota", {"limitSize": 100_000, "policy": "producer_exception"})
    topic = f"persistent://{namespace}/topic"
    consumer = lab.consumer(topic, receiver_queue_size=1)
    producer = lab.producer(topic, send_timeout_millis=5_000)
    with refused():
        for _ in range(100):
            producer.send(b"x" * 20_000)
            time.sleep(0.1)
    drain(consumer)
    eventually("it goes on when the backlog is gone", lambda: sends(lab, topic), 20)


def sends(lab, topic):
    try:
        lab.producer(topic).send(b"again")
        return True
    except pulsar.PulsarException:
        return False


@feature("limit-producers")
def limit_producers(lab):
    namespace = lab.namespace()
    lab.admin("POST", f"/namespaces/{namespace}/maxProducersPerTopic", 2)
    for _ in range(2):
        lab.producer(f"persistent://{namespace}/topic")
    with refused():
        lab.producer(f"persistent://{namespace}/topic")


@feature("limit-consumers")
def limit_consumers(lab):
    namespace = lab.namespace()
    lab.admin("POST", f"/namespaces/{namespace}/maxConsumersPerSubscription", 2)
    for _ in range(2):
        lab.consumer(f"persistent://{namespace}/topic", consumer_type=ConsumerType.Shared)
    with refused():
        lab.consumer(f"persistent://{namespace}/topic", consumer_type=ConsumerType.Shared)


class Order(Record):
    number = Integer()
    item = String()


class LaterOrder(Record):
    _avro_namespace = None
    number = Integer()
    item = String()
    note = String()


class OtherOrder(Record):
    number = Boolean()


def orders(lab, schema):
    consumer = lab.consumer(schema=schema)
    lab.producer(schema=schema).send(Order(number=7, item="pen"))
    message = take(consumer, 1)[0]
    same((7, "pen"), (message.value().number, message.value().item), "order")
    check(message.schema_version(), "the message has no version of its schema")


@feature("schema-json")
def schema_json(lab):
    orders(lab, JsonSchema(Order))


@feature("schema-avro")
def schema_avro(lab):
    orders(lab, AvroSchema(Order))


@feature("schema-primitives")
def schema_primitives(lab):
    consumer = lab.consumer(schema=StringSchema())
    lab.producer(schema=StringSchema()).send("text")
    same("text", take(consumer, 1)[0].value(), "value")


@feature("schema-incompatible")
def schema_incompatible(lab):
    lab.producer(schema=AvroSchema(Order)).send(Order(number=1, item="pen"))
    with refused(pulsar.IncompatibleSchema):
        lab.producer(schema=AvroSchema(OtherOrder))
    with refused():
        lab.consumer(schema=AvroSchema(OtherOrder))


@feature("schema-admin")
def schema_admin(lab):
    lab.producer(schema=JsonSchema(Order)).send(Order(number=1, item="pen"))
    path = lab.topic().removeprefix("persistent://")
    info = lab.admin("GET", f"/schemas/{path}/schema")
    same("JSON", info["type"], "type")
    check("item" in info["data"], "definition")
