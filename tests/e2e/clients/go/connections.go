package main

import (
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
)

var connections = []test{
	{"unload-reconnect", unloadReconnect},
	{"keep-alive", keepAlive},
	{"http-lookup", httpLookup},
	{"several-addresses", severalAddresses},
	{"token", tokens},
	{"token-refresh", tokenRefresh},
	{"transactions", transactions},
}

func unloadReconnect(lab *Lab) {
	producer, consumer := lab.producer(pulsar.ProducerOptions{}), lab.consumer(pulsar.ConsumerOptions{AckWithResponse: true})
	publish(producer, pulsar.ProducerMessage{Payload: []byte("before")})
	take(consumer, 1)
	lab.adminTopic("PUT", "/unload", nil, nil)
	publish(producer, pulsar.ProducerMessage{Payload: []byte("after")})
	same("after", texts(take(consumer, 1)), "message")
}

func (lab *Lab) sendsThrough(options pulsar.ClientOptions) {
	producer, err := lab.tryProducer(lab.connect(options), pulsar.ProducerOptions{})
	must(err)
	publish(producer, pulsar.ProducerMessage{Payload: []byte("x")})
}

func keepAlive(lab *Lab) {
	client := lab.connect(pulsar.ClientOptions{URL: os.Getenv("CLIENTS_URL"), KeepAliveInterval: time.Second})
	producer, err := lab.tryProducer(client, pulsar.ProducerOptions{})
	must(err)
	time.Sleep(4 * time.Second)
	publish(producer, pulsar.ProducerMessage{Payload: []byte("x")})
}

func httpLookup(lab *Lab) {
	lab.sendsThrough(pulsar.ClientOptions{URL: os.Getenv("CLIENTS_ADMIN")})
}

func severalAddresses(lab *Lab) {
	second := strings.TrimPrefix(os.Getenv("CLIENTS_URL"), "pulsar://")
	lab.sendsThrough(pulsar.ClientOptions{URL: "pulsar://127.0.0.1:1," + second, ConnectionTimeout: time.Second})
}

func guarded(authentication pulsar.Authentication) pulsar.ClientOptions {
	return pulsar.ClientOptions{URL: os.Getenv("CLIENTS_AUTH_URL"), Authentication: authentication, OperationTimeout: 5 * time.Second}
}

func tokens(lab *Lab) {
	lab.sendsThrough(guarded(pulsar.NewAuthenticationToken(token("admin", time.Minute))))
	for _, wrong := range []string{"nonsense", token("admin", -time.Minute), token("nobody", time.Minute)} {
		_, err := lab.tryProducer(lab.connect(guarded(pulsar.NewAuthenticationToken(wrong))), pulsar.ProducerOptions{})
		refused(err, "a token that is no good")
	}
}

func tokenRefresh(lab *Lab) {
	var asked atomic.Int32
	client := lab.connect(guarded(pulsar.NewAuthenticationTokenFromSupplier(func() (string, error) {
		asked.Add(1)
		return token("admin", 3*time.Second), nil
	})))
	producer, err := lab.tryProducer(client, pulsar.ProducerOptions{})
	must(err)
	before := asked.Load()
	for i := range 14 {
		publish(producer, pulsar.ProducerMessage{Payload: number(i)})
		time.Sleep(500 * time.Millisecond)
	}
	check(asked.Load() > before, "nobody asked for a new token")
}

func transactions(lab *Lab) {
	client := lab.connect(pulsar.ClientOptions{URL: os.Getenv("CLIENTS_URL"), EnableTransaction: true})
	transaction, err := client.NewTransaction(30 * time.Second)
	must(err)
	producer, err := lab.tryProducer(client, pulsar.ProducerOptions{SendTimeout: -1})
	must(err)
	consumer := lab.consumer(pulsar.ConsumerOptions{})
	publish(producer, pulsar.ProducerMessage{Payload: []byte("kept"), Transaction: transaction})
	nothingComes(consumer)
	must(transaction.Commit(lab.context()))
	same("kept", texts(take(consumer, 1)), "message")
}
