import { MapBackend } from '../src/map-backend.js';

/** A MapBackend whose every answer comes in a later turn of the event loop. */
export class LaterBackend {
  /** How often an object was opened, and the most calls at a time. */
  opened = 0;
  most = 0;
  #now = 0;
  #objects;

  constructor(objects) {
    this.#objects = new MapBackend(objects);
  }

  open(key) {
    this.opened++;
    return this.#later(() => {
      const object = this.#objects.open(key);
      return object && { ...object, slice: (...ends) => this.#later(() => object.slice(...ends)) };
    });
  }

  publish(...args) {
    return this.#later(() => this.#objects.publish(...args));
  }

  remove(...args) {
    return this.#later(() => this.#objects.remove(...args));
  }

  list(...args) {
    return this.#later(() => this.#objects.list(...args));
  }

  async #later(action) {
    this.most = Math.max(this.most, ++this.#now);
    await new Promise((resolve) => setImmediate(resolve));
    this.#now--;
    return action();
  }
}
