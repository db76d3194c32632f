// Makes the component: node build.mjs WIT OUT

import { componentize } from '@bytecodealliance/componentize-js';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const [wit, out] = process.argv.slice(2);
const { component } = await componentize({
  sourcePath: fileURLToPath(new URL('redact.js', import.meta.url)),
  witPath: wit,
  worldName: 'transformer',
  // It needs nothing of WASI, so that there is nothing to refuse.
  disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
});
await writeFile(out, component);
