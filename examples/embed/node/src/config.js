// From the YAML shape of stores.yaml to a checked plan.

import { parse } from 'yaml';
import { invalidConfig } from './error.js';

/** The configuration as an object, with its environment filled in. */
export function readConfig(source, env) {
  let config = source;
  if (typeof source === 'string') {
    try {
      config = parse(source, { version: '1.1', merge: true, uniqueKeys: true });
    } catch (error) {
      throw invalidConfig(error.message);
    }
  }
  if (!isMapping(config)) throw invalidConfig('a configuration is a mapping with "stores" and "main"');
  const unknown = Object.keys(config).find((section) => !['stores', 'main', 'serve'].includes(section));
  if (unknown === 'plugins') throw invalidConfig('plug-ins need the host: there are none here');
  if (unknown !== undefined) throw invalidConfig(`there is no section "${unknown}"`);
  if (!isMapping(config.stores) || Object.keys(config.stores).length === 0) {
    throw invalidConfig('"stores" must be a mapping of names to stores, with at least one');
  }
  // How the stores are served is the host's affair.
  return fillIn({ stores: config.stores, main: config.main ?? undefined }, env);
}

/**
 * What is to be opened and built: `opened` are backends by name with what
 * opens them, `nodes` the decorators in dependency order, as `build` wants them.
 */
export function planOf(config, { kinds, types, backends }) {
  const decorators = new Map(kinds.flatMap((kind) => [kind.name, ...kind.aliases].map((name) => [name, kind])));
  const plan = { opened: new Map(), nodes: [], names: Object.keys(config.stores) };
  const done = new Map(Object.keys(backends).map((name) => [name, { tag: 'name', val: name }]));
  const path = [];

  const visit = (name) => {
    if (done.has(name)) return done.get(name);
    if (path.includes(name)) {
      throw invalidConfig(`these stores stand on each other: ${[...path.slice(path.indexOf(name)), name].join(' → ')}`);
    }
    if (!Object.hasOwn(config.stores, name)) {
      throw invalidConfig(`store "${path.at(-1)}": there is no store or backend "${name}"`);
    }
    path.push(name);
    const store = checkStore(name, config.stores[name]);
    const base = place(name, store);
    done.set(name, base);
    path.pop();
    return base;
  };

  const place = (name, { type, base, config }) => {
    const kind = decorators.get(type);
    if (kind) {
      checkConfig(name, kind, config);
      const bases = [...basesOf(name, kind, base), ...basesInConfig(kind, config)].map(visit);
      return { tag: 'node', val: plan.nodes.push({ name, type: kind.name, config: JSON.stringify(config), bases }) - 1 };
    }
    if (!Object.hasOwn(types, type)) {
      throw invalidConfig(`store "${name}": there is no store type "${type}" here; backends in JavaScript are: ${Object.keys(types).join(', ')}`);
    }
    if (base !== undefined) throw invalidConfig(`store "${name}": ${type} keeps objects itself and takes no base`);
    const backend = `backend of ${name}`;
    plan.opened.set(backend, () => types[type](config, name));
    return { tag: 'node', val: plan.nodes.push(door(name, { tag: 'name', val: backend })) - 1 };
  };

  for (const name of Object.keys(backends)) {
    if (Object.hasOwn(config.stores, name)) throw invalidConfig(`"${name}" is both a store of the configuration and a given backend`);
  }
  plan.names.forEach(visit);
  plan.main = config.main ?? (plan.names.length === 1 ? plan.names[0] : undefined);
  if (plan.main === undefined) throw invalidConfig('"main" is missing: the name of the default store');
  if (!plan.names.includes(plan.main)) throw invalidConfig(`main: there is no store "${plan.main}"`);
  return plan;
}

/** Lets a backend be used under a name of its own. */
const door = (name, backend) => ({ name, type: 'IdentityStore', config: '{}', bases: [backend] });

function checkStore(name, store) {
  if (name === '') throw invalidConfig('a store needs a name');
  if (!isMapping(store)) throw invalidConfig(`store "${name}" must be a mapping with a "type"`);
  const { type, base, config, ...rest } = store;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalidConfig(`store "${name}": there is no "${unknown}"`);
  if (typeof type !== 'string') throw invalidConfig(`store "${name}" has no "type"`);
  if (config !== undefined && config !== null && !isMapping(config)) throw invalidConfig(`store "${name}": "config" must be a mapping`);
  return { type, base: base ?? undefined, config: config ?? {} };
}

function basesOf(name, kind, base) {
  const names = {
    one: () => [base],
    many: () => (Array.isArray(base) ? base : []),
    'main-and-cache': () => [base?.main_store, base?.cache_store],
  }[kind.base]();
  const roles = kind.base === 'main-and-cache' ? Object.keys(base ?? {}).length === 2 : true;
  if (names.length > 0 && roles && names.every((base) => typeof base === 'string')) return names;
  const wanted = {
    one: 'the name of a store',
    many: 'a list of names of stores',
    'main-and-cache': 'a mapping with "main_store" and "cache_store"',
  };
  throw invalidConfig(`store "${name}": the base of ${kind.name} is ${wanted[kind.base]}`);
}

/** The stores that the config names, such as the journal of a mirror: they
 * follow those of `base`. */
function basesInConfig(kind, config) {
  const { properties = {} } = JSON.parse(kind.configSchema);
  const named = Object.keys(properties).filter((name) => properties[name].format === 'store');
  return named.map((name) => config[name]).filter((name) => typeof name === 'string');
}

/** Refuses what the type doesn't know; text is taken as a number or boolean
 * where the type wants one (it may come from the environment). */
function checkConfig(store, kind, config) {
  const { properties = {}, additionalProperties } = JSON.parse(kind.configSchema);
  for (const [name, value] of Object.entries(config)) {
    if (!Object.hasOwn(properties, name)) {
      if (additionalProperties !== false) continue;
      throw invalidConfig(`store "${store}" (${kind.name}): there is no "${name}"; there is: ${Object.keys(properties).join(', ') || 'nothing'}`);
    }
    const { type } = properties[name];
    if (typeof value !== 'string' || !['integer', 'number', 'boolean'].includes(type)) continue;
    const read = { true: true, false: false }[value] ?? (value.trim() === '' ? NaN : Number(value));
    if (typeof read === 'boolean' ? type === 'boolean' : type !== 'boolean' && Number.isFinite(read)) config[name] = read;
  }
}

const isMapping = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Replaces `${VAR}` and `${VAR:-default}` in every text. */
function fillIn(value, env) {
  if (typeof value === 'string') return expand(value, env);
  if (Array.isArray(value)) return value.map((item) => fillIn(item, env));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fillIn(item, env)]));
}

function expand(text, env) {
  return text.replace(/\$\$\{|\$\{([^}]*)(\})?/g, (found, inner, end) => {
    if (found === '$${') return '${';
    if (!end) throw invalidConfig('a "${" without its "}"; write "$${" for the characters themselves');
    const at = inner.indexOf(':-');
    const name = at < 0 ? inner : inner.slice(0, at);
    const fallback = at < 0 ? undefined : inner.slice(at + 2);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw invalidConfig(`"\${${name}}" does not name a variable; write "$\${" for the characters themselves`);
    const value = Object.hasOwn(env, name) ? env[name] : fallback;
    if (value === undefined) throw invalidConfig(`the variable ${name} is not set; set it, or give a default: \${${name}:-…}`);
    return value;
  });
}
