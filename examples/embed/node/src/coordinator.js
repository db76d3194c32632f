// What the instances of one set of stores share.

import { StorageError } from './error.js';

const MAX_VALUES = 100_000;

export class Coordinator {
  #values = new Map();
  #version = 0n;
  #held = new Map();
  #patience;

  /** `patience`: milliseconds that a lock is waited for; 0 over backends that
   * answer at once, where nobody could let go of it meanwhile. */
  constructor(patience) {
    this.#patience = patience;
  }

  /** Gives, or promises, the function that lets go. */
  lock(name) {
    if (!this.#held.has(name)) {
      this.#held.set(name, []);
      return () => this.#release(name);
    }
    const busy = () => new StorageError('unavailable', `"${name}" is locked`);
    if (this.#patience === 0) throw busy();
    return new Promise((resolve, reject) => {
      const queue = this.#held.get(name);
      const turn = () => {
        clearTimeout(timer);
        resolve(() => this.#release(name));
      };
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(turn), 1);
        reject(busy());
      }, this.#patience);
      queue.push(turn);
    });
  }

  #release(name) {
    const next = this.#held.get(name).shift();
    if (next) next();
    else this.#held.delete(name);
  }

  load(name) {
    return this.#values.get(name);
  }

  compareAndSet(name, expected, value) {
    if ((this.#values.get(name)?.version ?? 0n) !== expected) throw new StorageError('precondition-failed');
    const version = ++this.#version;
    if (value === undefined) this.#values.delete(name);
    else {
      if (value.length > 65_536 || (expected === 0n && this.#values.size >= MAX_VALUES)) {
        throw new StorageError('limit-exceeded', 'too many, or too large, shared values');
      }
      this.#values.set(name, { value, version });
    }
    return version;
  }
}
