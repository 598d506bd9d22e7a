package geminga.clients;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClient;
import org.apache.pulsar.client.api.SubscriptionInitialPosition;
import org.apache.pulsar.client.api.SubscriptionType;

/**
 * A client that works until SIGTERM: `produce TOPIC NAME` or `consume TOPIC SUBSCRIPTION TYPE`. It prints a line for each message: what happened, when, key, number.
 * Nothing here handles a lost connection: that is the client's part.
 */
public final class Worker {
    private static final int KEYS = 4;
    private static final int IN_FLIGHT = 50;
    private static final AtomicBoolean ending = new AtomicBoolean();

    private Worker() {}

    public static void main(String[] words) throws Exception {
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            ending.set(true);
            try {
                main.join(20_000);
            } catch (InterruptedException ignored) { // the end all the same
            }
        }));
        PulsarClient client = PulsarClient.builder().serviceUrl(System.getenv("CLIENTS_URL")).ioThreads(1).listenerThreads(1).build();
        if (words[0].equals("produce")) produce(client, words[1], words[2]);
        else consume(client, words[1], words[2], SubscriptionType.valueOf(words[3]));
    }

    private static synchronized void note(String what, String key, String number) {
        System.out.println(what + " " + System.currentTimeMillis() + " " + key + " " + number);
        System.out.flush();
    }

    private static void produce(PulsarClient client, String topic, String name) throws Exception {
        Semaphore places = new Semaphore(IN_FLIGHT);
        Producer<byte[]> producer = client.newProducer().topic(topic).enableBatching(false).sendTimeout(0, TimeUnit.SECONDS).create();
        for (int i = 0; !ending.get(); i++) {
            String key = name + "-" + i % KEYS;
            String number = String.valueOf(i / KEYS);
            places.acquire();
            producer.newMessage().key(key).value(number.getBytes(StandardCharsets.UTF_8)).sendAsync().whenComplete((id, failed) -> {
                places.release();
                note(failed == null ? "acked" : "failed", key, number);
            });
            TimeUnit.MILLISECONDS.sleep(20);
        }
        places.tryAcquire(IN_FLIGHT, 15, TimeUnit.SECONDS);
    }

    private static void consume(PulsarClient client, String topic, String subscription, SubscriptionType type) throws Exception {
        Consumer<byte[]> consumer = client.newConsumer().topic(topic).subscriptionName(subscription).subscriptionType(type)
                .subscriptionInitialPosition(SubscriptionInitialPosition.Earliest).subscribe();
        note("ready", "-", "0");
        while (!ending.get()) {
            Message<byte[]> message = consumer.receive(200, TimeUnit.MILLISECONDS);
            if (message == null) continue;
            note("received", message.getKey(), new String(message.getValue(), StandardCharsets.UTF_8));
            consumer.acknowledgeAsync(message);
        }
    }
}
