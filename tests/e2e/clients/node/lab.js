'use strict';
// One test's clients and names, and what the tests say of messages.
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const Pulsar = require('pulsar-client');

const RECEIVE_MS = 10_000;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const numbers = (first, end) => Array.from({ length: end - first }, (_, i) => String(first + i));
const texts = (messages) => messages.map((message) => message.getData().toString());

function check(condition, what) {
  if (!condition) throw new Error(what);
}

function same(expected, actual, what) {
  check(JSON.stringify(expected) === JSON.stringify(actual), `${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}

async function refused(what, promise) {
  try {
    await promise;
  } catch {
    return;
  }
  throw new Error(`${what} was not refused`);
}

async function eventually(what, condition, ms = 10_000) {
  for (const end = Date.now() + ms; !(await condition()); await sleep(20)) check(Date.now() < end, `not within ${ms} ms: ${what}`);
}

// The servers take it for so long, which may be longer than what it says.
function token(subject, seconds) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({ alg: 'HS256' })}.${part({ sub: subject, exp: Math.ceil(Date.now() / 1000 + seconds - Number(process.env.CLIENTS_LEEWAY)) })}`;
  return `${body}.${crypto.createHmac('sha256', fs.readFileSync(process.env.CLIENTS_SECRET_KEY)).update(body).digest('base64url')}`;
}

class Lab {
  constructor(feature) {
    this.feature = feature;
    this.tag = process.hrtime.bigint().toString(36);
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'geminga-node-'));
    this.clients = [];
    this.client = this.connect({});
  }

  connect(config) {
    const client = new Pulsar.Client({ serviceUrl: process.env.CLIENTS_URL, operationTimeoutSeconds: 10, ...config });
    this.clients.push(client);
    return client;
  }

  async close() {
    fs.rmSync(this.folder, { recursive: true });
    await Promise.all(this.clients.map((client) => client.close().catch(() => {})));
  }

  topic(name = 'topic') {
    return `persistent://public/default/node-${this.feature}-${this.tag}-${name}`;
  }

  producer(config = {}, client = this.client) {
    return client.createProducer({ topic: this.topic(), batchingEnabled: false, ...config });
  }

  consumer(config = {}) {
    const topic = config.topics || config.topicsPattern ? {} : { topic: this.topic() };
    return this.client.subscribe({ ...topic, subscription: 's', subscriptionInitialPosition: 'Earliest', ...config });
  }

  reader(startMessageId) {
    return this.client.createReader({ topic: this.topic(), startMessageId });
  }

  async send(count, topic = this.topic()) {
    const producer = await this.producer({ topic });
    const ids = [];
    for (let i = 0; i < count; i++) ids.push(await producer.send({ data: Buffer.from(String(i)) }));
    await producer.close();
    return ids;
  }

  async batch(count, config = {}) {
    const producer = await this.producer({ batchingEnabled: true, batchingMaxPublishDelayMs: 1_000, ...config });
    const sent = numbers(0, count).map((text) => producer.send({ data: Buffer.from(text) }));
    await producer.flush();
    await Promise.all(sent);
    await producer.close();
  }

  async admin(method, where, body) {
    const response = await fetch(`${process.env.CLIENTS_ADMIN}/admin/v2${where}`, {
      method, headers: { 'Content-Type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    check(response.ok, `${method} ${where}: ${response.status} ${text.slice(0, 200)}`);
    return text ? JSON.parse(text) : null;
  }

  adminTopic(method, where, body) {
    return this.admin(method, `/${this.topic().replace('://', '/')}${where}`, body);
  }

  async namespace() {
    const name = `public/node-${this.feature}-${this.tag}`;
    await this.admin('PUT', `/namespaces/${name}`);
    return name;
  }
}

async function take(consumer, count, acknowledge = true) {
  const got = [];
  while (got.length < count) {
    const message = await consumer.receive(RECEIVE_MS);
    if (acknowledge) await consumer.acknowledge(message);
    got.push(message);
  }
  return got;
}

// What comes until nothing came for half a second.
async function drain(consumer) {
  const got = [];
  for (;;) {
    let message;
    try {
      message = await consumer.receive(500);
    } catch {
      return got;
    }
    await consumer.acknowledge(message);
    got.push(message);
  }
}

const nothingComes = (consumer) => refused('a message', consumer.receive(400));

module.exports = { Lab, Pulsar, RECEIVE_MS, check, drain, eventually, nothingComes, numbers, refused, same, sleep, take, texts, token };
