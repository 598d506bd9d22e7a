package main

import (
	"context"
	"reflect"
	"strings"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

var topics = []test{
	{"regex", regex},
	{"multi-topics", multiTopics},
	{"partitions", partitions},
	{"growing-partitions", partitionGrowth},
	{"non-persistent", nonPersistent},
	{"table-view", tableView},
	{"compaction", compaction},
	{"auto-creation-off", autoCreationOff},
	{"publish-rate", publishRate},
	{"limit-producers", limitProducers},
	{"limit-consumers", limitConsumers},
	{"schema-json", func(lab *Lab) { orders(lab, pulsar.NewJSONSchema(orderSchema, nil)) }},
	{"schema-avro", func(lab *Lab) { orders(lab, pulsar.NewAvroSchema(orderSchema, nil)) }},
	{"schema-primitives", schemaPrimitives},
	{"schema-incompatible", schemaIncompatible},
	{"schema-admin", schemaAdmin},
}

func regex(lab *Lab) {
	for _, name := range []string{"a1", "a2", "b"} {
		lab.send(lab.named(name), 1)
	}
	consumer := lab.consumer(pulsar.ConsumerOptions{TopicsPattern: lab.named("a") + ".*", AutoDiscoveryPeriod: time.Second})
	take(consumer, 2)
	lab.send(lab.named("a3"), 1)
	same(lab.named("a3"), take(consumer, 1)[0].Topic(), "a topic that came later")
	nothingComes(consumer)
}

func names(messages []pulsar.Message) int {
	found := map[string]bool{}
	for _, message := range messages {
		found[message.Topic()] = true
	}
	return len(found)
}

func multiTopics(lab *Lab) {
	all := []string{lab.named("a"), lab.named("b")}
	for _, topic := range all {
		lab.send(topic, 5)
	}
	same(2, names(take(lab.consumer(pulsar.ConsumerOptions{Topics: all}), 10)), "topics")
}

func roundRobin(lab *Lab) pulsar.Producer {
	turn := 0
	return lab.producer(pulsar.ProducerOptions{PartitionsAutoDiscoveryInterval: time.Second, MessageRouter: func(_ *pulsar.ProducerMessage, metadata pulsar.TopicMetadata) int {
		turn++
		return turn % int(metadata.NumPartitions())
	}})
}

func partitions(lab *Lab) {
	lab.adminTopic("PUT", "/partitions", 3, nil)
	all, err := lab.client.TopicPartitions(lab.topic())
	must(err)
	same(3, len(all), "partitions")
	producer, consumer := roundRobin(lab), lab.consumer(pulsar.ConsumerOptions{})
	for i := range 30 {
		publish(producer, pulsar.ProducerMessage{Payload: number(i)})
	}
	same(3, names(take(consumer, 30)), "partitions that got messages")
}

func partitionGrowth(lab *Lab) {
	lab.adminTopic("PUT", "/partitions", 1, nil)
	producer, consumer := roundRobin(lab), lab.consumer(pulsar.ConsumerOptions{AutoDiscoveryPeriod: time.Second})
	publish(producer, pulsar.ProducerMessage{Payload: []byte("before")})
	take(consumer, 1)
	lab.adminTopic("POST", "/partitions", 4, nil)
	var got []pulsar.Message
	eventually("live clients use 4 partitions", 20*time.Second, func() bool {
		publish(producer, pulsar.ProducerMessage{Payload: []byte("after")})
		got = append(got, take(consumer, 1)...)
		return names(got) == 4
	})
}

func nonPersistent(lab *Lab) {
	topic := strings.Replace(lab.topic(), "persistent://", "non-persistent://", 1)
	consumer := lab.consumer(pulsar.ConsumerOptions{Topic: topic})
	lab.send(topic, 10)
	same(numbers(0, 10), texts(take(consumer, 10)), "messages")
}

func tableView(lab *Lab) {
	producer := lab.producer(pulsar.ProducerOptions{})
	for _, pair := range []string{"a1", "b2", "a3"} {
		publish(producer, pulsar.ProducerMessage{Key: pair[:1], Payload: []byte(pair[1:])})
	}
	table, err := lab.client.CreateTableView(pulsar.TableViewOptions{Topic: lab.topic(), Schema: pulsar.NewStringSchema(nil), SchemaValueType: reflect.TypeFor[*string]()})
	must(err)
	defer table.Close()
	same("3", *table.Get("a").(*string), "a")
	publish(producer, pulsar.ProducerMessage{Key: "c", Payload: []byte("4")})
	eventually("the table follows", 10*time.Second, func() bool { return table.ContainsKey("c") })
}

func compaction(lab *Lab) {
	producer := lab.producer(pulsar.ProducerOptions{})
	for _, pair := range []string{"a1", "b2", "a3", "c4", "b"} {
		publish(producer, pulsar.ProducerMessage{Key: pair[:1], Payload: []byte(pair[1:])})
	}
	lab.adminTopic("PUT", "/compaction", nil, nil)
	eventually("the compaction ends", 20*time.Second, func() bool {
		var status struct{ Status string }
		lab.adminTopic("GET", "/compaction", nil, &status)
		return status.Status == "SUCCESS"
	})
	same("3 4", texts(drain(lab.consumer(pulsar.ConsumerOptions{ReadCompacted: true}))), "the last of each key")
}

func autoCreationOff(lab *Lab) {
	namespace := lab.namespace()
	lab.admin("POST", "/namespaces/"+namespace+"/autoTopicCreation", map[string]any{"allowAutoTopicCreation": false}, nil)
	_, err := lab.tryProducer(lab.other(), pulsar.ProducerOptions{Topic: "persistent://" + namespace + "/topic"})
	refused(err, "a topic that is not there")
}

func publishRate(lab *Lab) {
	namespace := lab.namespace()
	lab.admin("POST", "/namespaces/"+namespace+"/publishRate", map[string]any{"publishThrottlingRateInMsg": 10, "publishThrottlingRateInByte": -1}, nil)
	producer := lab.producer(pulsar.ProducerOptions{Topic: "persistent://" + namespace + "/topic"})
	began := time.Now()
	for i := range 40 {
		publish(producer, pulsar.ProducerMessage{Payload: number(i)})
	}
	check(time.Since(began) > 1500*time.Millisecond, "40 messages took %v, but 10 a second are allowed", time.Since(began))
}

func limitProducers(lab *Lab) {
	namespace := lab.namespace()
	lab.admin("POST", "/namespaces/"+namespace+"/maxProducersPerTopic", 2, nil)
	topic := "persistent://" + namespace + "/topic"
	lab.producer(pulsar.ProducerOptions{Topic: topic})
	lab.producer(pulsar.ProducerOptions{Topic: topic})
	_, err := lab.tryProducer(lab.other(), pulsar.ProducerOptions{Topic: topic})
	refused(err, "a third producer")
}

func limitConsumers(lab *Lab) {
	namespace := lab.namespace()
	lab.admin("POST", "/namespaces/"+namespace+"/maxConsumersPerSubscription", 1, nil)
	options := pulsar.ConsumerOptions{Topic: "persistent://" + namespace + "/topic", Type: pulsar.Shared}
	lab.consumer(options)
	_, err := lab.tryConsumer(options)
	refused(err, "a second consumer")
}

const orderSchema = `{"type":"record","name":"Order","fields":[{"name":"number","type":"int"},{"name":"item","type":"string"}]}`

type order struct {
	Number int    `json:"number" avro:"number"`
	Item   string `json:"item" avro:"item"`
}

func orders(lab *Lab, schema pulsar.Schema) {
	consumer := lab.consumer(pulsar.ConsumerOptions{Schema: schema})
	publish(lab.producer(pulsar.ProducerOptions{Schema: schema}), pulsar.ProducerMessage{Value: &order{7, "pen"}})
	message := take(consumer, 1)[0]
	var got order
	must(message.GetSchemaValue(&got))
	same(order{7, "pen"}, got, "order")
	check(len(message.SchemaVersion()) > 0, "the message has no version of its schema")
}

func schemaPrimitives(lab *Lab) {
	schema := pulsar.NewStringSchema(nil)
	consumer := lab.consumer(pulsar.ConsumerOptions{Schema: schema})
	publish(lab.producer(pulsar.ProducerOptions{Schema: schema}), pulsar.ProducerMessage{Value: "text"})
	var got *string
	must(take(consumer, 1)[0].GetSchemaValue(&got))
	same("text", *got, "value")
}

func schemaIncompatible(lab *Lab) {
	publish(lab.producer(pulsar.ProducerOptions{Schema: pulsar.NewAvroSchema(orderSchema, nil)}), pulsar.ProducerMessage{Value: &order{1, "pen"}})
	_, err := lab.tryProducer(lab.other(), pulsar.ProducerOptions{Schema: pulsar.NewAvroSchema(strings.Replace(orderSchema, `"int"`, `"boolean"`, 1), nil)})
	refused(err, "a schema that does not fit")
}

func schemaAdmin(lab *Lab) {
	producer := lab.producer(pulsar.ProducerOptions{Schema: pulsar.NewJSONSchema(orderSchema, nil)})
	_, err := producer.Send(context.Background(), &pulsar.ProducerMessage{Value: &order{1, "pen"}})
	must(err)
	var info struct{ Type, Data string }
	lab.admin("GET", "/schemas/"+strings.TrimPrefix(lab.topic(), "persistent://")+"/schema", nil, &info)
	same("JSON", info.Type, "type")
	check(strings.Contains(info.Data, "item"), "the definition is %s", info.Data)
}
