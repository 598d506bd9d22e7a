package geminga.clients;

import static geminga.clients.Lab.bytes;
import static geminga.clients.Lab.drain;
import static geminga.clients.Lab.next;
import static geminga.clients.Lab.numbers;
import static geminga.clients.Lab.take;
import static geminga.clients.Lab.texts;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.ConsumerBuilder;
import org.apache.pulsar.client.api.ConsumerEventListener;
import org.apache.pulsar.client.api.KeySharedPolicy;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.Range;
import org.apache.pulsar.client.api.SubscriptionType;

/** Who of several consumers gets a message. */
final class Subscriptions {
    private Subscriptions() {}

    private static ConsumerBuilder<byte[]> consumer(Lab lab, SubscriptionType type) throws Exception {
        return lab.consumer(lab.topic()).subscriptionType(type);
    }

    @Feature("exclusive")
    static void exclusive(Lab lab) throws Exception {
        try (Consumer<byte[]> first = consumer(lab, SubscriptionType.Exclusive).subscribe()) {
            Check.fails(PulsarClientException.ConsumerBusyException.class, consumer(lab, SubscriptionType.Exclusive)::subscribe);
            lab.send(lab.topic(), 20);
            Check.same(numbers(0, 20), texts(drain(first)), "messages");
        }
    }

    @Feature("shared")
    static void shared(Lab lab) throws Exception {
        try (Consumer<byte[]> a = consumer(lab, SubscriptionType.Shared).receiverQueueSize(5).subscribe();
                Consumer<byte[]> b = consumer(lab, SubscriptionType.Shared).receiverQueueSize(5).subscribe()) {
            Check.fails(PulsarClientException.ConsumerBusyException.class, consumer(lab, SubscriptionType.Exclusive)::subscribe);
            lab.send(lab.topic(), 40);
            Set<String> got = new HashSet<>();
            for (int round = 0; round < 5; round++) {
                got.addAll(texts(drain(a)));
                got.addAll(texts(drain(b)));
                if (got.size() == 40) return;
            }
            Check.same(40, got.size(), "messages of both");
        }
    }

    @Feature("flow-permits")
    static void permits(Lab lab) throws Exception {
        try (Consumer<byte[]> idle = consumer(lab, SubscriptionType.Shared).receiverQueueSize(5).subscribe();
                Consumer<byte[]> busy = consumer(lab, SubscriptionType.Shared).receiverQueueSize(5).subscribe()) {
            lab.send(lab.topic(), 40);
            Check.same(35, drain(busy).size(), "messages of the consumer that takes them");
            Check.same(5, drain(idle).size(), "messages of the other, which had asked for 5");
        }
    }

    @Feature("zero-queue")
    static void zeroQueue(Lab lab) throws Exception {
        try (Consumer<byte[]> one = consumer(lab, SubscriptionType.Shared).receiverQueueSize(0).subscribe();
                Consumer<byte[]> rest = consumer(lab, SubscriptionType.Shared).receiverQueueSize(100).subscribe()) {
            lab.send(lab.topic(), 5);
            Check.same(5, drain(rest).size(), "messages of the other, while the consumer without a queue did not ask");
            var waiting = one.receiveAsync();
            rest.pause();
            try (Producer<byte[]> producer = lab.producer(lab.topic())) {
                for (int i = 0; i < 3; i++) producer.send(bytes("more"));
            }
            Check.same("more", Lab.text(waiting.get(10, TimeUnit.SECONDS)), "what it asked for");
        }
    }

    @Feature("consumer-priority")
    static void priority(Lab lab) throws Exception {
        try (Consumer<byte[]> low = consumer(lab, SubscriptionType.Shared).priorityLevel(1).receiverQueueSize(10).subscribe();
                Consumer<byte[]> high = consumer(lab, SubscriptionType.Shared).priorityLevel(0).receiverQueueSize(10).subscribe()) {
            lab.send(lab.topic(), 10);
            TimeUnit.MILLISECONDS.sleep(300);
            Check.same(0, low.getStats().getMsgNumInReceiverQueue(), "messages of the lower level, while the higher has room");
            lab.send(lab.topic(), 4);
            Check.same(4, take(low, 4, true).size(), "messages of the lower level, when the higher is full");
            Check.same(10, drain(high).size(), "messages of the higher level");
        }
    }

    /** Notes who hears that it became active or not. */
    private record Activity(String name, ConcurrentLinkedQueue<String> heard) implements ConsumerEventListener {
        private static final long serialVersionUID = 1;

        @Override
        public void becameActive(Consumer<?> consumer, int partition) {
            heard.add(name + " active");
        }

        @Override
        public void becameInactive(Consumer<?> consumer, int partition) {
            heard.add(name + " inactive");
        }
    }

    @Feature("failover-active-change")
    static void failover(Lab lab) throws Exception {
        ConcurrentLinkedQueue<String> heard = new ConcurrentLinkedQueue<>();
        Consumer<byte[]> a = consumer(lab, SubscriptionType.Failover).consumerName("a").consumerEventListener(new Activity("a", heard)).subscribe();
        try (Consumer<byte[]> b = consumer(lab, SubscriptionType.Failover).consumerName("b").consumerEventListener(new Activity("b", heard)).subscribe()) {
            Check.eventually("a hears that it is active and b that it is not: " + heard, 5, () -> heard.contains("a active") && heard.contains("b inactive"));
            lab.send(lab.topic(), 10);
            Check.same(numbers(0, 4), texts(take(a, 4, true)), "the active one");
            Lab.nothingComes(b);
            a.close();
            Check.eventually("b hears that it is active: " + heard, 5, () -> heard.contains("b active"));
            Check.same(numbers(4, 10), texts(take(b, 6, true)), "the other one");
        }
    }

    private static void keyed(Lab lab, int count, int keys) throws Exception {
        try (Producer<byte[]> producer = lab.producer(lab.topic())) {
            for (int i = 0; i < count; i++) producer.newMessage().key("k" + i % keys).value(bytes(i)).send();
        }
    }

    /** The consumer of each key; each key has one, and its messages are in order. */
    private static Map<String, Integer> consumersOfKeys(List<Consumer<byte[]>> consumers, int count) throws Exception {
        Map<String, Integer> owner = new HashMap<>();
        Map<String, Integer> last = new HashMap<>();
        int all = 0;
        for (int number = 0; number < consumers.size(); number++) {
            for (Message<byte[]> message : drain(consumers.get(number))) {
                Integer before = owner.put(message.getKey(), number);
                Check.that(before == null || before == number, message.getKey() + " came to two consumers");
                Integer previous = last.put(message.getKey(), Integer.valueOf(Lab.text(message)));
                Check.that(previous == null || previous < last.get(message.getKey()), message.getKey() + " out of order");
                all++;
            }
        }
        Check.same(count, all, "messages");
        return owner;
    }

    @Feature("key-shared-auto-split")
    static void keyShared(Lab lab) throws Exception {
        List<Consumer<byte[]>> consumers = new ArrayList<>();
        for (int i = 0; i < 3; i++) consumers.add(consumer(lab, SubscriptionType.Key_Shared).keySharedPolicy(KeySharedPolicy.autoSplitHashRange()).subscribe());
        keyed(lab, 300, 30);
        Check.same(3, new HashSet<>(consumersOfKeys(consumers, 300).values()).size(), "consumers that have keys");
    }

    @Feature("key-shared-sticky")
    static void sticky(Lab lab) throws Exception {
        List<Consumer<byte[]>> consumers = new ArrayList<>();
        for (Range range : List.of(Range.of(0, 32_767), Range.of(32_768, 65_535))) {
            consumers.add(consumer(lab, SubscriptionType.Key_Shared).keySharedPolicy(KeySharedPolicy.stickyHashRange().ranges(range)).subscribe());
        }
        Check.fails(PulsarClientException.class,
                consumer(lab, SubscriptionType.Key_Shared).keySharedPolicy(KeySharedPolicy.stickyHashRange().ranges(Range.of(0, 9)))::subscribe);
        keyed(lab, 200, 20);
        Map<String, Integer> owners = consumersOfKeys(consumers, 200);
        for (int i = 0; i < 20; i++) {
            int hash = org.apache.pulsar.client.impl.Murmur3Hash32.getInstance().makeHash(bytes("k" + i)) % 65_536;
            if (hash == 32_767) continue; // which side it is on is not what is tested
            Check.same(hash <= 32_767 ? 0 : 1, owners.get("k" + i), "the consumer of k" + i);
        }
    }

    @Feature("key-shared-takeover")
    static void takeover(Lab lab) throws Exception {
        Consumer<byte[]> leaving = consumer(lab, SubscriptionType.Key_Shared).subscribe();
        keyed(lab, 30, 3);
        next(leaving);
        try (Consumer<byte[]> staying = consumer(lab, SubscriptionType.Key_Shared).subscribe()) {
            leaving.close();
            Check.same(30, consumersOfKeys(List.of(staying), 30).size() * 10, "messages of the consumer that stays");
        }
    }

    @Feature("subscription-properties")
    static void properties(Lab lab) throws Exception {
        consumer(lab, SubscriptionType.Exclusive).subscriptionProperties(Map.of("owner", "shop")).subscribe().close();
        Check.same(Map.of("owner", "shop"), lab.admin().topics().getSubscriptionProperties(lab.topic(), "s"), "properties");
    }

    @Feature("unsubscribe")
    static void unsubscribe(Lab lab) throws Exception {
        lab.send(lab.topic(), 2);
        Consumer<byte[]> consumer = consumer(lab, SubscriptionType.Exclusive).subscribe();
        take(consumer, 2, true);
        consumer.unsubscribe();
        try (Consumer<byte[]> again = consumer(lab, SubscriptionType.Exclusive).subscribe()) {
            Check.same(List.of("0", "1"), texts(drain(again)), "a new subscription");
        }
    }

    @Feature("force-unsubscribe")
    static void forceUnsubscribe(Lab lab) throws Exception {
        lab.send(lab.topic(), 2);
        try (Consumer<byte[]> first = consumer(lab, SubscriptionType.Shared).subscribe(); Consumer<byte[]> second = consumer(lab, SubscriptionType.Shared).subscribe()) {
            Check.that(first.isConnected(), "the first is connected");
            Check.fails(PulsarClientException.class, () -> second.unsubscribe(false));
            second.unsubscribe(true);
        }
    }

    @Feature("consumer-stats")
    static void stats(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = consumer(lab, SubscriptionType.Shared).consumerName("worker").receiverQueueSize(10).subscribe()) {
            lab.send(lab.topic(), 6);
            take(consumer, 2, true);
            Check.eventually("2 of 6 are acknowledged in the statistics", 10, () -> lab.admin().topics().getStats(lab.topic()).getSubscriptions().get("s").getMsgBacklog() == 4);
            var stats = lab.admin().topics().getStats(lab.topic()).getSubscriptions().get("s").getConsumers().get(0);
            Check.same("worker", stats.getConsumerName(), "name");
            Check.same(4, stats.getUnackedMessages(), "unacknowledged messages");
        }
    }
}
