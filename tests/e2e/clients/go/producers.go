package main

import (
	"context"
	"os"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

var producers = []test{
	{"producer-name", producerName},
	{"access-shared", accessShared},
	{"access-exclusive", accessExclusive},
	{"access-wait-for-exclusive", accessWait},
	{"last-sequence-id", lastSequenceID},
	{"deduplication", deduplication},
}

func (lab *Lab) other() pulsar.Client {
	return lab.connect(pulsar.ClientOptions{URL: os.Getenv("CLIENTS_URL"), OperationTimeout: 5 * time.Second})
}

func producerName(lab *Lab) {
	one, two := lab.producer(pulsar.ProducerOptions{}), lab.producer(pulsar.ProducerOptions{})
	check(one.Name() != "" && one.Name() != two.Name(), "names that the server gives: %s", one.Name())
	_, err := lab.tryProducer(lab.other(), pulsar.ProducerOptions{Name: one.Name()})
	refused(err, "a name that is in use")
}

func accessShared(lab *Lab) {
	publish(lab.producer(pulsar.ProducerOptions{}), pulsar.ProducerMessage{Payload: []byte("one")})
	_, err := lab.tryProducer(lab.other(), pulsar.ProducerOptions{ProducerAccessMode: pulsar.ProducerAccessModeExclusive})
	refused(err, "an exclusive producer beside another")
}

func accessExclusive(lab *Lab) {
	first := lab.producer(pulsar.ProducerOptions{ProducerAccessMode: pulsar.ProducerAccessModeExclusive})
	for _, mode := range []pulsar.ProducerAccessMode{pulsar.ProducerAccessModeExclusive, pulsar.ProducerAccessModeShared} {
		_, err := lab.tryProducer(lab.other(), pulsar.ProducerOptions{ProducerAccessMode: mode})
		refused(err, "a producer beside an exclusive one")
	}
	publish(first, pulsar.ProducerMessage{Payload: []byte("x")})
	first.Close()
	lab.producer(pulsar.ProducerOptions{ProducerAccessMode: pulsar.ProducerAccessModeExclusive})
}

func accessWait(lab *Lab) {
	first := lab.producer(pulsar.ProducerOptions{ProducerAccessMode: pulsar.ProducerAccessModeExclusive})
	made := make(chan pulsar.Producer, 1)
	other := lab.connect(pulsar.ClientOptions{URL: os.Getenv("CLIENTS_URL"), OperationTimeout: 30 * time.Second})
	go func() {
		producer, err := lab.tryProducer(other, pulsar.ProducerOptions{ProducerAccessMode: pulsar.ProducerAccessModeWaitForExclusive})
		if err == nil {
			made <- producer
		}
	}()
	select {
	case <-made:
		check(false, "the second producer did not wait")
	case <-time.After(500 * time.Millisecond):
	}
	first.Close()
	select {
	case second := <-made:
		publish(second, pulsar.ProducerMessage{Payload: []byte("second")})
	case <-time.After(10 * time.Second):
		check(false, "the second producer waits for ever")
	}
}

func (lab *Lab) deduplicated() string {
	namespace := lab.namespace()
	lab.admin("POST", "/namespaces/"+namespace+"/deduplication", true, nil)
	return "persistent://" + namespace + "/topic"
}

func lastSequenceID(lab *Lab) {
	topic := lab.deduplicated()
	producer := lab.producer(pulsar.ProducerOptions{Topic: topic, Name: "p"})
	seven := int64(7)
	publish(producer, pulsar.ProducerMessage{Payload: []byte("x"), SequenceID: &seven})
	same(7, producer.LastSequenceID(), "after a message")
	producer.Close()
	same(7, lab.producer(pulsar.ProducerOptions{Topic: topic, Name: "p"}).LastSequenceID(), "of a producer that comes again")
}

func deduplication(lab *Lab) {
	topic := lab.deduplicated()
	consumer := lab.consumer(pulsar.ConsumerOptions{Topic: topic})
	for _, first := range []int64{1, 3} {
		producer := lab.producer(pulsar.ProducerOptions{Topic: topic, Name: "p"})
		for i := first; i < first+5; i++ {
			_, err := producer.Send(context.Background(), &pulsar.ProducerMessage{Payload: number(int(i)), SequenceID: &i})
			must(err)
		}
		producer.Close()
	}
	same(numbers(1, 8), texts(drain(consumer)), "messages")
}
