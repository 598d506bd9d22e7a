package geminga.clients;

import static geminga.clients.Lab.bytes;
import static geminga.clients.Lab.next;
import static geminga.clients.Lab.numbers;
import static geminga.clients.Lab.take;
import static geminga.clients.Lab.texts;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.MessageIdAdv;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.Reader;
import org.apache.pulsar.client.api.ReaderBuilder;
import org.apache.pulsar.client.api.SubscriptionMode;

/** Where a subscription or a reader stands. */
final class Positions {
    private Positions() {}

    private static ReaderBuilder<byte[]> reader(Lab lab, MessageId from) throws Exception {
        return lab.client().newReader().topic(lab.topic()).startMessageId(from);
    }

    private static String read(Reader<byte[]> reader) throws Exception {
        Message<byte[]> message = reader.readNext(10, TimeUnit.SECONDS);
        Check.that(message != null, "the reader got nothing within 10 s");
        return Lab.text(message);
    }

    @Feature("seek-id")
    static void seekToId(Lab lab) throws Exception {
        List<MessageId> ids = lab.send(lab.topic(), 8);
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe();
                Consumer<byte[]> inclusive = lab.consumer(lab.topic()).subscriptionName("inclusive").startMessageIdInclusive().subscribe()) {
            take(consumer, 8, true);
            consumer.seek(ids.get(2));
            Check.same(numbers(3, 8), texts(take(consumer, 5, true)), "behind the message");
            take(inclusive, 8, true);
            inclusive.seek(ids.get(2));
            Check.same(numbers(2, 8), texts(take(inclusive, 6, true)), "from the message on");
        }
    }

    @Feature("seek-time")
    static void seekToTime(Lab lab) throws Exception {
        lab.send(lab.topic(), 4);
        TimeUnit.MILLISECONDS.sleep(50);
        long middle = System.currentTimeMillis();
        TimeUnit.MILLISECONDS.sleep(50);
        try (Producer<byte[]> producer = lab.producer(lab.topic()); Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe()) {
            for (int i = 4; i < 8; i++) producer.send(bytes(i));
            take(consumer, 8, true);
            consumer.seek(middle);
            Check.same(numbers(4, 8), texts(take(consumer, 4, true)), "from that time on");
        }
    }

    @Feature("seek-ends")
    static void seekToTheEnds(Lab lab) throws Exception {
        lab.send(lab.topic(), 3);
        try (Producer<byte[]> producer = lab.producer(lab.topic()); Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe()) {
            take(consumer, 3, true);
            consumer.seek(MessageId.earliest);
            Check.same(numbers(0, 3), texts(take(consumer, 3, true)), "from the first on");
            consumer.seek(MessageId.latest);
            Lab.nothingComes(consumer);
            producer.send(bytes("new"));
            Check.same("new", Lab.text(next(consumer)), "behind the last");
        }
    }

    @Feature("seek-batch-index")
    static void seekIntoABatch(Lab lab) throws Exception {
        try (Producer<byte[]> producer = lab.client().newProducer().topic(lab.topic()).enableBatching(true).batchingMaxPublishDelay(1, TimeUnit.SECONDS).create();
                Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe()) {
            for (int i = 0; i < 10; i++) producer.sendAsync(bytes(i));
            producer.flush();
            List<Message<byte[]>> got = take(consumer, 10, true);
            consumer.seek(got.get(3).getMessageId());
            Check.same(numbers(4, 10), texts(take(consumer, 6, true)), "behind the fourth of a batch");
        }
    }

    @Feature("non-durable")
    static void nonDurable(Lab lab) throws Exception {
        lab.send(lab.topic(), 3);
        for (int round = 0; round < 2; round++) {
            try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscriptionMode(SubscriptionMode.NonDurable).subscribe()) {
                Check.same(numbers(0, 3), texts(take(consumer, 3, true)), "a subscription that is forgotten when it is left");
            }
        }
    }

    @Feature("reader")
    static void reads(Lab lab) throws Exception {
        lab.send(lab.topic(), 5);
        try (Reader<byte[]> reader = reader(lab, MessageId.earliest).create()) {
            for (int i = 0; i < 5; i++) {
                Check.that(reader.hasMessageAvailable(), "there is a message " + i);
                Check.same(String.valueOf(i), read(reader), "message");
            }
            Check.that(!reader.hasMessageAvailable(), "nothing is behind the last");
            lab.send(lab.topic(), 1);
            Check.that(reader.hasMessageAvailable(), "there is a new message");
        }
    }

    @Feature("reader-seek-time")
    static void readerSeeksATime(Lab lab) throws Exception {
        lab.send(lab.topic(), 3);
        TimeUnit.MILLISECONDS.sleep(50);
        long middle = System.currentTimeMillis();
        TimeUnit.MILLISECONDS.sleep(50);
        lab.send(lab.topic(), 2);
        try (Reader<byte[]> reader = reader(lab, MessageId.earliest).create()) {
            for (int i = 0; i < 5; i++) read(reader);
            reader.seek(middle);
            Check.same("0", read(reader), "from that time on");
            Check.same("1", read(reader), "from that time on");
            Check.that(!reader.hasMessageAvailable(), "nothing more is there");
        }
    }

    @Feature("reader-from-time")
    static void readerStartsAtATime(Lab lab) throws Exception {
        lab.send(lab.topic(), 3);
        try (Reader<byte[]> reader = lab.client().newReader().topic(lab.topic()).startMessageFromRollbackDuration(1, TimeUnit.HOURS).create()) {
            Check.same("0", read(reader), "an hour back");
        }
    }

    @Feature("start-inclusive")
    static void inclusive(Lab lab) throws Exception {
        List<MessageId> ids = lab.send(lab.topic(), 5);
        try (Reader<byte[]> behind = reader(lab, ids.get(2)).create(); Reader<byte[]> at = reader(lab, ids.get(2)).startMessageIdInclusive().create()) {
            Check.same("3", read(behind), "behind the message");
            Check.same("2", read(at), "from the message on");
        }
        try (Reader<byte[]> last = reader(lab, MessageId.latest).startMessageIdInclusive().create()) {
            Check.that(last.hasMessageAvailable(), "the last one is there");
            Check.same("4", read(last), "from the last on");
        }
    }

    @Feature("last-message-id")
    static void lastMessageId(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe()) {
            Check.that(((MessageIdAdv) consumer.getLastMessageIds().get(0)).getEntryId() < 0, "an empty topic has a last message");
            List<MessageId> ids = lab.send(lab.topic(), 3);
            MessageIdAdv expected = (MessageIdAdv) ids.get(2);
            MessageIdAdv last = (MessageIdAdv) consumer.getLastMessageIds().get(0);
            Check.same(List.of(expected.getLedgerId(), expected.getEntryId()), List.of(last.getLedgerId(), last.getEntryId()), "id");
        }
    }
}
