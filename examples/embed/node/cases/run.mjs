// Runs the shared cases: `node cases/run.mjs cases.json sync|jspi`.

import { readFile } from 'node:fs/promises';
import { MapBackend } from '../src/map-backend.js';
import { component } from '../src/node.js';
import { runAsync, runSync } from '../src/run.js';
import { LaterBackend } from '../test/later-backend.mjs';
import { replayAll } from './replay.js';

const [file, bindings] = process.argv.slice(2);
const cases = JSON.parse(await readFile(file));
const [run, patience, base] = {
  sync: [runSync, 0, () => new MapBackend()],
  jspi: [runAsync, 10_000, () => new LaterBackend()],
}[bindings];

const { passed, failures } = await run(replayAll(cases, { component: await component(bindings), run, patience, base }));
for (const failure of failures.slice(0, 20)) console.log(failure);
console.log(`Node.js ${process.version}, ${bindings}: ${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0;
