package geminga.clients;

import static geminga.clients.Lab.bytes;
import static geminga.clients.Lab.next;
import static geminga.clients.Lab.numbers;
import static geminga.clients.Lab.take;
import static geminga.clients.Lab.texts;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import org.apache.pulsar.client.admin.LongRunningProcessStatus;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.MessageRoutingMode;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.Schema;
import org.apache.pulsar.client.api.SubscriptionInitialPosition;
import org.apache.pulsar.client.api.TableView;

/** Kinds of topics, and what can be done to one. */
final class Topics {
    private Topics() {}

    /** A listener of the end of a topic. */
    private static final class End implements org.apache.pulsar.client.api.MessageListener<byte[]> {
        private static final long serialVersionUID = 1;
        final AtomicBoolean reached = new AtomicBoolean();

        @Override
        public void received(Consumer<byte[]> consumer, Message<byte[]> message) {
            consumer.acknowledgeAsync(message);
        }

        @Override
        public void reachedEndOfTopic(Consumer<byte[]> consumer) {
            reached.set(true);
        }
    }

    @Feature("termination")
    static void termination(Lab lab) throws Exception {
        End end = new End();
        try (Producer<byte[]> producer = lab.producer(lab.topic());
                Consumer<byte[]> consumer = lab.consumer(lab.topic()).messageListener(end).subscribe();
                Consumer<byte[]> late = lab.consumer(lab.topic()).subscriptionName("late").subscribe()) {
            producer.send(bytes("last"));
            lab.admin().topics().terminateTopic(lab.topic());
            Check.fails(PulsarClientException.class, () -> producer.send(bytes("more")));
            Check.eventually("the listener hears of the end", 10, end.reached::get);
            Check.that(!late.hasReachedEndOfTopic(), "the end, but a message was not taken yet");
            take(late, 1, true);
            Check.eventually("the other consumer hears of the end", 10, late::hasReachedEndOfTopic);
            Check.that(consumer.isConnected(), "the consumer stays");
        }
    }

    private static Consumer<byte[]> pattern(Lab lab, int period) throws Exception {
        Pattern names = Pattern.compile(lab.topic("a") + ".*");
        return lab.client().newConsumer().topicsPattern(names).subscriptionName("s").patternAutoDiscoveryPeriod(period, TimeUnit.SECONDS)
                .subscriptionInitialPosition(SubscriptionInitialPosition.Earliest).subscribe();
    }

    @Feature("regex")
    static void regex(Lab lab) throws Exception {
        lab.send(lab.topic("a1"), 1);
        lab.send(lab.topic("a2"), 1);
        lab.send(lab.topic("b"), 1);
        try (Consumer<byte[]> consumer = pattern(lab, 1)) {
            Check.same(2, take(consumer, 2, true).size(), "messages");
            lab.send(lab.topic("a3"), 1);
            Check.same(lab.topic("a3"), next(consumer).getTopicName(), "a topic that came later");
            Lab.nothingComes(consumer);
        }
    }

    @Feature("regex-watch")
    static void watch(Lab lab) throws Exception {
        lab.send(lab.topic("a1"), 1);
        try (Consumer<byte[]> consumer = pattern(lab, 3_600)) {
            take(consumer, 1, true);
            lab.send(lab.topic("a2"), 1);
            Check.same(lab.topic("a2"), next(consumer).getTopicName(), "a topic that came later, long before the client looks again");
        }
    }

    @Feature("multi-topics")
    static void several(Lab lab) throws Exception {
        List<String> topics = List.of(lab.topic("a"), lab.topic("b"));
        for (String topic : topics) lab.send(topic, 5);
        try (Consumer<byte[]> consumer = lab.client().newConsumer().topics(topics).subscriptionName("s")
                .subscriptionInitialPosition(SubscriptionInitialPosition.Earliest).subscribe()) {
            Set<String> names = new HashSet<>();
            for (Message<byte[]> message : take(consumer, 10, true)) names.add(message.getTopicName());
            Check.same(new HashSet<>(topics), names, "topics");
        }
    }

    private static Producer<byte[]> roundRobin(Lab lab) throws Exception {
        return lab.client().newProducer().topic(lab.topic()).enableBatching(false).messageRoutingMode(MessageRoutingMode.RoundRobinPartition)
                .autoUpdatePartitions(true).autoUpdatePartitionsInterval(1, TimeUnit.SECONDS).create();
    }

    @Feature("partitions")
    static void partitions(Lab lab) throws Exception {
        lab.admin().topics().createPartitionedTopic(lab.topic(), 3);
        Check.same(3, lab.client().getPartitionsForTopic(lab.topic()).get().size(), "partitions");
        try (Producer<byte[]> producer = roundRobin(lab); Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe()) {
            for (int i = 0; i < 30; i++) producer.send(bytes(i));
            Set<String> names = new HashSet<>();
            Set<String> bodies = new HashSet<>();
            for (Message<byte[]> message : take(consumer, 30, true)) {
                names.add(message.getTopicName());
                bodies.add(Lab.text(message));
            }
            Check.same(3, names.size(), "partitions that got messages");
            Check.same(new HashSet<>(numbers(0, 30)), bodies, "messages");
        }
    }

    @Feature("growing-partitions")
    static void growth(Lab lab) throws Exception {
        lab.admin().topics().createPartitionedTopic(lab.topic(), 1);
        try (Producer<byte[]> producer = roundRobin(lab);
                Consumer<byte[]> consumer = lab.consumer(lab.topic()).autoUpdatePartitions(true).autoUpdatePartitionsInterval(1, TimeUnit.SECONDS).subscribe()) {
            producer.send(bytes("before"));
            take(consumer, 1, true);
            lab.admin().topics().updatePartitionedTopic(lab.topic(), 4);
            Set<String> names = new HashSet<>();
            Check.eventually("live clients use 4 partitions: " + names, 20, () -> {
                producer.send(bytes("after"));
                names.add(take(consumer, 1, true).get(0).getTopicName());
                return names.size() == 4;
            });
        }
    }

    @Feature("non-persistent")
    static void nonPersistent(Lab lab) throws Exception {
        String topic = lab.topic().replace("persistent://", "non-persistent://");
        try (Consumer<byte[]> consumer = lab.client().newConsumer().topic(topic).subscriptionName("s").subscribe(); Producer<byte[]> producer = lab.producer(topic)) {
            for (int i = 0; i < 10; i++) producer.send(bytes(i));
            Check.same(numbers(0, 10), texts(take(consumer, 10, true)), "messages");
        }
        lab.send(topic, 1);
        try (Consumer<byte[]> consumer = lab.consumer(topic).subscriptionName("later").subscribe()) {
            Lab.nothingComes(consumer);
        }
    }

    private static void keyed(Producer<String> producer, String... pairs) throws Exception {
        for (int i = 0; i < pairs.length; i += 2) producer.newMessage().key(pairs[i]).value(pairs[i + 1]).send();
    }

    @Feature("table-view")
    static void tableView(Lab lab) throws Exception {
        try (Producer<String> producer = lab.client().newProducer(Schema.STRING).topic(lab.topic()).enableBatching(false).create()) {
            keyed(producer, "a", "1", "b", "2", "a", "3");
            try (TableView<String> table = lab.client().newTableView(Schema.STRING).topic(lab.topic()).autoUpdatePartitionsInterval(1, TimeUnit.SECONDS).create()) {
                Check.same("3", table.get("a"), "a");
                Check.same(2, table.size(), "keys");
                keyed(producer, "b", null, "c", "4");
                Check.eventually("the table follows", 10, () -> "4".equals(table.get("c")) && !table.containsKey("b"));
            }
        }
    }

    @Feature("compaction")
    static void compaction(Lab lab) throws Exception {
        try (Producer<String> producer = lab.client().newProducer(Schema.STRING).topic(lab.topic()).enableBatching(false).create()) {
            keyed(producer, "a", "1", "b", "2", "a", "3", "c", "4", "b", null);
        }
        lab.admin().topics().triggerCompaction(lab.topic());
        Check.eventually("the compaction ends", 20, () -> lab.admin().topics().compactionStatus(lab.topic()).status == LongRunningProcessStatus.Status.SUCCESS);
        try (Consumer<byte[]> compacted = lab.consumer(lab.topic()).readCompacted(true).subscribe();
                Consumer<byte[]> all = lab.consumer(lab.topic()).subscriptionName("all").subscribe()) {
            Check.same(List.of("3", "4"), texts(Lab.drain(compacted)), "the last of each key");
            Check.same(5, Lab.drain(all).size(), "messages of a subscription that wants all");
        }
    }

    @Feature("compaction-batches")
    static void compactionOfBatches(Lab lab) throws Exception {
        try (Producer<String> producer = lab.client().newProducer(Schema.STRING).topic(lab.topic()).batchingMaxPublishDelay(1, TimeUnit.SECONDS).create()) {
            for (int i = 0; i < 10; i++) producer.newMessage().key("k" + i % 2).value(String.valueOf(i)).sendAsync();
            producer.flush();
        }
        lab.admin().topics().triggerCompaction(lab.topic());
        Check.eventually("the compaction ends", 20, () -> lab.admin().topics().compactionStatus(lab.topic()).status == LongRunningProcessStatus.Status.SUCCESS);
        try (Consumer<byte[]> compacted = lab.consumer(lab.topic()).readCompacted(true).subscribe()) {
            Check.same(List.of("8", "9"), texts(Lab.drain(compacted)), "the last of each key");
        }
    }
}
