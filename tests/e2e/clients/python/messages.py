"""What a message may carry, how it travels, and what acknowledging does."""
import datetime
import subprocess
import time

import pulsar
from pulsar import BatchingType, CompressionType, ConsumerType

from lab import RECEIVE_MS, check, drain, feature, nothing_comes, numbers, refused, same, take, texts


@feature("batches")
def batches(lab):
    consumer = lab.consumer()
    producer = lab.producer(batching_enabled=True, batching_max_messages=50, batching_max_publish_delay_ms=100)
    for i in range(120):
        producer.send_async(b"%d" % i, lambda *_: None)
    producer.flush()
    got = take(consumer, 120)
    same(numbers(0, 120), texts(got), "messages")
    check(got[30].message_id().batch_index() >= 0, "the messages came without batches")


@feature("batches-by-key")
def batches_by_key(lab):
    consumer = lab.consumer(consumer_type=ConsumerType.KeyShared)
    producer = lab.producer(batching_enabled=True, batching_type=BatchingType.KeyBased, batching_max_publish_delay_ms=100)
    for i in range(40):
        producer.send_async(b"%d" % i, lambda *_: None, partition_key=f"k{i % 4}")
    producer.flush()
    got = take(consumer, 40)
    for key in range(4):
        same(list(range(key, 40, 4)), [int(each.data()) for each in got if each.partition_key() == f"k{key}"], f"messages of k{key}")


@feature("batch-index-ack")
def batch_index_ack(lab):
    lab.batch(10)
    consumer = lab.consumer(consumer_type=ConsumerType.Shared, batch_index_ack_enabled=True)
    for message in take(consumer, 10, acknowledge=False):
        if int(message.data()) % 2 == 0:
            consumer.acknowledge(message)
    consumer.close()
    same(["1", "3", "5", "7", "9"], texts(drain(lab.consumer(consumer_type=ConsumerType.Shared, batch_index_ack_enabled=True))), "what was left of the batch")


@feature("batch-index-ack-cumulative")
def batch_index_cumulative(lab):
    lab.batch(10)
    consumer = lab.consumer(batch_index_ack_enabled=True)
    consumer.acknowledge_cumulative(take(consumer, 6, acknowledge=False)[5])
    consumer.close()
    same(numbers(6, 10), texts(drain(lab.consumer(batch_index_ack_enabled=True))), "what was left of the batch")


@feature("cumulative-ack")
def cumulative(lab):
    lab.send(10)
    consumer = lab.consumer()
    consumer.acknowledge_cumulative(take(consumer, 7, acknowledge=False)[4])
    consumer.close()
    same(numbers(5, 10), texts(drain(lab.consumer())), "what was left")


@feature("negative-ack")
def negative(lab):
    consumer = lab.consumer(consumer_type=ConsumerType.Shared, negative_ack_redelivery_delay_ms=200)
    lab.send(3)
    got = take(consumer, 3, acknowledge=False)
    consumer.acknowledge(got[0])
    consumer.negative_acknowledge(got[1])
    consumer.acknowledge(got[2])
    same(["1"], texts(take(consumer, 1)), "what came again")
    nothing_comes(consumer)


@feature("redelivery-count")
def redelivery_count(lab):
    consumer = lab.consumer(consumer_type=ConsumerType.Shared, negative_ack_redelivery_delay_ms=100)
    lab.send(1)
    for count in range(4):
        message = consumer.receive(RECEIVE_MS)
        same(count, message.redelivery_count(), "redelivery count")
        consumer.negative_acknowledge(message)


@feature("ack-timeout")
def ack_timeout(lab):
    consumer = lab.consumer(consumer_type=ConsumerType.Shared, unacked_messages_timeout_ms=10_000)
    lab.send(1)
    consumer.receive(RECEIVE_MS)
    again = consumer.receive(25_000)
    same(1, again.redelivery_count(), "redelivery count")


@feature("batch-receive")
def batch_receive(lab):
    lab.send(10)
    consumer = lab.consumer(batch_receive_policy=pulsar.ConsumerBatchReceivePolicy(10, -1, 500))
    got = 0
    while got < 10:
        messages = consumer.batch_receive()
        check(messages, "an empty batch")
        got += len(messages)


def chunked(lab, kind):
    consumer = lab.consumer(consumer_type=kind)
    producer = lab.producer(chunking_enabled=True, batching_enabled=False)
    large = bytes(i * 31 % 256 for i in range(1 << 16)) * 192
    for body in (b"before", large, b"after"):
        producer.send(body)
    check([b"before", large, b"after"] == [each.data() for each in take(consumer, 3)], "the messages differ")
    consumer.redeliver_unacknowledged_messages()
    nothing_comes(consumer)


@feature("chunks")
def chunks(lab):
    chunked(lab, ConsumerType.Exclusive)


@feature("chunks-shared")
def chunks_shared(lab):
    chunked(lab, ConsumerType.Shared)


def compressed(lab, kind):
    consumer = lab.consumer()
    lab.batch(60, compression_type=kind)
    lab.producer(compression_type=kind).send(b"0123456789" * 1000)
    same(numbers(0, 60), texts(take(consumer, 60)), "batches")
    same(["0123456789" * 1000], texts(take(consumer, 1)), "a single message")


@feature("compression-lz4")
def lz4(lab):
    compressed(lab, CompressionType.LZ4)


@feature("compression-zlib")
def zlib(lab):
    compressed(lab, CompressionType.ZLib)


@feature("compression-zstd")
def zstd(lab):
    compressed(lab, CompressionType.ZSTD)


@feature("compression-snappy")
def snappy(lab):
    compressed(lab, CompressionType.SNAPPY)


@feature("encryption")
def encryption(lab):
    private, public = lab.folder / "private.pem", lab.folder / "public.pem"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    keys = pulsar.CryptoKeyReader(str(public), str(private))
    consumer = lab.consumer(crypto_key_reader=keys)
    lab.producer(encryption_key="app", crypto_key_reader=keys).send(b"secret")
    message = take(consumer, 1)[0]
    same(b"secret", message.data(), "value")
    check(message.encryption_context() is not None, "it came without encryption")
    lab.batch(20, encryption_key="app", crypto_key_reader=keys, compression_type=CompressionType.LZ4)
    same(numbers(0, 20), texts(take(consumer, 20)), "batches")


@feature("fields")
def fields(lab):
    consumer = lab.consumer()
    producer = lab.producer(producer_name=f"shop-{lab.tag}")
    sent = producer.send(b"body", properties={"a": "1", "b": "zwei ü"}, partition_key="key")
    message = take(consumer, 1)[0]
    same(("key", {"a": "1", "b": "zwei ü"}, f"shop-{lab.tag}"), (message.partition_key(), message.properties(), message.producer_name()), "fields")
    same((sent.ledger_id(), sent.entry_id()), (message.message_id().ledger_id(), message.message_id().entry_id()), "id")
    check(abs(time.time() * 1000 - message.publish_timestamp()) < 60_000, "publish time")


@feature("event-time")
def event_time(lab):
    consumer = lab.consumer()
    lab.producer().send(b"x", event_timestamp=1_234_567)
    same(1_234_567, take(consumer, 1)[0].event_timestamp(), "event time")


@feature("ordering-key")
def ordering_key(lab):
    consumer = lab.consumer()
    lab.producer().send(b"x", partition_key="key", ordering_key="order")
    same("order", take(consumer, 1)[0].ordering_key(), "ordering key")


@feature("null-value")
def null_value(lab):
    consumer = lab.consumer()
    lab.producer().send(None, partition_key="a")
    check(take(consumer, 1)[0].has_null_value(), "it has a value")


@feature("delayed-after")
def delayed_after(lab):
    consumer = lab.consumer(consumer_type=ConsumerType.Shared)
    producer = lab.producer()
    began = time.monotonic()
    producer.send(b"later", deliver_after=datetime.timedelta(milliseconds=1_500))
    producer.send(b"now")
    same(["now", "later"], texts(take(consumer, 2)), "order")
    check(1.3 < time.monotonic() - began < 6, f"it came after {time.monotonic() - began} s")


@feature("delayed-at")
def delayed_at(lab):
    consumer = lab.consumer(consumer_type=ConsumerType.Shared)
    due = int(time.time() * 1000) + 1_500
    lab.producer().send(b"later", deliver_at=due)
    take(consumer, 1)
    early = due - time.time() * 1000
    check(-5_000 < early < 300, f"it came {early} ms before its time")


@feature("limit-message-size")
def message_size(lab):
    consumer = lab.consumer()
    producer = lab.producer()
    producer.send(b"x" * ((5 << 20) - 200))
    same((5 << 20) - 200, len(take(consumer, 1)[0].data()), "bytes")
    with refused(pulsar.MessageTooBig):
        producer.send(b"x" * ((5 << 20) + 1))
    producer.send(b"after")


@feature("in-flight")
def in_flight(lab):
    failed = []
    producer = lab.producer(batching_enabled=True, max_pending_messages=5_000, block_if_queue_full=True)
    for i in range(20_000):
        producer.send_async(b"%d" % i, lambda result, _: result == pulsar.Result.Ok or failed.append(result))
    producer.flush()
    same([], failed, "failures")
    same(numbers(0, 20_000), texts(take(lab.consumer(), 20_000)), "messages")
