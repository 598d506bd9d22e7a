'use strict';
// Kinds of topics, schemas, and how a client stays connected.
const { Pulsar, check, drain, eventually, nothingComes, numbers, refused, same, sleep, take, texts, token } = require('./lab');

const body = (text) => ({ data: Buffer.from(text) });

async function regex(lab) {
  for (const name of ['a1', 'a2', 'b']) await lab.send(1, lab.topic(name));
  const consumer = await lab.consumer({ topicsPattern: `${lab.topic('a')}.*` });
  same([lab.topic('a1'), lab.topic('a2')], (await take(consumer, 2)).map((each) => each.getTopicName()).sort(), 'topics');
  await nothingComes(consumer);
}

async function multiTopics(lab) {
  const topics = [lab.topic('a'), lab.topic('b')];
  for (const topic of topics) await lab.send(5, topic);
  const got = await take(await lab.consumer({ topics }), 10);
  same(2, new Set(got.map((each) => each.getTopicName())).size, 'topics');
}

async function partitions(lab) {
  await lab.adminTopic('PUT', '/partitions', 3);
  same(3, (await lab.client.getPartitionsForTopic(lab.topic())).length, 'partitions');
  const producer = await lab.producer({ messageRoutingMode: 'RoundRobinDistribution' });
  const consumer = await lab.consumer();
  for (const text of numbers(0, 30)) await producer.send(body(text));
  same(3, new Set((await take(consumer, 30)).map((each) => each.getTopicName())).size, 'partitions that got messages');
}

async function nonPersistent(lab) {
  const topic = lab.topic().replace('persistent://', 'non-persistent://');
  const consumer = await lab.consumer({ topic });
  await lab.send(10, topic);
  same(numbers(0, 10), texts(await take(consumer, 10)), 'messages');
}

async function compaction(lab) {
  const producer = await lab.producer();
  for (const [partitionKey, text] of [['a', '1'], ['b', '2'], ['a', '3'], ['c', '4'], ['b', '']]) await producer.send({ ...body(text), partitionKey });
  await lab.adminTopic('PUT', '/compaction');
  await eventually('the compaction ends', async () => (await lab.adminTopic('GET', '/compaction')).status === 'SUCCESS', 20_000);
  same(['3', '4'], texts(await drain(await lab.consumer({ readCompacted: true }))), 'the last of each key');
}

const order = JSON.stringify({ type: 'record', name: 'Order', fields: [{ name: 'number', type: 'int' }, { name: 'item', type: 'string' }] });

async function schemaJson(lab) {
  const schema = { schemaType: 'Json', schema: order };
  const consumer = await lab.consumer({ schema });
  await (await lab.producer({ schema })).send(body(JSON.stringify({ number: 7, item: 'pen' })));
  same({ number: 7, item: 'pen' }, JSON.parse((await take(consumer, 1))[0].getData()), 'order');
}

async function schemaIncompatible(lab) {
  await lab.producer({ schema: { schemaType: 'Avro', schema: order } });
  await refused('a schema that does not fit', lab.producer({ schema: { schemaType: 'Avro', schema: order.replace('"int"', '"boolean"') } }, lab.connect({})));
}

async function schemaPrimitives(lab) {
  const schema = { schemaType: 'String' };
  const consumer = await lab.consumer({ schema });
  await (await lab.producer({ schema })).send(body('text'));
  same(['text'], texts(await take(consumer, 1)), 'value');
}

async function unload(lab) {
  const [producer, consumer] = [await lab.producer(), await lab.consumer()];
  await producer.send(body('before'));
  await take(consumer, 1);
  await lab.adminTopic('PUT', '/unload');
  await producer.send(body('after'));
  same(['after'], texts(await take(consumer, 1)), 'message');
}

async function httpLookup(lab) {
  await (await lab.producer({}, lab.connect({ serviceUrl: process.env.CLIENTS_ADMIN }))).send(body('x'));
}

async function severalAddresses(lab) {
  const second = process.env.CLIENTS_URL.replace('pulsar://', '');
  await (await lab.producer({}, lab.connect({ serviceUrl: `pulsar://127.0.0.1:1,${second}`, connectionTimeoutMs: 1_000 }))).send(body('x'));
}

function guarded(lab, supply, config = {}) {
  return lab.connect({ serviceUrl: process.env.CLIENTS_AUTH_URL, authentication: new Pulsar.AuthenticationToken({ token: supply }), ...config });
}

async function tokens(lab) {
  await (await lab.producer({}, guarded(lab, token('admin', 60)))).send(body('x'));
  for (const wrong of ['nonsense', token('admin', -60), token('nobody', 60)]) {
    await refused('a token that is no good', lab.producer({}, guarded(lab, wrong, { operationTimeoutSeconds: 3 })));
  }
}

async function tokenRefresh(lab) {
  let asked = 0;
  const client = guarded(lab, () => {
    asked++;
    return token('admin', 3);
  });
  const producer = await lab.producer({}, client);
  const before = asked;
  for (const text of numbers(0, 14)) {
    await producer.send(body(text));
    await sleep(500);
  }
  check(asked > before, 'nobody asked for a new token');
}

module.exports = {
  regex,
  'multi-topics': multiTopics,
  partitions,
  'non-persistent': nonPersistent,
  compaction,
  'schema-json': schemaJson,
  'schema-primitives': schemaPrimitives,
  'schema-incompatible': schemaIncompatible,
  'unload-reconnect': unload,
  'http-lookup': httpLookup,
  'several-addresses': severalAddresses,
  token: tokens,
  'token-refresh': tokenRefresh,
};
