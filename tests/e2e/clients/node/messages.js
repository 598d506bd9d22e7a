'use strict';
// What a message may carry, how it travels, and what acknowledging does.
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { RECEIVE_MS, check, drain, nothingComes, numbers, refused, same, take, texts } = require('./lab');

const body = (text) => ({ data: Buffer.from(text) });
const shared = { subscriptionType: 'Shared' };

async function batches(lab) {
  const consumer = await lab.consumer();
  await lab.batch(120);
  const got = await take(consumer, 120);
  same(numbers(0, 120), texts(got), 'messages');
  same(',30,', /,30,/.exec(`${got[30].getMessageId().toString().replace(/[()]/g, ',')},`)?.[0] ?? got[30].getMessageId().toString(), 'index in the batch');
}

async function batchesByKey(lab) {
  const consumer = await lab.consumer({ subscriptionType: 'KeyShared' });
  const producer = await lab.producer({ batchingEnabled: true, batchingType: 'KeyBasedBatching', batchingMaxPublishDelayMs: 500 });
  const sent = numbers(0, 40).map((text) => producer.send({ ...body(text), partitionKey: `k${text % 4}` }));
  await producer.flush();
  await Promise.all(sent);
  const got = await take(consumer, 40);
  for (let key = 0; key < 4; key++) {
    same(numbers(0, 40).filter((text) => text % 4 === key), texts(got.filter((each) => each.getPartitionKey() === `k${key}`)), `messages of k${key}`);
  }
}

async function batchIndexAck(lab) {
  await lab.batch(10);
  const config = { ...shared, batchIndexAckEnabled: true };
  const consumer = await lab.consumer(config);
  for (const message of await take(consumer, 10, false)) {
    if (Number(message.getData()) % 2 === 0) await consumer.acknowledge(message);
  }
  await consumer.close();
  same(['1', '3', '5', '7', '9'], texts(await drain(await lab.consumer(config))), 'what was left of the batch');
}

async function cumulativeAck(lab) {
  await lab.send(10);
  const consumer = await lab.consumer();
  await consumer.acknowledgeCumulative((await take(consumer, 7, false))[4]);
  await consumer.close();
  same(numbers(5, 10), texts(await drain(await lab.consumer())), 'what was left');
}

async function negativeAck(lab) {
  const consumer = await lab.consumer({ ...shared, nAckRedeliverTimeoutMs: 200 });
  await lab.send(3);
  const got = await take(consumer, 3, false);
  await consumer.acknowledge(got[0]);
  consumer.negativeAcknowledge(got[1]);
  await consumer.acknowledge(got[2]);
  same(['1'], texts(await take(consumer, 1)), 'what came again');
  await nothingComes(consumer);
}

async function redeliveryCount(lab) {
  const consumer = await lab.consumer({ ...shared, nAckRedeliverTimeoutMs: 100 });
  await lab.send(1);
  for (let count = 0; count < 4; count++) {
    const message = await consumer.receive(RECEIVE_MS);
    same(count, message.getRedeliveryCount(), 'redelivery count');
    consumer.negativeAcknowledge(message);
  }
}

async function ackTimeout(lab) {
  const consumer = await lab.consumer({ ...shared, ackTimeoutMs: 10_000 });
  await lab.send(1);
  await consumer.receive(RECEIVE_MS);
  same(1, (await consumer.receive(25_000)).getRedeliveryCount(), 'redelivery count');
}

async function batchReceive(lab) {
  await lab.send(10);
  const consumer = await lab.consumer({ batchReceivePolicy: { maxNumMessages: 10, maxNumBytes: -1, timeoutMs: 500 } });
  for (let got = 0; got < 10;) {
    const messages = await consumer.batchReceive();
    check(messages.length > 0, 'an empty batch');
    got += messages.length;
  }
}

async function chunked(lab, config) {
  const consumer = await lab.consumer(config);
  const producer = await lab.producer({ chunkingEnabled: true });
  const large = Buffer.alloc(12 << 20, 'chunks of one message ');
  for (const data of [Buffer.from('before'), large, Buffer.from('after')]) {
    await producer.send({ data });
    check(data.equals((await take(consumer, 1))[0].getData()), 'a message differs');
  }
  await nothingComes(consumer);
}

async function compressed(lab, compressionType) {
  const consumer = await lab.consumer();
  await lab.batch(60, { compressionType });
  same(numbers(0, 60), texts(await take(consumer, 60)), 'batches');
  const text = '0123456789'.repeat(1000);
  await (await lab.producer({ compressionType })).send(body(text));
  same([text], texts(await take(consumer, 1)), 'a single message');
}

async function encryption(lab) {
  const [privateKeyPath, publicKeyPath] = ['private.pem', 'public.pem'].map((name) => path.join(lab.folder, name));
  execFileSync('openssl', ['genrsa', '-out', privateKeyPath, '2048'], { stdio: 'ignore' });
  execFileSync('openssl', ['rsa', '-in', privateKeyPath, '-pubout', '-out', publicKeyPath], { stdio: 'ignore' });
  const consumer = await lab.consumer({ privateKeyPath });
  await (await lab.producer({ publicKeyPath, encryptionKey: 'app' })).send(body('secret'));
  const message = (await take(consumer, 1))[0];
  same('secret', message.getData().toString(), 'value');
  check(message.getEncryptionContext(), 'it came without encryption');
}

async function fields(lab) {
  const consumer = await lab.consumer();
  const producer = await lab.producer({ producerName: `shop-${lab.tag}` });
  const id = await producer.send({ ...body('body'), partitionKey: 'key', properties: { a: '1', b: 'zwei ü' } });
  const message = (await take(consumer, 1))[0];
  same(['key', { a: '1', b: 'zwei ü' }, `shop-${lab.tag}`], [message.getPartitionKey(), { ...message.getProperties() }, message.getProducerName()], 'fields');
  same(id.toString().split(',').slice(0, 2), message.getMessageId().toString().split(',').slice(0, 2), 'id');
}

async function eventTime(lab) {
  const consumer = await lab.consumer();
  await (await lab.producer()).send({ ...body('x'), eventTimestamp: 1_234_567 });
  same(1_234_567, (await take(consumer, 1))[0].getEventTimestamp(), 'event time');
}

async function orderingKey(lab) {
  const consumer = await lab.consumer();
  await (await lab.producer()).send({ ...body('x'), partitionKey: 'key', orderingKey: 'order' });
  same('order', (await take(consumer, 1))[0].getOrderingKey(), 'ordering key');
}

async function delayedAfter(lab) {
  const consumer = await lab.consumer(shared);
  const producer = await lab.producer();
  const began = Date.now();
  await producer.send({ ...body('later'), deliverAfter: 1_500 });
  await producer.send(body('now'));
  same(['now', 'later'], texts(await take(consumer, 2)), 'order');
  check(Date.now() - began > 1_300 && Date.now() - began < 6_000, `it came after ${Date.now() - began} ms`);
}

async function delayedAt(lab) {
  const consumer = await lab.consumer(shared);
  const due = Date.now() + 1_500;
  await (await lab.producer()).send({ ...body('later'), deliverAt: due });
  await take(consumer, 1);
  check(due - Date.now() < 300, `it came ${due - Date.now()} ms before its time`);
}

async function messageSize(lab) {
  const consumer = await lab.consumer();
  const producer = await lab.producer();
  await producer.send({ data: Buffer.alloc((5 << 20) - 200) });
  same((5 << 20) - 200, (await take(consumer, 1))[0].getData().length, 'bytes');
  await refused('a message of more than 5 MiB', producer.send({ data: Buffer.alloc((5 << 20) + 1) }));
  await producer.send(body('after'));
}

async function inFlight(lab) {
  const producer = await lab.producer({ batchingEnabled: true, maxPendingMessages: 20_000 });
  const sent = numbers(0, 20_000).map((text) => producer.send(body(text)));
  await Promise.all(sent);
  same(numbers(0, 20_000), texts(await take(await lab.consumer(), 20_000)), 'messages');
}

module.exports = {
  batches,
  'batches-by-key': batchesByKey,
  'batch-index-ack': batchIndexAck,
  'cumulative-ack': cumulativeAck,
  'negative-ack': negativeAck,
  'redelivery-count': redeliveryCount,
  'ack-timeout': ackTimeout,
  'batch-receive': batchReceive,
  chunks: (lab) => chunked(lab, {}),
  'chunks-shared': (lab) => chunked(lab, shared),
  'compression-lz4': (lab) => compressed(lab, 'LZ4'),
  'compression-zlib': (lab) => compressed(lab, 'Zlib'),
  'compression-zstd': (lab) => compressed(lab, 'ZSTD'),
  'compression-snappy': (lab) => compressed(lab, 'SNAPPY'),
  encryption,
  fields,
  'event-time': eventTime,
  'ordering-key': orderingKey,
  'delayed-after': delayedAfter,
  'delayed-at': delayedAt,
  'limit-message-size': messageSize,
  'in-flight': inFlight,
};
