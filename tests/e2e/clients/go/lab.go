package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
	plog "github.com/apache/pulsar-client-go/pulsar/log"
	"github.com/sirupsen/logrus"
)

const receiveFor = 10 * time.Second

// failure ends a test; it is what check and must panic with.
type failure string

// Lab is one test's clients and names, which no other test has.
type Lab struct {
	feature string
	tag     string
	folder  string
	client  pulsar.Client
	open    []func()
}

func newLab(feature string) *Lab {
	folder, err := os.MkdirTemp("", "geminga-go-")
	must(err)
	lab := &Lab{feature: feature, tag: strconv.FormatInt(time.Now().UnixNano(), 36), folder: folder}
	lab.open = append(lab.open, func() { os.RemoveAll(folder) })
	lab.client = lab.connect(pulsar.ClientOptions{URL: os.Getenv("CLIENTS_URL")})
	return lab
}

func (lab *Lab) connect(options pulsar.ClientOptions) pulsar.Client {
	options.Logger = plog.DefaultNopLogger()
	if os.Getenv("CLIENTS_LOG") != "" {
		logger := logrus.New()
		logger.SetLevel(logrus.DebugLevel)
		options.Logger = plog.NewLoggerWithLogrus(logger)
	}
	if options.OperationTimeout == 0 {
		options.OperationTimeout = 10 * time.Second
	}
	client, err := pulsar.NewClient(options)
	must(err)
	lab.open = append(lab.open, client.Close)
	return client
}

func (lab *Lab) close() {
	for i := len(lab.open) - 1; i >= 0; i-- {
		lab.open[i]()
	}
}

func (lab *Lab) topic() string { return lab.named("topic") }

func (lab *Lab) named(name string) string {
	return "persistent://public/default/go-" + lab.feature + "-" + lab.tag + "-" + name
}

// admin asks the admin API; the answer goes into `answer`, unless that is nil.
func (lab *Lab) admin(method, path string, body, answer any) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		must(err)
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, os.Getenv("CLIENTS_ADMIN")+"/admin/v2"+path, sent)
	must(err)
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 20 * time.Second}
	response, err := client.Do(request)
	must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(err)
	check(response.StatusCode < 300, "%s %s: %d %.200s", method, path, response.StatusCode, text)
	if answer != nil {
		must(json.Unmarshal(text, answer))
	}
}

func (lab *Lab) adminTopic(method, path string, body, answer any) {
	lab.admin(method, "/"+strings.Replace(lab.topic(), "://", "/", 1)+path, body, answer)
}

func (lab *Lab) namespace() string {
	name := "public/go-" + lab.feature + "-" + lab.tag
	lab.admin("PUT", "/namespaces/"+name, nil, nil)
	return name
}

// producer of one message an entry; `options` may leave out the topic.
func (lab *Lab) producer(options pulsar.ProducerOptions) pulsar.Producer {
	options.DisableBatching = options.BatchingMaxMessages == 0
	producer, err := lab.tryProducer(lab.client, options)
	must(err)
	return producer
}

func (lab *Lab) tryProducer(client pulsar.Client, options pulsar.ProducerOptions) (pulsar.Producer, error) {
	if options.Topic == "" {
		options.Topic = lab.topic()
	}
	zero := uint(0)
	if options.MaxReconnectToBroker == nil && options.ProducerAccessMode != pulsar.ProducerAccessModeShared {
		options.MaxReconnectToBroker = &zero
	}
	return client.CreateProducer(options)
}

func (lab *Lab) consumer(options pulsar.ConsumerOptions) pulsar.Consumer {
	consumer, err := lab.tryConsumer(options)
	must(err)
	return consumer
}

func (lab *Lab) tryConsumer(options pulsar.ConsumerOptions) (pulsar.Consumer, error) {
	if options.Topic == "" && options.Topics == nil && options.TopicsPattern == "" {
		options.Topic = lab.topic()
	}
	if options.SubscriptionName == "" {
		options.SubscriptionName = "s"
	}
	options.SubscriptionInitialPosition = pulsar.SubscriptionPositionEarliest
	return lab.client.Subscribe(options)
}

func (lab *Lab) send(topic string, count int) []pulsar.MessageID {
	producer := lab.producer(pulsar.ProducerOptions{Topic: topic})
	defer producer.Close()
	var ids []pulsar.MessageID
	for i := range count {
		ids = append(ids, publish(producer, pulsar.ProducerMessage{Payload: number(i)}))
	}
	return ids
}

// batch is `count` messages in one entry.
func (lab *Lab) batch(count int, options pulsar.ProducerOptions) {
	options.BatchingMaxMessages, options.BatchingMaxPublishDelay = 1000, time.Second
	producer := lab.producer(options)
	defer producer.Close()
	for i := range count {
		producer.SendAsync(context.Background(), &pulsar.ProducerMessage{Payload: number(i)}, func(pulsar.MessageID, *pulsar.ProducerMessage, error) {})
	}
	must(producer.Flush())
}

func publish(producer pulsar.Producer, message pulsar.ProducerMessage) pulsar.MessageID {
	id, err := producer.Send(context.Background(), &message)
	must(err)
	return id
}

func number(i int) []byte { return []byte(strconv.Itoa(i)) }

func within(consumer pulsar.Consumer, wait time.Duration) pulsar.Message {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	message, err := consumer.Receive(ctx)
	if err != nil {
		return nil
	}
	return message
}

func next(consumer pulsar.Consumer) pulsar.Message {
	message := within(consumer, receiveFor)
	check(message != nil, "no message within %v", receiveFor)
	return message
}

func take(consumer pulsar.Consumer, count int) []pulsar.Message {
	var got []pulsar.Message
	for len(got) < count {
		message := next(consumer)
		must(consumer.Ack(message))
		got = append(got, message)
	}
	return got
}

// drain takes what comes until nothing came for half a second.
func drain(consumer pulsar.Consumer) []pulsar.Message {
	var got []pulsar.Message
	for message := within(consumer, 500*time.Millisecond); message != nil; message = within(consumer, 500*time.Millisecond) {
		must(consumer.Ack(message))
		got = append(got, message)
	}
	return got
}

func nothingComes(consumer pulsar.Consumer) {
	message := within(consumer, 400*time.Millisecond)
	check(message == nil, "nothing should come, but something did")
}

func texts(messages []pulsar.Message) string {
	var all []string
	for _, message := range messages {
		all = append(all, string(message.Payload()))
	}
	return strings.Join(all, " ")
}

func numbers(from, to int) string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return strings.Join(all, " ")
}

func check(condition bool, format string, values ...any) {
	if !condition {
		panic(failure(fmt.Sprintf(format, values...) + place()))
	}
}

func must(err error) {
	check(err == nil, "%v", err)
}

func same[T comparable](expected, actual T, what string) {
	check(expected == actual, "%s: expected %v, got %v", what, expected, actual)
}

func refused(err error, what string) {
	check(err != nil, "%s was not refused", what)
}

func eventually(what string, wait time.Duration, condition func() bool) {
	for deadline := time.Now().Add(wait); !condition(); time.Sleep(20 * time.Millisecond) {
		check(time.Now().Before(deadline), "not within %v: %s", wait, what)
	}
}

// place is the line of the test that called.
func place() string {
	for depth := 2; ; depth++ {
		_, file, line, ok := runtime.Caller(depth)
		if !ok {
			return ""
		}
		if name := filepath.Base(file); name != "lab.go" {
			return fmt.Sprintf(" (%s:%d)", name, line)
		}
	}
}

// token is signed with the servers' secret key; they take it for `lives`, which may be longer than what it says.
func token(subject string, lives time.Duration) string {
	key, err := os.ReadFile(os.Getenv("CLIENTS_SECRET_KEY"))
	must(err)
	leeway, err := strconv.Atoi(os.Getenv("CLIENTS_LEEWAY"))
	must(err)
	claims := fmt.Sprintf(`{"sub":%q,"exp":%d}`, subject, time.Now().Add(lives).Unix()+1-int64(leeway))
	body := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(body))
	return body + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// context ends with a test's longest time.
func (lab *Lab) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), receiveFor)
	lab.open = append(lab.open, cancel)
	return ctx
}
