import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { serve } from '../serve.mjs';
import { launch, launchIn } from './chromium.mjs';

const cases = process.env.CASES;
let server;
let browser;
let context;

before(async () => {
  server = await serve(0, cases ? { '/cases.json': cases } : {});
  browser = await launch();
  context = await browser.newContext();
});

after(async () => {
  await browser?.close();
  server?.close();
});

async function open(where = context) {
  const page = await where.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error));
  await page.goto(`http://127.0.0.1:${server.address().port}/browser/`);
  await page.locator('body[data-ready]').waitFor({ timeout: 30_000 }).catch((error) => {
    throw new AggregateError([...problems, error], `the page did not come up: ${problems.join('; ')}`);
  });
  return page;
}

test('what the page keeps is there after the browser was closed', async (t) => {
  const profile = mkdtempSync(join(tmpdir(), 'storage-embed-'));
  t.after(() => rmSync(profile, { recursive: true, force: true }));
  for (const run of ['first', 'second']) {
    const kept = await launchIn(profile);
    try {
      const page = await open(kept);
      if (run === 'first') {
        await page.fill('[name=key]', 'greeting');
        await page.fill('[name=text]', 'hello');
        await page.click('button');
      }
      await page.getByText('greeting: hello').waitFor();
      assert.equal(await page.textContent('output'), run === 'first' ? 'kept 5 bytes' : '');
    } finally {
      await kept.close();
    }
  }
});

test('in the database there is gzip, under the prefix', async () => {
  const page = await open();
  await page.fill('[name=key]', 'greeting');
  await page.click('button');
  await page.getByText('kept 0 bytes').waitFor();
  const [keys, start] = await page.evaluate(async () => {
    const { IndexedDbBackend } = await import('./indexeddb-backend.js');
    const objects = await IndexedDbBackend.open('notes');
    const { entries } = await objects.list({ prefix: '', limit: 10 });
    const object = await objects.open(entries[0].key);
    return [entries.map(({ key }) => key), [...(await object.slice(0, 2))]];
  });
  assert.deepEqual(keys, ['notes/greeting']);
  assert.deepEqual(start, [0x1f, 0x8b]);
  await page.close();
});

test('a large object streams in and out', async () => {
  const page = await open();
  const got = await page.evaluate(async () => {
    const { createAsyncStores } = await import('storage-embed');
    const { IndexedDbBackend } = await import('./indexeddb-backend.js');
    const objects = await IndexedDbBackend.open('large');
    const { main } = await createAsyncStores('stores: {main: {type: Base64Store, base: objects}}', { backends: { objects } });
    const chunk = new Uint8Array(1 << 20).map((_, at) => (at * 31) ^ (at >> 9));
    const writer = await main.write('large');
    for (let pushed = 0; pushed < 24; pushed++) await writer.push(chunk);
    const before = await main.exists('large');
    const { size } = await writer.finish();
    const reader = await main.read('large');
    await main.delete('large');
    let at = 0;
    let wrong = 0;
    for await (const bytes of reader) {
      for (const byte of bytes) if (byte !== chunk[at++ % chunk.length]) wrong++;
    }
    return { before, size, at, wrong, after: await main.exists('large') };
  });
  assert.deepEqual(got, { before: false, size: 24 << 20, at: 24 << 20, wrong: 0, after: false });
  await page.close();
});

test('of two pages that write only where there is nothing, one does', async () => {
  const pages = await Promise.all([open(), open()]);
  const outcomes = await Promise.all(
    pages.map((page, number) =>
      page.evaluate(async (number) => {
        const { createAsyncStores } = await import('storage-embed');
        const { IndexedDbBackend } = await import('./indexeddb-backend.js');
        const objects = await IndexedDbBackend.open('shared');
        const { main } = await createAsyncStores('stores: {main: {type: IdentityStore, base: objects}}', { backends: { objects } });
        const keys = Array.from({ length: 50 }, (_, at) => `key ${at}`);
        const puts = keys.map((key) => main.put(key, `${number}`, { ifAbsent: true }));
        return (await Promise.allSettled(puts)).map(({ status, reason }) => reason?.code ?? status);
      }, number),
    ),
  );
  for (let at = 0; at < 50; at++) {
    assert.deepEqual([outcomes[0][at], outcomes[1][at]].sort(), ['already-exists', 'fulfilled']);
  }
  await Promise.all(pages.map((page) => page.close()));
});

test('stores in memory need no promises', async () => {
  const page = await open();
  const got = await page.evaluate(async () => {
    const { createStores } = await import('storage-embed');
    const config = { stores: { objects: { type: 'DictStore' }, text: { type: 'Base64Store', base: 'objects' } }, main: 'text' };
    const stores = await createStores(config);
    stores.main.put('key', 'hello');
    return [stores.main, stores.store('objects')].map((store) => new TextDecoder().decode(store.get('key')));
  });
  assert.deepEqual(got, ['hello', 'aGVsbG8=']);
  await page.close();
});

test('the shared cases hold', { skip: !cases && 'CASES names no file' }, async () => {
  const page = await open();
  const { passed, failures } = await page.evaluate(async () => (await import('./test/in-page.js')).replay('/cases.json'));
  console.log(`Chromium ${browser.version()}, jspi: ${passed} passed, ${failures.length} failed`);
  assert.deepEqual(failures.slice(0, 20), []);
  assert.ok(passed > 0);
  await page.close();
});
