// A configuration, its backends and the component, put together. Nothing here
// knows whether it runs in Node.js or in a browser.

import { planOf, readConfig } from './config.js';
import { Coordinator } from './coordinator.js';
import { StorageError } from './error.js';
import { Maker, Pool, Single } from './instance.js';
import { MapBackend } from './map-backend.js';
import { runAsync, runSync } from './run.js';
import { AsyncStore, SyncStore } from './store.js';

const memory = ({ objects = {} }) => new MapBackend(objects);

/** The store types that keep objects, everywhere. */
export const TYPES = { DictStore: memory, MemoryStore: memory };

/** How long a lock is waited for, in milliseconds. */
const PATIENCE = 10_000;

/** Stores over backends that answer at once. */
export async function createStores(source, platform, options = {}) {
  const surroundings = { ...surroundingsOf(options), run: runSync, coordinator: new Coordinator(0) };
  const { maker, plan } = await prepare(source, platform, 'sync', surroundings, options);
  const engine = new Single(maker, plan);
  engine.call({ store: plan.main }, function* () {}); // Builds, or says what is wrong.
  return new Stores(plan, (name) => new SyncStore(engine, name), surroundings.backends);
}

/** Stores over backends that may answer with promises. */
export async function createAsyncStores(source, platform, options = {}) {
  if (typeof WebAssembly.Suspending !== 'function' || typeof WebAssembly.promising !== 'function') {
    throw new StorageError(
      'unsupported',
      'backends that answer with promises need an engine with JSPI (Node.js 25 or newer, Chromium 137 or newer); ' +
        'here createStores works, over backends that answer at once',
    );
  }
  const surroundings = { ...surroundingsOf(options), run: runAsync, coordinator: new Coordinator(PATIENCE) };
  const { maker, plan } = await prepare(source, platform, 'jspi', surroundings, options);
  const engine = new Pool(maker, plan, options.instances ?? 16);
  await engine.call({ store: plan.main }, function* () {});
  return new Stores(plan, (name) => new AsyncStore(engine, name), surroundings.backends);
}

async function prepare(source, platform, bindings, surroundings, options) {
  const config = readConfig(source, options.env ?? platform.env);
  const maker = new Maker(await platform.component(bindings), surroundings);
  const { decorators } = await maker.make();
  const types = { ...TYPES, ...platform.types, ...options.types };
  const plan = planOf(config, { kinds: decorators.kinds(), types, backends: options.backends ?? {} });
  for (const { name, type, config } of plan.nodes) {
    if (type === 'NotifyingStore' && config !== '{}') {
      surroundings.log('warn', name, 'the handlers of its configuration need the host; here onChange is called');
    }
  }
  for (const [name, open] of plan.opened) surroundings.backends.set(name, await open());
  return { maker, plan };
}

function surroundingsOf({ backends = {}, log = toConsole, onChange = () => {} }) {
  return { backends: new Map(Object.entries(backends)), log: quietly(log), changed: quietly(onChange) };
}

/** What becomes of a message never fails an operation. */
function quietly(action) {
  return (...args) => {
    try {
      action(...args);
    } catch (error) {
      console.error(error);
    }
  };
}

function toConsole(level, store, message) {
  console[level](`${store}: ${message}`);
}

class Stores {
  #stores;
  #backends;

  constructor({ names, main }, open, backends) {
    this.#stores = new Map(names.map((name) => [name, open(name)]));
    this.#backends = backends;
    this.main = this.#stores.get(main);
    this.names = names;
  }

  store(name) {
    const store = this.#stores.get(name);
    if (!store) throw new StorageError('not-found', `there is no store "${name}"; there is: ${this.names.join(', ')}`);
    return store;
  }

  async close() {
    for (const backend of this.#backends.values()) await backend.close?.();
  }
}
