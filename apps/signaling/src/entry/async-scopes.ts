import { AsyncLocalStorage } from 'node:async_hooks';
import type { Scope, Scopes } from '../scope.ts';

/** Scopes on Node and on Workers (with `nodejs_als`). */
export function asyncScopes(): Scopes {
  const storage = new AsyncLocalStorage<Scope>();
  return { run: (scope, work) => storage.run(scope, work), current: () => storage.getStore() };
}
