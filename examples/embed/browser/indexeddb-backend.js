import { StorageError } from '../node/src/error.js';

/** What is known of an object, and its bytes, under its key: a listing reads no bytes. */
const INFO = 'info';
const DATA = 'data';

/** Above this, bytes are kept as a Blob, which is read in slices. */
const INLINE = 64 * 1024;

const utf8 = new TextEncoder();

/** Objects in a database of the browser, shared by all pages of the origin. */
export class IndexedDbBackend {
  #database;
  #durability;

  /** `durability`: `strict` waits for the disk, `relaxed` leaves that to the browser. */
  static async open(name, { durability = 'strict' } = {}) {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => [INFO, DATA].map((name) => request.result.createObjectStore(name));
    const backend = new IndexedDbBackend();
    backend.#database = await result(request);
    backend.#durability = durability;
    // Another page wants to delete or change the database.
    backend.#database.onversionchange = () => backend.close();
    return backend;
  }

  async open(key) {
    const place = utf8.encode(key);
    const [info, data] = await this.#look((infos, datas) => [infos.get(place), datas.get(place)]);
    if (!info) return undefined;
    // A Blob is one version, too, whatever becomes of the key.
    const slice = async (start, end) =>
      data instanceof Blob ? new Uint8Array(await told(data.slice(start, end).arrayBuffer())) : data.subarray(start, end);
    return { info, slice };
  }

  async stat(key) {
    const [info] = await this.#look((infos) => [infos.get(utf8.encode(key))]);
    return info;
  }

  async publish(key, data, { contentType, metadata = {}, etag }, check) {
    const info = {
      size: data.size ?? data.length,
      // No client takes an etag with a dash at its end for an MD5.
      etag: etag ?? `${crypto.randomUUID().replaceAll('-', '')}-1`,
      modified: Date.now(),
      contentType,
      metadata,
    };
    const kept = info.size > INLINE ? new Blob([data]) : data;
    await this.#change(key, check, (infos, datas, place) => {
      infos.put(info, place);
      datas.put(kept, place);
    });
    return info;
  }

  write(key, kept, check) {
    let written = [];
    let pending = 0;
    return {
      push(chunk) {
        written.push(chunk);
        pending += chunk.length;
        // The browser may keep a Blob on disk.
        if (pending > 32 * INLINE) [written, pending] = [[new Blob(written)], 0];
      },
      finish: async ({ etag, metadata }) => {
        const all = { ...kept, etag: etag ?? kept.etag, metadata: { ...kept.metadata, ...metadata } };
        const data = new Blob(written);
        const whole = data.size > INLINE ? data : new Uint8Array(await told(data.arrayBuffer()));
        return this.publish(key, whole, all, check);
      },
    };
  }

  remove(key, check) {
    return this.#change(key, check, (infos, datas, place) => [infos, datas].map((store) => store.delete(place)));
  }

  async list({ prefix, startAfter, limit }) {
    const range = rangeOf(prefix, startAfter);
    if (!range) return { entries: [] };
    const [keys, infos] = await this.#look((infos) => [
      infos.getAllKeys(range, limit + 1),
      infos.getAll(range, limit + 1),
    ]);
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const entries = infos.map((info, at) => ({ key: decoder.decode(keys[at]), info })).slice(0, limit);
    return { entries, next: infos.length > limit ? entries.at(-1).key : undefined };
  }

  close() {
    this.#database.close();
  }

  async #look(ask) {
    try {
      const transaction = this.#database.transaction([INFO, DATA]);
      return await Promise.all(ask(...stores(transaction)).map(result));
    } catch (error) {
      throw explained(error);
    }
  }

  /** Looks and changes in one transaction, which no other page comes between. */
  async #change(key, check, change) {
    const place = utf8.encode(key);
    try {
      const transaction = this.#database.transaction([INFO, DATA], 'readwrite', { durability: this.#durability });
      const done = finished(transaction);
      try {
        const [infos, datas] = stores(transaction);
        check(await result(infos.get(place)));
        change(infos, datas, place);
      } catch (error) {
        done.catch(() => {});
        transaction.abort();
        throw error;
      }
      await done;
    } catch (error) {
      throw explained(error);
    }
  }
}

const stores = (transaction) => [INFO, DATA].map((name) => transaction.objectStore(name));

/** Keys are kept as their UTF-8 bytes: so they are ordered as listings are. */
function rangeOf(prefix, startAfter) {
  const from = utf8.encode(prefix);
  const to = from.slice();
  // No byte of UTF-8 is 255.
  if (to.length > 0) to[to.length - 1]++;
  const after = startAfter === undefined ? undefined : utf8.encode(startAfter);
  const open = after !== undefined && indexedDB.cmp(after, from) >= 0;
  const lower = open ? after : from;
  if (to.length === 0) return IDBKeyRange.lowerBound(lower, open);
  if (indexedDB.cmp(lower, to) >= 0) return undefined;
  return IDBKeyRange.bound(lower, to, open, true);
}

function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException('the transaction was aborted', 'AbortError'));
  });
}

const told = (promise) => promise.catch((error) => { throw explained(error); });

const CODES = { QuotaExceededError: 'limit-exceeded', InvalidStateError: 'unavailable', AbortError: 'unavailable' };

/** What the browser says, in the words of the contract. */
function explained(error) {
  if (!(error instanceof DOMException)) return error;
  return new StorageError(CODES[error.name] ?? 'other', `IndexedDB: ${error.message || error.name}`, { cause: error });
}
