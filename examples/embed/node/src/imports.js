// What the component imports: backends as `object-store`, and its surroundings.

import { StorageError, fromWire, toWire } from './error.js';
import { checkKey } from './keys.js';
import { runSync } from './run.js';
import { wasi } from './wasi.js';
import { MAX_INLINE_BYTES, infoOut, putOptionsIn, resolveRange } from './wire.js';

const ALL = {
  read: true, write: true, replace: true, delete: true, list: true,
  range: true, metadata: true, conditional: true, ordered: true,
};

/** The imports of one instance. `run` is `runSync` or `runAsync`. */
export function importsOf({ backends, run, coordinator, log, changed }) {
  const answered = (steps) => run(answer(steps));

  class Store {
    #backend;
    #can;

    constructor(backend) {
      this.#backend = backend;
      this.#can = { ...ALL, ...backend.capabilities };
    }

    capabilities() {
      return this.#can;
    }

    get(key, options) {
      return answered(this.#get(key, options));
    }

    put(key, data, options) {
      return answered(this.#put(key, data, options));
    }

    exists(key) {
      return answered(this.#exists(key));
    }

    delete(key, options) {
      return answered(this.#delete(key, options));
    }

    stat(key) {
      return answered(this.#stat(key));
    }

    list(options) {
      return answered(this.#list(options));
    }

    read(key, options) {
      return answered(this.#read(key, options));
    }

    write(key, options) {
      return answered(this.#write(key, options));
    }

    // Every operation goes through the decorators.
    locate() {
      return { tag: 'ok', val: undefined };
    }

    *#open(key, options) {
      this.#allow('read', key);
      if (options.range) this.#allow('range');
      const object = yield this.#backend.open(key);
      if (!object) throw new StorageError('not-found');
      try {
        checkRead(options, object.info);
        return { object, ends: resolveRange(options.range, object.info.size) };
      } catch (error) {
        yield object.close?.();
        throw error;
      }
    }

    *#get(key, options) {
      const { object, ends } = yield* this.#open(key, options);
      try {
        const [start, end] = ends;
        if (end - start > MAX_INLINE_BYTES) throw new StorageError('limit-exceeded', 'large objects are read as streams');
        return [infoOut(object.info), start < end ? yield object.slice(start, end) : new Uint8Array()];
      } finally {
        yield object.close?.();
      }
    }

    *#read(key, options) {
      const { object, ends } = yield* this.#open(key, options);
      return new Reader(object, ends);
    }

    *#find(key) {
      if (this.#backend.stat) return yield this.#backend.stat(key);
      const object = yield this.#backend.open(key);
      yield object?.close?.();
      return object?.info;
    }

    *#exists(key) {
      this.#allow('read', key);
      return (yield* this.#find(key)) !== undefined;
    }

    *#stat(key) {
      this.#allow('read', key);
      const info = yield* this.#find(key);
      if (!info) throw new StorageError('not-found');
      return infoOut(info);
    }

    #kept(key, options) {
      this.#allow('write', key);
      if (options.ifAbsent || options.ifMatch !== undefined) this.#allow('conditional');
      // Without the capability, nothing is kept beside the bytes.
      return this.#can.metadata ? putOptionsIn(options) : { ifAbsent: options.ifAbsent, metadata: {} };
    }

    *#put(key, data, options) {
      const kept = this.#kept(key, options);
      return infoOut(yield this.#backend.publish(key, data, kept, this.#checkWrite(options)));
    }

    *#write(key, options) {
      const kept = this.#kept(key, options);
      const check = this.#checkWrite(options);
      // Better refused now than after all the bytes; `finish` checks again.
      if (options.ifAbsent || options.ifMatch !== undefined || !this.#can.replace) check(yield* this.#find(key));
      const upload = this.#backend.write ? yield this.#backend.write(key, kept, check) : new Collected(this.#backend, key, kept, check);
      return new Writer(upload, this.#can.metadata);
    }

    *#delete(key, { ifMatch }) {
      this.#allow('delete', key);
      if (ifMatch !== undefined) this.#allow('conditional');
      yield this.#backend.remove(key, (info) => {
        if (!info) throw new StorageError('not-found');
        if (ifMatch !== undefined && info.etag !== ifMatch) throw new StorageError('precondition-failed');
      });
    }

    *#list({ prefix, startAfter, limit, skipped }) {
      this.#allow('list');
      // Backends hold nothing but objects, or don't tell.
      if (skipped) return { entries: [], skipped: [] };
      const page = yield this.#backend.list({ prefix, startAfter, limit: Math.max(Math.min(limit ?? 1000, 1000), 1) });
      return {
        entries: page.entries.map(({ key, info }) => ({ key, info: infoOut(info) })),
        next: page.next,
        skipped: [],
      };
    }

    #allow(capability, key) {
      if (key !== undefined) checkKey(key);
      if (!this.#can[capability]) throw new StorageError('unsupported', `the backend has no "${capability}"`);
    }

    #checkWrite({ ifAbsent, ifMatch }) {
      const replace = this.#can.replace && !ifAbsent;
      return (info) => {
        if (info && !replace) throw new StorageError('already-exists');
        if (ifMatch === undefined) return;
        if (!info) throw new StorageError('not-found');
        if (info.etag !== ifMatch) throw new StorageError('precondition-failed');
      };
    }
  }

  class Reader {
    #object;
    #at;
    #end;

    constructor(object, [start, end]) {
      this.#object = object;
      this.#at = start;
      this.#end = end;
    }

    info() {
      return infoOut(this.#object.info);
    }

    next(max) {
      return answered(this.#next(max));
    }

    *#next(max) {
      const end = Math.min(this.#at + Math.min(max, MAX_INLINE_BYTES), this.#end);
      if (this.#at >= end) return new Uint8Array();
      const data = yield this.#object.slice(this.#at, end);
      if (data.length === 0) throw new StorageError('other', 'the object ended early');
      this.#at += data.length;
      return data;
    }

    [Symbol.dispose]() {
      return run(release(() => this.#object.close?.()));
    }
  }

  class Writer {
    #upload;
    #keeps;
    #open = true;

    constructor(upload, keeps) {
      this.#upload = upload;
      this.#keeps = keeps;
    }

    push(chunk) {
      return answered(this.#push(chunk));
    }

    finish(trailer) {
      return answered(this.#finish(trailer));
    }

    *#push(chunk) {
      if (!this.#open) throw new StorageError('other', 'this writer was finished already');
      yield this.#upload.push(chunk);
    }

    *#finish({ etag, metadata }) {
      if (!this.#open) throw new StorageError('other', 'this writer was finished already');
      const extra = this.#keeps ? { etag, metadata: Object.fromEntries(metadata) } : { metadata: {} };
      const info = yield this.#upload.finish(extra);
      this.#open = false;
      return infoOut(info);
    }

    [Symbol.dispose]() {
      if (this.#open) return run(release(() => this.#upload.abort?.()));
    }
  }

  class Guard {
    #release;

    constructor(release) {
      this.#release = release;
    }

    /** A lock in this process is never lost. */
    check() {
      return { tag: 'ok' };
    }

    [Symbol.dispose]() {
      this.#release();
    }
  }

  function* open(name) {
    const backend = backends.get(name);
    if (!backend) throw new StorageError('not-found');
    return new Store(backend);
  }

  function* lock(name) {
    return new Guard(yield coordinator.lock(name));
  }

  function* load(name) {
    return coordinator.load(name);
  }

  function* compareAndSet(name, expected, value) {
    return coordinator.compareAndSet(name, expected, value);
  }

  return {
    ...wasi,
    'storage:object-store/object-store': {
      Store,
      Reader,
      Writer,
      open: (name) => runSync(answer(open(name))),
    },
    'storage:object-store/coordinator': {
      Guard,
      lock: (name) => answered(lock(name)),
      load: (name) => runSync(answer(load(name))),
      compareAndSet: (name, expected, value) => runSync(answer(compareAndSet(name, expected, value))),
      now: () => BigInt(Date.now()),
    },
    // Nothing is known of who asks.
    'storage:object-store/request-context': { current: () => ({}) },
    'storage:object-store/observer': {
      log,
      changed: ({ failure, size, ...event }) =>
        changed({
          ...event,
          size: size === undefined ? undefined : Number(size),
          failure: failure && fromWire(failure, { store: event.store, key: event.key }),
        }),
    },
  };
}

/** The result of steps, as the bindings take it. */
function* answer(steps) {
  try {
    return { tag: 'ok', val: yield* steps };
  } catch (error) {
    return { tag: 'err', val: toWire(error) };
  }
}

function checkRead({ ifMatch, ifNoneMatch }, { etag }) {
  const wrong = ifMatch !== undefined && etag !== ifMatch;
  const same = ifNoneMatch !== undefined && etag === ifNoneMatch;
  if (wrong || same) throw new StorageError('precondition-failed');
}

/** Lets go of something; what then fails has no one to tell. */
function* release(action) {
  try {
    yield action();
  } catch {}
}

/** A streamed write over a backend that takes whole objects. */
class Collected {
  #chunks = [];
  #publish;

  constructor(backend, key, kept, check) {
    this.#publish = (data, all) => backend.publish(key, data, all, check);
    this.kept = kept;
  }

  push(chunk) {
    this.#chunks.push(chunk);
  }

  finish(extra) {
    return this.#publish(concat(this.#chunks), withTrailer(this.kept, extra));
  }
}

/** What is kept with an object, once the end of its bytes is known. */
export const withTrailer = (kept, { etag, metadata }) => ({
  ...kept,
  etag: etag ?? kept.etag,
  // An equal name replaces, and comes last.
  metadata: { ...Object.fromEntries(Object.entries(kept.metadata).filter(([name]) => !(name in metadata))), ...metadata },
});

export function concat(chunks) {
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
