import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { FsBackend, createStores } from '../src/node.js';

/** A store over an empty directory. */
async function files(t) {
  const directory = mkdtempSync(join(tmpdir(), 'storage-embed-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const root = join(directory, 'root');
  const { main } = await createStores('stores: {main: {type: IdentityStore, base: files}}', {
    backends: { files: new FsBackend(root) },
  });
  return { directory, root, main };
}

const text = (bytes) => new TextDecoder().decode(bytes);
const fails = (code, action, more = /./) => assert.throws(action, (error) => {
  assert.equal(error.code, code, error.stack);
  assert.match(error.message, more);
  return true;
});

test('keys are paths, and emptied folders go', async (t) => {
  const { root, main } = await files(t);
  main.put('a/b/c.txt', 'one');
  main.put('a/d', 'two');
  assert.equal(readFileSync(join(root, 'a/b/c.txt'), 'utf8'), 'one');
  assert.equal(text(main.get('a/b/c.txt', { range: { offset: 1 } })), 'ne');
  const { etag } = main.put('a/d', 'twice');
  assert.deepEqual([main.stat('a/d').etag, main.stat('a/d').size], [etag, 5]);
  main.delete('a/b/c.txt');
  assert.equal(existsSync(join(root, 'a/b')), false);
  main.delete('a/d');
  assert.deepEqual(readdirSync(root), []);
});

test('nothing outside of the root can be named', async (t) => {
  const { directory, main } = await files(t);
  writeFileSync(join(directory, 'secret'), 'x');
  for (const key of ['../secret', '/etc/passwd', 'a/../../secret', '.', '..', 'a//b', 'a/', './a']) {
    fails('invalid-key', () => main.get(key), /can't be a file/);
    fails('invalid-key', () => main.put(key, 'x'), /can't be a file/);
    fails('invalid-key', () => main.delete(key), /can't be a file/);
  }
  fails('invalid-key', () => main.put('x'.repeat(256), 'x'), /longer/);
});

test('no symbolic link is followed', async (t) => {
  const { directory, root, main } = await files(t);
  mkdirSync(join(directory, 'elsewhere'));
  writeFileSync(join(directory, 'elsewhere/secret'), 'x');
  symlinkSync('../elsewhere', join(root, 'folder'));
  symlinkSync('../elsewhere/secret', join(root, 'file'));
  for (const key of ['folder/secret', 'file', 'folder/new']) {
    fails('invalid-key', () => main.get(key), /symbolic link/);
    fails('invalid-key', () => main.put(key, 'y'), /symbolic link/);
  }
  assert.deepEqual([...main.list()], []);
  assert.equal(readFileSync(join(directory, 'elsewhere/secret'), 'utf8'), 'x');
});

test('an object and objects below it exclude each other', async (t) => {
  const { main } = await files(t);
  main.put('a', 'object');
  fails('invalid-key', () => main.put('a/b', 'x'), /is an object/);
  fails('not-found', () => main.get('a/b'));
  assert.equal(main.exists('a/b'), false);
  main.put('c/d', 'object');
  fails('invalid-key', () => main.put('c', 'x'), /it is a folder/);
  fails('not-found', () => main.get('c'));
  fails('not-found', () => main.delete('c'));
  assert.equal(text(main.get('a')) + text(main.get('c/d')), 'objectobject');
});

test('a write is seen whole or not at all, and leaves nothing behind', async (t) => {
  const { directory, root, main } = await files(t);
  main.put('key', 'old');
  const reader = main.read('key');
  const writer = main.write('key');
  writer.push('new');
  assert.equal(text(main.get('key')), 'old');
  assert.deepEqual(readdirSync(root), ['key']);
  writer.finish();
  assert.equal(text(main.get('key')), 'new');
  assert.equal([...reader].map(text).join(''), 'old');
  const other = main.write('other');
  other.push('lost');
  other.abort();
  fails('already-exists', () => main.put('key', 'x', { ifAbsent: true }));
  fails('precondition-failed', () => main.put('key', 'x', { ifMatch: 'other' }));
  assert.deepEqual(readdirSync(root), ['key']);
  assert.deepEqual(readdirSync(join(directory, '.root.storage-js')), []);
});

test('listing is in the order of bytes, across folders and pages', async (t) => {
  const { main } = await files(t);
  const keys = ['a-b', 'a/b', 'a/c/d', 'a/ü', 'a0', 'z', '\u{feff}', '\u{ffff}', '😀'];
  for (const key of keys.toReversed()) main.put(key, key);
  assert.deepEqual([...main.list()].map(({ key }) => key), keys);
  const paged = [];
  let startAfter;
  do {
    const page = main.page({ limit: 2, startAfter });
    paged.push(...page.entries.map(({ key }) => key));
    startAfter = page.next;
  } while (startAfter !== undefined);
  assert.deepEqual(paged, keys);
  assert.deepEqual([...main.list({ prefix: 'a/' })].map(({ key }) => key), ['a/b', 'a/c/d', 'a/ü']);
  assert.deepEqual([...main.list({ prefix: 'a/c' })].map(({ key }) => key), ['a/c/d']);
});

test('FilesystemStore in a configuration is the same', async (t) => {
  const { root } = await files(t);
  const config = 'stores: {main: {type: FilesystemStore, config: {root_path: "${ROOT}"}}}';
  const stores = await createStores(config, { env: { ROOT: root } });
  stores.main.put('key', 'text');
  assert.equal(readFileSync(join(root, 'key'), 'utf8'), 'text');
  await stores.close();
});
