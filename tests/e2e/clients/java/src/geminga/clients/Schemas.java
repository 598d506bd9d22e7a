package geminga.clients;

import static geminga.clients.Lab.next;

import java.util.List;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.Schema;
import org.apache.pulsar.client.api.SubscriptionInitialPosition;
import org.apache.pulsar.client.api.schema.GenericRecord;
import org.apache.pulsar.client.api.schema.SchemaDefinition;
import org.apache.pulsar.common.schema.KeyValue;
import org.apache.pulsar.common.schema.KeyValueEncodingType;

/** Values with a type that the server keeps. */
final class Schemas {
    private Schemas() {}

    /** The first version of an order. */
    public static final class Order {
        public int number;
        public String item;

        public Order() {}

        Order(int number, String item) {
            this.number = number;
            this.item = item;
        }
    }

    /** A version that every reader of the first can read, and the reverse. */
    public static final class LaterOrder {
        public int number;
        public String item;
        public String note;
    }

    /** A version that nobody can read with the first. */
    public static final class OtherOrder {
        public long[] number;
        public boolean item;
    }

    private static <T> Consumer<T> consumer(Lab lab, Schema<T> schema) throws Exception {
        return lab.client().newConsumer(schema).topic(lab.topic()).subscriptionName("s").subscriptionInitialPosition(SubscriptionInitialPosition.Earliest).subscribe();
    }

    private static <T> Producer<T> producer(Lab lab, Schema<T> schema) throws Exception {
        return lab.client().newProducer(schema).topic(lab.topic()).create();
    }

    private static void orders(Lab lab, Schema<Order> schema) throws Exception {
        try (Consumer<Order> consumer = consumer(lab, schema); Producer<Order> producer = producer(lab, schema)) {
            producer.send(new Order(7, "pen"));
            Message<Order> got = next(consumer);
            Check.same(7, got.getValue().number, "number");
            Check.same("pen", got.getValue().item, "item");
            Check.that(got.getSchemaVersion() != null && got.getSchemaVersion().length > 0, "the message has no version of its schema");
        }
    }

    @Feature("schema-json")
    static void json(Lab lab) throws Exception {
        orders(lab, Schema.JSON(Order.class));
    }

    @Feature("schema-avro")
    static void avro(Lab lab) throws Exception {
        orders(lab, Schema.AVRO(Order.class));
    }

    @Feature("schema-primitives")
    static void primitives(Lab lab) throws Exception {
        primitive(lab, "string", Schema.STRING, "text");
        primitive(lab, "int", Schema.INT32, 7);
        primitive(lab, "long", Schema.INT64, 7L << 40);
        primitive(lab, "double", Schema.DOUBLE, 0.5);
        primitive(lab, "bool", Schema.BOOL, true);
        primitive(lab, "time", Schema.INSTANT, java.time.Instant.ofEpochSecond(1_700_000_000));
    }

    private static <T> void primitive(Lab lab, String name, Schema<T> schema, T value) throws Exception {
        String topic = lab.topic(name);
        try (Consumer<T> consumer = lab.client().newConsumer(schema).topic(topic).subscriptionName("s").subscribe();
                Producer<T> producer = lab.client().newProducer(schema).topic(topic).create()) {
            producer.send(value);
            Check.same(value, next(consumer).getValue(), name);
        }
    }

    @Feature("schema-evolution")
    static void evolution(Lab lab) throws Exception {
        Schema<LaterOrder> later = Schema.AVRO(SchemaDefinition.<LaterOrder>builder().withPojo(LaterOrder.class).build());
        producer(lab, Schema.AVRO(Order.class)).send(new Order(1, "pen"));
        try (Producer<LaterOrder> producer = producer(lab, later); Consumer<LaterOrder> consumer = consumer(lab, later)) {
            LaterOrder order = new LaterOrder();
            order.number = 2;
            order.note = "soon";
            producer.send(order);
            Check.same(null, next(consumer).getValue().note, "what the first version does not have");
            Check.same("soon", next(consumer).getValue().note, "what the second has");
        }
    }

    @Feature("schema-incompatible")
    static void incompatible(Lab lab) throws Exception {
        producer(lab, Schema.AVRO(Order.class)).send(new Order(1, "pen"));
        Check.fails(PulsarClientException.IncompatibleSchemaException.class, () -> producer(lab, Schema.AVRO(OtherOrder.class)));
        Check.fails(PulsarClientException.class, () -> consumer(lab, Schema.AVRO(OtherOrder.class)));
        Check.fails(PulsarClientException.class, () -> producer(lab, Schema.INT32));
    }

    @Feature("schema-auto-consume")
    static void autoConsume(Lab lab) throws Exception {
        producer(lab, Schema.JSON(Order.class)).send(new Order(7, "pen"));
        try (Consumer<GenericRecord> consumer = consumer(lab, Schema.AUTO_CONSUME())) {
            GenericRecord record = next(consumer).getValue();
            Check.same("pen", record.getField("item"), "item");
            Check.same(List.of("number", "item").size(), record.getFields().size(), "fields");
        }
    }

    @Feature("schema-auto-produce")
    static void autoProduce(Lab lab) throws Exception {
        Schema<Order> schema = Schema.JSON(Order.class);
        try (Consumer<Order> consumer = consumer(lab, schema); Producer<byte[]> producer = producer(lab, Schema.AUTO_PRODUCE_BYTES())) {
            producer.send(schema.encode(new Order(3, "ink")));
            Check.same("ink", next(consumer).getValue().item, "item");
        }
    }

    @Feature("schema-key-value")
    static void keyValue(Lab lab) throws Exception {
        Schema<KeyValue<String, Order>> schema = Schema.KeyValue(Schema.STRING, Schema.JSON(Order.class), KeyValueEncodingType.SEPARATED);
        try (Consumer<KeyValue<String, Order>> consumer = consumer(lab, schema); Producer<KeyValue<String, Order>> producer = producer(lab, schema)) {
            producer.send(new KeyValue<>("key", new Order(7, "pen")));
            KeyValue<String, Order> got = next(consumer).getValue();
            Check.same("key", got.getKey(), "key");
            Check.same("pen", got.getValue().item, "item");
        }
    }

    @Feature("schema-admin")
    static void admin(Lab lab) throws Exception {
        producer(lab, Schema.JSON(Order.class)).send(new Order(1, "pen"));
        var info = lab.admin().schemas().getSchemaInfo(lab.topic());
        Check.same("JSON", info.getType().toString(), "type");
        Check.that(new String(info.getSchema(), java.nio.charset.StandardCharsets.UTF_8).contains("item"), "definition");
        Check.same(1, lab.admin().schemas().getAllSchemas(lab.topic()).size(), "versions");
    }
}
