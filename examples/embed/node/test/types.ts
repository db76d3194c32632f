// A program in TypeScript: `npm run types` says whether the types fit it.

import {
  AsyncBackend,
  Backend,
  Check,
  Entry,
  FsBackend,
  Kept,
  MapBackend,
  StorageError,
  createAsyncStores,
  createStores,
} from 'storage-embed';

const configuration = { stores: { zipped: { type: 'GzipStore', base: 'objects' } } };

const stores = await createStores(configuration, { backends: { objects: new MapBackend() } });
const size: number | undefined = stores.main.put('key', 'text', { contentType: 'text/plain' }).size;
const data: Uint8Array = stores.main.get('key', { range: { offset: 1 } });
const keys: string[] = [...stores.main.list({ prefix: 'k' })].map((entry: Entry) => entry.key);
for (const chunk of stores.main.read('key')) console.log(chunk.length, size, data, keys);

/** A backend that counts, over another. */
class Counting implements Backend {
  reads = 0;
  constructor(readonly base: FsBackend) {}
  open(key: string) {
    this.reads++;
    return this.base.open(key);
  }
  publish(key: string, data: Uint8Array, kept: Kept, check: Check) {
    return this.base.publish(key, data, kept, check);
  }
  remove(key: string, check: Check) {
    this.base.remove(key, check);
  }
  list(options: { prefix: string; startAfter?: string; limit: number }) {
    return this.base.list(options);
  }
}
await createStores(configuration, { backends: { objects: new Counting(new FsBackend('data')) } });

declare const remote: AsyncBackend;
// @ts-expect-error a backend that answers with promises
await createStores(configuration, { backends: { objects: remote } });
const later = await createAsyncStores(configuration, { backends: { objects: remote, near: new MapBackend() } });
const text: string = new TextDecoder().decode(await later.main.get('key'));
// @ts-expect-error a promise is no text
const wrong: string = later.main.get('key');
for await (const { key, info } of later.main.list()) console.log(key, info.metadata, text, wrong);
try {
  await later.main.delete('key');
} catch (error) {
  if (error instanceof StorageError && error.code === 'not-found') console.log(error.store, error.key);
}
