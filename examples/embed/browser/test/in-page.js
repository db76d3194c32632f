// What the tests run inside of the page.

import { component } from '../../node/src/web.js';
import { replayAll } from '../../node/cases/replay.js';
import { runAsync } from '../../node/src/run.js';
import { IndexedDbBackend } from '../indexeddb-backend.js';

/** The shared cases over IndexedDB. */
export async function replay(url) {
  const cases = await (await fetch(url)).json();
  const parts = { component: await component('jspi'), run: runAsync, patience: 10_000, base: bases() };
  return runAsync(replayAll(cases, parts));
}

/** Gives emptied databases. */
function bases() {
  const opened = new Map();
  return async (name) => {
    const database = `cases ${name}`;
    if (!opened.has(name)) opened.set(name, await IndexedDbBackend.open(database, { durability: 'relaxed' }));
    await clear(database);
    return opened.get(name);
  };
}

function clear(name) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(name);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction(opening.result.objectStoreNames, 'readwrite');
      for (const store of transaction.objectStoreNames) transaction.objectStore(store).clear();
      transaction.onabort = () => reject(transaction.error);
      transaction.oncomplete = () => {
        opening.result.close();
        resolve();
      };
    };
  });
}
