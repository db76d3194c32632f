// Makes dist/ of the component: `node build.mjs decorators.wasm`.
//
// Two bindings over the same core modules: `sync` for backends that answer at
// once, and `jspi` for backends that answer with promises, where the engine
// can suspend WebAssembly (JSPI).

import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { mkdir, readFile, writeFile } from 'node:fs/promises';

const [component = 'decorators.wasm'] = process.argv.slice(2);
const dist = new URL('dist/', import.meta.url);

const STORE = 'storage:object-store/object-store@0.1.0';
const COORDINATOR = 'storage:object-store/coordinator@0.1.0';
const DECORATORS = 'storage:object-store/decorators@0.1.0';
const OPERATIONS = [
  ...['get', 'put', 'exists', 'delete', 'stat', 'list', 'read', 'write'].map((name) => `store.${name}`),
  'reader.next',
  'writer.push',
  'writer.finish',
].map((name) => `${STORE}#[method]${name}`);

const BINDINGS = {
  sync: {},
  jspi: {
    asyncMode: 'jspi',
    asyncImports: [...OPERATIONS, `${COORDINATOR}#lock`],
    asyncExports: [...OPERATIONS, `${DECORATORS}#build`],
  },
};

const bytes = await readFile(component);
await mkdir(dist, { recursive: true });
const cores = new Map();
for (const [name, options] of Object.entries(BINDINGS)) {
  const { files } = await transpileBytes(bytes, {
    name: 'decorators',
    instantiation: 'async',
    emitTypescriptDeclarations: false,
    ...options,
  });
  for (const [path, content] of Object.entries(files)) {
    const file = path.replace(/^.*\//, '');
    if (file.endsWith('.wasm')) {
      const other = cores.get(file);
      if (other && !content.every((byte, at) => byte === other[at])) {
        throw new Error(`${file} is not the same in both bindings`);
      }
      cores.set(file, content);
    } else if (file === 'decorators.js') {
      const code = keepByteOrderMarks(new TextDecoder().decode(content));
      await writeFile(new URL(`${name}.js`, dist), name === 'sync' ? neverPromising(code) : code);
    }
  }
}
for (const [file, content] of cores) await writeFile(new URL(file, dist), content);
await writeFile(new URL('cores.js', dist), `export default ${JSON.stringify([...cores.keys()])};\n`);

// The bindings decode strings in a way that drops a leading U+FEFF: two keys
// would become one.
function keepByteOrderMarks(code) {
  const decoder = 'TEXT_DECODER_UTF8 = new TextDecoder()';
  if (code.split(decoder).length !== 2) throw new Error(`the bindings have no "${decoder}"`);
  return code.replace(decoder, "TEXT_DECODER_UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })");
}

// Where the engine has no JSPI, the bindings of every instance fail eight times
// to make functions that `sync` never calls: 5 ms each, since an error in a
// function that long takes long to describe.
function neverPromising(code) {
  const attempt = /try \{\s*(\w+ = )WebAssembly\.promising\((.*)\);\s*\} catch\(err\) \{\s*\1\2;\s*\}/g;
  if (code.match(attempt) === null) throw new Error('the bindings make no promising functions');
  return code.replace(attempt, '$1$2;');
}
