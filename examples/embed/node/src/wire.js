// Between the types of the bindings (jco's) and those of JavaScript programs:
// sizes and times are numbers, metadata is an object.

import { ArgumentError, StorageError } from './error.js';

/** A result above this is streamed. */
export const MAX_INLINE_BYTES = 8 * 1024 * 1024;

const number = (value) => (value === undefined ? undefined : Number(value));

function big(value, what) {
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value) || value < 0) throw new ArgumentError(`${what} must be a whole number, not ${value}`);
  return BigInt(value);
}

function text(value, what) {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || !value.isWellFormed()) throw new ArgumentError(`${what} must be text`);
  return value;
}

export function bytes(value) {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  if (value instanceof Uint8Array) return value;
  throw new ArgumentError('data must be a Uint8Array or text');
}

const pairs = (metadata = {}) =>
  Object.entries(metadata).map(([name, value]) => [text(name, 'a name of metadata'), text(value, `metadata ${name}`) ?? '']);

/** Users' metadata: the names of the stores' own are refused. */
function userPairs(metadata) {
  for (const name of Object.keys(metadata ?? {})) {
    if (!/^[!-~]+$/.test(name) || /[A-Z]/.test(name)) {
      throw new ArgumentError(`metadata: ${JSON.stringify(name)} must be lower-case ASCII`);
    }
    if (name.startsWith('storage-')) {
      throw new StorageError('unsupported', `metadata: names that begin with "storage-" are the stores' own`);
    }
  }
  return pairs(metadata ?? {});
}

export const readOptionsOut = ({ range, ifMatch, ifNoneMatch } = {}) => ({
  range: range && { offset: big(range.offset, 'range.offset'), length: big(range.length, 'range.length') },
  ifMatch: text(ifMatch, 'ifMatch'),
  ifNoneMatch: text(ifNoneMatch, 'ifNoneMatch'),
});

export const putOptionsOut = ({ contentType, metadata, etag, ifAbsent, ifMatch } = {}) => ({
  contentType: text(contentType, 'contentType'),
  metadata: userPairs(metadata),
  etag: text(etag, 'etag'),
  ifAbsent: Boolean(ifAbsent),
  ifMatch: text(ifMatch, 'ifMatch'),
});

export const trailerOut = ({ etag, metadata } = {}) => ({ etag: text(etag, 'etag'), metadata: userPairs(metadata) });

export const deleteOptionsOut = ({ ifMatch } = {}) => ({ ifMatch: text(ifMatch, 'ifMatch') });

export function listOptionsOut({ prefix, startAfter, limit, skipped } = {}) {
  big(limit, 'limit');
  return {
    prefix: text(prefix, 'prefix') ?? '',
    startAfter: text(startAfter, 'startAfter'),
    limit: limit === undefined ? undefined : Math.min(limit, 0xffffffff),
    skipped: Boolean(skipped),
  };
}

export const putOptionsIn = ({ metadata, ...options }) => ({ ...options, metadata: Object.fromEntries(metadata) });

export const infoIn = (info) => ({
  size: number(info.size),
  etag: info.etag,
  modified: number(info.modified),
  contentType: info.contentType,
  metadata: Object.fromEntries(info.metadata),
});

/** A backend's info, for the component. */
export const infoOut = (info) => ({
  size: big(info.size, 'info.size'),
  etag: info.etag,
  modified: big(info.modified === undefined ? undefined : Math.floor(info.modified), 'info.modified'),
  contentType: info.contentType,
  metadata: pairs(info.metadata),
});

/** The range as start and end in an object of `size` bytes. */
export function resolveRange(range, size) {
  const [offset, length] = [number(range?.offset), number(range?.length)];
  const end = offset === undefined || length === undefined ? size : Math.min(offset + length, size);
  const start = offset ?? (length === undefined ? 0 : Math.max(size - length, 0));
  const whole = offset === undefined && length === undefined;
  if (length === 0 || (!whole && start >= size)) throw new StorageError('invalid-range');
  return [start, end];
}
