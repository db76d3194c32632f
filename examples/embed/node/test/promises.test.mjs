// Backends that answer with promises: these need an engine with JSPI. Where
// there is none, that is what is tested.

import assert from 'node:assert/strict';
import test from 'node:test';
import { MapBackend, StorageError, createAsyncStores } from '../src/node.js';
import { LaterBackend } from './later-backend.mjs';

const suspends = typeof WebAssembly.Suspending === 'function';
const ZIPPED = 'stores: {main: {type: GzipStore, base: objects}}';
const text = (bytes) => new TextDecoder().decode(bytes);
const open = async (objects, more) => (await createAsyncStores(ZIPPED, { backends: { objects }, ...more })).main;

test('without JSPI the answer is a clear error', { skip: suspends && 'this engine has JSPI' }, async () => {
  await assert.rejects(open(new MapBackend()), (error) => {
    assert.equal(error.code, 'unsupported');
    assert.match(error.message, /JSPI/);
    return true;
  });
});

const engine = { skip: !suspends && 'this engine has no JSPI' };

test('an object goes through the decorators to a backend that answers later', engine, async () => {
  const main = await open(new LaterBackend());
  const put = await main.put('key', 'hello', { metadata: { colour: 'green' } });
  assert.equal(text(await main.get('key')), 'hello');
  assert.deepEqual(await main.stat('key'), put);
  assert.equal((await main.capabilities).metadata, true);
  const keys = [];
  for await (const { key } of main.list()) keys.push(key);
  assert.deepEqual(keys, ['key']);
  await main.delete('key');
  assert.equal(await main.exists('key'), false);
});

test('errors and wrong arguments reject', engine, async () => {
  const main = await open(new LaterBackend());
  const rejects = (code, promise) => assert.rejects(promise, (error) => error instanceof StorageError && error.code === code);
  await rejects('not-found', main.get('none'));
  await rejects('invalid-key', main.put('', 'x'));
  await assert.rejects(main.put('key', 5), TypeError);
  await rejects('invalid-config', createAsyncStores('stores: {a: {type: GzipStore, base: b, config: {level: 30}}, b: {type: DictStore}}\nmain: a'));
});

test('calls run side by side, as many as there may be instances', engine, async () => {
  const objects = new LaterBackend();
  const main = await open(objects, { instances: 5 });
  const keys = Array.from({ length: 40 }, (_, at) => `key ${at}`);
  await Promise.all(keys.map((key) => main.put(key, `of ${key}`)));
  assert.equal(objects.most, 5);
  const got = await Promise.all(keys.map((key) => main.get(key)));
  assert.deepEqual(got.map(text), keys.map((key) => `of ${key}`));
});

test('streams go on while other calls run', engine, async () => {
  const main = await open(new LaterBackend(), { instances: 1 });
  const large = new Uint8Array(3 << 20).map((_, at) => (at * 31) ^ (at >> 9));
  const writer = await main.write('large');
  for (let at = 0; at < large.length; at += 1 << 20) {
    await writer.push(large.subarray(at, at + (1 << 20)));
    assert.equal(await main.exists('large'), false);
  }
  assert.equal((await writer.finish()).size, large.length);
  let read = 0;
  for await (const chunk of await main.read('large')) {
    assert.deepEqual(chunk, large.subarray(read, read + chunk.length));
    read += chunk.length;
    assert.equal(await main.exists('large'), true);
  }
  assert.equal(read, large.length);
  const other = await main.write('other');
  await other.push('lost');
  await other.abort();
  assert.equal(await main.exists('other'), false);
});

test('one fill of a cache at a time; whoever waits is served from it', engine, async () => {
  const config = `
stores:
  near: {type: CachingStore, base: {main_store: objects, cache_store: kept}}
  kept: {type: MemoryStore}
main: near
`;
  const objects = new LaterBackend({ key: 'text' });
  const { main } = await createAsyncStores(config, { backends: { objects } });
  const got = await Promise.all(Array.from({ length: 8 }, () => main.get('key')));
  assert.deepEqual(got.map(text), Array(8).fill('text'));
  assert.equal(objects.opened, 1);
});

test('a backend that fails fails its call alone', engine, async () => {
  const objects = new LaterBackend({ good: 'x' });
  const main = await open(objects);
  await main.put('good', 'text');
  const opening = objects.open.bind(objects);
  objects.open = async (key) => {
    if (key === 'bad') throw new Error('the line is dead');
    return opening(key);
  };
  const [good, bad] = await Promise.allSettled([main.get('good'), main.get('bad')]);
  assert.equal(text(good.value), 'text');
  assert.match(bad.reason.message, /^main: "bad": the line is dead$/);
});

test('an instance that failed is given up; other calls and streams go on', engine, async () => {
  const objects = new LaterBackend();
  const main = await open(objects);
  await main.put('key', 'text');
  const reader = await main.read('key');
  const { open: opening } = objects;
  // A number where text belongs: the bindings can't hand it over.
  objects.open = async () => ({ info: { size: 100, etag: 5 }, slice: () => new Uint8Array(100) });
  const bad = assert.rejects(main.get('key'), /instance was given up/);
  const broken = assert.rejects(main.read('key'), /instance was given up/);
  assert.equal(text(await reader.next()), 'text');
  await Promise.all([bad, broken]);
  objects.open = opening;
  assert.equal(text(await main.get('key')), 'text');
  await reader.close();
  await assert.rejects(reader.next(), /closed/);
});
