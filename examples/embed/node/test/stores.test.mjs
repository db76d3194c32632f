import assert from 'node:assert/strict';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import { MapBackend, StorageError, createStores } from '../src/node.js';
import { compareKeys } from '../src/keys.js';

const ZIPPED = 'stores: {main: {type: GzipStore, base: objects}}';
const text = (bytes) => new TextDecoder().decode(bytes);
const fails = (code, action, more) => assert.throws(action, (error) => {
  assert.ok(error instanceof StorageError, String(error));
  assert.equal(error.code, code, error.message);
  if (more) assert.match(error.message, more);
  return true;
});

test('an object goes through the decorators to the backend and back', async () => {
  const objects = new MapBackend();
  const { main } = await createStores(ZIPPED, { backends: { objects } });
  const put = main.put('a/ü', 'hello', { contentType: 'text/plain', metadata: { colour: 'green' } });
  const kept = objects.open('a/ü');
  assert.equal(text(gunzipSync(kept.slice(0, kept.info.size))), 'hello');
  assert.equal(text(main.get('a/ü')), 'hello');
  assert.equal(main.exists('a/ü'), true);
  const info = main.stat('a/ü');
  assert.deepEqual(info, put);
  assert.deepEqual([info.size, info.contentType, info.metadata.colour], [5, 'text/plain', 'green']);
  assert.deepEqual([...main.list()].map(({ key, info }) => [key, info.etag]), [['a/ü', info.etag]]);
  main.delete('a/ü');
  assert.equal(main.exists('a/ü'), false);
});

test('errors have a code, name the store and the key, and say what is wrong', async () => {
  const { main } = await createStores(ZIPPED, { backends: { objects: new MapBackend({ bad: 'not gzip' }) } });
  fails('not-found', () => main.get('none'), /^main: "none": there is no such object$/);
  fails('not-found', () => main.delete('none'));
  fails('invalid-data', () => main.get('bad'), /^main: "bad": /);
  fails('invalid-key', () => main.put('', 'x'));
  fails('invalid-key', () => main.put('half \ud83d', 'x'), /surrogate/);
  fails('invalid-key', () => main.put('é'.repeat(2049), 'x'), /4098/);
  main.put('key', 'one');
  fails('already-exists', () => main.put('key', 'two', { ifAbsent: true }));
  fails('precondition-failed', () => main.put('key', 'two', { ifMatch: 'other' }));
  fails('unsupported', () => main.put('key', 'x', { metadata: { 'storage-size': '1' } }));
  assert.throws(() => main.put('key', 5), TypeError);
  assert.throws(() => main.get(5), TypeError);
  assert.throws(() => main.get('key', { range: { offset: -1 } }), TypeError);
  assert.equal(text(main.get('key')), 'one');
});

test('objects larger than memory is given at once are streamed', async () => {
  const { main } = await createStores(ZIPPED, { backends: { objects: new MapBackend() } });
  const large = new Uint8Array(20 << 20).map((_, at) => (at * 31) ^ (at >> 9));
  main.put('large', large);
  assert.deepEqual(main.get('large'), large);
  const reader = main.read('large');
  assert.equal(reader.info.size, large.length);
  let read = 0;
  for (const chunk of reader) {
    assert.deepEqual(chunk, large.subarray(read, read + chunk.length));
    read += chunk.length;
  }
  assert.equal(read, large.length);
});

test('a write publishes at its end, and nothing when it is given up', async () => {
  const objects = new MapBackend();
  const { main } = await createStores(ZIPPED, { backends: { objects } });
  const writer = main.write('key');
  writer.push('one ');
  writer.push('two');
  assert.equal(main.exists('key'), false);
  writer.finish({ metadata: { parts: '2' } });
  assert.equal(text(main.get('key')), 'one two');
  assert.equal(main.stat('key').metadata.parts, '2');
  fails('other', () => writer.push('more'), /closed/);
  const other = main.write('other');
  other.push('lost');
  other.abort();
  assert.deepEqual([...main.list()].map(({ key }) => key), ['key']);
});

test('strange keys stay apart, and are listed by their UTF-8 bytes', async () => {
  const { main } = await createStores('stores: {main: {type: DictStore}}');
  const keys = ['\u{feff}bom', 'bom', 'caf\u{e9}', 'cafe\u{301}', '__proto__', 'constructor', '\u{ffff}', '😀', '\u{e000}', '../up', '/'];
  for (const key of keys) main.put(key, `of ${key}`);
  for (const key of keys) assert.equal(text(main.get(key)), `of ${key}`);
  const bytes = (key) => Buffer.from(key);
  const ordered = keys.toSorted((a, b) => Buffer.compare(bytes(a), bytes(b)));
  assert.deepEqual([...main.list()].map(({ key }) => key), ordered);
  assert.deepEqual(keys.toSorted(compareKeys), ordered);
  const page = main.page({ limit: 4 });
  assert.deepEqual([...page.entries, ...main.page({ startAfter: page.next }).entries].map(({ key }) => key), ordered);
  assert.deepEqual([...main.list({ prefix: 'caf' })].map(({ key }) => key), ['cafe\u{301}', 'caf\u{e9}']);
});

test('a cache is filled and used; a read under way keeps nobody out', async () => {
  const config = `
stores:
  near: {type: CachingStore, base: {main_store: objects, cache_store: kept}}
  kept: {type: MemoryStore}
main: near
`;
  const stores = await createStores(config, { backends: { objects: new MapBackend({ key: 'x'.repeat(600_000) }) } });
  const reader = stores.main.read('key');
  reader.next(10);
  assert.equal(stores.main.get('key').length, 600_000);
  assert.equal([...reader].reduce((size, chunk) => size + chunk.length, 10), 600_000);
  assert.equal(stores.main.get('key').length, 600_000);
  assert.equal(stores.store('kept').exists('key'), true);
});

test('what decorators log and tell reaches the program', async () => {
  const config = `
stores:
  objects: {type: DictStore}
  logged: {type: LoggingStore, base: objects, config: {store_name: archive}}
  told: {type: NotifyingStore, base: logged, config: {on_put: [log: {}]}}
main: told
`;
  const [lines, changes] = [[], []];
  const { main } = await createStores(config, {
    log: (...line) => lines.push(line),
    onChange: (change) => {
      changes.push(change);
      throw new Error('a handler that fails fails nobody else');
    },
  });
  const { error } = console;
  console.error = () => {};
  try {
    main.put('key', 'text');
    fails('not-found', () => main.delete('none'));
  } finally {
    console.error = error;
  }
  assert.deepEqual(changes.map(({ store, action, key, size, failure }) => [store, action, key, size, failure?.code]), [
    ['told', 'put', 'key', 4, undefined],
    ['told', 'delete', 'none', undefined, 'not-found'],
  ]);
  assert.ok(lines.some(([level, store, message]) => level === 'warn' && store === 'told' && message.includes('onChange')));
  assert.ok(lines.some(([level, store, message]) => level === 'info' && store === 'logged' && message === 'archive put key'), String(lines));
});

test('what a backend throws is told; the stores go on', async () => {
  const objects = new MapBackend({ key: 'text' });
  let fault;
  const open = objects.open.bind(objects);
  objects.open = (key) => (fault ? fault() : open(key));
  const { main } = await createStores('stores: {main: {type: Base64Store, base: objects}}', { backends: { objects } });
  fault = () => {
    throw new StorageError('unavailable', 'the line is busy');
  };
  fails('unavailable', () => main.get('key'), /^main: "key": the line is busy$/);
  fault = () => {
    throw new RangeError('out of cheese');
  };
  fails('other', () => main.get('key'), /out of cheese/);
  fault = () => Promise.reject(new Error('too late'));
  fails('other', () => main.get('key'), /createAsyncStores/);
  fault = () => ({ info: { size: 'large' }, slice: () => new Uint8Array(1) });
  fails('other', () => main.stat('key'), /size/);
  fault = undefined;
  main.put('key', 'back');
  assert.equal(text(main.get('key')), 'back');
});

test('an instance that failed is given up, and the next call has a new one', async () => {
  const objects = new MapBackend();
  const { main } = await createStores(ZIPPED, { backends: { objects } });
  main.put('key', 'text');
  const reader = main.read('key');
  const { open } = objects;
  // Text where bytes belong: the bindings can't hand it over.
  objects.open = () => ({ info: { size: 100, etag: {} }, slice: () => new Uint8Array(100) });
  fails('other', () => main.get('key'), /instance was given up/);
  objects.open = open;
  assert.equal(text(main.get('key')), 'text');
  fails('other', () => reader.next(), /given up/);
  reader.close();
});

test('a configuration that is wrong is refused with the reason', async () => {
  const backends = { objects: new MapBackend() };
  for (const [config, reason] of [
    ['stores: [', /line 1/],
    ['{}', /"stores" must be a mapping/],
    ['stores: {}', /at least one/],
    ['storse: {a: {type: DictStore}}', /no section "storse"/],
    ['{stores: {a: {type: DictStore}}, plugins: {p: {}}}', /plug-ins/],
    ['stores: {a: {type: GzpStore, base: objects}}', /no store type "GzpStore"/],
    ['stores: {a: {type: GzipStore}}', /the base of GzipStore is the name of a store/],
    ['stores: {a: {type: GzipStore, base: [objects]}}', /the base of GzipStore is the name of a store/],
    ['stores: {a: {type: MirroringStore, base: objects}}', /a list of names/],
    ['stores: {a: {type: CachingStore, base: objects}}', /cache_store/],
    ['stores: {a: {type: CachingStore, base: {main_store: objects, cache: objects}}}', /cache_store/],
    ['stores: {a: {type: DictStore, base: objects}}', /takes no base/],
    ['stores: {a: {type: GzipStore, base: b}}', /store "a": there is no store or backend "b"/],
    ['{main: a, stores: {a: {type: GzipStore, base: b}, b: {type: GzipStore, base: a}}}', /a → b → a/],
    ['stores: {a: {type: GzipStore, base: objects, config: {lvl: 3}}}', /no "lvl".*level/],
    ['stores: {a: {type: GzipStore, base: objects, config: {level: 30}}}', /level: must be at most 9/],
    ['stores: {a: {type: GzipStore, base: objects, depth: 3}}', /no "depth"/],
    ['stores: {objects: {type: DictStore}}', /both a store of the configuration and a given backend/],
    ['stores: {a: {type: DictStore}, b: {type: DictStore}}', /"main" is missing/],
    ['{main: c, stores: {a: {type: DictStore}}}', /main: there is no store "c"/],
    ['stores: {a: {type: FilesystemStore}}', /root_path/],
    ['stores: {a: {type: PrefixStore, base: objects, config: {prefix: "${UNSET}"}}}', /UNSET is not set/],
    ['stores: {a: {type: PrefixStore, base: objects, config: {prefix: "${UNSET"}}}', /without its "}"/],
  ]) {
    await assert.rejects(createStores(config, { backends, env: {} }), (error) => {
      assert.equal(error.code, 'invalid-config', `${config}: ${error.stack}`);
      assert.match(error.message, reason);
      return true;
    });
  }
});

test('the environment fills in, with defaults, numbers and plain dollars', async () => {
  const config = {
    stores: {
      objects: { type: 'DictStore', config: { objects: { 'x:/key': '$${HOME} ${WHO:-a:-b}' } } },
      prefixed: { type: 'PrefixStore', base: 'objects', config: { prefix: '${PREFIX}' } },
      zipped: { type: 'GzipStore', base: 'objects', config: { level: '${LEVEL:-9}' } },
    },
    main: 'prefixed',
  };
  const stores = await createStores(config, { env: { PREFIX: 'x:/' } });
  assert.equal(text(stores.main.get('key')), '${HOME} a:-b');
  assert.deepEqual(stores.names, ['objects', 'prefixed', 'zipped']);
  assert.throws(() => stores.store('other'), /there is no store "other"/);
  assert.equal(config.stores.zipped.config.level, '${LEVEL:-9}');
});
