import { compareKeys } from './keys.js';

/** Objects in a Map. */
export class MapBackend {
  #objects = new Map();
  #sorted = [];
  #run = crypto.randomUUID().replaceAll('-', '');
  #version = 0;

  /** `objects`: what it holds at the start, text or bytes by key. */
  constructor(objects = {}) {
    for (const [key, data] of Object.entries(objects)) {
      this.publish(key, typeof data === 'string' ? new TextEncoder().encode(data) : data.slice(), {}, () => {});
    }
  }

  open(key) {
    const object = this.#objects.get(key);
    return object && { info: object.info, slice: (start, end) => object.data.subarray(start, end) };
  }

  publish(key, data, { contentType, metadata = {}, etag }, check) {
    const old = this.#objects.get(key);
    check(old?.info);
    if (!old) this.#sorted = undefined;
    // No client takes an etag with a dash for an MD5.
    etag ??= `${this.#run}${(++this.#version).toString(16)}-1`;
    const info = { size: data.length, etag, modified: Date.now(), contentType, metadata };
    this.#objects.set(key, { info, data });
    return info;
  }

  remove(key, check) {
    check(this.#objects.get(key)?.info);
    this.#objects.delete(key);
    this.#sorted = undefined;
  }

  list({ prefix, startAfter, limit }) {
    this.#sorted ??= [...this.#objects.keys()].sort(compareKeys);
    const from = startAfter !== undefined && compareKeys(startAfter, prefix) >= 0 ? startAfter : prefix;
    const entries = [];
    for (let at = lowerBound(this.#sorted, from); at < this.#sorted.length; at++) {
      const key = this.#sorted[at];
      if (key === startAfter) continue;
      if (!key.startsWith(prefix)) break;
      if (entries.length === limit) return { entries, next: entries.at(-1).key };
      entries.push({ key, info: this.#objects.get(key).info });
    }
    return { entries };
  }
}

function lowerBound(keys, wanted) {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys(keys[middle], wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
