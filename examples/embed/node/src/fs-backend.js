// Objects as files below a directory; the key is the relative path.

import * as fs from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { StorageError, invalidConfig } from './error.js';
import { compareKeys } from './keys.js';

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const MAX_NAME_BYTES = 255;
const ABANDONED = 24 * 60 * 60 * 1000;

/** The same layout as FilesystemStore; nothing is kept beside the bytes. */
export class FsBackend {
  /** Preconditions are atomic within this process. */
  capabilities = { metadata: false };
  #root;
  #writing;
  #durable;

  /** `durable`: fsync before a write is acknowledged. */
  constructor(root, { durable = true } = {}) {
    if (process.platform === 'win32') throw invalidConfig('FsBackend needs a filesystem that takes every name as it is');
    try {
      fs.mkdirSync(root, { recursive: true });
      this.#root = fs.realpathSync(resolve(root));
      // Beside the root: every file inside of it is an object.
      this.#writing = join(dirname(this.#root), `.${basename(this.#root)}.storage-js`);
      fs.mkdirSync(this.#writing, { recursive: true });
      this.#sweep();
      this.#refuseFoldedNames();
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw invalidConfig(`${root}: ${error.message}`);
    }
    this.#durable = durable;
  }

  open(key) {
    const path = this.#path(key);
    let file;
    try {
      file = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw failure(error);
    }
    const stat = fs.fstatSync(file, { bigint: true });
    if (!stat.isFile()) {
      fs.closeSync(file);
      return undefined;
    }
    return {
      info: infoOf(stat),
      slice: (start, end) => attempt(() => readFull(file, start, end)),
      close: () => fs.closeSync(file),
    };
  }

  stat(key) {
    const stat = attempt(() => lstat(this.#path(key)));
    return stat?.isFile() ? infoOf(stat) : undefined;
  }

  publish(key, data, kept, check) {
    const upload = this.write(key, kept, check);
    try {
      upload.push(data);
      return upload.finish();
    } catch (error) {
      upload.abort();
      throw error;
    }
  }

  write(key, kept, check) {
    const path = this.#path(key);
    const temporary = join(this.#writing, `${process.pid}-${crypto.randomUUID()}`);
    let file = attempt(() => fs.openSync(temporary, 'wx'), WRITING);
    const publish = () => {
      check(this.stat(key));
      if (lstat(path)?.isDirectory()) throw new StorageError('invalid-key', `it is a folder, there are objects below "${key}/"`);
      if (!kept.ifAbsent) return fs.renameSync(temporary, path);
      // A link is made only where there is nothing: atomic between processes, too.
      fs.linkSync(temporary, path);
      fs.unlinkSync(temporary);
    };
    const finish = () => {
      if (this.#durable) fs.fsyncSync(file);
      const info = infoOf(fs.fstatSync(file, { bigint: true }));
      const changed = this.#inFolders(key, publish);
      fs.closeSync(file);
      file = undefined;
      for (const folder of changed) this.#syncFolder(folder);
      return info;
    };
    return {
      push: (chunk) => attempt(() => writeFull(file, chunk), WRITING),
      finish: () => attempt(finish, WRITING),
      abort: () => {
        if (file === undefined) return;
        fs.closeSync(file);
        file = undefined;
        fs.rmSync(temporary, { force: true });
      },
    };
  }

  remove(key, check) {
    const path = this.#path(key);
    check(this.stat(key));
    attempt(() => {
      fs.unlinkSync(path);
      this.#syncFolder(dirname(path));
    });
    // Folders are there for the sake of objects.
    for (let folder = dirname(path); folder !== this.#root; folder = dirname(folder)) {
      try {
        fs.rmdirSync(folder);
      } catch {
        break;
      }
    }
  }

  list({ prefix, startAfter, limit }) {
    const entries = [];
    for (const key of this.#walk('', prefix, startAfter)) {
      const info = this.stat(key);
      if (!info) continue;
      if (entries.length === limit) return { entries, next: entries.at(-1).key };
      entries.push({ key, info });
    }
    return { entries };
  }

  /** The keys below a folder (empty, or with its slash), in order; symbolic
   * links, special files and names that are not UTF-8 are left out. */
  *#walk(folder, prefix, after) {
    const wanted = (name) => {
      if (!name.endsWith('/')) return name.startsWith(prefix) && (after === undefined || compareKeys(name, after) > 0);
      const inside = name.startsWith(prefix) || prefix.startsWith(name);
      return inside && (after === undefined || after.startsWith(name) || compareKeys(name, after) > 0);
    };
    const names = [];
    for (const entry of readFolder(join(this.#root, folder))) {
      const name = decodeName(entry.name);
      const kind = entry.isDirectory() ? '/' : entry.isFile() ? '' : undefined;
      // With its slash a folder sorts where the keys in it belong.
      if (name !== undefined && kind !== undefined && wanted(folder + name + kind)) names.push(name + kind);
    }
    for (const name of names.sort(compareKeys)) {
      if (name.endsWith('/')) yield* this.#walk(folder + name, prefix, after);
      else yield folder + name;
    }
  }

  /** The file of a key. Nothing outside the root can be named, and no
   * symbolic link is followed. */
  #path(key) {
    const parts = key.split('/');
    for (const part of parts) {
      if (part === '' || part === '.' || part === '..') {
        throw new StorageError('invalid-key', `it can't be a file: the part "${part}" between its slashes is not a file name`);
      }
      if (Buffer.byteLength(part) > MAX_NAME_BYTES) {
        throw new StorageError('invalid-key', `it can't be a file: a part is longer than the ${MAX_NAME_BYTES} bytes of a file name`);
      }
    }
    let path = this.#root;
    for (const [at, part] of parts.entries()) {
      path = join(path, part);
      const stat = attempt(() => lstat(path));
      if (stat?.isSymbolicLink()) {
        throw new StorageError('invalid-key', `${path} is a symbolic link; the store follows none`);
      }
      if (!stat?.isDirectory()) return join(path, ...parts.slice(at + 1));
    }
    return path;
  }

  /** Does something in the folders that a key lies in; gives all whose entries changed. */
  #inFolders(key, action) {
    for (let tries = 1; ; tries++) {
      const changed = this.#makeFolders(key);
      try {
        action();
        return changed;
      } catch (error) {
        // Another process removed the folder: it was empty.
        if (error.code !== 'ENOENT' || tries === 5) throw error;
      }
    }
  }

  #makeFolders(key) {
    const changed = [];
    let path = this.#root;
    for (const part of key.split('/').slice(0, -1)) {
      const parent = path;
      path = join(path, part);
      const stat = lstat(path);
      if (stat && !stat.isDirectory()) {
        throw new StorageError('invalid-key', `${path} is an object, and a filesystem can't have objects below it`);
      }
      if (!stat) {
        fs.mkdirSync(path);
        changed.push(parent);
      }
    }
    return [...changed, path];
  }

  #syncFolder(path) {
    if (!this.#durable) return;
    const folder = fs.openSync(path, O_RDONLY);
    try {
      fs.fsyncSync(folder);
    } finally {
      fs.closeSync(folder);
    }
  }

  /** Removes what killed processes left behind. */
  #sweep() {
    for (const name of fs.readdirSync(this.#writing)) {
      const path = join(this.#writing, name);
      const stat = lstat(path);
      if (stat && Date.now() - Number(stat.mtimeMs) > ABANDONED) fs.rmSync(path, { recursive: true, force: true });
    }
  }

  /** Some filesystems fold case, or normalise: two keys would be one object. */
  #refuseFoldedNames() {
    const name = `${process.pid}-${crypto.randomUUID()}-\u{e9}`;
    const path = (spelt) => join(this.#writing, spelt);
    fs.writeFileSync(path(name), '');
    const folded = [name.toUpperCase(), name.normalize('NFD')].some((spelt) => fs.existsSync(path(spelt)));
    fs.unlinkSync(path(name));
    if (folded) throw invalidConfig(`${this.#root}: the filesystem makes one name of several; two keys would be one object`);
  }
}

function infoOf(stat) {
  const hex = (value) => value.toString(16);
  return {
    size: Number(stat.size),
    etag: `${hex(stat.size)}-${hex(stat.mtimeNs)}-${hex(stat.ino)}-1`,
    modified: Number(stat.mtimeMs),
  };
}

function lstat(path) {
  try {
    return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function readFolder(path) {
  try {
    return fs.readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw failure(error);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeName(name) {
  try {
    return utf8.decode(name);
  } catch {
    return undefined;
  }
}

function readFull(file, start, end) {
  const data = new Uint8Array(end - start);
  let done = 0;
  while (done < data.length) {
    const read = fs.readSync(file, data, done, data.length - done, start + done);
    if (read === 0) throw new StorageError('other', 'the file became shorter while it was read');
    done += read;
  }
  return data;
}

function writeFull(file, chunk) {
  for (let done = 0; done < chunk.length; ) done += fs.writeSync(file, chunk, done);
}

function attempt(action, codes = CODES) {
  try {
    return action();
  } catch (error) {
    throw error instanceof StorageError ? error : failure(error, codes);
  }
}

const CODES = {
  EEXIST: 'already-exists',
  ENOENT: 'not-found',
  ELOOP: 'invalid-key',
  ENAMETOOLONG: 'invalid-key',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  EROFS: 'permission-denied',
  ENOSPC: 'limit-exceeded',
  EDQUOT: 'limit-exceeded',
  EFBIG: 'limit-exceeded',
  EMFILE: 'unavailable',
  ENFILE: 'unavailable',
};
/** What is missing to a write is not the object. */
const WRITING = { ...CODES, ENOENT: 'other' };

/** What the system says, in the words of the contract. */
function failure(error, codes = CODES) {
  return new StorageError(codes[error.code] ?? 'other', error.message, { cause: error });
}
