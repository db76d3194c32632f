// The face of a store for its users; the operations are the contract's.

import { isAnswer } from './error.js';
import { concat } from './imports.js';
import { checkKey } from './keys.js';
import * as wire from './wire.js';

/** How many bytes are asked for, and given, at once when streaming. */
const CHUNK = 256 * 1024;

class Store {
  #engine;
  #streams;

  constructor(engine, name, streams) {
    this.#engine = engine;
    this.#streams = streams;
    this.name = name;
  }

  get capabilities() {
    return this.#call(undefined, function* (store) {
      return yield store.capabilities();
    });
  }

  get(key, options) {
    return this.#call(key, function* (store) {
      const wanted = wire.readOptionsOut(options);
      try {
        const [, data] = yield store.get(key, wanted);
        return data;
      } catch (error) {
        if (!isAnswer(error) || error.tag !== 'limit-exceeded') throw error;
      }
      const reader = yield store.read(key, wanted);
      try {
        const chunks = [];
        do chunks.push(yield reader.next(CHUNK));
        while (chunks.at(-1).length > 0);
        return concat(chunks);
      } finally {
        reader[Symbol.dispose]();
      }
    });
  }

  put(key, data, options) {
    return this.#call(key, function* (store) {
      const [all, kept] = [wire.bytes(data), wire.putOptionsOut(options)];
      if (all.length <= wire.MAX_INLINE_BYTES) return wire.infoIn(yield store.put(key, all, kept));
      const writer = yield store.write(key, kept);
      try {
        for (let at = 0; at < all.length; at += CHUNK) yield writer.push(all.subarray(at, at + CHUNK));
        return wire.infoIn(yield writer.finish(wire.trailerOut()));
      } finally {
        writer[Symbol.dispose]();
      }
    });
  }

  exists(key) {
    return this.#call(key, function* (store) {
      return yield store.exists(key);
    });
  }

  delete(key, options) {
    return this.#call(key, function* (store) {
      yield store.delete(key, wire.deleteOptionsOut(options));
    });
  }

  stat(key) {
    return this.#call(key, function* (store) {
      return wire.infoIn(yield store.stat(key));
    });
  }

  page(options) {
    return this.#call(undefined, function* (store) {
      const { entries, next, skipped } = yield store.list(wire.listOptionsOut(options));
      const page = { entries: entries.map(({ key, info }) => ({ key, info: wire.infoIn(info) })), next };
      return options?.skipped ? { ...page, skipped } : page;
    });
  }

  read(key, options) {
    return this.#streams.reader(this.#stream(key, (store) => store.read(key, wire.readOptionsOut(options))));
  }

  write(key, options) {
    return this.#streams.writer(this.#stream(key, (store) => store.write(key, wire.putOptionsOut(options))));
  }

  #call(key, steps) {
    return this.#engine.call({ store: this.name, key }, function* (store) {
      if (key !== undefined) checkKey(key);
      return yield* steps(store);
    });
  }

  #stream(key, open) {
    return this.#engine.stream({ store: this.name, key }, function* (store) {
      checkKey(key);
      return yield open(store);
    });
  }
}

const info = function* (reader) {
  return wire.infoIn(yield reader.info());
};

const next = (max) =>
  function* (reader) {
    return yield reader.next(Math.max(1, Math.min(max, 0xffffffff)));
  };

const push = (data) =>
  function* (writer) {
    const all = wire.bytes(data);
    for (let at = 0; at < all.length; at += CHUNK) yield writer.push(all.subarray(at, at + CHUNK));
  };

const finish = (trailer) =>
  function* (writer) {
    return wire.infoIn(yield writer.finish(wire.trailerOut(trailer)));
  };

export class SyncStore extends Store {
  constructor(engine, name) {
    super(engine, name, { reader: (stream) => new SyncReader(stream), writer: (stream) => new SyncWriter(stream) });
  }

  *list({ prefix, startAfter } = {}) {
    do {
      const page = this.page({ prefix, startAfter });
      yield* page.entries;
      startAfter = page.next;
    } while (startAfter !== undefined);
  }
}

export class AsyncStore extends Store {
  constructor(engine, name) {
    super(engine, name, {
      reader: async (stream) => {
        const opened = await stream;
        return new AsyncReader(opened, await opened.call(info));
      },
      writer: async (stream) => new AsyncWriter(await stream),
    });
  }

  async *list({ prefix, startAfter } = {}) {
    do {
      const page = await this.page({ prefix, startAfter });
      yield* page.entries;
      startAfter = page.next;
    } while (startAfter !== undefined);
  }
}

class SyncReader {
  #stream;

  constructor(stream) {
    this.#stream = stream;
    this.info = stream.call(info);
  }

  next(max = CHUNK) {
    return this.#stream.call(next(max));
  }

  close() {
    this.#stream.close();
  }

  *[Symbol.iterator]() {
    try {
      for (let chunk = this.next(); chunk.length > 0; chunk = this.next()) yield chunk;
    } finally {
      this.close();
    }
  }
}

class AsyncReader {
  #stream;

  constructor(stream, info) {
    this.#stream = stream;
    this.info = info;
  }

  next(max = CHUNK) {
    return this.#stream.call(next(max));
  }

  close() {
    return this.#stream.close();
  }

  async *[Symbol.asyncIterator]() {
    try {
      for (let chunk = await this.next(); chunk.length > 0; chunk = await this.next()) yield chunk;
    } finally {
      await this.close();
    }
  }
}

class SyncWriter {
  #stream;

  constructor(stream) {
    this.#stream = stream;
  }

  push(data) {
    this.#stream.call(push(data));
  }

  finish(trailer) {
    try {
      return this.#stream.call(finish(trailer));
    } finally {
      this.abort();
    }
  }

  abort() {
    this.#stream.close();
  }
}

class AsyncWriter {
  #stream;

  constructor(stream) {
    this.#stream = stream;
  }

  async push(data) {
    await this.#stream.call(push(data));
  }

  async finish(trailer) {
    try {
      return await this.#stream.call(finish(trailer));
    } finally {
      await this.abort();
    }
  }

  async abort() {
    await this.#stream.close();
  }
}
