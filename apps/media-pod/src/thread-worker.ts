import { Worker as Thread } from 'node:worker_threads';
import type {
  Fingerprint,
  InspectAnswer,
  InspectRequest,
  MediaHappening,
  MediaUpdateAnswer,
  PodAddress,
  RoomMediaUpdate,
} from '@weir/protocol';
import type { Worker, WorkerPorts, WorkerStatus } from './worker.ts';
import type { WorkerCall, WorkerOrder, WorkerRequest, WorkerSelf, WorkerTold } from './worker-messages.ts';

export interface ThreadWorkerOptions extends WorkerOrder {
  /** The thread's program. */
  readonly entry: URL;
  /** Unanswered calls for a status, one per second, after which the thread counts as stuck. */
  readonly missedStatuses: number;
}

/** The thread ended before it answered. */
export class WorkerGone extends Error {
  override readonly name = 'WorkerGone';
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** A media worker on a thread of its own. What ends the thread ends nothing else. */
export class ThreadWorker implements Worker {
  readonly addresses: readonly PodAddress[];
  readonly fingerprints: readonly Fingerprint[];
  readonly ports: WorkerPorts;
  readonly engine: string;
  onHappening: ((happening: MediaHappening) => void) | undefined;
  /** Once, unless it was told to close. */
  onDied: ((why: Error) => void) | undefined;
  /** As told last; a dead worker's totals are known no later. */
  lastStatus: WorkerStatus | undefined;

  readonly #thread: Thread;
  readonly #exited: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #watch: NodeJS.Timeout | undefined;
  #closing = false;
  #gone: WorkerGone | undefined;
  #error: Error | undefined;

  /** @throws what openWorker() throws in the thread, or WorkerGone when the thread ends before it is ready */
  static async start(options: ThreadWorkerOptions): Promise<ThreadWorker> {
    const { config, index, certificate, outside, ports } = options;
    const order: WorkerOrder = { config, index, certificate, outside, ports };
    const thread = new Thread(options.entry, { name: `media worker ${index}`, workerData: order });
    const { promise, resolve, reject } = Promise.withResolvers<WorkerSelf>();
    const onExit = (code: number) => reject(new WorkerGone(`media worker ${index} ended with ${code}`));
    thread.once('error', reject);
    thread.once('exit', onExit);
    thread.once('message', (told: WorkerTold) => {
      if (told.type === 'ready') resolve(told.self);
      else reject(told.type === 'failed' ? told.error : new Error(`unexpected ${told.type}`));
    });
    const self = await promise;
    thread.off('error', reject);
    thread.off('exit', onExit);
    return new ThreadWorker(thread, self, options);
  }

  private constructor(thread: Thread, self: WorkerSelf, options: ThreadWorkerOptions) {
    this.#thread = thread;
    this.addresses = self.addresses;
    this.fingerprints = self.fingerprints;
    this.ports = self.ports;
    this.engine = self.engine;
    thread.on('message', (told: WorkerTold) => this.#hear(told));
    thread.on('error', (error) => {
      this.#error = error;
    });
    this.#exited = new Promise((resolve) => {
      thread.on('exit', (code) => {
        this.#end(`media worker ${options.index} ended with ${code}`);
        resolve();
      });
    });
    this.#watchOver(options);
  }

  /** Why it is there no more; undefined = it is. */
  get gone(): WorkerGone | undefined {
    return this.#gone;
  }

  async apply(update: RoomMediaUpdate): Promise<MediaUpdateAnswer> {
    return (await this.#ask({ do: 'apply', update })) as MediaUpdateAnswer;
  }

  async inspect(roomId: string, request: InspectRequest): Promise<InspectAnswer> {
    return (await this.#ask({ do: 'inspect', roomId, request })) as InspectAnswer;
  }

  async rooms(): Promise<Record<string, number>> {
    return (await this.#ask({ do: 'rooms' })) as Record<string, number>;
  }

  async status(): Promise<WorkerStatus> {
    this.lastStatus = (await this.#ask({ do: 'status' })) as WorkerStatus;
    return this.lastStatus;
  }

  async close(): Promise<void> {
    if (this.#closing || this.#gone !== undefined) return await this.#exited;
    this.#closing = true;
    const insist = setTimeout(() => void this.#thread.terminate(), closeMs);
    // A thread that dies over it is closed too.
    await this.#ask({ do: 'close' }).catch(() => {});
    await this.#exited;
    clearTimeout(insist);
  }

  /** Ends the thread wherever it is, as a crash would. Resolves when it is gone. */
  async terminate(): Promise<void> {
    await this.#thread.terminate();
    await this.#exited;
  }

  async #ask(call: WorkerCall): Promise<unknown> {
    if (this.#gone !== undefined) throw this.#gone;
    const id = this.#nextId++;
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#thread.postMessage({ id, call } satisfies WorkerRequest);
    });
  }

  #hear(told: WorkerTold): void {
    switch (told.type) {
      case 'happenings':
        for (const happening of told.happenings) this.onHappening?.(happening);
        break;
      case 'answer':
        this.#take(told.id)?.resolve(told.value);
        break;
      case 'refusal':
        this.#take(told.id)?.reject(told.error);
        break;
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  /**
   * A thread may also hang. What counts is how often we came to look, not the clock: after this whole process
   * stood still, the thread gets its time too.
   */
  #watchOver({ missedStatuses, index }: ThreadWorkerOptions): void {
    let missed = 0;
    this.#watch = setInterval(() => {
      missed += 1;
      if (missed > missedStatuses) {
        clearInterval(this.#watch);
        this.#error ??= new Error(`media worker ${index} did not answer for ${missedStatuses} s`);
        void this.#thread.terminate();
      } else if (missed === 1) {
        this.status().then(
          () => {
            missed = 0;
          },
          () => {},
        );
      }
    }, 1000);
    this.#watch.unref();
  }

  #end(how: string): void {
    clearInterval(this.#watch);
    this.#gone = new WorkerGone(how, { cause: this.#error });
    for (const { reject } of this.#waiting.values()) reject(this.#gone);
    this.#waiting.clear();
    if (!this.#closing) this.onDied?.(this.#error ?? this.#gone);
  }
}

const closeMs = 3000;
