package geminga.clients;

import static geminga.clients.Lab.bytes;
import static geminga.clients.Lab.take;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.SubscriptionType;

/** What a server refuses, because there is enough of it. */
final class Limits {
    private Limits() {}

    @Feature("limit-message-size")
    static void messageSize(Lab lab) throws Exception {
        try (Producer<byte[]> producer = lab.producer(lab.topic()); Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe()) {
            byte[] largest = new byte[(5 << 20) - 100];
            producer.send(largest);
            Check.same(largest.length, take(consumer, 1, true).get(0).size(), "bytes");
            Check.fails(PulsarClientException.InvalidMessageException.class, () -> producer.send(new byte[(5 << 20) + 1]));
            producer.send(bytes("after"));
        }
    }

    @Feature("limit-producers")
    static void producers(Lab lab) throws Exception {
        String namespace = lab.namespace();
        lab.admin().namespaces().setMaxProducersPerTopic(namespace, 2);
        String topic = "persistent://" + namespace + "/topic";
        Producer<byte[]> first = lab.producer(topic);
        lab.producer(topic);
        Check.fails(PulsarClientException.class, () -> lab.producer(topic));
        first.close();
        lab.producer(topic).send(bytes("x"));
    }

    @Feature("limit-consumers")
    static void consumers(Lab lab) throws Exception {
        String namespace = lab.namespace();
        lab.admin().namespaces().setMaxConsumersPerSubscription(namespace, 2);
        String topic = "persistent://" + namespace + "/topic";
        Consumer<byte[]> first = lab.consumer(topic).subscriptionType(SubscriptionType.Shared).subscribe();
        lab.consumer(topic).subscriptionType(SubscriptionType.Shared).subscribe();
        Check.fails(PulsarClientException.class, () -> lab.consumer(topic).subscriptionType(SubscriptionType.Shared).subscribe());
        first.close();
        lab.consumer(topic).subscriptionType(SubscriptionType.Shared).subscribe();
    }

    @Feature("limit-subscriptions")
    static void subscriptions(Lab lab) throws Exception {
        String namespace = lab.namespace();
        lab.admin().namespaces().setMaxSubscriptionsPerTopic(namespace, 2);
        String topic = "persistent://" + namespace + "/topic";
        for (String name : List.of("a", "b")) lab.consumer(topic).subscriptionName(name).subscribe();
        Check.fails(PulsarClientException.class, () -> lab.consumer(topic).subscriptionName("c").subscribe());
    }

    @Feature("limit-unacked")
    static void unacknowledged(Lab lab) throws Exception {
        String namespace = lab.namespace();
        lab.admin().namespaces().setMaxUnackedMessagesPerConsumer(namespace, 10);
        String topic = "persistent://" + namespace + "/topic";
        try (Consumer<byte[]> consumer = lab.consumer(topic).subscriptionType(SubscriptionType.Shared).receiverQueueSize(1)
                .acknowledgmentGroupTime(0, TimeUnit.MILLISECONDS).subscribe()) {
            lab.send(topic, 30);
            List<Message<byte[]>> held = take(consumer, 10, false);
            int more = 0;
            while (consumer.receive(500, TimeUnit.MILLISECONDS) != null) more++;
            Check.that(more <= 1, "10 may be unacknowledged, but " + (10 + more) + " came");
            for (Message<byte[]> each : held) consumer.acknowledge(each);
            Check.that(!take(consumer, 5, true).isEmpty(), "it goes on when they are acknowledged");
        }
    }
}
