import { Worker } from 'node:worker_threads';
import type { Fingerprint } from '@weir/protocol';
import type { RemoteTransport } from '@weir/testing';

/** Messages to the thread of `crowd-thread.ts`, and its answers, one for one. */
export type CrowdRequest =
  | { readonly do: 'open'; readonly remotes: readonly RemoteTransport[] }
  | { readonly do: 'connect' }
  | { readonly do: 'count' }
  | { readonly do: 'close' };
export type CrowdAnswer =
  | { readonly fingerprints: readonly Fingerprint[] }
  | { readonly connected: number }
  /** RTP packets that each has got since it was opened. */
  | { readonly packets: readonly number[] }
  | { readonly error: string };

/**
 * Receivers that only count, on a thread of their own, so that they neither delay the publisher nor blur
 * what the probes measure.
 */
export class Crowd {
  readonly #thread = new Worker(new URL('./crowd-thread.ts', import.meta.url));

  /** Makes endpoints; answers their fingerprints. */
  async open(remotes: readonly RemoteTransport[]): Promise<readonly Fingerprint[]> {
    const answer = await this.#ask({ do: 'open', remotes });
    return 'fingerprints' in answer ? answer.fingerprints : [];
  }

  /** Connects all of them, a few at a time. */
  async connect(): Promise<void> {
    await this.#ask({ do: 'connect' });
  }

  async count(): Promise<readonly number[]> {
    const answer = await this.#ask({ do: 'count' });
    return 'packets' in answer ? answer.packets : [];
  }

  async close(): Promise<void> {
    await this.#ask({ do: 'close' });
    await this.#thread.terminate();
  }

  async #ask(request: CrowdRequest): Promise<CrowdAnswer> {
    return await new Promise((resolve, reject) => {
      const onError = (error: Error) => reject(error);
      this.#thread.once('error', onError);
      this.#thread.once('message', (answer: CrowdAnswer) => {
        this.#thread.off('error', onError);
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(answer);
      });
      this.#thread.postMessage(request);
    });
  }
}
