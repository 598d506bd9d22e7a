package geminga.clients;

import static geminga.clients.Lab.bytes;
import static geminga.clients.Lab.next;
import static geminga.clients.Lab.numbers;
import static geminga.clients.Lab.take;
import static geminga.clients.Lab.texts;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.ConsumerBuilder;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.SubscriptionType;

/** What is acknowledged does not come again, and what is not does. */
final class Acknowledgements {
    private Acknowledgements() {}

    private static void oneBatch(Lab lab, int count) throws Exception {
        try (Producer<byte[]> producer =
                lab.client().newProducer().topic(lab.topic()).enableBatching(true).batchingMaxPublishDelay(1, TimeUnit.SECONDS).create()) {
            for (int i = 0; i < count; i++) producer.sendAsync(bytes(i));
            producer.flush();
        }
    }

    private static ConsumerBuilder<byte[]> shared(Lab lab) throws Exception {
        return lab.consumer(lab.topic()).subscriptionType(SubscriptionType.Shared);
    }

    @Feature("batch-index-ack")
    static void batchIndex(Lab lab) throws Exception {
        oneBatch(lab, 10);
        try (Consumer<byte[]> consumer = shared(lab).enableBatchIndexAcknowledgment(true).acknowledgmentGroupTime(0, TimeUnit.MILLISECONDS).subscribe()) {
            for (Message<byte[]> message : take(consumer, 10, false)) {
                if (Integer.parseInt(Lab.text(message)) % 2 == 0) consumer.acknowledge(message);
            }
        }
        try (Consumer<byte[]> consumer = shared(lab).enableBatchIndexAcknowledgment(true).subscribe()) {
            Check.same(List.of("1", "3", "5", "7", "9"), texts(Lab.drain(consumer)), "what was left of the batch");
        }
    }

    @Feature("batch-index-ack-cumulative")
    static void batchIndexCumulative(Lab lab) throws Exception {
        oneBatch(lab, 10);
        try (Consumer<byte[]> consumer =
                lab.consumer(lab.topic()).enableBatchIndexAcknowledgment(true).acknowledgmentGroupTime(0, TimeUnit.MILLISECONDS).subscribe()) {
            consumer.acknowledgeCumulative(take(consumer, 6, false).get(5));
        }
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).enableBatchIndexAcknowledgment(true).subscribe()) {
            Check.same(numbers(6, 10), texts(Lab.drain(consumer)), "what was left of the batch");
        }
    }

    @Feature("ack-receipt")
    static void receipt(Lab lab) throws Exception {
        lab.send(lab.topic(), 4);
        try (Consumer<byte[]> consumer = shared(lab).isAckReceiptEnabled(true).acknowledgmentGroupTime(0, TimeUnit.MILLISECONDS).subscribe()) {
            for (int i = 0; i < 3; i++) consumer.acknowledgeAsync(next(consumer)).get(10, TimeUnit.SECONDS);
        }
        try (Consumer<byte[]> consumer = shared(lab).subscribe()) {
            Check.same(List.of("3"), texts(Lab.drain(consumer)), "what was left");
        }
    }

    @Feature("cumulative-ack")
    static void cumulative(Lab lab) throws Exception {
        lab.send(lab.topic(), 10);
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe()) {
            consumer.acknowledgeCumulative(take(consumer, 7, false).get(4));
        }
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe()) {
            Check.same(numbers(5, 10), texts(Lab.drain(consumer)), "what was left");
        }
    }

    @Feature("negative-ack")
    static void negative(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = shared(lab).negativeAckRedeliveryDelay(200, TimeUnit.MILLISECONDS).subscribe()) {
            lab.send(lab.topic(), 3);
            List<Message<byte[]>> got = take(consumer, 3, false);
            consumer.acknowledge(got.get(0));
            consumer.negativeAcknowledge(got.get(1));
            consumer.acknowledge(got.get(2));
            Check.same("1", Lab.text(take(consumer, 1, true).get(0)), "what came again");
            Lab.nothingComes(consumer);
        }
    }

    @Feature("redelivery-count")
    static void redeliveryCount(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = shared(lab).negativeAckRedeliveryDelay(100, TimeUnit.MILLISECONDS).subscribe()) {
            lab.send(lab.topic(), 1);
            for (int count = 0; count < 4; count++) {
                Message<byte[]> message = next(consumer);
                Check.same(count, message.getRedeliveryCount(), "redelivery count");
                consumer.negativeAcknowledge(message);
            }
        }
    }

    @Feature("ack-timeout")
    static void timeout(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = shared(lab).ackTimeout(1, TimeUnit.SECONDS).ackTimeoutTickTime(100, TimeUnit.MILLISECONDS).subscribe()) {
            lab.send(lab.topic(), 1);
            next(consumer);
            Message<byte[]> again = next(consumer);
            Check.same(1, again.getRedeliveryCount(), "redelivery count");
            consumer.acknowledge(again);
        }
    }

    @Feature("batch-receive")
    static void batchReceive(Lab lab) throws Exception {
        lab.send(lab.topic(), 10);
        try (Consumer<byte[]> consumer = shared(lab).subscribe()) {
            int got = 0;
            while (got < 10) {
                var messages = consumer.batchReceive();
                Check.that(messages.size() > 0, "an empty batch");
                got += messages.size();
                consumer.acknowledge(messages);
            }
        }
        try (Consumer<byte[]> consumer = shared(lab).subscribe()) {
            Lab.nothingComes(consumer);
        }
    }
}
