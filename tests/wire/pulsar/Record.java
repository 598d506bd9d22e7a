import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.apache.pulsar.client.api.BatcherBuilder;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.ProducerAccessMode;
import org.apache.pulsar.client.api.PulsarClient;
import org.apache.pulsar.client.api.Schema;
import org.apache.pulsar.client.api.SubscriptionType;

/** What the Java client is asked for while record.py listens: its argument is the URL. A topic "recorded-X" labels the frames X. */
public class Record {
    public static class Colour {
        public String name;
        public int hue;
    }

    static String topic(String label) {
        return "persistent://public/default/recorded-" + label;
    }

    public static void main(String[] args) throws Exception {
        try (PulsarClient client = PulsarClient.builder().serviceUrl(args[0]).build()) {
            produce(client);
            schemas(client);
            consume(client);
        }
        transaction(args[0]);
        System.exit(0);
    }

    static void produce(PulsarClient client) throws Exception {
        try (Producer<byte[]> rich = client.newProducer().topic(topic("rich")).producerName("red").enableBatching(false)
                .accessMode(ProducerAccessMode.ExclusiveWithFencing).property("of", "producer").create()) {
            rich.newMessage().value("all".getBytes()).property("colour", "green").keyBytes(new byte[] {1, 2, 3}).orderingKey(new byte[] {9})
                .eventTime(1700000000123L).sequenceId(41).deliverAt(1700000360000L).send();
        }
        try (Producer<byte[]> empty = client.newProducer().topic(topic("null")).enableBatching(false).create()) {
            empty.newMessage().key("gone").value(null).send();
        }
        try (Producer<byte[]> batch = client.newProducer().topic(topic("batch")).batchingMaxMessages(4)
                .batchingMaxPublishDelay(1, TimeUnit.MINUTES).batcherBuilder(BatcherBuilder.KEY_BASED).create()) {
            for (int i = 0; i < 4; ++i) {
                batch.newMessage().key("same").property("number", "" + i).value(("message " + i).getBytes()).sendAsync();
            }
            batch.flush();
        }
        try (Producer<byte[]> chunks = client.newProducer().topic(topic("chunk")).enableBatching(false).enableChunking(true).create()) {
            chunks.send(new byte[4096]);
        }
    }

    static void schemas(PulsarClient client) throws Exception {
        try (Producer<Colour> json = client.newProducer(Schema.JSON(Colour.class)).topic(topic("json")).create()) {
            Colour green = new Colour();
            green.name = "green";
            json.send(green);
        }
        client.newProducer(Schema.AUTO_PRODUCE_BYTES()).topic(topic("any")).create().close();
        try (Producer<byte[]> many = client.newProducer(Schema.BYTES).topic(topic("many")).enableBatching(false).create()) {
            many.newMessage(Schema.STRING).value("text").send();
        }
    }

    static void consume(PulsarClient client) throws Exception {
        try (Consumer<byte[]> receipts = client.newConsumer().topic(topic("receipt")).subscriptionName("recorder").isAckReceiptEnabled(true)
                .subscriptionType(SubscriptionType.Shared).enableBatchIndexAcknowledgment(true).priorityLevel(2).consumerName("blue")
                .subscriptionProperties(Map.of("of", "subscription")).acknowledgmentGroupTime(0, TimeUnit.MILLISECONDS).subscribe()) {
            for (int i = 0; i < 4; ++i) {
                Message<byte[]> one = receipts.receive(10, TimeUnit.SECONDS);
                receipts.acknowledge(one);
            }
            receipts.negativeAcknowledge(receipts.receive(10, TimeUnit.SECONDS));
        }
        Consumer<byte[]> moved = client.newConsumer().topic(topic("moved")).subscriptionName("recorder").subscribe();
        moved.getLastMessageIds();
        moved.seek(1700000000123L);
        moved.seek(MessageId.latest);
        moved.unsubscribe(true);
        client.newReader().topic(topic("reader")).startMessageFromRollbackDuration(3, TimeUnit.SECONDS).create().close();
        client.newConsumer().topicsPattern(Pattern.compile("persistent://public/default/rec.*")).subscriptionName("recorder").subscribe().close();
    }

    static void transaction(String url) throws Exception {
        try (PulsarClient client = PulsarClient.builder().serviceUrl(url).enableTransaction(true).build()) {
            client.newTransaction().withTransactionTimeout(5, TimeUnit.MINUTES).build().get(10, TimeUnit.SECONDS);
        }
    }
}
