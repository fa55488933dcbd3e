import type { DeadLetter, RoomEvent, WebhookCursor } from '@weir/db';
import type { Services } from '../services.ts';
import { retryAfterMs, retryDelayMs } from './backoff.ts';
import { endpointOf } from './listeners.ts';
import { messageId, webhookEvent } from './message.ts';
import { Places } from './places.ts';
import type { WebhookEndpoint } from './settings.ts';
import { signatureHeaders } from './signature.ts';
import { whyNotUrl } from './target.ts';

/** How a call ended. */
export interface CallOutcome {
  readonly delivered: boolean;
  /** Why not. */
  readonly error: string;
  /** What the receiver asked for, in milliseconds. */
  readonly retryAfterMs: number;
}

/**
 * Delivers rooms' logs to webhooks: per webhook and room one call at a time, in order, each line until it is acknowledged
 * or given up. Any number of instances may do it at once: a lease in the database says who. Nothing is remembered here.
 */
export class WebhookDeliverer {
  readonly #services: Services;
  readonly #stop = new StopSignal();
  readonly #places: Places;
  readonly #running = new Set<Promise<void>>();
  #started = false;
  #cancelTimer: (() => void) | undefined;
  #claiming = false;
  #again = false;

  constructor(services: Services) {
    this.#services = services;
    this.#places = new Places(services.deps.config.webhooks.concurrency);
  }

  /** Delivers until `stop()`: when woken, and every second what other instances left. */
  start(): void {
    const { endpoints, secrets } = this.#services.deps.config.webhooks;
    if (endpoints.length === 0 && secrets.length === 0) return;
    this.#started = true;
    void this.#look();
  }

  /** Something was appended. Where nothing runs between requests it is delivered after the answer. */
  wake(): void {
    const { deps, background } = this.#services;
    if (this.#stop.stopped) return;
    if (!this.#started) {
      if (deps.isolatedRequests === true) background(() => this.drain(afterAnswerMs));
      return;
    }
    if (this.#claiming) this.#again = true;
    else void this.#look();
  }

  /** Takes up nothing new; gives calls under way a little time, then leaves them to other instances. */
  async stop(graceMs = 3000): Promise<void> {
    const { clock } = this.#services.deps;
    this.#stop.stop();
    this.#cancelTimer?.();
    const cancel = clock.after(graceMs, () => this.#stop.abort());
    while (this.#running.size > 0) await Promise.all(this.#running);
    cancel();
  }

  /** Delivers what is due until nothing is, or for about `maxMs`; for platforms that only lend us time. */
  async drain(maxMs: number): Promise<void> {
    const { clock } = this.#services.deps;
    const end = clock.now() + maxMs;
    const running = new Set<Promise<void>>();
    for (;;) {
      if (clock.now() < end) {
        await this.#claim((lease) => {
          const work = this.#deliver(lease, end).finally(() => running.delete(work));
          running.add(work);
        });
      }
      if (running.size === 0) return;
      // A slow receiver must not hold up what the others may have next.
      await Promise.race(running);
    }
  }

  /** Calls a webhook with one line. Never throws. */
  async call(endpoint: WebhookEndpoint, line: RoomEvent): Promise<CallOutcome> {
    const { deps } = this.#services;
    const { webhooks } = deps.config;
    const refused = (error: string) => ({ delivered: false, error, retryAfterMs: 0 });
    const reason = whyNotUrl(endpoint.url, webhooks);
    if (reason !== undefined) return refused(`the URL ${reason}`);
    const id = messageId(line);
    const body = JSON.stringify(webhookEvent(line));
    const started = deps.clock.now();
    const timeout = new AbortController();
    const cancel = deps.clock.after(webhooks.timeoutMs, () =>
      timeout.abort(new Error(`no answer within ${webhooks.timeoutMs / 1000} s`)),
    );
    const forget = this.#stop.onAbort(() => timeout.abort(new Error('this instance stops')));
    try {
      const headers = {
        ...(await signatureHeaders(endpoint.secrets, { id, body }, started)),
        'content-type': 'application/json',
        'user-agent': 'Weir-Webhooks/1',
      };
      const { status, retryAfter } = await aborting(timeout.signal, () =>
        deps.sendWebhook(endpoint.url, { headers, body, signal: timeout.signal }),
      );
      const now = deps.clock.now();
      if (status >= 200 && status < 300) {
        deps.metrics.webhook('delivered', (now - started) / 1000, (now - line.createdAt) / 1000);
        return { delivered: true, error: '', retryAfterMs: 0 };
      }
      deps.metrics.webhook('refused', (now - started) / 1000);
      return { delivered: false, error: `status ${status}`, retryAfterMs: retryAfterMs(retryAfter, now) };
    } catch (error) {
      deps.metrics.webhook('failed', (deps.clock.now() - started) / 1000);
      return refused(String((error as Error).message).slice(0, 500));
    } finally {
      cancel();
      forget();
    }
  }

  /** Claims what is due and works on it; then waits for the next time. */
  async #look(): Promise<void> {
    const { clock, logger, config } = this.#services.deps;
    this.#cancelTimer?.();
    this.#claiming = true;
    const looking = (async () => {
      try {
        do {
          this.#again = false;
          await this.#claim((lease) => this.#work(lease));
        } while (this.#again && !this.#stop.stopped);
      } catch (error) {
        logger.warn(
          { error: (error as Error).message },
          'webhooks could not be looked for; it is tried again',
        );
      }
    })();
    this.#keep(looking);
    await looking;
    this.#claiming = false;
    if (this.#stop.stopped) return;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(config.webhooks.pollMs, () => void this.#look());
  }

  #work(lease: WebhookCursor): void {
    const work = this.#deliver(lease, Number.POSITIVE_INFINITY).finally(() => {
      // There is a place again.
      this.wake();
    });
    this.#keep(work);
  }

  #keep(work: Promise<void>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  /** Takes up what is due, as far as there are places. */
  async #claim(work: (lease: WebhookCursor) => void): Promise<void> {
    const { deps, webhooks } = this.#services;
    for (;;) {
      const now = deps.clock.now();
      const { limit, except } = this.#places.free(now);
      if (limit === 0 || this.#stop.stopped) return;
      // Mostly nothing waits, and then nothing is written.
      const due = await webhooks.nextDue();
      if (due === undefined || due > now) return;
      const leaseId = crypto.randomUUID();
      const leases = await webhooks.claim({ leaseId, now, leaseMs: this.#leaseMs, limit, except });
      for (const lease of leases) work(lease);
      if (leases.length < limit) return;
    }
  }

  /** Longer than a call can take, or somebody else would make it too. */
  get #leaseMs(): number {
    return this.#services.deps.config.webhooks.timeoutMs + leaseMarginMs;
  }

  /**
   * Delivers line after line, until `end` or until others must have their turn. Never throws: what is not done the
   * lease's end leaves to others.
   */
  async #deliver(lease: WebhookCursor, end: number): Promise<void> {
    const { deps, webhooks } = this.#services;
    const { endpointId, roomId } = lease;
    const turnEnd = Math.min(end, deps.clock.now() + turnMs);
    const giveBack = this.#places.take(lease, turnEnd + this.#leaseMs);
    try {
      const endpoint = endpointOf(deps.config.webhooks, lease);
      if (endpoint === undefined) {
        // Another instance may know it, or a later one; until then it costs a look now and then.
        await webhooks.release(lease, deps.clock.now() + unknownAgainMs);
        return;
      }
      let held: WebhookCursor | undefined = lease;
      for (let done = 0; held !== undefined && held.nextAt !== null; ) {
        const lines = await webhooks.lines(held, linesAtOnce);
        // Forgotten after their time: there is nothing left to deliver.
        if (lines.length === 0) held = await this.#advance(held, held.head);
        for (const line of lines) {
          if (held === undefined || held.nextAt === null) break;
          if (this.#stop.stopped || deps.clock.now() >= turnEnd || done >= linesPerTurn) {
            await webhooks.release(held, deps.clock.now());
            return;
          }
          held = await this.#deliverLine(endpoint, held, line);
          done += 1;
        }
      }
    } catch (error) {
      deps.logger.warn(
        { endpoint: endpointId, room: roomId, error: (error as Error).message },
        'a webhook was left to its next attempt',
      );
    } finally {
      giveBack();
    }
  }

  /** Answers the cursor behind the line, still leased; undefined = somebody else goes on, or later. */
  async #deliverLine(
    endpoint: WebhookEndpoint,
    held: WebhookCursor,
    line: RoomEvent,
  ): Promise<WebhookCursor | undefined> {
    const { deps, webhooks } = this.#services;
    if (endpoint.events?.includes(line.type) === false) return await this.#advance(held, line.seq);
    const outcome = await this.call(endpoint, line);
    if (outcome.delivered) return await this.#advance(held, line.seq);
    const now = deps.clock.now();
    const fields = { endpoint: endpoint.id, room: line.roomId, seq: line.seq, error: outcome.error };
    if (this.#stop.aborted) {
      // Not the receiver's fault.
      await webhooks.release(held, now);
      return undefined;
    }
    const failures = held.attempts + 1;
    if (failures >= deps.config.webhooks.attempts) {
      const letter = deadLetter(held, line, { failedAt: now, attempts: failures, lastError: outcome.error });
      const next = await webhooks.bury(held, letter, now, this.#leaseMs);
      if (next === undefined) return undefined;
      deps.metrics.webhook('given up', 0);
      deps.logger.error(
        { ...fields, attempts: failures },
        'a webhook event was given up: see /v1/webhooks/dead-letters',
      );
      return next;
    }
    const delay = retryDelayMs(failures, deps.random(), outcome.retryAfterMs);
    deps.logger.warn({ ...fields, attempts: failures, againMs: delay }, 'a webhook did not take an event');
    await webhooks.release(held, now + delay, outcome.error);
    return undefined;
  }

  #advance(held: WebhookCursor, seq: number): Promise<WebhookCursor | undefined> {
    const { deps, webhooks } = this.#services;
    return webhooks.advance(held, seq, deps.clock.now(), this.#leaseMs);
  }
}

/** Told to stop, and later to let go. */
class StopSignal {
  stopped = false;
  aborted = false;
  readonly #listeners = new Set<() => void>();

  stop(): void {
    this.stopped = true;
  }

  abort(): void {
    this.aborted = true;
    for (const listener of [...this.#listeners]) listener();
  }

  onAbort(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The work's result, or the reason of the signal, whichever comes first: a sender may not listen to it. */
async function aborting<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function deadLetter(
  { endpointId, url }: WebhookCursor,
  line: RoomEvent,
  failure: Pick<DeadLetter, 'failedAt' | 'attempts' | 'lastError'>,
): DeadLetter {
  const { roomId, seq, type, data, createdAt } = line;
  return {
    id: `${endpointId}.${messageId(line)}`,
    endpointId,
    roomId,
    url,
    seq,
    type,
    data,
    createdAt,
    ...failure,
  };
}

/** Workers let work after an answer take 30 s. */
const afterAnswerMs = 15_000;
const leaseMarginMs = 15_000;
const linesAtOnce = 20;
/** After so many lines, or so much time, those that wait longer have their turn. */
const linesPerTurn = 100;
const turnMs = 10_000;
const unknownAgainMs = 60_000;
