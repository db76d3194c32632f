// The shared cases: every chain must answer as the recorded one did. The
// format is described in docs/embedding.md.

import { Coordinator } from '../src/coordinator.js';
import { importsOf, concat } from '../src/imports.js';
import { Maker } from '../src/instance.js';

/**
 * Replays all cases; gives how many held, and what did not.
 *
 * `run` is `runSync` or `runAsync`, `base(name)` gives an empty backend.
 */
export function* replayAll({ format, data, cases, chains, refused }, { component, run, patience, base }) {
  if (format !== 1) throw new Error(`these cases are of format ${format}, and 1 is known here`);
  const bytes = allBytes(data);
  const told = { passed: 0, failures: [] };

  function* attempt(name, steps) {
    try {
      yield* steps;
      told.passed++;
    } catch (error) {
      told.failures.push(`${name}: ${error?.message ?? JSON.stringify(error)}`);
    }
  }

  /** An instance for any number of chains, one after the other: each has its
   * own bases, and its own coordinator. */
  function* instance() {
    const now = {};
    const quiet = () => {};
    const surroundings = {
      run,
      log: quiet,
      changed: quiet,
      backends: { get: (name) => now.backends.get(name) },
      coordinator: {
        lock: (name) => now.coordinator.lock(name),
        load: (name) => now.coordinator.load(name),
        compareAndSet: (...args) => now.coordinator.compareAndSet(...args),
      },
    };
    const { decorators } = yield new Maker(component, surroundings).make();
    const given = importsOf(surroundings)['storage:object-store/object-store'];
    return function* (nodes, bases) {
      now.coordinator = new Coordinator(patience);
      now.backends = new Map();
      for (const name of bases) now.backends.set(name, yield base(name));
      const root = yield decorators.build(nodes.map(nodeOut));
      return { root, backends: now.backends, given: (name) => unpacked(given.open(name).val) };
    };
  }

  function* replay(build, chain, { steps }) {
    const { root, backends, given } = yield* build(chain.nodes, chain.bases);
    const beside = chain.beside === undefined ? root : given(chain.beside);
    const replay = new Replay(root, beside, chain.lasting.map((name) => backends.get(name)), bytes);
    for (const [number, step] of steps.entries()) {
      try {
        yield* replay.step(step);
      } catch (error) {
        const what = error?.message ?? JSON.stringify(error);
        throw new Error(`step ${number}: ${JSON.stringify(step).slice(0, 300)}: ${what}`);
      }
    }
    replay.close();
    root[Symbol.dispose]();
  }

  for (const chain of chains) {
    const build = yield* instance();
    for (const place of chain.cases) {
      yield* attempt(`${chain.name}: ${cases[place].name}`, replay(build, chain, cases[place]));
    }
  }
  for (const { name, nodes, error } of refused) {
    const build = yield* instance();
    yield* attempt(`refused: ${name}`, expectError(error, build(nodes, ['memory-0'])));
  }
  return told;
}

const nodeOut = (node) => ({
  ...node,
  bases: node.bases.map((base) => ('node' in base ? { tag: 'node', val: base.node } : { tag: 'name', val: base.name })),
});

function* expectError(code, steps) {
  let done;
  try {
    done = yield* steps;
  } catch (error) {
    if (error?.tag === code) return;
    throw error;
  }
  throw new Error(`it gave ${show(done)} instead of ${code}`);
}

/** A base as the component sees it: there, results are values. */
function unpacked(resource) {
  return new Proxy(resource, {
    get(_, name) {
      const operation = (...args) => unpack(resource[name](...args));
      return typeof resource[name] === 'function' ? operation : resource[name];
    },
  });
}

function unpack(result) {
  if (typeof result?.then === 'function') return result.then(unpack);
  if (result?.tag === 'err') throw result.val;
  const value = result?.tag === 'ok' ? result.val : result;
  return typeof value?.next === 'function' || typeof value?.finish === 'function' ? unpacked(value) : value;
}

class Replay {
  #readers = new Map();
  #writers = new Map();
  #states = new Map();
  #etags = new Map();

  constructor(store, beside, lasting, bytes) {
    Object.assign(this, { store, beside, lasting, bytes });
  }

  *step(step) {
    const store = step.beside ? this.beside : this.store;
    const operation = OPERATIONS[step.op];
    if (!operation) throw new Error('an unknown operation');
    // The contract lets a store choose whether to give much at once.
    const free = step.op === 'get' && step.error === 'limit-exceeded';
    if (step.error === undefined || step.op === 'next') return yield* operation.call(this, step, store);
    try {
      yield* expectError(step.error, operation.call(this, { ...step, gives: undefined, fails: true }, store));
    } catch (error) {
      if (!free || !(error instanceof Error)) throw error;
    }
  }

  *capabilities({ gives }, store) {
    const can = yield store.capabilities();
    equal(Object.keys(can).filter((name) => can[name]), gives);
  }

  *get({ key, options, gives, fails }, store) {
    const [info, data] = yield store.get(key, this.#readOptions(options));
    if (fails) return;
    this.#agree(info, gives.info);
    sameBytes(data, this.bytes[gives.data]);
  }

  *put({ key, data, options, gives, fails }, store) {
    const info = yield store.put(key, this.bytes[data], this.#putOptions(options));
    if (!fails) this.#agree(info, gives);
  }

  *exists({ key, gives, fails }, store) {
    const there = yield store.exists(key);
    if (!fails) equal(there, gives);
  }

  *delete({ key, options }, store) {
    yield store.delete(key, { ifMatch: this.#asked(options?.['if-match']) });
  }

  *stat({ key, gives, fails }, store) {
    const info = yield store.stat(key);
    if (!fails) this.#agree(info, gives);
  }

  *list({ options = {}, gives, fails }, store) {
    const { prefix = '', limit, 'start-after': startAfter, skipped = false } = options;
    const page = yield store.list({ prefix, startAfter, limit, skipped });
    if (fails) return;
    equal([page.next, page.entries.map(({ key }) => key)], [gives.next, gives.entries.map(({ key }) => key)]);
    equal(page.skipped ?? [], gives.skipped ?? []);
    page.entries.forEach(({ info }, at) => this.#agree(info, gives.entries[at].info));
  }

  *read({ key, options, reader }, store) {
    this.#readers.set(reader, yield store.read(key, this.#readOptions(options)));
  }

  *write({ key, options, writer }, store) {
    this.#writers.set(writer, yield store.write(key, this.#putOptions(options)));
  }

  *info({ reader, gives }) {
    this.#agree(yield this.#readers.get(reader).info(), gives);
  }

  /** Exactly these bytes, in whatever chunks, and then the end or the error. */
  *next({ reader, max, gives, end, error }) {
    const open = this.#readers.get(reader);
    const wanted = gives === undefined ? new Uint8Array() : this.bytes[gives];
    const chunks = [];
    for (let got = 0; got < wanted.length; got += chunks.at(-1).length) {
      const asked = Math.min(max, wanted.length - got);
      chunks.push(yield open.next(asked));
      const { length } = chunks.at(-1);
      if (length === 0 || length > asked) throw new Error(`${length} bytes, ${asked} asked, after ${got}`);
    }
    sameBytes(concat(chunks), wanted);
    const more = (function* () {
      return yield open.next(max);
    })();
    if (error !== undefined) yield* expectError(error, more);
    else if (end) equal((yield* more).length, 0);
  }

  *push({ writer, data, chunk }) {
    const bytes = this.bytes[data];
    const open = this.#writers.get(writer);
    const length = Math.max(chunk ?? bytes.length, 1);
    for (let at = 0; at === 0 || at < bytes.length; at += length) yield open.push(bytes.subarray(at, at + length));
  }

  *finish({ writer, trailer = {}, gives, fails }) {
    const info = yield this.#writers.get(writer).finish({ etag: trailer.etag, metadata: trailer.metadata ?? [] });
    if (!fails) this.#agree(info, gives);
  }

  *dropReader({ reader }) {
    this.#readers.get(reader)[Symbol.dispose]();
    this.#readers.delete(reader);
  }

  *dropWriter({ writer }) {
    this.#writers.get(writer)[Symbol.dispose]();
    this.#writers.delete(writer);
  }

  /** Everything in the lasting bases: the same value for the same number. */
  *snapshot({ state }) {
    const now = [];
    for (const backend of this.lasting) {
      const { entries } = yield backend.list({ prefix: '', limit: 1_000_000 });
      for (const { key } of entries) {
        const { info, slice } = yield backend.open(key);
        now.push([key, info.etag, yield slice(0, info.size)]);
      }
    }
    const before = this.#states.get(state);
    if (!before) return void this.#states.set(state, now);
    equal(now.map(([key, etag]) => [key, etag]), before.map(([key, etag]) => [key, etag]));
    now.forEach(([, , bytes], at) => sameBytes(bytes, before[at][2]));
  }

  /** Drops what the case left open. */
  close() {
    for (const stream of [...this.#readers.values(), ...this.#writers.values()]) stream[Symbol.dispose]();
  }

  #readOptions({ range, 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = {}) {
    const number = (text) => (text === undefined ? undefined : BigInt(text));
    return {
      range: range && { offset: number(range.offset), length: number(range.length) },
      ifMatch: this.#asked(ifMatch),
      ifNoneMatch: this.#asked(ifNoneMatch),
    };
  }

  #putOptions(options = {}) {
    return {
      contentType: options['content-type'],
      metadata: options.metadata ?? [],
      etag: options.etag,
      ifAbsent: options['if-absent'] ?? false,
      ifMatch: this.#asked(options['if-match']),
    };
  }

  /** Etags that no case chose have symbols. */
  #asked(etag) {
    if (!etag?.startsWith('$')) return etag;
    if (!this.#etags.has(etag)) throw new Error(`${etag} was not seen yet`);
    return this.#etags.get(etag);
  }

  #agree(info, wanted) {
    const etag = wanted.etag;
    if (etag?.startsWith('$') && info.etag !== undefined) {
      if (!this.#etags.has(etag)) {
        if ([...this.#etags.values()].includes(info.etag)) throw new Error(`the etag of another version: ${info.etag}`);
        this.#etags.set(etag, info.etag);
      }
      equal(info.etag, this.#etags.get(etag));
    } else {
      equal(info.etag, etag);
    }
    const size = info.size === undefined ? undefined : Number(info.size);
    equal([size, info.contentType, info.metadata], [wanted.size, wanted['content-type'], wanted.metadata ?? []]);
  }
}

const OPERATIONS = Object.fromEntries(
  Object.getOwnPropertyNames(Replay.prototype).map((name) => [
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    Replay.prototype[name],
  ]),
);

const show = (value) => JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item))?.slice(0, 500);

function equal(got, wanted) {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) throw new Error(`it gave ${show(got)} instead of ${show(wanted)}`);
}

function sameBytes(got, wanted) {
  let same = got.length === wanted.length;
  for (let at = 0; same && at < got.length; at++) same = got[at] === wanted[at];
  if (!same) throw new Error(`${got.length} other bytes instead of ${wanted.length}`);
}

/** The byte strings of the cases. */
function allBytes(list) {
  const all = [];
  for (const data of list) {
    if ('base64' in data) all.push(Uint8Array.from(atob(data.base64), (char) => char.charCodeAt(0)));
    else if ('made' in data) all.push(FORMS[data.made.as](made(data.made.length, BigInt(data.made.seed))));
    else all.push(all[data.part.of].slice(data.part.from, data.part.from + data.part.length));
  }
  return all;
}

function made(length, seed) {
  const mask = 0xffffffffffffffffn;
  const data = new BigUint64Array(Math.ceil(length / 8));
  let state = ((seed * 0x9e3779b97f4a7c15n) & mask) | 1n;
  for (let at = 0; at < data.length; at++) {
    state ^= (state << 13n) & mask;
    state ^= state >> 7n;
    state ^= (state << 17n) & mask;
    data[at] = state & 0x7fffff7fff00ffffn;
  }
  return new Uint8Array(data.buffer, 0, length);
}

const ascii = (text) => new TextEncoder().encode(text);
const letters = (bytes) => bytes.map((byte) => 97 + (byte % 26));
const FORMS = {
  bytes: (bytes) => bytes,
  text: letters,
  json: (bytes) => concat([ascii('{"is":"'), letters(bytes), ascii('"}')]),
  'spaced-json': (bytes) => concat([ascii('{"is": "'), letters(bytes), ascii('"}')]),
};
