import type { LogEvent } from '@weir/protocol';
import type { Services } from '../services.ts';
import type { ReadPage } from './event-reader.ts';
import { LogWaiter } from './waiting.ts';

export interface StreamRequest {
  readonly roomId: string;
  readonly peerId: number;
  readonly after: number;
  /** The client went away. */
  readonly signal: AbortSignal;
}

/**
 * A peer's log as Server-Sent Events: bytes at once, comments while nothing happens, ended by us after some
 * minutes so that no platform cuts it, and resumed by the client with `Last-Event-ID`. Of more than three of one
 * peer the oldest is ended.
 */
export function eventStream(services: Services, request: StreamRequest): Response {
  const headers = {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  };
  const encoder = new TextEncoder();
  let reading: StreamReading | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        reading = new StreamReading(services, request, {
          send: (text) => controller.enqueue(encoder.encode(text)),
          full: () => (controller.desiredSize ?? 0) <= 0,
          end: () => controller.close(),
        });
        void reading.run();
      },
      pull: () => reading?.drained(),
      cancel: () => reading?.stop(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxQueuedBytes }),
  );
  return new Response(body, { headers });
}

interface Sink {
  send(text: string): void;
  /** The client is behind: send no more for now. */
  full(): boolean;
  end(): void;
}

class StreamReading {
  readonly #services: Services;
  readonly #request: StreamRequest;
  readonly #sink: Sink;
  readonly #waiter: LogWaiter;
  #stopped = false;
  #crowdedOut = false;

  constructor(services: Services, request: StreamRequest, sink: Sink) {
    this.#services = services;
    this.#request = request;
    this.#sink = sink;
    const { clock, wakeUps } = services.deps;
    this.#waiter = new LogWaiter(clock, wakeUps, request.roomId, request.peerId);
  }

  /** The client has taken what was queued. */
  drained(): void {
    this.#waiter.wake();
  }

  /** Nobody reads any more. */
  stop(): void {
    this.#stopped = true;
    this.#waiter.wake();
  }

  async run(): Promise<void> {
    const { deps, stopping, openStreams } = this.#services;
    const { roomId, peerId, signal } = this.#request;
    const wake = () => this.#waiter.wake();
    const forgetStream = openStreams.add(roomId, peerId, {
      end: () => {
        this.#crowdedOut = true;
        // Workers let no request touch what another one waits for; there it is seen at the next look.
        if (deps.isolatedRequests !== true) wake();
      },
    });
    signal.addEventListener('abort', wake);
    const forgetStop = stopping.onStop(wake);
    deps.metrics.readers('stream', 1);
    try {
      this.#sink.send(`${this.#retry()}: hello\n\n`);
      await this.#follow();
      if (!this.#gone()) {
        this.#sink.send(this.#retry());
        this.#sink.end();
      }
    } catch (error) {
      deps.logger.warn({ roomId, peerId, error: (error as Error).message }, 'an event stream broke off');
      // The client comes again with its cursor.
      if (!this.#gone()) this.#sink.end();
    } finally {
      deps.metrics.readers('stream', -1);
      signal.removeEventListener('abort', wake);
      forgetStop();
      forgetStream();
      this.#waiter.close();
    }
  }

  async #follow(): Promise<void> {
    const { deps, log, reader } = this.#services;
    const { clock, config, random, wakeUps } = deps;
    const { roomId, peerId } = this.#request;
    const seenEveryMs = config.peerTimeoutMs / 4;
    // A tenth of jitter, or all streams of an instance would come again at once.
    const streamMs = deps.bufferedAnswers === true ? bufferedStreamMs : config.streamMs;
    const endsAt = clock.now() + streamMs * (0.9 + (0.2 * random()) / 2 ** 32);
    const begunAt = clock.now();
    let cursor = this.#request.after;
    let sentAt = clock.now();
    let seenAt = 0;
    for (;;) {
      const now = clock.now();
      if (now - seenAt >= seenEveryMs) {
        await log.seen(roomId, peerId, now);
        seenAt = now;
      }
      const waits = [wakeUps.pollMs, seenEveryMs, endsAt - now];
      // Whoever is behind gets no more before it has read.
      if (!this.#sink.full()) {
        const page: ReadPage | undefined = await reader.page(roomId, peerId, cursor, pageSize);
        if (this.#gone() || page === undefined) return;
        for (const event of page.events) this.#sink.send(serverSentEvent(event));
        cursor = page.cursor;
        if (page.ended || page.events.some((event) => event.time > begunAt && connectionDied(event))) return;
        if (deps.bufferedAnswers === true && page.events.length > 0 && !page.more) return;
        if (page.events.length > 0) sentAt = clock.now();
        else if (clock.now() - sentAt >= config.heartbeatMs) {
          this.#sink.send(': hb\n\n');
          sentAt = clock.now();
        }
        if (page.more && !this.#mustEnd()) continue;
        waits.push(sentAt + config.heartbeatMs - clock.now());
      }
      if (this.#gone() || this.#mustEnd() || clock.now() >= endsAt) return;
      await this.#waiter.wait(Math.max(1, Math.min(...waits)));
      if (this.#gone()) return;
    }
  }

  /** The client is there but should come again. */
  #mustEnd(): boolean {
    return this.#crowdedOut || this.#services.stopping.stopped;
  }

  #gone(): boolean {
    return this.#stopped || this.#request.signal.aborted;
  }

  /** How long the client should wait before it comes again: 2 to 5 s, not all at once. */
  #retry(): string {
    return `retry: ${2000 + Math.floor((3000 * this.#services.deps.random()) / 2 ** 32)}\n`;
  }
}

/**
 * Media that died by itself is often a machine that has gone without a word, whose stream may look open for many
 * minutes more. Ending the stream asks: whoever is there comes again at once, and whoever does not is gone.
 */
function connectionDied({ type, target, data }: LogEvent): boolean {
  return (
    type === 'close' && target.kind === 'transport' && data.reason !== undefined && data.reason !== 'pod-lost'
  );
}

/** One event in the format of `text/event-stream`; JSON has no line breaks. */
export function serverSentEvent(event: LogEvent): string {
  return `id: ${event.cursor}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

const pageSize = 200;
/** Of a stream that arrives when it ends; gateways give up after 29 s. */
const bufferedStreamMs = 20_000;
/** A client that is further behind than this gets no more until it has read. */
const maxQueuedBytes = 256 * 1024;
