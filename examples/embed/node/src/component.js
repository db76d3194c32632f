const loaded = new Map();

/** The bindings and the core modules of the component, compiled once. */
export function loadComponent(bindings, compile) {
  if (!loaded.has(bindings)) loaded.set(bindings, load(bindings, compile));
  return loaded.get(bindings);
}

async function load(bindings, compile) {
  const dist = new URL('../dist/', import.meta.url);
  const [code, { default: names }] = await Promise.all([import(`${dist}${bindings}.js`), import(`${dist}cores.js`)]);
  const cores = await Promise.all(names.map(async (name) => [name, await compile(new URL(name, dist))]));
  return { bindings: code, cores: new Map(cores) };
}
