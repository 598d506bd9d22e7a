"""What the Python client is asked for while record.py listens."""
import re
import subprocess
import tempfile
import time

import pulsar


def until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.01)


def keys(directory):
    private, public = f"{directory}/private.pem", f"{directory}/public.pem"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return pulsar.CryptoKeyReader(public, private)


class Session:
    def __init__(self, url, recorder, directory):
        self.url = url
        self.recorder = recorder
        self.directory = directory
        self.client = pulsar.Client(self.url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))

    def producer(self, label="", **options):
        self.recorder.label = label
        return self.client.create_producer("persistent://public/default/recorded", **options)

    def consumer(self, label, **options):
        self.recorder.label = label
        return self.client.subscribe("persistent://public/default/recorded", "recorder", **options)

    def produce(self):
        plain = self.producer(batching_enabled=False)
        plain.send(b"nothing but a payload")
        self.recorder.label = "rich"
        plain.send(b"all that a message may have", properties={"colour": "green", "empty": ""}, partition_key="key", ordering_key="order",
                   event_timestamp=1700000000123, sequence_id=41, deliver_at=1700000360000, replication_clusters=["east", "west"])
        plain.close()
        named = self.producer("named", producer_name="red", batching_enabled=False, properties={"of": "producer"}, initial_sequence_id=99,
                              access_mode=pulsar.ProducerAccessMode.Exclusive)
        named.send(b"named")
        named.close()
        schema = self.producer("schema", batching_enabled=False, schema=pulsar.schema.StringSchema())
        schema.send("text")
        schema.close()
        self.batches()
        self.chunks()
        crypt = self.producer(batching_enabled=False, encryption_key="recorder.key", crypto_key_reader=keys(self.directory))
        self.recorder.label = "encrypted"
        crypt.send(b"a secret")
        crypt.close()

    def batches(self):
        kinds = {"batch": pulsar.CompressionType.NONE, "batch_lz4": pulsar.CompressionType.LZ4, "batch_zlib": pulsar.CompressionType.ZLib,
                 "batch_zstd": pulsar.CompressionType.ZSTD, "batch_snappy": pulsar.CompressionType.SNAPPY}
        for label, compression in kinds.items():
            producer = self.producer(batching_enabled=True, batching_max_messages=3, batching_max_publish_delay_ms=60000,
                                     compression_type=compression)
            self.recorder.label = label
            sent = []
            for number in range(3):
                producer.send_async(b"message %d of a batch, of a batch, of a batch" % number, lambda result, _: sent.append(result),
                                    partition_key=f"k{number}", properties={"number": str(number)}, event_timestamp=1700000000000 + number)
            until(lambda: len(sent) == 3, label)
            producer.close()

    def chunks(self):
        producer = self.producer(batching_enabled=False, chunking_enabled=True)
        self.recorder.label = "chunk"
        producer.send(bytes(range(256)) * 16)
        producer.close()

    def consume(self):
        kinds = {"exclusive": pulsar.ConsumerType.Exclusive, "shared": pulsar.ConsumerType.Shared,
                 "failover": pulsar.ConsumerType.Failover, "key_shared": pulsar.ConsumerType.KeyShared}
        for label, kind in kinds.items():
            self.consumer(label, consumer_type=kind).close()
        sticky = pulsar.ConsumerKeySharedPolicy(key_shared_mode=pulsar.KeySharedMode.Sticky, sticky_ranges=[(0, 99), (200, 65535)],
                                                allow_out_of_order_delivery=True)
        self.consumer("sticky", consumer_type=pulsar.ConsumerType.KeyShared, key_shared_policy=sticky).close()
        shared = self.consumer("shared_rich", consumer_type=pulsar.ConsumerType.Shared, consumer_name="blue", properties={"of": "consumer"},
                               initial_position=pulsar.InitialPosition.Earliest, receiver_queue_size=100, batch_index_ack_enabled=True,
                               negative_ack_redelivery_delay_ms=100, crypto_key_reader=keys(self.directory))
        self.acknowledge(shared)
        shared.close()
        durable = self.consumer("cumulative", crypto_key_reader=keys(self.directory))
        durable.acknowledge_cumulative(durable.receive(20000))
        until(lambda: "ack_cumulative" in self.recorder.counts, "ack")
        self.recorder.label = "id"
        durable.seek(pulsar.MessageId.latest)
        self.recorder.label = "time"
        durable.seek(1700000000123)
        self.recorder.label = ""
        durable.get_last_message_id()
        durable.unsubscribe()

    def acknowledge(self, consumer):
        messages = [consumer.receive(20000) for _ in range(8)]
        for one in messages:  # singles and the first message of a batch
            self.recorder.label = "batch_index" if one.message_id().batch_index() >= 0 else "individual"
            consumer.acknowledge(one)
            until(lambda: f"ack_{self.recorder.label}" in self.recorder.counts, self.recorder.label)
            if one.message_id().batch_index() >= 0:
                break
        self.recorder.label = "one"
        consumer.negative_acknowledge(messages[0])
        until(lambda: "redeliver_one" in self.recorder.counts, "redeliver")
        self.recorder.label = "all"
        consumer.redeliver_unacknowledged_messages()
        until(lambda: "redeliver_all" in self.recorder.counts, "redeliver")

    def others(self):
        self.recorder.label = "reader"
        reader = self.client.create_reader("persistent://public/default/recorded", pulsar.MessageId.earliest,
                                           crypto_key_reader=keys(self.directory))
        reader.has_message_available()
        reader.close()
        self.recorder.label = "regex"
        self.client.subscribe(re.compile("persistent://public/default/rec.*"), "recorder").close()
        self.client.close()
        self.recorder.label = "token"
        client = pulsar.Client(self.url, authentication=pulsar.AuthenticationToken("header.claims.signature"),
                               logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
        client.get_topic_partitions("persistent://public/default/recorded")
        until(lambda: "auth_response" in self.recorder.counts, "auth response")
        client.close()


def run(url, recorder):
    with tempfile.TemporaryDirectory() as directory:
        session = Session(url, recorder, directory)
        session.produce()
        session.consume()
        session.others()
