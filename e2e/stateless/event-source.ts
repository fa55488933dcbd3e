import type { LogEvent } from '@weir/protocol';
import { pause } from '../weir.ts';
import {
  backoffMs,
  type CarefulClient,
  mayRepeat,
  Refused,
  retryAfterOf,
  type Tally,
} from './careful-client.ts';

export type Way = 'stream' | 'long poll' | 'short poll';

/**
 * Reads one peer's log by one of the three ways and goes on after every break from the last event it has. Keeps
 * all it got as it got it; duplicates and disorder would show.
 */
export class EventSource {
  readonly received: LogEvent[] = [];
  /** How often it had to come again without having been told to. */
  breaks = 0;
  readonly #client: CarefulClient;
  readonly #path: string;
  readonly #way: Way;
  readonly #tally: Tally;
  readonly #onEvent: (event: LogEvent) => void;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  #cursor: string;
  #ended = false;

  constructor(
    client: CarefulClient,
    path: string,
    options: { way: Way; cursor: string; tally: Tally; onEvent?: (event: LogEvent) => void },
  ) {
    this.#client = client;
    this.#path = path;
    this.#way = options.way;
    this.#cursor = options.cursor;
    this.#tally = options.tally;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#done = this.#run();
    // Whoever waits for the end hears of it; until then it is nobody's.
    this.#done.catch(() => {});
  }

  get cursor(): string {
    return this.#cursor;
  }

  /** The server said that nothing will come any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** @throws Error if the server refused to be read */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#ended && !this.#stopping.signal.aborted) {
      const before = this.received.length;
      let waitMs: number;
      try {
        waitMs = await (this.#way === 'stream' ? this.#stream() : this.#poll());
        failures = 0;
      } catch (error) {
        if (error instanceof Refused) throw error;
        if (this.#stopping.signal.aborted) return;
        this.breaks += 1;
        failures = this.received.length > before ? 1 : failures + 1;
        waitMs = Math.max(backoffMs(failures), error instanceof ComeAgain ? error.afterMs : 0);
      }
      if (waitMs > 0 && !this.#ended) await this.#pause(waitMs);
    }
  }

  /** One stream until it ends. @returns how long to wait before the next */
  async #stream(): Promise<number> {
    const answer = await this.#client.fetch(this.#path, {
      headers: { accept: 'text/event-stream', 'last-event-id': this.#cursor },
      signal: this.#stopping.signal,
    });
    if (this.#isOver(answer.status)) return 0;
    await this.#expectOk(answer);
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const frames = text.split('\n\n');
      // What a break cuts in two does not count: it comes again as a whole.
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const data = /^data: (.*)$/m.exec(frame)?.[1];
        if (data === undefined) continue;
        const event: LogEvent = JSON.parse(data);
        if (/^id: (.*)$/m.exec(frame)?.[1] !== event.cursor) throw new Refused(this.#path, 0, frame);
        this.#take(event);
      }
    }
    return backoffMs(0);
  }

  async #poll(): Promise<number> {
    const long = this.#way === 'long poll';
    const answer = await this.#client.fetch(`${this.#path}?after=${this.#cursor}&wait=${long ? 15 : 0}`, {
      signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(30_000)]),
    });
    const text = await answer.text();
    if (this.#isOver(answer.status)) return 0;
    await this.#expectOk(answer, text);
    const page: { events: LogEvent[]; cursor: string } = JSON.parse(text);
    for (const event of page.events) this.#take(event);
    if (page.cursor !== this.#cursor) throw new Refused(this.#path, 0, `cursor ${page.cursor}`);
    return long ? 0 : Math.max(250, retryAfterOf(answer));
  }

  #isOver(status: number): boolean {
    if (status === 204 || status === 410) this.#ended = true;
    return this.#ended;
  }

  async #expectOk(answer: Response, text?: string): Promise<void> {
    if (answer.status === 200) return;
    const said = text ?? (await answer.text());
    if (!mayRepeat(answer.status)) throw new Refused(this.#path, answer.status, said);
    throw new ComeAgain(answer.status, retryAfterOf(answer));
  }

  #take(event: LogEvent): void {
    this.received.push(event);
    this.#cursor = event.cursor;
    this.#tally.heard(this.#way, Date.now() - event.time);
    this.#onEvent(event);
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    await Promise.race([promise, pause(ms)]);
  }
}

class ComeAgain extends Error {
  readonly afterMs: number;

  constructor(status: number, afterMs: number) {
    super(`status ${status}`);
    this.afterMs = afterMs;
  }
}
