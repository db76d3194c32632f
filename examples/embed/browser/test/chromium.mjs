// A Chromium for the tests: $CHROMIUM, or the one that a package brings.

import { chromium } from 'playwright-core';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { chmod, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createBrotliDecompress } from 'node:zlib';

async function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('the Chromium of the tests is for Linux on x64; set CHROMIUM to the path of another');
  }
  const require = createRequire(import.meta.url);
  const packed = join(dirname(require.resolve('@sparticuz/chromium')), '../bin/chromium.br');
  // Unpacked once, beside the modules.
  const unpacked = fileURLToPath(new URL('../node_modules/.chromium', import.meta.url));
  if (!existsSync(unpacked)) {
    const part = `${unpacked}.${process.pid}`;
    try {
      await pipeline(createReadStream(packed), createBrotliDecompress(), createWriteStream(part));
      await chmod(part, 0o755);
      await rename(part, unpacked);
    } finally {
      await rm(part, { force: true });
    }
  }
  return unpacked;
}

const options = async () => ({
  executablePath: await executable(),
  headless: true,
  args: [
    // Chromium's own sandbox needs user namespaces, which containers often
    // deny, and refuses to run as root. The only pages it sees here are those
    // of this repository, on loopback.
    '--no-sandbox',
    '--disable-gpu',
    // It has nothing to ask of other machines.
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--disable-quic',
  ],
});

/** A browser that forgets everything. */
export const launch = async () => chromium.launch(await options());

/** A context that keeps its databases in a directory. */
export const launchIn = async (directory) => chromium.launchPersistentContext(directory, await options());
