// The package in Node.js.

import { readFile } from 'node:fs/promises';
import { loadComponent } from './component.js';
import { StorageError } from './error.js';
import { FsBackend } from './fs-backend.js';
import * as neutral from './stores.js';

export { StorageError };
export { MapBackend } from './map-backend.js';
export { FsBackend };

const files = ({ root_path, durable }, name) => {
  if (typeof root_path !== 'string') {
    throw new StorageError('invalid-config', `store "${name}": FilesystemStore needs "root_path", a directory`);
  }
  return new FsBackend(root_path, { durable });
};

export const component = (bindings) => loadComponent(bindings, async (file) => WebAssembly.compile(await readFile(file)));

const platform = { env: process.env, types: { FilesystemStore: files, AsyncFilesystemStore: files }, component };

export const createStores = (config, options) => neutral.createStores(config, platform, options);

export const createAsyncStores = (config, options) => neutral.createAsyncStores(config, platform, options);
