import type { EventPage, LogEvent } from '@weir/protocol';
import { createParser } from 'eventsource-parser';
import type { ApiClient } from './api-client.ts';
import { wait } from './backoff.ts';
import { errorOfResponse, WeirError } from './errors.ts';
import { type FeedMode, type FeedOutcome, FeedPolicy } from './feed-policy.ts';

export interface EventFeedOptions {
  api: Pick<ApiClient, 'open' | 'forgetToken'>;
  /** Of the peer's events. */
  path: string;
  /** Everything after this is wanted. */
  cursor: string;
  mode: FeedMode;
  random: () => number;
  /** Each event once, in order. */
  onEvent: (event: LogEvent) => void;
  /** Reading works (again). */
  onUp: (mode: FeedMode) => void;
  /** Reading stopped working; it is being tried again. */
  onDown: (error: WeirError) => void;
  /** It is over: the peer is gone, or the token is refused. */
  onEnd: (error: WeirError) => void;
}

/** Nothing at all for so long, heartbeats included, means that the connection is dead. */
const silenceMs = 40_000;
/** The first byte comes within one second (rule 1 of events delivery); a slow network gets ten. */
const firstByteMs = 10_000;
const pollWaitSeconds = 25;
const pollTimeoutMs = 40_000;
/** A snapshot of a full room fits; endless lines do not. */
const maxEventChars = 8_000_000;

/**
 * Reads a peer's log from a cursor for as long as it lives, over any number of connections, and gives each
 * event exactly once and in order.
 */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #policy: FeedPolicy;
  readonly #stop = new AbortController();
  #cursor: string;
  #up = false;
  #wake: AbortController | undefined;

  constructor(options: EventFeedOptions) {
    this.#options = options;
    this.#policy = new FeedPolicy(options.mode);
    this.#cursor = options.cursor;
  }

  get cursor(): string {
    return this.#cursor;
  }

  /** How events come at present. */
  get mode(): FeedMode {
    return this.#policy.mode;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stop.abort();
  }

  /** The network seems to be back, or the page is seen again: do not wait any longer. */
  nudge(): void {
    this.#wake?.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let mode = this.#policy.mode;
    while (!signal.aborted) {
      let outcome: FeedOutcome;
      try {
        outcome = mode === 'sse' ? await this.#stream() : await this.#poll();
      } catch (error) {
        if (signal.aborted) return;
        this.#end(error as WeirError);
        return;
      }
      if (signal.aborted) return;
      const step = this.#policy.next(outcome, Date.now(), this.#options.random());
      mode = step.mode;
      if (step.delayMs > 0) {
        this.#wake = new AbortController();
        const onStop = () => this.#wake?.abort();
        signal.addEventListener('abort', onStop);
        await wait(step.delayMs, this.#wake.signal);
        signal.removeEventListener('abort', onStop);
        this.#wake = undefined;
      }
    }
  }

  /** One stream. @throws WeirError if reading is over for good */
  async #stream(): Promise<FeedOutcome> {
    const abort = new AbortController();
    const onStop = () => abort.abort();
    this.#stop.signal.addEventListener('abort', onStop);
    const started = Date.now();
    let bytes = false;
    let watchdog = setTimeout(onStop, firstByteMs);
    try {
      const response = await this.#options.api.open(
        this.#options.path,
        { accept: 'text/event-stream', 'last-event-id': this.#cursor },
        abort.signal,
      );
      const refusal = await this.#refusal(response);
      if (refusal) return refusal;
      if (!/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '') || !response.body) {
        await response.body?.cancel();
        this.#down(new WeirError({ code: 'bad-answer', detail: 'The server did not answer with a stream' }));
        return { type: 'unfit' };
      }
      const parser = createParser({
        maxBufferSize: maxEventChars,
        onRetry: (ms) => this.#policy.serverRetry(ms),
        onEvent: (message) => this.#take(message.data, message.id),
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(watchdog);
        watchdog = setTimeout(onStop, silenceMs);
        if (!bytes) {
          bytes = true;
          this.#policy.streamWorks();
          this.#isUp('sse');
        }
        parser.feed(value);
      }
      if (!bytes) return { type: 'silent' };
      return { type: 'ended', livedMs: Date.now() - started };
    } catch (cause) {
      if (cause instanceof WeirError) throw cause;
      if (this.#stop.signal.aborted) return { type: 'failed' };
      if (bytes) {
        const livedMs = Date.now() - started;
        // A cut is repaired so quickly that it is told only if the next attempt fails too.
        if (livedMs < silenceMs) return { type: 'ended', livedMs };
        this.#down(new WeirError({ code: 'network', detail: 'The event stream fell silent', cause }));
        return { type: 'ended', livedMs };
      }
      if (abort.signal.aborted) {
        this.#down(new WeirError({ code: 'timeout', detail: 'The event stream stays silent', cause }));
        return { type: 'silent' };
      }
      this.#down(new WeirError({ code: 'network', detail: 'The server cannot be reached', cause }));
      return { type: 'failed' };
    } finally {
      clearTimeout(watchdog);
      this.#stop.signal.removeEventListener('abort', onStop);
      abort.abort();
    }
  }

  /** One held answer. @throws WeirError if reading is over for good */
  async #poll(): Promise<FeedOutcome> {
    const abort = new AbortController();
    const onStop = () => abort.abort();
    this.#stop.signal.addEventListener('abort', onStop);
    const started = Date.now();
    const timer = setTimeout(onStop, pollTimeoutMs);
    try {
      const response = await this.#options.api.open(
        `${this.#options.path}?after=${encodeURIComponent(this.#cursor)}&wait=${pollWaitSeconds}`,
        { accept: 'application/json' },
        abort.signal,
      );
      const refusal = await this.#refusal(response);
      if (refusal) return refusal;
      const page = (await response.json()) as EventPage;
      this.#isUp('poll');
      for (const event of page.events) this.#deliver(event);
      return { type: 'page', tookMs: Date.now() - started, events: page.events.length };
    } catch (cause) {
      if (cause instanceof WeirError) throw cause;
      this.#down(new WeirError({ code: 'network', detail: 'The server cannot be reached', cause }));
      return { type: 'failed' };
    } finally {
      clearTimeout(timer);
      this.#stop.signal.removeEventListener('abort', onStop);
    }
  }

  /** What a status other than 200 means; undefined for 200. @throws WeirError if it is over for good */
  async #refusal(response: Response): Promise<FeedOutcome | undefined> {
    if (response.status === 200) return undefined;
    if (response.status === 204) {
      throw new WeirError({ code: 'peer-closed', status: 204, detail: 'The server ended the events' });
    }
    const error = await errorOfResponse(response, Date.now());
    if (response.status === 401 && this.#options.api.forgetToken()) {
      this.#down(error);
      return { type: 'failed' };
    }
    if (response.status === 406 || response.status === 415) {
      this.#down(error);
      return { type: 'unfit' };
    }
    const passing = response.status === 408 || response.status === 409 || response.status === 429;
    if (response.status < 500 && !passing) throw error;
    this.#down(error);
    return { type: 'failed', retryAfterMs: error.retryAfterMs };
  }

  #take(data: string, id: string | undefined): void {
    let event: unknown;
    try {
      event = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof event !== 'object' || event === null) return;
    this.#deliver({ ...(event as LogEvent), ...(id !== undefined && { cursor: id as LogEvent['cursor'] }) });
  }

  #deliver(event: LogEvent): void {
    if (this.#stop.signal.aborted) return;
    if (typeof event.type !== 'string' || typeof event.cursor !== 'string' || !event.target) return;
    // After a reset the log may start anywhere; all else only rises.
    if (event.type !== 'reset' && !isAfter(event.cursor, this.#cursor)) return;
    this.#cursor = event.cursor;
    this.#options.onEvent(event);
  }

  #isUp(mode: FeedMode): void {
    if (this.#up) return;
    this.#up = true;
    this.#options.onUp(mode);
  }

  #down(error: WeirError): void {
    this.#up = false;
    this.#options.onDown(error);
  }

  #end(error: WeirError): void {
    this.#stop.abort();
    this.#options.onEnd(error);
  }
}

/** Whether cursor `a` stands later in the log than `b`. Decimal text of up to 15 digits. */
function isAfter(a: string, b: string): boolean {
  return Number(a) > Number(b);
}
