// Instances of the component, with the stores built in them.

import { importsOf } from './imports.js';
import { ArgumentError, StorageError, fromWire, isAnswer } from './error.js';
import { runAsync, runSync } from './run.js';

/** How instances are made: the bindings, the compiled core modules, and what
 * the component is given. */
export class Maker {
  constructor({ bindings, cores }, surroundings) {
    this.bindings = bindings;
    this.cores = cores;
    this.surroundings = surroundings;
  }

  make() {
    return this.bindings.instantiate(
      (name) => this.cores.get(name),
      importsOf(this.surroundings),
      (core, imports) => new WebAssembly.Instance(core, imports),
    );
  }

  /** An instance that holds the stores of a plan. */
  *build({ nodes }) {
    const { objectStore, decorators } = yield this.make();
    return new Instance(objectStore, yield decorators.build(nodes));
  }
}

class Instance {
  #objectStore;
  #stores = new Map();
  #held;

  constructor(objectStore, root) {
    this.#objectStore = objectStore;
    this.#held = new Set([root]);
  }

  store(name) {
    if (!this.#stores.has(name)) this.#stores.set(name, this.hold(this.#objectStore.open(name)));
    return this.#stores.get(name);
  }

  hold(resource) {
    this.#held.add(resource);
    return resource;
  }

  drop(resource) {
    this.#held.delete(resource);
    resource[Symbol.dispose]();
  }

  /** Drops everything now: the garbage collector would call into the instance
   * later, where an error has nobody to catch it. */
  giveUp() {
    for (const resource of this.#held) {
      try {
        this.drop(resource);
      } catch {}
    }
  }
}

/** One instance, for backends that answer at once. After a trap it is never
 * used again: the next call has a new one. */
export class Single {
  #maker;
  #plan;
  #instance;

  constructor(maker, plan) {
    this.#maker = maker;
    this.#plan = plan;
  }

  call(place, steps) {
    return this.#guarded(place, () => {
      this.#instance ??= runSync(this.#maker.build(this.#plan));
      return runSync(steps(this.#instance.store(place.store)));
    });
  }

  /** A stream of the store: calls on it go to the same instance. */
  stream(place, steps) {
    const stream = this.call(place, steps);
    const instance = this.#instance;
    instance.hold(stream);
    let open = true;
    const call = (steps) => {
      if (!open || this.#instance !== instance) throw gone(place);
      return this.#guarded(place, () => runSync(steps(stream)));
    };
    const close = () => {
      if (open && this.#instance === instance) this.#guarded(place, () => instance.drop(stream));
      open = false;
    };
    return { call, close };
  }

  #guarded(place, action) {
    try {
      return action();
    } catch (error) {
      if (!isKnown(error)) {
        this.#instance?.giveUp();
        this.#instance = undefined;
      }
      throw explain(error, place);
    }
  }
}

/** Several instances, for backends that answer with promises: a call has one
 * to itself until it is done, and so has a stream until it is closed. */
export class Pool {
  #maker;
  #plan;
  #idle = [];
  #calls = 0;
  #waiting = [];
  #limit;

  constructor(maker, plan, limit) {
    this.#maker = maker;
    this.#plan = plan;
    this.#limit = limit;
  }

  async call(place, steps) {
    if (this.#calls >= this.#limit) await new Promise((resolve) => this.#waiting.push(resolve));
    else this.#calls++;
    try {
      const instance = await this.#take(place);
      return await this.#tried(instance, place, steps, () => this.#idle.push(instance));
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#calls--;
    }
  }

  async stream(place, steps) {
    const instance = await this.#take(place);
    const stream = await this.#tried(instance, place, steps, (stream) => instance.hold(stream));
    let open = true;
    // One call at a time, as the contract's streams are used.
    let last = Promise.resolve();
    const inTurn = (action) => (last = last.then(action, action));
    const guard = async (action) => {
      try {
        return await action();
      } catch (error) {
        if (!isKnown(error)) {
          open = false;
          instance.giveUp();
        }
        throw explain(error, place);
      }
    };
    const call = (steps) =>
      guard(() => {
        if (!open) throw gone(place);
        return runAsync(steps(stream));
      });
    const close = () =>
      guard(() => {
        if (!open) return;
        open = false;
        instance.drop(stream);
        if (this.#idle.length < this.#limit) this.#idle.push(instance);
      });
    return { call: (steps) => inTurn(() => call(steps)), close: () => inTurn(close) };
  }

  /** An operation on the store; an answer that is an error frees the instance. */
  async #tried(instance, place, steps, then) {
    try {
      const done = await runAsync(steps(instance.store(place.store)));
      then(done);
      return done;
    } catch (error) {
      if (isKnown(error)) this.#idle.push(instance);
      else instance.giveUp();
      throw explain(error, place);
    }
  }

  async #take(place) {
    try {
      return this.#idle.pop() ?? (await runAsync(this.#maker.build(this.#plan)));
    } catch (error) {
      throw explain(error, place);
    }
  }
}

const isKnown = (error) => isAnswer(error) || error instanceof StorageError || error instanceof ArgumentError;

function explain(error, place) {
  if (isAnswer(error)) return fromWire(error, place);
  if (error instanceof StorageError) return new StorageError(error.code, error.detail, { ...place, cause: error.cause });
  if (error instanceof ArgumentError) return error;
  return new StorageError('other', `the decorators failed (${error?.message ?? error}); their instance was given up`, {
    ...place,
    cause: error,
  });
}

const gone = (place) => new StorageError('other', 'the stream is closed, or its instance was given up', place);
