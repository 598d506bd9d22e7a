"""Producers beside each other, consumers beside each other, and where a subscription stands."""
import threading
import time

import pulsar
from pulsar import ConsumerType, KeySharedMode, MessageId, ProducerAccessMode

from lab import RECEIVE_MS, check, drain, eventually, feature, nothing_comes, numbers, refused, same, take, texts


@feature("producer-name")
def producer_name(lab):
    one, two = lab.producer(), lab.producer()
    check(one.producer_name() and one.producer_name() != two.producer_name(), "names that the server gives")
    with refused(pulsar.ProducerBusy):
        lab.producer(client=lab.connect(), producer_name=one.producer_name())


@feature("access-shared")
def access_shared(lab):
    lab.producer().send(b"one")
    lab.producer().send(b"two")
    with refused():
        lab.producer(access_mode=ProducerAccessMode.Exclusive)


@feature("access-exclusive")
def access_exclusive(lab):
    first = lab.producer(access_mode=ProducerAccessMode.Exclusive)
    for mode in (ProducerAccessMode.Exclusive, ProducerAccessMode.Shared):
        with refused():
            lab.producer(client=lab.connect(), access_mode=mode)
    first.send(b"x")
    first.close()
    lab.producer(access_mode=ProducerAccessMode.Exclusive).close()


@feature("access-wait-for-exclusive")
def access_wait(lab):
    first = lab.producer(access_mode=ProducerAccessMode.Exclusive)
    got = []
    other = lab.connect(operation_timeout_seconds=30)
    thread = threading.Thread(target=lambda: got.append(lab.producer(client=other, access_mode=ProducerAccessMode.WaitForExclusive)), daemon=True)
    thread.start()
    time.sleep(0.5)
    check(not got, "the second producer did not wait")
    first.close()
    thread.join(10)
    check(got, "the second producer waits for ever")
    got[0].send(b"second")


@feature("access-exclusive-with-fencing")
def access_fencing(lab):
    first = lab.producer(access_mode=ProducerAccessMode.Exclusive, send_timeout_millis=5_000)
    first.send(b"first")
    lab.producer(client=lab.connect(), access_mode=ProducerAccessMode.ExclusiveWithFencing).send(b"second")
    with refused():
        first.send(b"fenced")
    same(["first", "second"], texts(drain(lab.consumer())), "messages")


def deduplicated(lab):
    namespace = lab.namespace()
    lab.admin("POST", f"/namespaces/{namespace}/deduplication", True)
    return f"persistent://{namespace}/topic"


@feature("last-sequence-id")
def last_sequence_id(lab):
    topic = deduplicated(lab)
    producer = lab.producer(topic, producer_name="p")
    same(-1, producer.last_sequence_id(), "of a new producer")
    producer.send(b"x", sequence_id=7)
    same(7, producer.last_sequence_id(), "after a message")
    producer.close()
    same(7, lab.producer(topic, producer_name="p").last_sequence_id(), "of a producer that comes again")


@feature("deduplication")
def deduplication(lab):
    topic = deduplicated(lab)
    consumer = lab.consumer(topic)
    for first in (1, 3):
        producer = lab.producer(topic, producer_name="p", send_timeout_millis=0)
        for i in range(first, first + 5):
            producer.send(b"%d" % i, sequence_id=i)
        producer.close()
    same(numbers(1, 8), texts(drain(consumer)), "messages")


@feature("exclusive")
def exclusive(lab):
    first = lab.consumer()
    with refused(pulsar.ConsumerBusy):
        lab.consumer()
    lab.send(20)
    same(numbers(0, 20), texts(drain(first)), "messages")


@feature("shared")
def shared(lab):
    consumers = [lab.consumer(consumer_type=ConsumerType.Shared, receiver_queue_size=5) for _ in range(2)]
    with refused(pulsar.ConsumerBusy):
        lab.consumer()
    lab.send(40)
    got = set()
    for _ in range(5):
        got |= {text for consumer in consumers for text in texts(drain(consumer))}
        if len(got) == 40:
            return
    same(40, len(got), "messages of both")


@feature("flow-permits")
def permits(lab):
    idle, busy = (lab.consumer(consumer_type=ConsumerType.Shared, receiver_queue_size=5) for _ in range(2))
    lab.send(40)
    same(35, len(drain(busy)), "messages of the consumer that takes them")
    same(5, len(drain(idle)), "messages of the other, which had asked for 5")


@feature("zero-queue")
def zero_queue(lab):
    one = lab.consumer(consumer_type=ConsumerType.Shared, receiver_queue_size=0)
    rest = lab.consumer(consumer_type=ConsumerType.Shared)
    lab.send(5)
    same(5, len(drain(rest)), "messages of the other, while the consumer without a queue did not ask")
    rest.close()
    lab.send(2)
    same(["0", "1"], texts([one.receive() for _ in range(2)]), "what it asked for")


@feature("failover-active-change")
def failover(lab):
    first = lab.consumer(consumer_type=ConsumerType.Failover, consumer_name="a")
    second = lab.consumer(consumer_type=ConsumerType.Failover, consumer_name="b")
    lab.send(10)
    same(numbers(0, 4), texts(take(first, 4)), "the active one")
    nothing_comes(second)
    first.close()
    same(numbers(4, 10), texts(take(second, 6)), "the other one")


def keyed(lab, count, keys):
    producer = lab.producer()
    for i in range(count):
        producer.send(b"%d" % i, partition_key=f"k{i % keys}")


def owners(consumers, count):
    """The consumer of each key; each key has one, and its messages are in order."""
    got = {}
    for number, consumer in enumerate(consumers):
        for message in drain(consumer):
            got.setdefault(message.partition_key(), []).append((number, int(message.data())))
    for key, list_of in got.items():
        same(1, len({number for number, _ in list_of}), f"consumers of {key}")
        same(sorted(order for _, order in list_of), [order for _, order in list_of], f"order of {key}")
    same(count, sum(map(len, got.values())), "messages")
    return {key: list_of[0][0] for key, list_of in got.items()}


@feature("key-shared-auto-split")
def key_shared(lab):
    consumers = [lab.consumer(consumer_type=ConsumerType.KeyShared) for _ in range(3)]
    keyed(lab, 300, 30)
    same({0, 1, 2}, set(owners(consumers, 300).values()), "consumers that have keys")


@feature("key-shared-sticky")
def sticky(lab):
    def policy(*ranges):
        return pulsar.ConsumerKeySharedPolicy(KeySharedMode.Sticky, sticky_ranges=list(ranges))
    consumers = [lab.consumer(consumer_type=ConsumerType.KeyShared, key_shared_policy=policy(each)) for each in ((0, 32_767), (32_768, 65_535))]
    with refused():
        lab.consumer(consumer_type=ConsumerType.KeyShared, key_shared_policy=policy((0, 9)))
    keyed(lab, 200, 20)
    same({0, 1}, set(owners(consumers, 200).values()), "consumers that have keys")


@feature("key-shared-takeover")
def takeover(lab):
    leaving = lab.consumer(consumer_type=ConsumerType.KeyShared)
    keyed(lab, 30, 3)
    leaving.receive(RECEIVE_MS)
    staying = lab.consumer(consumer_type=ConsumerType.KeyShared)
    leaving.close()
    same(3, len(owners([staying], 30)), "keys of the consumer that stays")


@feature("unsubscribe")
def unsubscribe(lab):
    lab.send(2)
    consumer = lab.consumer()
    take(consumer, 2)
    consumer.unsubscribe()
    same(["0", "1"], texts(drain(lab.consumer())), "a new subscription")


@feature("seek-id")
def seek_id(lab):
    ids = lab.send(8)
    for inclusive, first in ((False, 3), (True, 2)):
        consumer = lab.consumer(name=f"s{first}", start_message_id_inclusive=inclusive)
        take(consumer, 8)
        consumer.seek(ids[2])
        same(numbers(first, 8), texts(take(consumer, 8 - first)), "with it" if inclusive else "behind it")


def before_and_after(lab, before, after):
    lab.send(before)
    time.sleep(0.05)
    middle = int(time.time() * 1000)
    time.sleep(0.05)
    lab.send(after)
    return middle


@feature("seek-time")
def seek_time(lab):
    middle = before_and_after(lab, 4, 3)
    consumer = lab.consumer()
    take(consumer, 7)
    consumer.seek(middle)
    same(numbers(0, 3), texts(take(consumer, 3)), "from that time on")
    nothing_comes(consumer)


@feature("seek-ends")
def seek_ends(lab):
    lab.send(3)
    consumer = lab.consumer()
    take(consumer, 3)
    consumer.seek(MessageId.earliest)
    same(numbers(0, 3), texts(take(consumer, 3)), "from the first on")
    consumer.seek(MessageId.latest)
    nothing_comes(consumer)
    lab.producer().send(b"new")
    same(["new"], texts(take(consumer, 1)), "behind the last")


@feature("seek-batch-index")
def seek_batch_index(lab):
    lab.batch(10)
    consumer = lab.consumer()
    got = take(consumer, 10)
    consumer.seek(got[3].message_id())
    same(numbers(4, 10), texts(take(consumer, 6)), "behind the fourth of a batch")


@feature("reader")
def reader(lab):
    lab.send(5)
    reads = lab.client.create_reader(lab.topic(), MessageId.earliest)
    for i in range(5):
        check(reads.has_message_available(), f"there is a message {i}")
        same(b"%d" % i, reads.read_next(RECEIVE_MS).data(), "message")
    check(not reads.has_message_available(), "nothing is behind the last")
    lab.send(1)
    check(reads.has_message_available(), "there is a new message")


@feature("reader-seek-time")
def reader_seek_time(lab):
    middle = before_and_after(lab, 3, 2)
    reads = lab.client.create_reader(lab.topic(), MessageId.earliest)
    for _ in range(5):
        reads.read_next(RECEIVE_MS)
    reads.seek(middle)
    same([b"0", b"1"], [reads.read_next(RECEIVE_MS).data() for _ in range(2)], "from that time on")
    check(not reads.has_message_available(), "nothing more is there")


@feature("start-inclusive")
def start_inclusive(lab):
    ids = lab.send(5)
    for inclusive, first in ((False, b"3"), (True, b"2")):
        reads = lab.client.create_reader(lab.topic(), ids[2], start_message_id_inclusive=inclusive)
        same(first, reads.read_next(RECEIVE_MS).data(), "with it" if inclusive else "behind it")
    last = lab.client.create_reader(lab.topic(), MessageId.latest, start_message_id_inclusive=True)
    check(last.has_message_available(), "the last one is there")
    same(b"4", last.read_next(RECEIVE_MS).data(), "from the last on")


@feature("last-message-id")
def last_message_id(lab):
    consumer = lab.consumer()
    check(consumer.get_last_message_id().entry_id() < 0, "an empty topic has a last message")
    sent = lab.send(3)[2]
    last = consumer.get_last_message_id()
    same((sent.ledger_id(), sent.entry_id()), (last.ledger_id(), last.entry_id()), "id")


@feature("listener")
def listener(lab):
    heard = []
    lab.consumer(message_listener=lambda consumer, message: (heard.append(message.data().decode()), consumer.acknowledge(message)))
    lab.send(50)
    eventually("50 messages", lambda: len(heard) == 50)
    same(numbers(0, 50), heard, "messages")


@feature("dead-letter")
def dead_letter(lab):
    dead = lab.consumer(lab.topic("dead"))
    policy = pulsar.ConsumerDeadLetterPolicy(2, lab.topic("dead"))
    consumer = lab.consumer(consumer_type=ConsumerType.Shared, negative_ack_redelivery_delay_ms=100, dead_letter_policy=policy)
    lab.producer().send(b"poison", partition_key="key", properties={"a": "1"})
    for _ in range(3):
        consumer.negative_acknowledge(consumer.receive(RECEIVE_MS))
    letter = take(dead, 1)[0]
    same((b"poison", "key", "1"), (letter.data(), letter.partition_key(), letter.properties().get("a")), "letter")


@feature("initial-subscription")
def initial_subscription(lab):
    policy = pulsar.ConsumerDeadLetterPolicy(1, lab.topic("dead"), "kept")
    consumer = lab.consumer(consumer_type=ConsumerType.Shared, negative_ack_redelivery_delay_ms=100, dead_letter_policy=policy)
    lab.send(1)
    for _ in range(2):
        consumer.negative_acknowledge(consumer.receive(RECEIVE_MS))
    nothing_comes(consumer)
    time.sleep(1)
    same(["0"], texts(take(lab.consumer(lab.topic("dead"), name="kept", initial_position=pulsar.InitialPosition.Latest), 1)), "letter")
