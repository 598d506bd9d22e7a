package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
	"github.com/apache/pulsar-client-go/pulsar/crypto"
)

var messages = []test{
	{"batches", batches},
	{"batches-by-key", batchesByKey},
	{"chunks", func(lab *Lab) { chunked(lab, pulsar.Exclusive) }},
	{"chunks-shared", func(lab *Lab) { chunked(lab, pulsar.Shared) }},
	{"compression-lz4", func(lab *Lab) { compressed(lab, pulsar.LZ4) }},
	{"compression-zlib", func(lab *Lab) { compressed(lab, pulsar.ZLib) }},
	{"compression-zstd", func(lab *Lab) { compressed(lab, pulsar.ZSTD) }},
	{"compression-snappy", func(lab *Lab) { compressed(lab, pulsar.SNAPPY) }},
	{"encryption", encryption},
	{"fields", fields},
	{"event-time", eventTime},
	{"ordering-key", orderingKey},
	{"delayed-after", delayedAfter},
	{"delayed-at", delayedAt},
	{"limit-message-size", messageSize},
	{"in-flight", inFlight},
}

func batches(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{})
	lab.batch(120, pulsar.ProducerOptions{})
	got := take(consumer, 120)
	same(numbers(0, 120), texts(got), "messages")
	check(got[30].ID().BatchSize() > 1 && got[30].ID().BatchIdx() == 30, "the messages came without batches: %v", got[30].ID())
}

func batchesByKey(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.KeyShared})
	producer := lab.producer(pulsar.ProducerOptions{BatcherBuilderType: pulsar.KeyBasedBatchBuilder, BatchingMaxMessages: 100, BatchingMaxPublishDelay: time.Second})
	for i := range 40 {
		producer.SendAsync(context.Background(), &pulsar.ProducerMessage{Key: "k" + string(number(i%4)), Payload: number(i)},
			func(pulsar.MessageID, *pulsar.ProducerMessage, error) {})
	}
	must(producer.Flush())
	of := map[string][]pulsar.Message{}
	for _, message := range take(consumer, 40) {
		of[message.Key()] = append(of[message.Key()], message)
	}
	same("0 4 8 12 16 20 24 28 32 36", texts(of["k0"]), "messages of k0")
	same(4, len(of), "keys")
}

func chunked(lab *Lab, kind pulsar.SubscriptionType) {
	consumer := lab.consumer(pulsar.ConsumerOptions{Type: kind})
	producer := lab.producer(pulsar.ProducerOptions{EnableChunking: true})
	large := make([]byte, 12<<20)
	for i := range large {
		large[i] = byte(i * 31)
	}
	for i, body := range [][]byte{[]byte("before"), large, []byte("after")} {
		publish(producer, pulsar.ProducerMessage{Payload: body})
		check(bytes.Equal(body, take(consumer, 1)[0].Payload()), "message %d differs", i)
	}
	nothingComes(consumer)
}

func compressed(lab *Lab, kind pulsar.CompressionType) {
	consumer := lab.consumer(pulsar.ConsumerOptions{})
	lab.batch(60, pulsar.ProducerOptions{CompressionType: kind})
	same(numbers(0, 60), texts(take(consumer, 60)), "batches")
	body := string(bytes.Repeat([]byte("0123456789"), 1000))
	publish(lab.producer(pulsar.ProducerOptions{CompressionType: kind}), pulsar.ProducerMessage{Payload: []byte(body)})
	same(body, string(take(consumer, 1)[0].Payload()), "a single message")
}

func keyFiles(lab *Lab) (public, private string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	publicDer, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(err)
	public, private = filepath.Join(lab.folder, "public.pem"), filepath.Join(lab.folder, "private.pem")
	must(os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDer}), 0o600))
	must(os.WriteFile(private, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	return public, private
}

func encryption(lab *Lab) {
	reader := crypto.NewFileKeyReader(keyFiles(lab))
	consumer := lab.consumer(pulsar.ConsumerOptions{Decryption: &pulsar.MessageDecryptionInfo{KeyReader: reader}})
	info := &pulsar.ProducerEncryptionInfo{KeyReader: reader, Keys: []string{"app"}}
	publish(lab.producer(pulsar.ProducerOptions{Encryption: info}), pulsar.ProducerMessage{Payload: []byte("secret")})
	message := take(consumer, 1)[0]
	same("secret", string(message.Payload()), "value")
	lab.batch(20, pulsar.ProducerOptions{Encryption: info, CompressionType: pulsar.LZ4})
	same(numbers(0, 20), texts(take(consumer, 20)), "batches")
}

func fields(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{})
	producer := lab.producer(pulsar.ProducerOptions{Name: "shop-" + lab.tag})
	id := publish(producer, pulsar.ProducerMessage{Payload: []byte("body"), Key: "key", Properties: map[string]string{"b": "zwei ü"}})
	message := take(consumer, 1)[0]
	same("key zwei ü shop-"+lab.tag, message.Key()+" "+message.Properties()["b"]+" "+message.ProducerName(), "fields")
	same(id.EntryID(), message.ID().EntryID(), "id")
	check(time.Since(message.PublishTime()).Abs() < time.Minute, "publish time %v", message.PublishTime())
}

func eventTime(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{})
	publish(lab.producer(pulsar.ProducerOptions{}), pulsar.ProducerMessage{Payload: []byte("x"), EventTime: time.UnixMilli(1_234_567)})
	same(int64(1_234_567), take(consumer, 1)[0].EventTime().UnixMilli(), "event time")
}

func orderingKey(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{})
	publish(lab.producer(pulsar.ProducerOptions{}), pulsar.ProducerMessage{Payload: []byte("x"), Key: "key", OrderingKey: "order"})
	same("order", take(consumer, 1)[0].OrderingKey(), "ordering key")
}

func delayedAfter(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared})
	producer := lab.producer(pulsar.ProducerOptions{})
	began := time.Now()
	publish(producer, pulsar.ProducerMessage{Payload: []byte("later"), DeliverAfter: 1500 * time.Millisecond})
	publish(producer, pulsar.ProducerMessage{Payload: []byte("now")})
	same("now later", texts(take(consumer, 2)), "order")
	waited := time.Since(began)
	check(waited > 1300*time.Millisecond && waited < 6*time.Second, "it came after %v", waited)
}

func delayedAt(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{Type: pulsar.Shared})
	due := time.Now().Add(1500 * time.Millisecond)
	publish(lab.producer(pulsar.ProducerOptions{}), pulsar.ProducerMessage{Payload: []byte("later"), DeliverAt: due})
	take(consumer, 1)
	early := time.Until(due)
	check(early < 300*time.Millisecond && early > -5*time.Second, "it came %v before its time", early)
}

func messageSize(lab *Lab) {
	consumer := lab.consumer(pulsar.ConsumerOptions{})
	producer := lab.producer(pulsar.ProducerOptions{})
	publish(producer, pulsar.ProducerMessage{Payload: make([]byte, 5<<20-200)})
	same(5<<20-200, len(take(consumer, 1)[0].Payload()), "bytes")
	_, err := producer.Send(context.Background(), &pulsar.ProducerMessage{Payload: make([]byte, 5<<20+1)})
	refused(err, "a message of more than 5 MiB")
	publish(producer, pulsar.ProducerMessage{Payload: []byte("after")})
}

func inFlight(lab *Lab) {
	var failed atomic.Int32
	producer := lab.producer(pulsar.ProducerOptions{BatchingMaxMessages: 1000, MaxPendingMessages: 5000})
	for i := range 20_000 {
		producer.SendAsync(context.Background(), &pulsar.ProducerMessage{Payload: number(i)}, func(_ pulsar.MessageID, _ *pulsar.ProducerMessage, err error) {
			if err != nil {
				failed.Add(1)
			}
		})
	}
	must(producer.Flush())
	same(0, failed.Load(), "messages that failed")
	same(numbers(0, 20_000), texts(take(lab.consumer(pulsar.ConsumerOptions{}), 20_000)), "messages")
}
