// The package in a browser. It has no backends of its own but MapBackend: see
// the IndexedDbBackend of ../../browser.

import { loadComponent } from './component.js';
import * as neutral from './stores.js';

export { StorageError } from './error.js';
export { MapBackend } from './map-backend.js';

export const component = (bindings) => loadComponent(bindings, (file) => WebAssembly.compileStreaming(fetch(file)));

const platform = { env: {}, types: {}, component };

export const createStores = (config, options) => neutral.createStores(config, platform, options);

export const createAsyncStores = (config, options) => neutral.createAsyncStores(config, platform, options);
