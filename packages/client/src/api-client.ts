import { type Backoff, backoffMs, requestBackoff, wait } from './backoff.ts';
import { errorOfResponse, WeirError } from './errors.ts';
import type { History } from './history.ts';

/** A JWT, or how to get a fresh one: asked again when the server calls the last one expired. */
export type TokenSource = string | (() => string | Promise<string>);

export interface ApiClientOptions {
  /** Origin, or prefix under which `/v1` lives. */
  url: string;
  token: TokenSource;
  fetch: typeof fetch;
  history: History;
  /** Uniform in [0, 1). */
  random: () => number;
}

export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From `/v1` on. */
  path: string;
  body?: unknown;
  signal?: AbortSignal | undefined;
  /** How often to try in all; `Infinity` tries until `signal` fires. Default 6. */
  attempts?: number;
  /** Of one attempt. Default 10 s. */
  timeoutMs?: number;
  /** Let the request outlive the page. */
  keepalive?: boolean;
}

/**
 * JSON over HTTP with patience: what is transient (no network, 429, 502, 503, 504, a timeout) is tried again
 * with back-off. POSTs carry one Idempotency-Key over all their attempts, so an answer that got lost is
 * given again instead of doing the thing twice.
 */
export class ApiClient {
  readonly #options: ApiClientOptions;
  readonly #backoff: Backoff;
  #token: string | undefined;
  #wake = new AbortController();

  constructor(options: ApiClientOptions, backoff: Backoff = requestBackoff) {
    this.#options = { ...options, url: options.url.replace(/\/+$/, '') };
    this.#backoff = backoff;
  }

  /** @throws WeirError */
  async request<T>(request: ApiRequest): Promise<T> {
    const attempts = request.attempts ?? 6;
    const key = request.method === 'POST' ? randomKey() : undefined;
    let tokenRefreshed = false;
    for (let attempt = 0; ; attempt++) {
      if (request.signal?.aborted) throw WeirError.aborted(request.signal.reason);
      let error: WeirError;
      try {
        return await this.#attempt<T>(request, key);
      } catch (caught) {
        error = caught as WeirError;
      }
      if (error.status === 401 && typeof this.#options.token === 'function' && !tokenRefreshed) {
        tokenRefreshed = true;
        this.#token = undefined;
        continue;
      }
      if (!error.transient || attempt + 1 >= attempts) throw error;
      await wait(
        backoffMs(this.#backoff, attempt, this.#options.random(), error.retryAfterMs),
        request.signal,
        this.#wake.signal,
      );
    }
  }

  /** One attempt whose body the caller reads, for streams. The caller looks at the status. */
  async open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const token = await this.#currentToken();
    return this.#options.fetch(this.#options.url + path, {
      headers: { ...headers, authorization: `Bearer ${token}` },
      cache: 'no-store',
      signal,
    });
  }

  /** Sends without waiting for the answer: for a page that is going away. */
  farewell(path: string): void {
    if (this.#token === undefined) return;
    this.#options
      .fetch(this.#options.url + path, {
        method: 'DELETE',
        keepalive: true,
        headers: { authorization: `Bearer ${this.#token}` },
      })
      .catch(() => {
        // The page is gone, and so is everyone who could be told.
      });
  }

  /** There is reason to hope: whatever waits for its next attempt makes it now. */
  nudge(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  /** After a 401: the next call asks the token source again. False if there is nobody to ask. */
  forgetToken(): boolean {
    if (typeof this.#options.token !== 'function') return false;
    this.#token = undefined;
    return true;
  }

  async #attempt<T>(request: ApiRequest, key: string | undefined): Promise<T> {
    const started = Date.now();
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), request.timeoutMs ?? 10_000);
    const onAbort = () => timeout.abort();
    request.signal?.addEventListener('abort', onAbort);
    let status = 0;
    let failure: WeirError | undefined;
    try {
      const token = await this.#currentToken();
      const headers: Record<string, string> = {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
      };
      if (request.body !== undefined) headers['content-type'] = 'application/json';
      if (key !== undefined) headers['idempotency-key'] = key;
      const response = await this.#options.fetch(this.#options.url + request.path, {
        method: request.method,
        headers,
        body: request.body === undefined ? null : JSON.stringify(request.body),
        cache: 'no-store',
        keepalive: request.keepalive ?? false,
        signal: timeout.signal,
      });
      status = response.status;
      if (!response.ok) throw await errorOfResponse(response, Date.now());
      if (status === 204 || status === 205) return undefined as T;
      const text = await response.text();
      return (text === '' ? undefined : JSON.parse(text)) as T;
    } catch (cause) {
      failure = this.#explain(cause, request, timeout.signal, status);
      throw failure;
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', onAbort);
      this.#options.history.add({
        kind: 'http',
        text: `${request.method} ${request.path}`,
        status,
        durationMs: Date.now() - started,
        ...(failure && { error: failure.code }),
      });
    }
  }

  #explain(cause: unknown, request: ApiRequest, timeout: AbortSignal, status: number): WeirError {
    if (cause instanceof WeirError) return cause;
    if (request.signal?.aborted) return WeirError.aborted(cause);
    if (timeout.aborted)
      return new WeirError({ code: 'timeout', detail: 'The server did not answer in time', cause });
    if (cause instanceof SyntaxError) {
      return new WeirError({
        code: 'bad-answer',
        status,
        detail: 'The answer is not JSON; is this a Weir server?',
        cause,
      });
    }
    return new WeirError({ code: 'network', detail: 'The server cannot be reached', cause });
  }

  async #currentToken(): Promise<string> {
    if (this.#token === undefined) {
      const { token } = this.#options;
      this.#token = typeof token === 'string' ? token : await token();
    }
    return this.#token;
  }
}

/** 128 random bits. `crypto.randomUUID` would need a secure context; viewers may come over plain HTTP. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
