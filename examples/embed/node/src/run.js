// Every operation is written once, as a generator that yields what may be a
// promise: run at once over backends that answer at once, awaited over others.

import { StorageError } from './error.js';

export function runSync(steps) {
  let step = steps.next();
  while (!step.done) {
    step = typeof step.value?.then === 'function' ? steps.throw(promised(step.value)) : steps.next(step.value);
  }
  return step.value;
}

export async function runAsync(steps) {
  let step = steps.next();
  while (!step.done) {
    let value;
    try {
      value = await step.value;
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(value);
  }
  return step.value;
}

function promised(promise) {
  promise.then(undefined, () => {}); // Nobody waits for it.
  return new StorageError('other', 'the backend answered with a promise; use createAsyncStores');
}
