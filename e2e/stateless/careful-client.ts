import { pause } from '../weir.ts';

/** What became of all requests of a test. */
export class Tally {
  requests = 0;
  /** Attempts after the first. */
  retries = 0;
  /** Why there was another attempt: a status, or `network`. */
  readonly reasons = new Map<string, number>();
  /** Milliseconds from the first attempt to the answer, by what was asked. */
  readonly tookMs = new Map<string, number[]>();
  /** Milliseconds from the commit (the event's time) to the reader, by way of reading. */
  readonly eventMs = new Map<string, number[]>();
  events = 0;

  again(reason: string): void {
    this.retries += 1;
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  took(what: string, ms: number): void {
    const all = this.tookMs.get(what) ?? [];
    this.tookMs.set(what, all);
    all.push(ms);
  }

  heard(way: string, ms: number): void {
    this.events += 1;
    const all = this.eventMs.get(way) ?? [];
    this.eventMs.set(way, all);
    all.push(ms);
  }

  table(): Record<string, string | number> {
    return {
      requests: this.requests,
      retries: this.retries,
      'retried because of': [...this.reasons].map(([reason, count]) => `${reason}: ${count}`).join(', '),
      'events received': this.events,
      ...Object.fromEntries([...this.tookMs].map(([what, ms]) => [`${what}, ms`, quantiles(ms)])),
      ...Object.fromEntries(
        [...this.eventMs].map(([way, ms]) => [`commit to reader by ${way}, ms`, quantiles(ms)]),
      ),
    };
  }
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function quantiles(values: readonly number[]): string {
  const of = (share: number) => quantile(values, share).toFixed(0);
  return `p50 ${of(0.5)}, p99 ${of(0.99)} (${values.length})`;
}

/** A refusal that another attempt would not change. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  readonly code: string;

  constructor(what: string, status: number, text: string) {
    super(`${what}: ${status} ${text}`);
    this.status = status;
    this.code = /"code":"([\w-]+)"/.exec(text)?.[1] ?? '';
  }
}

/**
 * Calls as a client makes them that minds its business: repeats what may be repeated, each POST with one
 * Idempotency-Key for all attempts, waits as long as it is told to, and gives up after a while.
 */
export class CarefulClient {
  readonly base: string;
  readonly #token: string;
  readonly #tally: Tally;
  readonly #patienceMs: number;

  constructor(base: string, token: string, tally: Tally, patienceMs = 90_000) {
    this.base = base;
    this.#token = token;
    this.#tally = tally;
    this.#patienceMs = patienceMs;
  }

  /** @throws Refused; Error when patience is over */
  async call<T>(method: string, path: string, body?: object, what?: string): Promise<T> {
    const started = performance.now();
    const headers = {
      'content-type': 'application/json',
      ...(method === 'POST' ? { 'idempotency-key': crypto.randomUUID() } : {}),
    };
    const text = await this.#repeat(`${method} ${path}`, async () => {
      const answer = await this.fetch(path, {
        method,
        headers,
        signal: AbortSignal.timeout(attemptMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { answer, text: await answer.text() };
    });
    if (what !== undefined) this.#tally.took(what, performance.now() - started);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** One attempt with the token. */
  fetch(path: string, init: RequestInit): Promise<Response> {
    this.#tally.requests += 1;
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${this.#token}` };
    return fetch(this.base + path, { ...init, headers });
  }

  async #repeat(what: string, attempt: () => Promise<{ answer: Response; text: string }>): Promise<string> {
    const deadline = performance.now() + this.#patienceMs;
    for (let failures = 0; ; failures += 1) {
      const { status, text, retryAfterMs } = await attempt().then(
        ({ answer, text }) => ({ status: answer.status, text, retryAfterMs: retryAfterOf(answer) }),
        (error: Error) => ({ status: 0, text: String(error.cause ?? error), retryAfterMs: 0 }),
      );
      if (status >= 200 && status < 300) return text;
      if (!mayRepeat(status)) throw new Refused(what, status, text);
      if (performance.now() > deadline)
        throw new Error(`${what}: no answer in time, at last ${status} ${text}`);
      this.#tally.again(status === 0 ? 'network' : String(status));
      await pause(Math.max(retryAfterMs, backoffMs(failures)));
    }
  }
}

/** Network errors (0), a gateway without an instance, a server that asks to come again. */
export function mayRepeat(status: number): boolean {
  return status === 0 || status === 429 || status === 502 || status === 503 || status === 504;
}

export function retryAfterOf(answer: Response): number {
  return Number(answer.headers.get('retry-after') ?? 0) * 1000;
}

/** Grows to two seconds, with jitter. */
export function backoffMs(failures: number): number {
  return Math.min(2000, 50 * 2 ** failures) * (0.5 + Math.random() / 2);
}

/** Longer than any deadline of the server's, so that it is the server that answers. */
const attemptMs = 20_000;
