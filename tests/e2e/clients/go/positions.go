package main

import (
	"context"
	"strings"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

var positions = []test{
	{"seek-id", seekID},
	{"seek-time", seekTime},
	{"seek-batch-index", seekBatchIndex},
	{"non-durable", nonDurable},
	{"reader", reads},
	{"reader-seek-time", readerSeekTime},
	{"start-inclusive", startInclusive},
	{"last-message-id", lastMessageID},
}

func (lab *Lab) reader(options pulsar.ReaderOptions) pulsar.Reader {
	options.Topic = lab.topic()
	reader, err := lab.client.CreateReader(options)
	must(err)
	return reader
}

func read(reader pulsar.Reader) string {
	ctx, cancel := context.WithTimeout(context.Background(), receiveFor)
	defer cancel()
	message, err := reader.Next(ctx)
	must(err)
	return string(message.Payload())
}

func seekID(lab *Lab) {
	ids := lab.send(lab.topic(), 8)
	for _, inclusive := range []bool{false, true} {
		consumer := lab.consumer(pulsar.ConsumerOptions{SubscriptionName: map[bool]string{false: "behind", true: "with"}[inclusive], StartMessageIDInclusive: inclusive})
		take(consumer, 8)
		must(consumer.Seek(ids[2]))
		first := int(within(consumer, receiveFor).Payload()[0] - '0')
		check(first == 2 || (first == 3 && !inclusive), "the first after the seek is %d", first)
		same(numbers(first+1, 8), texts(take(consumer, 7-first)), "behind it")
	}
}

func (lab *Lab) beforeAndAfter(before, after int) time.Time {
	lab.send(lab.topic(), before)
	time.Sleep(50 * time.Millisecond)
	middle := time.Now()
	time.Sleep(50 * time.Millisecond)
	lab.send(lab.topic(), after)
	return middle
}

func seekTime(lab *Lab) {
	middle := lab.beforeAndAfter(4, 3)
	consumer := lab.consumer(pulsar.ConsumerOptions{})
	take(consumer, 7)
	must(consumer.SeekByTime(middle))
	same(numbers(0, 3), texts(take(consumer, 3)), "from that time on")
	nothingComes(consumer)
}

func seekBatchIndex(lab *Lab) {
	lab.batch(10, pulsar.ProducerOptions{})
	consumer := lab.consumer(pulsar.ConsumerOptions{})
	got := take(consumer, 10)
	must(consumer.Seek(got[3].ID()))
	same(numbers(4, 10), strings.TrimPrefix(texts(drain(consumer)), "3 "), "from the fourth of a batch on, with it or behind it")
}

func nonDurable(lab *Lab) {
	lab.send(lab.topic(), 3)
	for range 2 {
		consumer := lab.consumer(pulsar.ConsumerOptions{SubscriptionMode: pulsar.NonDurable})
		same(numbers(0, 3), texts(take(consumer, 3)), "a subscription that is forgotten when it is left")
		consumer.Close()
	}
}

func reads(lab *Lab) {
	lab.send(lab.topic(), 5)
	reader := lab.reader(pulsar.ReaderOptions{StartMessageID: pulsar.EarliestMessageID()})
	for i := range 5 {
		check(reader.HasNext(), "there is no message %d", i)
		same(string(number(i)), read(reader), "message")
	}
	check(!reader.HasNext(), "there is something behind the last")
	lab.send(lab.topic(), 1)
	check(reader.HasNext(), "there is no new message")
}

func readerSeekTime(lab *Lab) {
	middle := lab.beforeAndAfter(3, 2)
	reader := lab.reader(pulsar.ReaderOptions{StartMessageID: pulsar.EarliestMessageID()})
	for range 5 {
		read(reader)
	}
	must(reader.SeekByTime(middle))
	same("0 1", read(reader)+" "+read(reader), "from that time on")
}

func startInclusive(lab *Lab) {
	ids := lab.send(lab.topic(), 5)
	same("3", read(lab.reader(pulsar.ReaderOptions{StartMessageID: ids[2]})), "behind the message")
	same("2", read(lab.reader(pulsar.ReaderOptions{StartMessageID: ids[2], StartMessageIDInclusive: true})), "from the message on")
	last := lab.reader(pulsar.ReaderOptions{StartMessageID: pulsar.LatestMessageID(), StartMessageIDInclusive: true})
	check(last.HasNext(), "the last one is not there")
	same("4", read(last), "from the last on")
}

func lastMessageID(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{})
	sent := lab.send(lab.topic(), 3)[2]
	ids, err := consumer.GetLastMessageIDs()
	must(err)
	same(sent.LedgerID(), ids[0].LedgerID(), "ledger")
	same(sent.EntryID(), ids[0].EntryID(), "entry")
}
