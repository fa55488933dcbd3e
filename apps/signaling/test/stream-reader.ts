import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { settle } from './virtual-clock.ts';

/** Reads an event stream as a browser does, and keeps what it got. */
export class StreamReader {
  readonly response: Response;
  readonly events: EventSourceMessage[] = [];
  readonly comments: string[] = [];
  readonly retries: number[] = [];
  text = '';
  ended = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(response: Response) {
    this.response = response;
    this.#reader = response.body!.getReader();
    const parser = createParser({
      onEvent: (event) => this.events.push(event),
      onComment: (comment) => this.comments.push(comment),
      onRetry: (ms) => this.retries.push(ms),
    });
    const decoder = new TextDecoder();
    const read = async () => {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        const text = decoder.decode(value, { stream: true });
        this.text += text;
        parser.feed(text);
      }
      this.ended = true;
    };
    read().catch(() => {
      this.ended = true;
    });
  }

  get cursor(): string | undefined {
    return this.events.at(-1)?.id;
  }

  /** Waits until something holds, looking again whenever work was done. */
  async until(holds: () => boolean): Promise<void> {
    for (let turn = 0; turn < 2000; turn += 1) {
      if (holds()) return;
      await settle(1);
      if (turn > 200) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error(`it never came; so far: ${this.text}`);
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
    await settle();
  }
}
