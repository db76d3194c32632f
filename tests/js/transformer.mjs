// Calls a transformer that jco made a module of: node transformer.mjs MODULE,
// with the calls as JSON in standard input; prints an answer a line.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const { transform } = await import(pathToFileURL(process.argv[2]));
const bytes = (text) => (Array.isArray(text) ? Uint8Array.from(text) : new TextEncoder().encode(text));
const text = (value) => (value instanceof Uint8Array ? new TextDecoder().decode(value) : (value ?? null));
const whole = (key) => ({ key, object: new Uint8Array(), index: 0n, last: true });

for (const [name, ...args] of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    const call = {
      encode: (key, data) => transform.encode(whole(key), bytes(data)),
      decode: (key, data) => transform.decode(whole(key), bytes(data)),
      validate: (key, data) => transform.validate(key, bytes(data)),
    }[name];
    console.log(JSON.stringify({ ok: text(call ? call(...args) : transform[name](...args)) }));
  } catch (error) {
    if (!error.payload?.tag) throw error;
    console.log(JSON.stringify({ error: error.payload.tag, message: error.payload.val }));
  }
}
