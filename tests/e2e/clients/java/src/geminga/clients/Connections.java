package geminga.clients;

import static geminga.clients.Lab.bytes;
import static geminga.clients.Lab.next;
import static geminga.clients.Lab.take;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.pulsar.client.api.AuthenticationFactory;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClient;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.SubscriptionType;
import org.apache.pulsar.client.api.transaction.Transaction;

/** How a client stays connected, and as whom. */
final class Connections {
    private Connections() {}

    @Feature("unload-reconnect")
    static void unload(Lab lab) throws Exception {
        try (Producer<byte[]> producer = lab.producer(lab.topic());
                Consumer<byte[]> consumer = lab.consumer(lab.topic()).isAckReceiptEnabled(true).acknowledgmentGroupTime(0, TimeUnit.MILLISECONDS).subscribe()) {
            producer.send(bytes("before"));
            Check.same("before", Lab.text(take(consumer, 1, true).get(0)), "message");
            lab.admin().topics().unload(lab.topic());
            producer.send(bytes("after"));
            Check.same("after", Lab.text(next(consumer)), "message");
            Check.that(producer.getLastDisconnectedTimestamp() > 0, "the producer was not told");
            Check.that(consumer.getLastDisconnectedTimestamp() > 0, "the consumer was not told");
        }
    }

    @Feature("keep-alive")
    static void keepAlive(Lab lab) throws Exception {
        PulsarClient client = lab.connect(lab.builder().keepAliveInterval(1, TimeUnit.SECONDS));
        try (Producer<byte[]> producer = client.newProducer().topic(lab.topic()).create()) {
            TimeUnit.SECONDS.sleep(4);
            Check.that(producer.isConnected() && producer.getLastDisconnectedTimestamp() == 0, "the client gave up a connection on which its PINGs were not answered");
            producer.send(bytes("x"));
        }
    }

    @Feature("listener")
    static void listener(Lab lab) throws Exception {
        Queue<String> heard = new ConcurrentLinkedQueue<>();
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).messageListener((from, message) -> {
            heard.add(Lab.text(message));
            from.acknowledgeAsync(message);
        }).subscribe()) {
            lab.send(lab.topic(), 50);
            Check.eventually("50 messages of " + consumer.getTopic(), 10, () -> heard.size() == 50);
            Check.same(Lab.numbers(0, 50), new ArrayList<>(heard), "messages");
        }
    }

    @Feature("in-flight")
    static void inFlight(Lab lab) throws Exception {
        AtomicInteger failed = new AtomicInteger();
        try (Producer<byte[]> producer = lab.client().newProducer().topic(lab.topic()).maxPendingMessages(5_000).blockIfQueueFull(true).create();
                Consumer<byte[]> consumer = lab.consumer(lab.topic()).receiverQueueSize(2_000).subscribe()) {
            for (int i = 0; i < 20_000; i++) {
                producer.sendAsync(bytes(i)).exceptionally(thrown -> {
                    failed.incrementAndGet();
                    return MessageId.earliest;
                });
            }
            producer.flush();
            Check.same(0, failed.get(), "messages that failed");
            Check.same(Lab.numbers(0, 20_000), Lab.texts(take(consumer, 20_000, true)), "messages");
        }
    }

    @Feature("http-lookup")
    static void httpLookup(Lab lab) throws Exception {
        PulsarClient client = lab.connect(PulsarClient.builder().serviceUrl(lab.settings.admin()).operationTimeout(10, TimeUnit.SECONDS));
        try (Producer<byte[]> producer = client.newProducer().topic(lab.topic()).create()) {
            producer.send(bytes("x"));
        }
    }

    @Feature("several-addresses")
    static void severalAddresses(Lab lab) throws Exception {
        String second = lab.settings.url().replaceFirst("pulsar://", "");
        PulsarClient client = lab.connect(lab.builder().serviceUrl("pulsar://127.0.0.1:1," + second).connectionTimeout(1, TimeUnit.SECONDS));
        try (Producer<byte[]> producer = client.newProducer().topic(lab.topic()).create()) {
            producer.send(bytes("x"));
        }
    }

    @Feature("token")
    static void token(Lab lab) throws Exception {
        PulsarClient admin = lab.connect(lab.builder().serviceUrl(lab.settings.authUrl())
                .authentication(AuthenticationFactory.token(Tokens.make(lab.settings, "admin", 60))));
        try (Producer<byte[]> producer = admin.newProducer().topic(lab.topic()).create()) {
            producer.send(bytes("x"));
        }
        List<String> wrong = List.of("nonsense", Tokens.make(lab.settings, "admin", -60), Tokens.make(lab.settings, "nobody", 60));
        for (String each : wrong) {
            PulsarClient stranger = lab.connect(lab.builder().serviceUrl(lab.settings.authUrl()).operationTimeout(3, TimeUnit.SECONDS)
                    .authentication(AuthenticationFactory.token(each)));
            Check.fails(PulsarClientException.class, stranger.newProducer().topic(lab.topic())::create);
        }
    }

    @Feature("token-refresh")
    static void tokenRefresh(Lab lab) throws Exception {
        AtomicInteger asked = new AtomicInteger();
        PulsarClient client = lab.connect(lab.builder().serviceUrl(lab.settings.authUrl()).authentication(AuthenticationFactory.token(() -> {
            asked.incrementAndGet();
            try {
                return Tokens.make(lab.settings, "admin", 3);
            } catch (Exception unreadable) {
                throw new IllegalStateException(unreadable);
            }
        })));
        try (Producer<byte[]> producer = client.newProducer().topic(lab.topic()).enableBatching(false).create()) {
            int before = asked.get();
            for (int i = 0; i < 14; i++) {
                producer.send(bytes(i));
                TimeUnit.MILLISECONDS.sleep(500);
            }
            Check.that(asked.get() > before, "nobody asked for a new token");
            Check.same(0L, producer.getLastDisconnectedTimestamp(), "the time of a disconnection");
        }
    }

    @Feature("transactions")
    static void transactions(Lab lab) throws Exception {
        PulsarClient client = lab.connect(lab.builder().enableTransaction(true));
        try (Consumer<byte[]> consumer = client.newConsumer().topic(lab.topic()).subscriptionName("s").subscriptionType(SubscriptionType.Shared).subscribe();
                Producer<byte[]> producer = client.newProducer().topic(lab.topic()).enableBatching(false).sendTimeout(0, TimeUnit.SECONDS).create()) {
            Transaction aborted = begin(client);
            producer.newMessage(aborted).value(bytes("aborted")).send();
            aborted.abort().get(10, TimeUnit.SECONDS);
            Transaction kept = begin(client);
            producer.newMessage(kept).value(bytes("kept")).send();
            Lab.nothingComes(consumer);
            kept.commit().get(10, TimeUnit.SECONDS);
            Check.same("kept", Lab.text(next(consumer)), "message");
        }
    }

    private static Transaction begin(PulsarClient client) throws Exception {
        return client.newTransaction().withTransactionTimeout(30, TimeUnit.SECONDS).build().get(10, TimeUnit.SECONDS);
    }
}
