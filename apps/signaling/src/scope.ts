import type { Trace } from '@weir/pod-control';
import type { Logger } from './logger.ts';

/** The request that work is done for. */
export interface Scope {
  readonly requestId: string;
  readonly trace: Trace;
}

/** Carries the scope along with asynchronous work; `entry/` knows how the platform does it. */
export interface Scopes {
  run<T>(scope: Scope, work: () => T): T;
  current(): Scope | undefined;
}

/** For where nothing carries it. */
export const noScopes: Scopes = { run: (_, work) => work(), current: () => undefined };

/** The same logger, whose lines say which request and trace they belong to. */
export function scopedLogger(logger: Logger, scopes: Scopes): Logger {
  const scoped = (fields: Record<string, unknown>) => {
    const scope = scopes.current();
    return scope === undefined ? fields : { request: scope.requestId, trace: scope.trace.traceId, ...fields };
  };
  return {
    debug: (fields, message) => logger.debug(scoped(fields), message),
    info: (fields, message) => logger.info(scoped(fields), message),
    warn: (fields, message) => logger.warn(scoped(fields), message),
    error: (fields, message) => logger.error(scoped(fields), message),
  };
}
