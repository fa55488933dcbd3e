import { backoffMs, streamBackoff } from './backoff.ts';

/** How events are read: one answer that streams (Server-Sent Events), or held answers one after another. */
export type FeedMode = 'sse' | 'poll';

/** How one attempt to read ended. */
export type FeedOutcome =
  /** Bytes came, then the stream ended or was cut, `livedMs` after its start. */
  | { type: 'ended'; livedMs: number }
  /** No byte came in time: something between buffers streams. */
  | { type: 'silent' }
  /** The answer is no event stream at all. */
  | { type: 'unfit' }
  /** No network, or the server refused for now. */
  | { type: 'failed'; retryAfterMs?: number | undefined }
  /** A poll was answered, `tookMs` after it was asked, with so many events. */
  | { type: 'page'; tookMs: number; events: number };

/** What to do next, and after which wait. */
export interface FeedStep {
  mode: FeedMode;
  delayMs: number;
}

/** A stream that lived for so long was a good one; its end is a rotation, not a failure. */
const goodStreamMs = 5_000;
/** In polling, streaming is tried again after this, then after twice as long … */
const firstProbeMs = 60_000;
/** … up to this. */
const lastProbeMs = 600_000;

/**
 * Decides how to go on reading, as a machine without clock: two streams in a row that stay silent mean that
 * streaming does not work here, so the reader polls, and tries streaming again at growing intervals. Being
 * offline is no reason to poll.
 */
export class FeedPolicy {
  readonly #mayStream: boolean;
  #mode: FeedMode;
  #failures = 0;
  #strikes = 0;
  #probeAt = Number.POSITIVE_INFINITY;
  #probeMs = firstProbeMs;
  #serverRetryMs = 0;

  constructor(mode: FeedMode) {
    this.#mayStream = mode === 'sse';
    this.#mode = mode;
  }

  get mode(): FeedMode {
    return this.#mode;
  }

  /** The server's `retry:` field: the least wait after a failure. */
  serverRetry(ms: number): void {
    this.#serverRetryMs = Math.min(Math.max(0, ms), 30_000);
  }

  /** The first byte of a stream came. */
  streamWorks(): void {
    this.#strikes = 0;
    this.#mode = 'sse';
    this.#probeAt = Number.POSITIVE_INFINITY;
  }

  /**
   * @param now milliseconds, any origin
   * @param random uniform in [0, 1)
   */
  next(outcome: FeedOutcome, now: number, random: number): FeedStep {
    switch (outcome.type) {
      case 'ended':
        if (outcome.livedMs < goodStreamMs) return this.#retry(random);
        this.#failures = 0;
        this.#probeMs = firstProbeMs;
        return { mode: this.#mode, delayMs: Math.round(random * 250) };
      case 'silent':
      case 'unfit':
        this.#strikes += outcome.type === 'unfit' ? 2 : 1;
        if (this.#strikes < 2) return this.#retry(random);
        this.#mode = 'poll';
        this.#probeAt = now + this.#probeMs;
        this.#probeMs = Math.min(this.#probeMs * 2, lastProbeMs);
        return { mode: 'poll', delayMs: 0 };
      case 'failed':
        return this.#retry(random, outcome.retryAfterMs);
      case 'page':
        this.#failures = 0;
        if (this.#mayStream && now >= this.#probeAt) {
          this.#probeAt = Number.POSITIVE_INFINITY;
          this.#strikes = 1;
          this.#mode = 'sse';
          return { mode: 'sse', delayMs: 0 };
        }
        // A server that does not hold empty answers must not be asked without a pause.
        return { mode: 'poll', delayMs: outcome.events === 0 && outcome.tookMs < 1000 ? 1000 : 0 };
    }
  }

  #retry(random: number, retryAfterMs = 0): FeedStep {
    const attempt = this.#failures++;
    const least = attempt === 0 ? 0 : this.#serverRetryMs;
    const delayMs = Math.max(backoffMs(streamBackoff, attempt, random, retryAfterMs), least);
    return { mode: this.#mode, delayMs };
  }
}
