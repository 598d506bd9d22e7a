'use strict';
// The program of Pulsar's Node client: runs the tests, or those that are named, and prints one JSON line for each.
const { Lab, Pulsar } = require('./lab');

const TEST_MS = 60_000;
Pulsar.Client.setLogHandler((level, file, line, message) => {
  if (process.env.CLIENTS_LOG) process.stderr.write(`${file}:${line} ${message}\n`);
});

function describe(error) {
  const place = /\((?:.*\/)?((?!lab\.js)[^/]+\.js:\d+)/.exec(error.stack || '');
  return `${error.message || error}${place ? ` (${place[1]})` : ''}`.replaceAll('\n', ' ');
}

async function attempt(feature, test) {
  const lab = new Lab(feature);
  try {
    await test(lab);
  } finally {
    await lab.close();
  }
}

async function run(feature, test) {
  const began = Date.now();
  let detail = '';
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`did not end within ${TEST_MS / 1000} s`)), TEST_MS);
  });
  try {
    await Promise.race([attempt(feature, test), late]);
  } catch (error) {
    detail = describe(error);
  }
  clearTimeout(timer);
  process.stdout.write(`${JSON.stringify({ feature, result: detail ? 'fail' : 'pass', detail, ms: Date.now() - began })}\n`);
}

async function main() {
  const wanted = process.argv.slice(2);
  const tests = { ...require('./messages'), ...require('./subscriptions'), ...require('./topics') };
  for (const [feature, test] of Object.entries(tests)) {
    if (!wanted.length || wanted.includes(feature)) await run(feature, test);
  }
  process.exit(0); // what a test that did not end left behind does not hold the program
}

main();
