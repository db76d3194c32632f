/** What a store can do; without a flag, the operation is `unsupported`. */
export interface Capabilities {
  read: boolean;
  write: boolean;
  /** Writes may replace an object. */
  replace: boolean;
  delete: boolean;
  list: boolean;
  range: boolean;
  /** Content type, user metadata and a given etag are kept. */
  metadata: boolean;
  /** `ifAbsent` and `ifMatch` are checked and acted on in one atomic step. */
  conditional: boolean;
  /** Listings are in the order of the keys' UTF-8 bytes. */
  ordered: boolean;
}

/** What is known of an object without reading it. */
export interface ObjectInfo {
  /** In bytes; absent when it can't be known without reading. */
  size?: number;
  /** Opaque; the same for one version of an object everywhere. */
  etag?: string;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  modified?: number;
  contentType?: string;
  metadata?: Record<string, string>;
}

/** What a store tells: metadata is always there. */
export interface StoredInfo extends ObjectInfo {
  metadata: Record<string, string>;
}

/** `offset` alone runs to the end, `length` alone is that many of the last bytes. */
export interface ByteRange {
  offset?: number;
  length?: number;
}

export interface ReadOptions {
  range?: ByteRange;
  ifMatch?: string;
  ifNoneMatch?: string;
}

export interface PutOptions {
  contentType?: string;
  /** Names are lower-case ASCII. */
  metadata?: Record<string, string>;
  etag?: string;
  /** Write only when there is no object. */
  ifAbsent?: boolean;
  /** Write only over the object with this etag. */
  ifMatch?: string;
}

/** What a writer knows only at the end. */
export interface Trailer {
  etag?: string;
  metadata?: Record<string, string>;
}

export interface DeleteOptions {
  ifMatch?: string;
}

export interface ListOptions {
  prefix?: string;
  startAfter?: string;
}

export interface PageOptions extends ListOptions {
  /** At most 1,000. */
  limit?: number;
  /** What a listing leaves out, instead of the objects. */
  skipped?: boolean;
}

/** Something that is kept where the objects are and is no object. */
export interface Skipped {
  entry: string;
  /** The same text for all of a kind. */
  reason: string;
}

export interface Entry<Info = StoredInfo> {
  key: string;
  info: Info;
}

export interface Page<Info = StoredInfo> {
  entries: Entry<Info>[];
  /** The next `startAfter`; absent at the end. */
  next?: string;
  /** What is left out, where `page` was asked for that. */
  skipped?: Skipped[];
}

export type ErrorCode =
  | 'not-found'
  | 'already-exists'
  | 'precondition-failed'
  | 'invalid-key'
  | 'invalid-config'
  | 'invalid-data'
  | 'invalid-range'
  | 'unsupported'
  | 'permission-denied'
  | 'limit-exceeded'
  | 'unavailable'
  | 'other';

/** Why an operation failed. Backends throw it, too; whatever else they throw is `other`. */
export class StorageError extends Error {
  constructor(code: ErrorCode, detail?: string);
  readonly code: ErrorCode;
  /** The message without store and key. */
  readonly detail: string;
  readonly store?: string;
  readonly key?: string;
}

/** A store over backends that answer at once. */
export interface Store {
  readonly name: string;
  readonly capabilities: Capabilities;
  get(key: string, options?: ReadOptions): Uint8Array;
  /** Text is kept as UTF-8. */
  put(key: string, data: Uint8Array | string, options?: PutOptions): StoredInfo;
  exists(key: string): boolean;
  delete(key: string, options?: DeleteOptions): void;
  stat(key: string): StoredInfo;
  /** Every object, page by page. */
  list(options?: ListOptions): Iterable<Entry>;
  page(options?: PageOptions): Page;
  read(key: string, options?: ReadOptions): Reader;
  write(key: string, options?: PutOptions): Writer;
}

/** The bytes of one version of an object. Closed at the end of its iteration. */
export interface Reader extends Iterable<Uint8Array> {
  readonly info: StoredInfo;
  /** The next bytes, at most `max`; empty at the end. */
  next(max?: number): Uint8Array;
  close(): void;
}

/** An object being written; nothing is published before `finish`. */
export interface Writer {
  push(data: Uint8Array | string): void;
  finish(trailer?: Trailer): StoredInfo;
  abort(): void;
}

/** A store over backends that may answer with promises. */
export interface AsyncStore {
  readonly name: string;
  readonly capabilities: Promise<Capabilities>;
  get(key: string, options?: ReadOptions): Promise<Uint8Array>;
  put(key: string, data: Uint8Array | string, options?: PutOptions): Promise<StoredInfo>;
  exists(key: string): Promise<boolean>;
  delete(key: string, options?: DeleteOptions): Promise<void>;
  stat(key: string): Promise<StoredInfo>;
  list(options?: ListOptions): AsyncIterable<Entry>;
  page(options?: PageOptions): Promise<Page>;
  read(key: string, options?: ReadOptions): Promise<AsyncReader>;
  write(key: string, options?: PutOptions): Promise<AsyncWriter>;
}

export interface AsyncReader extends AsyncIterable<Uint8Array> {
  readonly info: StoredInfo;
  next(max?: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface AsyncWriter {
  push(data: Uint8Array | string): Promise<void>;
  finish(trailer?: Trailer): Promise<StoredInfo>;
  abort(): Promise<void>;
}

/** What is to be kept with an object. */
export type Kept = Omit<PutOptions, 'ifMatch'>;

/** Throws when the object that is there now (`undefined`: none) must not be
 * replaced or removed. To be called in one atomic step with the change. */
export type Check = (info: ObjectInfo | undefined) => void;

/** One version of an object. */
export interface Snapshot<Bytes> {
  info: ObjectInfo & { size: number };
  /** The bytes from `start` to before `end`, or fewer, but at least one. */
  slice(start: number, end: number): Bytes;
  close?(): void;
}

/** A streamed write. */
export interface Upload<Nothing, Info> {
  push(chunk: Uint8Array): Nothing;
  finish(trailer: Trailer): Info;
  abort?(): Nothing;
}

interface Driver<Sync extends boolean> {
  /** What it can't do is false. */
  capabilities?: Partial<Capabilities>;
  open(key: string): May<Sync, Snapshot<May<Sync, Uint8Array>> | undefined>;
  publish(key: string, data: Uint8Array, kept: Kept, check: Check): May<Sync, ObjectInfo>;
  remove(key: string, check: Check): May<Sync, void>;
  list(options: { prefix: string; startAfter?: string; limit: number }): May<Sync, Page<ObjectInfo>>;
  /** Without it, an object is opened. */
  stat?(key: string): May<Sync, ObjectInfo | undefined>;
  /** Without it, chunks are collected and published as one. */
  write?(key: string, kept: Kept, check: Check): May<Sync, Upload<May<Sync, void>, May<Sync, ObjectInfo>>>;
  close?(): void | Promise<void>;
}

type May<Sync extends boolean, Value> = Sync extends true ? Value : Value | Promise<Value>;

/** Keeps objects, and answers at once. */
export interface Backend extends Driver<true> {}

/** Keeps objects, and may answer with promises. */
export interface AsyncBackend extends Driver<false> {}

/** The shape of stores.yaml. */
export interface Configuration {
  stores: Record<string, StoreConfiguration>;
  /** The default store; needed when there is more than one. */
  main?: string;
}

export interface StoreConfiguration {
  type: string;
  base?: string | string[] | { main_store: string; cache_store: string };
  config?: Record<string, unknown>;
}

/** A put or delete that a NotifyingStore tells of. */
export interface Change {
  store: string;
  action: 'put' | 'delete';
  key: string;
  size?: number;
  etag?: string;
  /** Absent on success. */
  failure?: StorageError;
}

export interface Options<Kind> {
  /** Backends by the name that `base` gives. */
  backends?: Record<string, Kind>;
  /** Store types that keep objects, beside DictStore and (in Node.js) FilesystemStore. */
  types?: Record<string, (config: any, name: string) => Kind | Promise<Kind>>;
  /** For `${VAR}`; by default the environment of the process, in browsers nothing. */
  env?: Record<string, string | undefined>;
  /** By default the console. */
  log?(level: 'debug' | 'info' | 'warn' | 'error', store: string, message: string): void;
  onChange?(change: Change): void;
}

export interface AsyncOptions extends Options<AsyncBackend> {
  /** How many calls run at a time, each in an instance of its own. Default: 16. */
  instances?: number;
}

export interface Stores<Kind> {
  readonly main: Kind;
  readonly names: string[];
  store(name: string): Kind;
  close(): Promise<void>;
}

/** Stores as a configuration, YAML text or an object, describes them. */
export function createStores(config: string | Configuration, options?: Options<Backend>): Promise<Stores<Store>>;

/** The same over backends that may answer with promises. Needs an engine with
 * JSPI; elsewhere it is `unsupported`. */
export function createAsyncStores(config: string | Configuration, options?: AsyncOptions): Promise<Stores<AsyncStore>>;

/** Objects in a Map. */
export class MapBackend implements Backend {
  constructor(objects?: Record<string, string | Uint8Array>);
  open(key: string): Snapshot<Uint8Array> | undefined;
  publish(key: string, data: Uint8Array, kept: Kept, check: Check): ObjectInfo;
  remove(key: string, check: Check): void;
  list(options: { prefix: string; startAfter?: string; limit: number }): Page<ObjectInfo>;
}

/** Objects as files below a directory (Node.js). Nothing is kept beside the bytes. */
export class FsBackend implements Backend {
  constructor(root: string, options?: { durable?: boolean });
  readonly capabilities: Partial<Capabilities>;
  open(key: string): Snapshot<Uint8Array> | undefined;
  stat(key: string): ObjectInfo | undefined;
  publish(key: string, data: Uint8Array, kept: Kept, check: Check): ObjectInfo;
  write(key: string, kept: Kept, check: Check): Upload<void, ObjectInfo>;
  remove(key: string, check: Check): void;
  list(options: { prefix: string; startAfter?: string; limit: number }): Page<ObjectInfo>;
}
