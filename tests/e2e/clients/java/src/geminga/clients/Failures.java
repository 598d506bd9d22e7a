package geminga.clients;

import static geminga.clients.Lab.bytes;
import static geminga.clients.Lab.next;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.ConsumerBuilder;
import org.apache.pulsar.client.api.DeadLetterPolicy;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.SubscriptionType;

/** Messages that cannot be handled. */
final class Failures {
    private Failures() {}

    private static ConsumerBuilder<byte[]> consumer(Lab lab, int redeliveries) throws Exception {
        DeadLetterPolicy policy = DeadLetterPolicy.builder().maxRedeliverCount(redeliveries).deadLetterTopic(lab.topic("dead")).retryLetterTopic(lab.topic("retry")).build();
        return lab.consumer(lab.topic()).subscriptionType(SubscriptionType.Shared).negativeAckRedeliveryDelay(100, TimeUnit.MILLISECONDS).deadLetterPolicy(policy);
    }

    @Feature("dead-letter")
    static void deadLetter(Lab lab) throws Exception {
        try (Consumer<byte[]> dead = lab.consumer(lab.topic("dead")).subscribe();
                Consumer<byte[]> consumer = consumer(lab, 2).subscribe();
                Producer<byte[]> producer = lab.producer(lab.topic())) {
            producer.newMessage().key("key").property("a", "1").value(bytes("poison")).send();
            for (int i = 0; i < 3; i++) consumer.negativeAcknowledge(next(consumer));
            Check.that(consumer.receive(1, TimeUnit.SECONDS) == null, "a fourth delivery");
            Message<byte[]> letter = next(dead);
            Check.same("poison", Lab.text(letter), "value");
            Check.same("key", letter.getKey(), "key");
            Check.same("1", letter.getProperty("a"), "property");
            Check.that(letter.hasProperty("ORIGIN_MESSAGE_ID") || letter.hasProperty("REAL_TOPIC"), "where it came from: " + letter.getProperties());
        }
    }

    @Feature("retry-topic")
    static void retry(Lab lab) throws Exception {
        try (Consumer<byte[]> dead = lab.consumer(lab.topic("dead")).subscribe();
                Consumer<byte[]> consumer = consumer(lab, 2).enableRetry(true).subscribe();
                Producer<byte[]> producer = lab.producer(lab.topic())) {
            producer.send(bytes("again"));
            for (int i = 0; i < 3; i++) {
                Message<byte[]> message = next(consumer);
                Check.same(i == 0 ? null : String.valueOf(i), message.getProperty("RECONSUMETIMES"), "how often it was tried before");
                consumer.reconsumeLater(message, Map.of("why", "not yet"), 300, TimeUnit.MILLISECONDS);
            }
            Message<byte[]> letter = next(dead);
            Check.same("again", Lab.text(letter), "value");
            Check.same("not yet", letter.getProperty("why"), "property");
        }
    }
}
