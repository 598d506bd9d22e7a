'use strict';
// Producers beside each other, consumers beside each other, and where a subscription stands.
const { Pulsar, RECEIVE_MS, check, drain, eventually, nothingComes, numbers, refused, same, sleep, take, texts } = require('./lab');

const body = (text) => ({ data: Buffer.from(text) });

async function producerName(lab) {
  const [one, two] = [await lab.producer(), await lab.producer()];
  check(one.getProducerName() && one.getProducerName() !== two.getProducerName(), 'names that the server gives');
  await refused('a name that is in use', lab.producer({ producerName: one.getProducerName() }, lab.connect({})));
}

async function accessShared(lab) {
  await (await lab.producer()).send(body('one'));
  await refused('an exclusive producer beside another', lab.producer({ accessMode: 'Exclusive' }, lab.connect({})));
}

async function accessExclusive(lab) {
  const first = await lab.producer({ accessMode: 'Exclusive' });
  for (const accessMode of ['Exclusive', 'Shared']) await refused(`a ${accessMode} producer beside it`, lab.producer({ accessMode }, lab.connect({})));
  await first.send(body('x'));
  await first.close();
  await lab.producer({ accessMode: 'Exclusive' });
}

async function accessWait(lab) {
  const first = await lab.producer({ accessMode: 'Exclusive' });
  let second;
  const waiting = lab.producer({ accessMode: 'WaitForExclusive' }, lab.connect({ operationTimeoutSeconds: 30 })).then((made) => {
    second = made;
  });
  await sleep(500);
  check(!second, 'the second producer did not wait');
  await first.close();
  await waiting;
  await second.send(body('second'));
}

async function accessFencing(lab) {
  const first = await lab.producer({ accessMode: 'Exclusive', sendTimeoutMs: 5_000 });
  await first.send(body('first'));
  await (await lab.producer({ accessMode: 'ExclusiveWithFencing' }, lab.connect({}))).send(body('second'));
  await refused('a message of the first', first.send(body('fenced')));
  same(['first', 'second'], texts(await drain(await lab.consumer())), 'messages');
}

async function deduplication(lab) {
  const namespace = await lab.namespace();
  await lab.admin('POST', `/namespaces/${namespace}/deduplication`, true);
  const topic = `persistent://${namespace}/topic`;
  const consumer = await lab.consumer({ topic });
  for (const first of [1, 3]) {
    const producer = await lab.producer({ topic, producerName: 'p' });
    for (let i = first; i < first + 5; i++) await producer.send({ ...body(String(i)), sequenceId: i });
    await producer.close();
  }
  same(numbers(1, 8), texts(await drain(consumer)), 'messages');
}

async function exclusive(lab) {
  const first = await lab.consumer();
  await refused('a second consumer', lab.consumer());
  await lab.send(20);
  same(numbers(0, 20), texts(await drain(first)), 'messages');
}

async function shared(lab) {
  const config = { subscriptionType: 'Shared', receiverQueueSize: 5 };
  const consumers = [await lab.consumer(config), await lab.consumer(config)];
  await refused('an exclusive consumer beside them', lab.consumer());
  await lab.send(40);
  const got = new Set();
  for (let round = 0; round < 5 && got.size < 40; round++) {
    for (const consumer of consumers) texts(await drain(consumer)).forEach((text) => got.add(text));
  }
  same(40, got.size, 'messages of both');
}

async function flowPermits(lab) {
  const config = { subscriptionType: 'Shared', receiverQueueSize: 5 };
  const [idle, busy] = [await lab.consumer(config), await lab.consumer(config)];
  await lab.send(40);
  same(35, (await drain(busy)).length, 'messages of the consumer that takes them');
  same(5, (await drain(idle)).length, 'messages of the other, which had asked for 5');
}

async function failover(lab) {
  const [first, second] = [await lab.consumer({ subscriptionType: 'Failover', consumerName: 'a' }), await lab.consumer({ subscriptionType: 'Failover', consumerName: 'b' })];
  await lab.send(10);
  same(numbers(0, 4), texts(await take(first, 4)), 'the active one');
  await nothingComes(second);
  await first.close();
  same(numbers(4, 10), texts(await take(second, 6)), 'the other one');
}

async function keyed(lab, count, keys) {
  const producer = await lab.producer();
  for (let i = 0; i < count; i++) await producer.send({ ...body(String(i)), partitionKey: `k${i % keys}` });
}

// The consumer of each key; each key has one, and its messages are in order.
async function owners(consumers, count) {
  const [owner, last] = [{}, {}];
  let all = 0;
  for (const [number, consumer] of consumers.entries()) {
    for (const message of await drain(consumer)) {
      const key = message.getPartitionKey();
      check(owner[key] === undefined || owner[key] === number, `${key} came to two consumers`);
      check(last[key] === undefined || last[key] < Number(message.getData()), `${key} out of order`);
      owner[key] = number;
      last[key] = Number(message.getData());
      all++;
    }
  }
  same(count, all, 'messages');
  return owner;
}

async function keySharedAutoSplit(lab) {
  const consumers = [];
  for (let i = 0; i < 3; i++) consumers.push(await lab.consumer({ subscriptionType: 'KeyShared' }));
  await keyed(lab, 300, 30);
  same(3, new Set(Object.values(await owners(consumers, 300))).size, 'consumers that have keys');
}

async function keySharedSticky(lab) {
  const sticky = (start, end) => lab.consumer({ subscriptionType: 'KeyShared', keySharedPolicy: { keyShareMode: 'Sticky', stickyRanges: [{ start, end }] } });
  const consumers = [await sticky(0, 32_767), await sticky(32_768, 65_535)];
  await refused('a range that is taken', sticky(0, 9));
  await keyed(lab, 200, 20);
  same(2, new Set(Object.values(await owners(consumers, 200))).size, 'consumers that have keys');
}

async function unsubscribe(lab) {
  await lab.send(2);
  const consumer = await lab.consumer();
  await take(consumer, 2);
  await consumer.unsubscribe();
  same(['0', '1'], texts(await drain(await lab.consumer())), 'a new subscription');
}

async function seekId(lab) {
  const ids = await lab.send(8);
  const consumer = await lab.consumer();
  await take(consumer, 8);
  await consumer.seek(ids[2]);
  same(numbers(3, 8), texts(await take(consumer, 5)), 'behind the message');
}

async function beforeAndAfter(lab, before, after) {
  await lab.send(before);
  await sleep(50);
  const middle = Date.now();
  await sleep(50);
  await lab.send(after);
  return middle;
}

async function seekTime(lab) {
  const middle = await beforeAndAfter(lab, 4, 3);
  const consumer = await lab.consumer();
  await take(consumer, 7);
  await consumer.seekTimestamp(middle);
  same(numbers(0, 3), texts(await take(consumer, 3)), 'from that time on');
  await nothingComes(consumer);
}

async function seekEnds(lab) {
  await lab.send(3);
  const consumer = await lab.consumer();
  await take(consumer, 3);
  await consumer.seek(Pulsar.MessageId.earliest());
  same(numbers(0, 3), texts(await take(consumer, 3)), 'from the first on');
  await consumer.seek(Pulsar.MessageId.latest());
  await nothingComes(consumer);
  await (await lab.producer()).send(body('new'));
  same(['new'], texts(await take(consumer, 1)), 'behind the last');
}

async function reader(lab) {
  await lab.send(5);
  const reads = await lab.reader(Pulsar.MessageId.earliest());
  for (const text of numbers(0, 5)) {
    check(reads.hasNext(), `there is no message ${text}`);
    same(text, (await reads.readNext(RECEIVE_MS)).getData().toString(), 'message');
  }
  check(!reads.hasNext(), 'there is something behind the last');
}

async function readerSeekTime(lab) {
  const middle = await beforeAndAfter(lab, 3, 2);
  const reads = await lab.reader(Pulsar.MessageId.earliest());
  for (let i = 0; i < 5; i++) await reads.readNext(RECEIVE_MS);
  await reads.seekTimestamp(middle);
  same('0', (await reads.readNext(RECEIVE_MS)).getData().toString(), 'from that time on');
}

async function startAt(lab) {
  const ids = await lab.send(5);
  same('3', (await (await lab.reader(ids[2])).readNext(RECEIVE_MS)).getData().toString(), 'behind the message');
}

async function listener(lab) {
  const heard = [];
  await lab.consumer({
    listener: (message, consumer) => {
      heard.push(message.getData().toString());
      consumer.acknowledge(message);
    },
  });
  await lab.send(50);
  await eventually('50 messages', () => heard.length === 50);
  same(numbers(0, 50), heard, 'messages');
}

async function deadLetter(lab) {
  const dead = await lab.consumer({ topic: lab.topic('dead') });
  const consumer = await lab.consumer({ subscriptionType: 'Shared', nAckRedeliverTimeoutMs: 100, deadLetterPolicy: { deadLetterTopic: lab.topic('dead'), maxRedeliverCount: 2 } });
  await (await lab.producer()).send({ ...body('poison'), partitionKey: 'key', properties: { a: '1' } });
  for (let i = 0; i < 3; i++) consumer.negativeAcknowledge(await consumer.receive(RECEIVE_MS));
  const letter = (await take(dead, 1))[0];
  same(['poison', 'key', '1'], [letter.getData().toString(), letter.getPartitionKey(), letter.getProperties().a], 'letter');
}

module.exports = {
  'producer-name': producerName,
  'access-shared': accessShared,
  'access-exclusive': accessExclusive,
  'access-wait-for-exclusive': accessWait,
  'access-exclusive-with-fencing': accessFencing,
  deduplication,
  exclusive,
  shared,
  'flow-permits': flowPermits,
  'failover-active-change': failover,
  'key-shared-auto-split': keySharedAutoSplit,
  'key-shared-sticky': keySharedSticky,
  unsubscribe,
  'seek-id': seekId,
  'seek-time': seekTime,
  'seek-ends': seekEnds,
  reader,
  'reader-seek-time': readerSeekTime,
  'start-inclusive': startAt,
  listener,
  'dead-letter': deadLetter,
};
