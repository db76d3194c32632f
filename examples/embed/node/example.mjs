// Objects as gzip below a directory, near keys in memory; every change is told.

import { FsBackend, StorageError, createStores } from 'storage-embed';

const config = `
stores:
  zipped: {type: GzipStore, base: files}
  cache: {type: DictStore}
  near: {type: CachingStore, base: {main_store: zipped, cache_store: cache}}
  told: {type: NotifyingStore, base: near}
main: told
`;

const stores = await createStores(config, {
  backends: { files: new FsBackend(process.argv[2] ?? 'data') },
  onChange: ({ action, key, failure }) => console.log(action, key, failure ? failure.code : 'done'),
});

const { main } = stores;
main.put('greeting', 'hello');
console.log(new TextDecoder().decode(main.get('greeting')));
for (const { key, info } of main.list()) console.log(key, info.etag);
try {
  main.get('farewell');
} catch (error) {
  if (!(error instanceof StorageError && error.code === 'not-found')) throw error;
  console.log(error.message);
}
await stores.close();
