/** What the cases of the contract's `error` say that bring no text of their own. */
const TEXTS = {
  'not-found': 'there is no such object',
  'already-exists': 'there is an object already',
  'precondition-failed': 'the object is not the expected version',
  'invalid-range': 'the range lies outside the object',
};

/** Why an operation failed. `code` is a case of the contract's `error`. */
export class StorageError extends Error {
  constructor(code, detail = TEXTS[code] ?? code, { store, key, cause } = {}) {
    const where = [store, key === undefined ? undefined : JSON.stringify(key)];
    super([...where.filter((part) => part !== undefined), detail].join(': '), cause && { cause });
    this.name = 'StorageError';
    this.code = code;
    this.detail = detail;
    this.store = store;
    this.key = key;
  }
}

/** An argument of the wrong type: the program is wrong, and nothing was called. */
export class ArgumentError extends TypeError {}

/** Whether a thrown value is an error that the component answered with. */
export const isAnswer = (error) => typeof error?.tag === 'string';

/** From the component's error. */
export const fromWire = ({ tag, val }, place) => new StorageError(tag, val, place);

/** To the component, from whatever a backend threw. */
export function toWire(error) {
  if (!(error instanceof StorageError)) return { tag: 'other', val: String(error?.message ?? error) };
  return error.code in TEXTS ? { tag: error.code } : { tag: error.code, val: error.detail };
}

export const invalidConfig = (detail) => new StorageError('invalid-config', detail);
