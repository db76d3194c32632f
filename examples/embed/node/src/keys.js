import { ArgumentError, StorageError } from './error.js';

const MAX_KEY_BYTES = 4096;
const encoder = new TextEncoder();

/** Checks what the contract asks of every key. */
export function checkKey(key) {
  if (typeof key !== 'string') throw new ArgumentError('a key must be a string');
  const problem = problemOf(key);
  if (problem) throw new StorageError('invalid-key', problem);
}

function problemOf(key) {
  if (key === '') return 'a key must not be empty';
  if (key.includes('\0')) return 'a key must not contain NUL';
  // Encoding would make one key of two.
  if (!key.isWellFormed()) return 'a key must be Unicode: this one has half of a surrogate pair';
  const bytes = encoder.encode(key).length;
  if (bytes > MAX_KEY_BYTES) return `a key has at most ${MAX_KEY_BYTES} bytes of UTF-8, this one has ${bytes}`;
  return undefined;
}

/** Compares strings by their UTF-8 bytes, as listings are ordered. */
export function compareKeys(a, b) {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

// In UTF-16 surrogates lie below U+E000, in UTF-8 above.
const rank = (unit) => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);
