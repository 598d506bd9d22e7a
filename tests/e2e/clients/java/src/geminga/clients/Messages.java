package geminga.clients;

import static geminga.clients.Lab.bytes;
import static geminga.clients.Lab.next;
import static geminga.clients.Lab.numbers;
import static geminga.clients.Lab.take;
import static geminga.clients.Lab.texts;

import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.BatcherBuilder;
import org.apache.pulsar.client.api.CompressionType;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.CryptoKeyReader;
import org.apache.pulsar.client.api.EncryptionKeyInfo;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.MessageIdAdv;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.ProducerBuilder;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.SubscriptionType;

/** What a message may carry, and how it travels. */
final class Messages {
    private Messages() {}

    private static void sendAll(Producer<byte[]> producer, int count) throws Exception {
        CompletableFuture<?>[] sent = new CompletableFuture<?>[count];
        for (int i = 0; i < count; i++) sent[i] = producer.sendAsync(bytes(i));
        producer.flush();
        CompletableFuture.allOf(sent).get(20, TimeUnit.SECONDS);
    }

    private static ProducerBuilder<byte[]> batching(Lab lab) throws PulsarClientException {
        return lab.client().newProducer().topic(lab.topic()).enableBatching(true).batchingMaxMessages(50).batchingMaxPublishDelay(100, TimeUnit.MILLISECONDS);
    }

    @Feature("batches")
    static void batches(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe(); Producer<byte[]> producer = batching(lab).create()) {
            sendAll(producer, 120);
            List<Message<byte[]>> got = take(consumer, 120, true);
            Check.same(numbers(0, 120), texts(got), "messages");
            MessageIdAdv last = (MessageIdAdv) got.get(30).getMessageId();
            Check.that(last.getBatchSize() > 1 && last.getBatchIndex() >= 0, "the messages came without batches: " + last);
        }
    }

    @Feature("batches-by-key")
    static void batchesByKey(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscriptionType(SubscriptionType.Key_Shared).subscribe();
                Producer<byte[]> producer = batching(lab).batcherBuilder(BatcherBuilder.KEY_BASED).create()) {
            for (int i = 0; i < 40; i++) producer.newMessage().key("k" + i % 4).value(bytes(i)).sendAsync();
            producer.flush();
            List<Message<byte[]>> got = take(consumer, 40, true);
            for (int key = 0; key < 4; key++) {
                String name = "k" + key;
                List<Integer> of = got.stream().filter(each -> each.getKey().equals(name)).map(each -> Integer.valueOf(Lab.text(each))).toList();
                Check.same(10, of.size(), "messages of " + name);
                Check.same(of.stream().sorted().toList(), of, "order of " + name);
            }
        }
    }

    @Feature("chunks")
    static void chunks(Lab lab) throws Exception {
        chunked(lab, SubscriptionType.Exclusive);
    }

    @Feature("chunks-shared")
    static void chunksShared(Lab lab) throws Exception {
        chunked(lab, SubscriptionType.Shared);
    }

    private static void chunked(Lab lab, SubscriptionType type) throws Exception {
        byte[] large = new byte[12 << 20];
        for (int i = 0; i < large.length; i++) large[i] = (byte) (i * 31);
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscriptionType(type).acknowledgmentGroupTime(0, TimeUnit.MILLISECONDS)
                        .isAckReceiptEnabled(true).subscribe();
                Producer<byte[]> producer = lab.client().newProducer().topic(lab.topic()).enableBatching(false).enableChunking(true).create()) {
            producer.send(bytes("before"));
            producer.send(large);
            producer.send(bytes("after"));
            Check.same("before", Lab.text(take(consumer, 1, true).get(0)), "first");
            Check.that(Arrays.equals(large, take(consumer, 1, true).get(0).getValue()), "the large message differs");
            Check.same("after", Lab.text(take(consumer, 1, true).get(0)), "last");
            consumer.redeliverUnacknowledgedMessages();
            Lab.nothingComes(consumer);
        }
    }

    @Feature("compression-lz4")
    static void compressionLz4(Lab lab) throws Exception {
        compressed(lab, CompressionType.LZ4);
    }

    @Feature("compression-zlib")
    static void compressionZlib(Lab lab) throws Exception {
        compressed(lab, CompressionType.ZLIB);
    }

    @Feature("compression-zstd")
    static void compressionZstd(Lab lab) throws Exception {
        compressed(lab, CompressionType.ZSTD);
    }

    @Feature("compression-snappy")
    static void compressionSnappy(Lab lab) throws Exception {
        compressed(lab, CompressionType.SNAPPY);
    }

    private static void compressed(Lab lab, CompressionType type) throws Exception {
        String body = "0123456789".repeat(1_000);
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe();
                Producer<byte[]> batches = batching(lab).compressionType(type).create();
                Producer<byte[]> single = lab.client().newProducer().topic(lab.topic()).enableBatching(false).compressionType(type).create()) {
            sendAll(batches, 60);
            single.send(bytes(body));
            Check.same(numbers(0, 60), texts(take(consumer, 60, true)), "batches");
            Check.same(body, Lab.text(next(consumer)), "a single message");
        }
    }

    /** One pair of keys, in memory. */
    private record Keys(byte[] publicKey, byte[] privateKey) implements CryptoKeyReader {
        static Keys make() throws Exception {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
            generator.initialize(2048);
            KeyPair pair = generator.generateKeyPair();
            return new Keys(pem("PUBLIC KEY", pair.getPublic().getEncoded()), pem("PRIVATE KEY", pair.getPrivate().getEncoded()));
        }

        private static byte[] pem(String kind, byte[] body) {
            return bytes("-----BEGIN " + kind + "-----\n" + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(body) + "\n-----END " + kind + "-----\n");
        }

        @Override
        public EncryptionKeyInfo getPublicKey(String name, Map<String, String> metadata) {
            return new EncryptionKeyInfo(publicKey, metadata);
        }

        @Override
        public EncryptionKeyInfo getPrivateKey(String name, Map<String, String> metadata) {
            return new EncryptionKeyInfo(privateKey, metadata);
        }
    }

    @Feature("encryption")
    static void encryption(Lab lab) throws Exception {
        Keys keys = Keys.make();
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).cryptoKeyReader(keys).subscribe();
                Producer<byte[]> single = lab.client().newProducer().topic(lab.topic()).enableBatching(false).addEncryptionKey("app").cryptoKeyReader(keys).create();
                Producer<byte[]> batches = batching(lab).addEncryptionKey("app").cryptoKeyReader(keys).compressionType(CompressionType.LZ4).create()) {
            single.send(bytes("secret"));
            sendAll(batches, 20);
            Message<byte[]> first = take(consumer, 1, true).get(0);
            Check.same("secret", Lab.text(first), "value");
            Check.that(first.getEncryptionCtx().isPresent(), "it came without encryption");
            Check.same(numbers(0, 20), texts(take(consumer, 20, true)), "batches");
        }
    }

    @Feature("fields")
    static void fields(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe();
                Producer<byte[]> producer = lab.client().newProducer().topic(lab.topic()).producerName("shop-" + lab.topic().hashCode()).create()) {
            MessageId id = producer.newMessage().key("key").property("a", "1").property("b", "zwei ü").value(bytes("body")).send();
            Message<byte[]> message = next(consumer);
            Check.same("key", message.getKey(), "key");
            Check.same(Map.of("a", "1", "b", "zwei ü"), message.getProperties(), "properties");
            Check.same(producer.getProducerName(), message.getProducerName(), "producer");
            Check.same(id, message.getMessageId(), "id");
            Check.that(Math.abs(System.currentTimeMillis() - message.getPublishTime()) < 60_000, "publish time " + message.getPublishTime());
        }
    }

    @Feature("event-time")
    static void eventTime(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe(); Producer<byte[]> producer = lab.producer(lab.topic())) {
            producer.newMessage().eventTime(1_234_567).value(bytes("x")).send();
            Check.same(1_234_567L, next(consumer).getEventTime(), "event time");
        }
    }

    @Feature("ordering-key")
    static void orderingKey(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe(); Producer<byte[]> producer = lab.producer(lab.topic())) {
            producer.newMessage().key("key").orderingKey(bytes("order")).value(bytes("x")).send();
            Message<byte[]> message = next(consumer);
            Check.that(message.hasOrderingKey() && Arrays.equals(bytes("order"), message.getOrderingKey()), "ordering key");
        }
    }

    @Feature("null-value")
    static void nullValue(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscribe();
                Producer<byte[]> single = lab.producer(lab.topic());
                Producer<byte[]> batches = batching(lab).create()) {
            single.newMessage().key("a").value(null).send();
            batches.newMessage().key("b").value(null).send();
            for (Message<byte[]> message : take(consumer, 2, true)) Check.same(null, message.getValue(), "value of " + message.getKey());
        }
    }

    @Feature("delayed-after")
    static void delayedAfter(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscriptionType(SubscriptionType.Shared).subscribe();
                Producer<byte[]> producer = lab.producer(lab.topic())) {
            long began = System.nanoTime();
            producer.newMessage().deliverAfter(1_500, TimeUnit.MILLISECONDS).value(bytes("later")).send();
            producer.send(bytes("now"));
            Check.same(List.of("now", "later"), texts(take(consumer, 2, true)), "order");
            long waited = (System.nanoTime() - began) / 1_000_000;
            Check.that(waited > 1_300 && waited < 6_000, "it came after " + waited + " ms");
        }
    }

    @Feature("delayed-at")
    static void delayedAt(Lab lab) throws Exception {
        try (Consumer<byte[]> consumer = lab.consumer(lab.topic()).subscriptionType(SubscriptionType.Shared).subscribe();
                Producer<byte[]> producer = lab.producer(lab.topic())) {
            long due = System.currentTimeMillis() + 1_500;
            producer.newMessage().deliverAt(due).value(bytes("later")).send();
            next(consumer);
            long early = due - System.currentTimeMillis();
            Check.that(early < 300 && early > -5_000, "it came " + early + " ms before its time");
        }
    }
}
