package geminga.clients;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.admin.PulsarAdmin;
import org.apache.pulsar.client.api.ClientBuilder;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.ConsumerBuilder;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClient;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.SubscriptionInitialPosition;

/** One test's clients and names, which no other test has. */
final class Lab implements AutoCloseable {
    static final int RECEIVE_S = 10;
    final Settings settings;
    final String feature;
    private final String tag = Long.toString(System.nanoTime(), 36);
    private final List<AutoCloseable> open = new ArrayList<>();
    private PulsarClient client;
    private PulsarAdmin admin;

    Lab(Settings settings, String feature) {
        this.settings = settings;
        this.feature = feature;
    }

    String topic() {
        return topic("topic");
    }

    String topic(String name) {
        return "persistent://public/default/java-" + feature + "-" + tag + "-" + name;
    }

    PulsarClient client() throws PulsarClientException {
        if (client == null) client = connect(builder());
        return client;
    }

    ClientBuilder builder() {
        return PulsarClient.builder().serviceUrl(settings.url()).operationTimeout(10, TimeUnit.SECONDS).ioThreads(1).listenerThreads(1);
    }

    PulsarClient connect(ClientBuilder builder) throws PulsarClientException {
        PulsarClient made = builder.build();
        open.add(made::closeAsync); // waiting for it would be two seconds a test
        return made;
    }

    PulsarAdmin admin() throws PulsarClientException {
        if (admin == null) {
            admin = PulsarAdmin.builder().serviceHttpUrl(settings.admin()).requestTimeout(20, TimeUnit.SECONDS).build();
            open.add(0, admin);
        }
        return admin;
    }

    /** A new namespace, for tests that set policies. */
    String namespace() throws Exception {
        String name = "public/java-" + feature + "-" + tag;
        admin().namespaces().createNamespace(name, Set.copyOf(admin().clusters().getClusters()));
        return name;
    }

    Producer<byte[]> producer(String topic) throws PulsarClientException {
        return client().newProducer().topic(topic).enableBatching(false).sendTimeout(20, TimeUnit.SECONDS).create();
    }

    ConsumerBuilder<byte[]> consumer(String topic) throws PulsarClientException {
        return client().newConsumer().topic(topic).subscriptionName("s").subscriptionInitialPosition(SubscriptionInitialPosition.Earliest);
    }

    List<MessageId> send(String topic, int count) throws PulsarClientException {
        List<MessageId> ids = new ArrayList<>();
        try (Producer<byte[]> producer = producer(topic)) {
            for (int i = 0; i < count; i++) ids.add(producer.send(bytes(i)));
        }
        return ids;
    }

    static byte[] bytes(Object text) {
        return String.valueOf(text).getBytes(StandardCharsets.UTF_8);
    }

    static String text(Message<byte[]> message) {
        return new String(message.getValue(), StandardCharsets.UTF_8);
    }

    static <T> Message<T> next(Consumer<T> consumer) throws PulsarClientException {
        Message<T> message = consumer.receive(RECEIVE_S, TimeUnit.SECONDS);
        Check.that(message != null, "no message within " + RECEIVE_S + " s on " + consumer.getTopic());
        return message;
    }

    static List<Message<byte[]>> take(Consumer<byte[]> consumer, int count, boolean acknowledge) throws PulsarClientException {
        List<Message<byte[]>> got = new ArrayList<>();
        while (got.size() < count) {
            Message<byte[]> message = next(consumer);
            if (acknowledge) consumer.acknowledge(message);
            got.add(message);
        }
        return got;
    }

    /** What comes until nothing came for half a second, acknowledged. */
    static List<Message<byte[]>> drain(Consumer<byte[]> consumer) throws PulsarClientException {
        List<Message<byte[]>> got = new ArrayList<>();
        for (Message<byte[]> message; (message = consumer.receive(500, TimeUnit.MILLISECONDS)) != null; got.add(message)) consumer.acknowledge(message);
        return got;
    }

    static List<String> texts(List<Message<byte[]>> messages) {
        return messages.stream().map(Lab::text).toList();
    }

    static List<String> numbers(int from, int to) {
        List<String> all = new ArrayList<>();
        for (int i = from; i < to; i++) all.add(String.valueOf(i));
        return all;
    }

    static void nothingComes(Consumer<byte[]> consumer) throws PulsarClientException {
        Message<byte[]> message = consumer.receive(400, TimeUnit.MILLISECONDS);
        Check.that(message == null, "nothing should come, but there is " + (message == null ? "" : text(message)));
    }

    @Override
    public void close() {
        for (AutoCloseable each : open) {
            try {
                each.close();
            } catch (Exception ignored) { // the server may have gone, or the test may have closed it
            }
        }
    }
}
