import { randomBytes } from 'node:crypto';
import { z } from 'zod';

const Answer = z.object({
  janus: z.string(),
  transaction: z.string().optional(),
  data: z.object({ id: z.number() }).optional(),
  plugindata: z.object({ data: z.record(z.string(), z.unknown()) }).optional(),
  jsep: z.object({ type: z.string(), sdp: z.string() }).optional(),
  error: z.object({ code: z.number(), reason: z.string() }).optional(),
});
type Answer = z.infer<typeof Answer>;

interface Jsep {
  readonly type: 'offer' | 'answer';
  readonly sdp: string;
}

/** A session of Janus over its HTTP API; what comes later comes by its long poll. */
export class JanusSession {
  readonly #url: string;
  readonly #waiting = new Map<string, (answer: Answer) => void>();
  readonly #abort = new AbortController();

  static async open(url: string): Promise<JanusSession> {
    const { data } = await post(url, { janus: 'create' });
    const session = new JanusSession(`${url}/${data?.id}`);
    void session.#listen();
    return session;
  }

  private constructor(url: string) {
    this.#url = url;
  }

  /** A handle of the videoroom. */
  async attach(): Promise<number> {
    const { data } = await post(this.#url, { janus: 'attach', plugin: 'janus.plugin.videoroom' });
    if (data === undefined) throw new Error('janus: attach gave no handle');
    return data.id;
  }

  /** A request to the videoroom, and its answer, which may come later. Throws what it refuses. */
  async message(handle: number, body: object, jsep?: Jsep): Promise<Answer> {
    const transaction = randomBytes(6).toString('hex');
    const later = new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('janus: no answer in 15 s')), 15_000);
      this.#waiting.set(transaction, (answer) => {
        clearTimeout(timer);
        this.#waiting.delete(transaction);
        resolve(answer);
      });
    });
    later.catch(() => undefined);
    const now = await post(
      `${this.#url}/${handle}`,
      { janus: 'message', body, ...(jsep && { jsep }) },
      transaction,
    );
    if (now.janus !== 'ack') this.#waiting.get(transaction)?.(now);
    const answer = await later;
    const refusal = answer.error?.reason ?? answer.plugindata?.data.error;
    if (refusal !== undefined) throw new Error(`janus: ${refusal}`);
    return answer;
  }

  close(): void {
    this.#abort.abort();
  }

  async #listen(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        const events = await (await fetch(`${this.#url}?maxev=10`, { signal })).json();
        for (const event of z.array(Answer).parse(Array.isArray(events) ? events : [events])) {
          if (event.transaction !== undefined) this.#waiting.get(event.transaction)?.(event);
        }
      } catch {
        // It has ended, or will say so to the next message.
        if (!signal.aborted) await new Promise((done) => setTimeout(done, 200));
      }
    }
  }
}

async function post(url: string, body: object, transaction = 't'): Promise<Answer> {
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ ...body, transaction }) });
  const parsed = Answer.parse(await answer.json());
  if (parsed.error !== undefined) throw new Error(`janus: ${parsed.error.reason}`);
  return parsed;
}
