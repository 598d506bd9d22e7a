package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
	plog "github.com/apache/pulsar-client-go/pulsar/log"
)

const (
	workerKeys     = 4
	workerInFlight = 50
)

var notes sync.Mutex

func note(what, key, number string) {
	notes.Lock()
	defer notes.Unlock()
	fmt.Printf("%s %d %s %s\n", what, time.Now().UnixMilli(), key, number)
}

// work is a client that works until SIGTERM: `produce TOPIC NAME`, `consume TOPIC SUBSCRIPTION TYPE` or `crowd TOPIC NUMBER`, which are so many
// producers with a connection each. It prints a line for each message. Nothing here handles a lost connection: that is the client's part.
func work(words []string) {
	ending, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch words[0] {
	case "produce":
		produce(ending, words[1], words[2], 20*time.Millisecond)
	case "crowd":
		number, err := strconv.Atoi(words[2])
		must(err)
		var all sync.WaitGroup
		for i := range number {
			all.Go(func() { produce(ending, words[1], "crowd"+strconv.Itoa(i), 500*time.Millisecond) })
		}
		all.Wait()
	default:
		consume(ending, words[1], words[2], map[string]pulsar.SubscriptionType{"Exclusive": pulsar.Exclusive, "Key_Shared": pulsar.KeyShared}[words[3]])
	}
}

func workerClient() pulsar.Client {
	client, err := pulsar.NewClient(pulsar.ClientOptions{URL: os.Getenv("CLIENTS_URL"), Logger: plog.DefaultNopLogger(), OperationTimeout: 60 * time.Second})
	must(err)
	return client
}

func produce(ending context.Context, topic, name string, pause time.Duration) {
	producer, err := workerClient().CreateProducer(pulsar.ProducerOptions{Topic: topic, DisableBatching: true, SendTimeout: -1})
	must(err)
	places := make(chan struct{}, workerInFlight)
	for i := 0; ending.Err() == nil; i++ {
		key, number := name+"-"+strconv.Itoa(i%workerKeys), strconv.Itoa(i/workerKeys)
		places <- struct{}{}
		producer.SendAsync(context.Background(), &pulsar.ProducerMessage{Key: key, Payload: []byte(number)}, func(_ pulsar.MessageID, _ *pulsar.ProducerMessage, err error) {
			<-places
			if err != nil {
				note("failed", key, number)
				return
			}
			note("acked", key, number)
		})
		time.Sleep(pause)
	}
	for deadline := time.Now().Add(15 * time.Second); len(places) > 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
	}
}

func consume(ending context.Context, topic, subscription string, kind pulsar.SubscriptionType) {
	consumer, err := workerClient().Subscribe(pulsar.ConsumerOptions{Topic: topic, SubscriptionName: subscription, Type: kind,
		SubscriptionInitialPosition: pulsar.SubscriptionPositionEarliest})
	must(err)
	note("ready", "-", "0")
	for {
		message, err := consumer.Receive(ending)
		if ending.Err() != nil {
			return
		}
		must(err)
		note("received", message.Key(), string(message.Payload()))
		must(consumer.Ack(message))
	}
}
