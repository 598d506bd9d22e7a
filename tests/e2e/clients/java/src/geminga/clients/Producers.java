package geminga.clients;

import static geminga.clients.Lab.bytes;
import static geminga.clients.Lab.next;
import static geminga.clients.Lab.texts;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.ProducerAccessMode;
import org.apache.pulsar.client.api.ProducerBuilder;
import org.apache.pulsar.client.api.PulsarClientException;

/** Names, access modes, sequence ids. */
final class Producers {
    private Producers() {}

    private static ProducerBuilder<byte[]> producer(Lab lab, ProducerAccessMode mode) throws Exception {
        return lab.client().newProducer().topic(lab.topic()).enableBatching(false).accessMode(mode);
    }

    @Feature("producer-name")
    static void name(Lab lab) throws Exception {
        try (Producer<byte[]> one = lab.producer(lab.topic()); Producer<byte[]> two = lab.producer(lab.topic())) {
            Check.that(!one.getProducerName().isEmpty() && !one.getProducerName().equals(two.getProducerName()), "names that the server gives: " + one.getProducerName());
            ProducerBuilder<byte[]> again = lab.connect(lab.builder()).newProducer().topic(lab.topic()).producerName(one.getProducerName());
            Check.fails(PulsarClientException.ProducerBusyException.class, again::create);
        }
    }

    @Feature("access-shared")
    static void shared(Lab lab) throws Exception {
        try (Producer<byte[]> one = producer(lab, ProducerAccessMode.Shared).create(); Producer<byte[]> two = producer(lab, ProducerAccessMode.Shared).create()) {
            one.send(bytes("one"));
            two.send(bytes("two"));
            Check.fails(PulsarClientException.class, producer(lab, ProducerAccessMode.Exclusive)::create);
        }
    }

    @Feature("access-exclusive")
    static void exclusive(Lab lab) throws Exception {
        try (Producer<byte[]> first = producer(lab, ProducerAccessMode.Exclusive).create()) {
            Check.fails(PulsarClientException.class, producer(lab, ProducerAccessMode.Exclusive)::create);
            Check.fails(PulsarClientException.class, producer(lab, ProducerAccessMode.Shared)::create);
            first.send(bytes("x"));
        }
        producer(lab, ProducerAccessMode.Exclusive).create().close();
    }

    @Feature("access-wait-for-exclusive")
    static void waitForExclusive(Lab lab) throws Exception {
        Producer<byte[]> first = producer(lab, ProducerAccessMode.Exclusive).create();
        CompletableFuture<Producer<byte[]>> second = producer(lab, ProducerAccessMode.WaitForExclusive).createAsync();
        CompletableFuture<Producer<byte[]>> third = producer(lab, ProducerAccessMode.WaitForExclusive).createAsync();
        TimeUnit.MILLISECONDS.sleep(500);
        Check.that(!second.isDone(), "the second producer did not wait");
        first.close();
        second.get(10, TimeUnit.SECONDS).send(bytes("second"));
        TimeUnit.MILLISECONDS.sleep(200);
        Check.that(!third.isDone(), "two exclusive producers at once");
        second.get().close();
        third.get(10, TimeUnit.SECONDS).send(bytes("third"));
    }

    @Feature("access-exclusive-with-fencing")
    static void fencing(Lab lab) throws Exception {
        Producer<byte[]> first = producer(lab, ProducerAccessMode.Exclusive).create();
        first.send(bytes("first"));
        Producer<byte[]> second = lab.connect(lab.builder()).newProducer().topic(lab.topic()).enableBatching(false)
                .accessMode(ProducerAccessMode.ExclusiveWithFencing).create();
        second.send(bytes("second"));
        Check.fails(PulsarClientException.class, () -> first.send(bytes("fenced")));
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe()) {
            Check.same(List.of("first", "second"), texts(Lab.drain(consumer)), "messages");
        }
    }

    @Feature("initial-subscription")
    static void initialSubscription(Lab lab) throws Exception {
        // Not a public option: it is what dead-letter policies use.
        var conf = org.apache.pulsar.client.api.DeadLetterPolicy.builder().maxRedeliverCount(1).deadLetterTopic(lab.topic("dead")).initialSubscriptionName("kept").build();
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscriptionType(org.apache.pulsar.client.api.SubscriptionType.Shared)
                .negativeAckRedeliveryDelay(100, TimeUnit.MILLISECONDS).deadLetterPolicy(conf).subscribe()) {
            lab.send(lab.topic(), 1);
            consumer.negativeAcknowledge(next(consumer));
            consumer.negativeAcknowledge(next(consumer));
            Check.that(consumer.receive(2, TimeUnit.SECONDS) == null, "a third delivery");
        }
        // It was written before anybody subscribed: only a subscription that was there from the start has it.
        try (Consumer<byte[]> kept = lab.client().newConsumer().topic(lab.topic("dead")).subscriptionName("kept").subscribe()) {
            Check.same("0", Lab.text(next(kept)), "dead letter");
        }
    }

    @Feature("last-sequence-id")
    static void lastSequenceId(Lab lab) throws Exception {
        String topic = deduplicated(lab);
        try (Producer<byte[]> producer = lab.client().newProducer().topic(topic).producerName("p").create()) {
            Check.same(-1L, producer.getLastSequenceId(), "of a new producer");
            producer.newMessage().sequenceId(7).value(bytes("x")).send();
            Check.same(7L, producer.getLastSequenceId(), "after a message");
        }
        try (Producer<byte[]> producer = lab.client().newProducer().topic(topic).producerName("p").create()) {
            Check.same(7L, producer.getLastSequenceId(), "of a producer that comes again");
        }
    }

    private static String deduplicated(Lab lab) throws Exception {
        String namespace = lab.namespace();
        lab.admin().namespaces().setDeduplicationStatus(namespace, true);
        return "persistent://" + namespace + "/topic";
    }

    @Feature("deduplication")
    static void deduplication(Lab lab) throws Exception {
        String topic = deduplicated(lab);
        try (Consumer<byte[]> consumer = lab.consumer(topic).subscribe()) {
            for (int round = 0; round < 2; round++) {
                try (Producer<byte[]> producer = lab.client().newProducer().topic(topic).producerName("p").enableBatching(false).sendTimeout(0, TimeUnit.SECONDS).create()) {
                    for (int i = 1; i <= 5; i++) producer.newMessage().sequenceId(i + 2L * round).value(bytes(i + 2 * round)).send();
                }
            }
            Check.same(List.of("1", "2", "3", "4", "5", "6", "7"), texts(Lab.drain(consumer)), "messages");
        }
    }

    @Feature("deduplication-batches")
    static void deduplicationOfBatches(Lab lab) throws Exception {
        String topic = deduplicated(lab);
        try (Consumer<byte[]> consumer = lab.consumer(topic).subscribe()) {
            for (int round = 0; round < 2; round++) {
                try (Producer<byte[]> producer = lab.client().newProducer().topic(topic).producerName("p").enableBatching(true)
                        .batchingMaxPublishDelay(1, TimeUnit.SECONDS).sendTimeout(0, TimeUnit.SECONDS).create()) {
                    for (int i = 1; i <= 5; i++) producer.newMessage().sequenceId(i).value(bytes(i)).sendAsync();
                    producer.flush();
                }
            }
            Check.same(List.of("1", "2", "3", "4", "5"), texts(Lab.drain(consumer)), "messages");
        }
    }
}
