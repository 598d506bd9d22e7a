package main

import (
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

var acknowledgements = []test{
	{"batch-index-ack", batchIndexAck},
	{"batch-index-ack-cumulative", batchIndexCumulative},
	{"ack-receipt", ackReceipt},
	{"cumulative-ack", cumulativeAck},
	{"negative-ack", negativeAck},
	{"redelivery-count", redeliveryCount},
	{"dead-letter", deadLetter},
	{"retry-topic", retryTopic},
	{"initial-subscription", initialSubscription},
}

func batchIndexAck(lab *Lab) {
	lab.batch(10, pulsar.ProducerOptions{})
	options := pulsar.ConsumerOptions{Type: pulsar.Shared, EnableBatchIndexAcknowledgment: true, AckWithResponse: true}
	consumer := lab.consumer(options)
	for i := range 10 {
		message := next(consumer)
		if i%2 == 0 {
			must(consumer.Ack(message))
		}
	}
	consumer.Close()
	same("1 3 5 7 9", texts(drain(lab.consumer(options))), "what was left of the batch")
}

func batchIndexCumulative(lab *Lab) {
	lab.batch(10, pulsar.ProducerOptions{})
	options := pulsar.ConsumerOptions{EnableBatchIndexAcknowledgment: true, AckWithResponse: true}
	consumer := lab.consumer(options)
	for i := range 6 {
		if message := next(consumer); i == 5 {
			must(consumer.AckCumulative(message))
		}
	}
	consumer.Close()
	same(numbers(6, 10), texts(drain(lab.consumer(options))), "what was left of the batch")
}

func ackReceipt(lab *Lab) {
	lab.send(lab.topic(), 4)
	consumer := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, AckWithResponse: true})
	take(consumer, 3)
	consumer.Close()
	same("3", texts(drain(lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared}))), "what was left")
}

func cumulativeAck(lab *Lab) {
	lab.send(lab.topic(), 10)
	consumer := lab.consumer(pulsar.ConsumerOptions{AckWithResponse: true})
	for i := range 7 {
		if message := next(consumer); i == 4 {
			must(consumer.AckCumulative(message))
		}
	}
	consumer.Close()
	same(numbers(5, 10), texts(drain(lab.consumer(pulsar.ConsumerOptions{}))), "what was left")
}

func negativeAck(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, NackRedeliveryDelay: 200 * time.Millisecond})
	lab.send(lab.topic(), 3)
	for i := range 3 {
		if message := next(consumer); i == 1 {
			consumer.Nack(message)
		} else {
			must(consumer.Ack(message))
		}
	}
	same("1", texts(take(consumer, 1)), "what came again")
	nothingComes(consumer)
}

func redeliveryCount(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, NackRedeliveryDelay: 100 * time.Millisecond})
	lab.send(lab.topic(), 1)
	for count := range 4 {
		message := next(consumer)
		same(uint32(count), message.RedeliveryCount(), "redelivery count")
		consumer.Nack(message)
	}
}

func deadLetter(lab *Lab) {
	dead := lab.consumer(pulsar.ConsumerOptions{Topic: lab.named("dead")})
	consumer := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, NackRedeliveryDelay: 100 * time.Millisecond,
		DLQ: &pulsar.DLQPolicy{MaxDeliveries: 3, DeadLetterTopic: lab.named("dead")}})
	publish(lab.producer(pulsar.ProducerOptions{}), pulsar.ProducerMessage{Payload: []byte("poison"), Key: "key", Properties: map[string]string{"a": "1"}})
	for range 3 {
		consumer.Nack(next(consumer))
	}
	check(within(consumer, time.Second) == nil, "a fourth delivery")
	letter := take(dead, 1)[0]
	same("poison key 1", string(letter.Payload())+" "+letter.Key()+" "+letter.Properties()["a"], "letter")
}

func retryTopic(lab *Lab) {
	dead := lab.consumer(pulsar.ConsumerOptions{Topic: lab.named("dead")})
	consumer := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, RetryEnable: true,
		DLQ: &pulsar.DLQPolicy{MaxDeliveries: 2, DeadLetterTopic: lab.named("dead"), RetryLetterTopic: lab.named("retry")}})
	publish(lab.producer(pulsar.ProducerOptions{}), pulsar.ProducerMessage{Payload: []byte("again")})
	for range 3 {
		consumer.ReconsumeLater(next(consumer), 300*time.Millisecond)
	}
	same("again", texts(take(dead, 1)), "letter")
}

func initialSubscription(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, NackRedeliveryDelay: 100 * time.Millisecond,
		DLQ: &pulsar.DLQPolicy{MaxDeliveries: 2, DeadLetterTopic: lab.named("dead"), InitialSubscriptionName: "kept"}})
	lab.send(lab.topic(), 1)
	for range 2 {
		consumer.Nack(next(consumer))
	}
	check(within(consumer, 2*time.Second) == nil, "a third delivery")
	kept, err := lab.client.Subscribe(pulsar.ConsumerOptions{Topic: lab.named("dead"), SubscriptionName: "kept"})
	must(err)
	same("0", texts(take(kept, 1)), "letter")
}
