// Notes: gzip in IndexedDB, under keys that begin with "notes/".

import { createAsyncStores } from 'storage-embed';
import { IndexedDbBackend } from './indexeddb-backend.js';

const config = `
stores:
  zipped: {type: GzipStore, base: objects}
  notes: {type: PrefixStore, base: zipped, config: {prefix: notes/}}
main: notes
`;

const objects = await IndexedDbBackend.open('notes');
const { main } = await createAsyncStores(config, { backends: { objects } });
const [form, output, list] = ['form', 'output', 'ul'].map((name) => document.querySelector(name));

async function show() {
  const items = [];
  for await (const { key } of main.list()) {
    const item = document.createElement('li');
    item.textContent = `${key}: ${new TextDecoder().decode(await main.get(key))}`;
    items.push(item);
  }
  list.replaceChildren(...items);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const [key, text] = ['key', 'text'].map((name) => form.elements[name].value);
  try {
    const { size } = await main.put(key, text);
    output.textContent = `kept ${size} bytes`;
  } catch (error) {
    output.textContent = error.message;
  }
  await show();
});

await show();
document.body.dataset.ready = '';
