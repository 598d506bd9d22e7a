package main

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

var subscriptions = []test{
	{"exclusive", exclusive},
	{"shared", shared},
	{"flow-permits", flowPermits},
	{"zero-queue", zeroQueue},
	{"failover-active-change", failover},
	{"key-shared-auto-split", keySharedAutoSplit},
	{"key-shared-sticky", keySharedSticky},
	{"key-shared-takeover", keySharedTakeover},
	{"subscription-properties", subscriptionProperties},
	{"unsubscribe", unsubscribe},
	{"force-unsubscribe", forceUnsubscribe},
}

func exclusive(lab *Lab) {
	first := lab.consumer(pulsar.ConsumerOptions{})
	_, err := lab.tryConsumer(pulsar.ConsumerOptions{})
	refused(err, "a second consumer")
	lab.send(lab.topic(), 20)
	same(numbers(0, 20), texts(drain(first)), "messages")
}

func shared(lab *Lab) {
	a := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, ReceiverQueueSize: 5})
	b := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, ReceiverQueueSize: 5})
	_, err := lab.tryConsumer(pulsar.ConsumerOptions{})
	refused(err, "an exclusive consumer beside shared ones")
	lab.send(lab.topic(), 40)
	all := 0
	for round := 0; round < 5 && all < 40; round++ {
		all += len(drain(a)) + len(drain(b))
	}
	same(40, all, "messages of both")
}

func flowPermits(lab *Lab) {
	idle := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, ReceiverQueueSize: 5})
	busy := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, ReceiverQueueSize: 5})
	lab.send(lab.topic(), 40)
	got := len(drain(busy))
	rest := len(drain(idle))
	// Two channels of the client hold as many again as it asks for.
	check(rest <= 15 && got+rest == 40, "the consumer that takes nothing held %d of 40, the other got %d", rest, got)
}

func zeroQueue(lab *Lab) {
	one := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared, EnableZeroQueueConsumer: true})
	rest := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared})
	lab.send(lab.topic(), 5)
	same(5, len(drain(rest)), "messages of the other, while the consumer without a queue did not ask")
	rest.Close()
	lab.send(lab.topic(), 2)
	same("0 1", texts(take(one, 2)), "what it asked for")
}

// activity notes who hears that it became active or not.
type activity struct {
	name  string
	mutex *sync.Mutex
	heard *[]string
}

func (a activity) note(what string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	*a.heard = append(*a.heard, a.name+" "+what)
}
func (a activity) has(line string) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return strings.Contains("|"+strings.Join(*a.heard, "|")+"|", "|"+line+"|")
}
func (a activity) BecameActive(pulsar.Consumer, string, int32)   { a.note("active") }
func (a activity) BecameInactive(pulsar.Consumer, string, int32) { a.note("inactive") }

func failover(lab *Lab) {
	var mutex sync.Mutex
	var heard []string
	// What is told while this client still subscribes it does not hear, so b's first state is not asked for.
	first, second := activity{"a", &mutex, &heard}, activity{"b", &mutex, &heard}
	a := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Failover, Name: "a", EventListener: first})
	b := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Failover, Name: "b", EventListener: second})
	lab.send(lab.topic(), 10)
	same(numbers(0, 4), texts(take(a, 4)), "the active one")
	nothingComes(b)
	a.Close()
	eventually("b hears that it is active", 5*time.Second, func() bool { return first.has("b active") })
	same(numbers(4, 10), texts(take(b, 6)), "the other one")
}

func keyed(lab *Lab, count, keys int) {
	producer := lab.producer(pulsar.ProducerOptions{})
	for i := range count {
		publish(producer, pulsar.ProducerMessage{Key: "k" + strconv.Itoa(i%keys), Payload: number(i)})
	}
}

// owners is the number of consumers that have keys, and of keys; each key has one consumer, and its messages are in order.
func owners(consumers []pulsar.Consumer, count int) (int, int) {
	owner, last, having := map[string]int{}, map[string]int{}, map[int]bool{}
	all := 0
	for number, consumer := range consumers {
		for _, message := range drain(consumer) {
			before, known := owner[message.Key()]
			check(!known || before == number, "%s came to two consumers", message.Key())
			order, _ := strconv.Atoi(string(message.Payload()))
			check(!known || last[message.Key()] < order, "%s out of order", message.Key())
			owner[message.Key()], last[message.Key()], having[number] = number, order, true
			all++
		}
	}
	same(count, all, "messages")
	return len(having), len(owner)
}

func keySharedAutoSplit(lab *Lab) {
	var consumers []pulsar.Consumer
	for range 3 {
		consumers = append(consumers, lab.consumer(pulsar.ConsumerOptions{Type: pulsar.KeyShared}))
	}
	keyed(lab, 300, 30)
	having, _ := owners(consumers, 300)
	same(3, having, "consumers that have keys")
}

func keySharedSticky(lab *Lab) {
	var consumers []pulsar.Consumer
	for _, ranges := range [][]int{{0, 32_767}, {32_768, 65_535}} {
		policy, err := pulsar.NewKeySharedPolicySticky(ranges)
		must(err)
		consumers = append(consumers, lab.consumer(pulsar.ConsumerOptions{Type: pulsar.KeyShared, KeySharedPolicy: policy}))
	}
	overlapping, err := pulsar.NewKeySharedPolicySticky([]int{0, 9})
	must(err)
	_, err = lab.tryConsumer(pulsar.ConsumerOptions{Type: pulsar.KeyShared, KeySharedPolicy: overlapping})
	refused(err, "a range that is taken")
	keyed(lab, 200, 20)
	having, _ := owners(consumers, 200)
	same(2, having, "consumers that have keys")
}

func keySharedTakeover(lab *Lab) {
	leaving := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.KeyShared})
	keyed(lab, 30, 3)
	next(leaving)
	staying := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.KeyShared})
	leaving.Close()
	_, keys := owners([]pulsar.Consumer{staying}, 30)
	same(3, keys, "keys of the consumer that stays")
}

func subscriptionProperties(lab *Lab) {
	lab.consumer(pulsar.ConsumerOptions{SubscriptionProperties: map[string]string{"owner": "shop"}}).Close()
	var got map[string]string
	lab.adminTopic("GET", "/subscription/s/properties", nil, &got)
	same("shop", got["owner"], "properties")
}

func unsubscribe(lab *Lab) {
	lab.send(lab.topic(), 2)
	consumer := lab.consumer(pulsar.ConsumerOptions{AckWithResponse: true})
	take(consumer, 2)
	must(consumer.Unsubscribe())
	same("0 1", texts(drain(lab.consumer(pulsar.ConsumerOptions{}))), "a new subscription")
}

func forceUnsubscribe(lab *Lab) {
	lab.send(lab.topic(), 2)
	lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared})
	second := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared})
	refused(second.Unsubscribe(), "an unsubscribe beside another consumer")
	must(second.UnsubscribeForce())
}
