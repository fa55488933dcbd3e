import { type ChildProcess, fork } from 'node:child_process';
import { setPriority } from 'node:os';
import type { PodRef } from '@weir/pod-control';
import type { PodLease } from '@weir/protocol';

export interface JoinOrder {
  readonly ref: PodRef;
  readonly lease: PodLease;
  readonly roomId: string;
  /** Transports of this batch have ids from here on. */
  readonly firstId: number;
  readonly count: number;
  /** The room's first version that is free. */
  readonly version: number;
  /** Join in one moment and stay, or a few at a time and leave. */
  readonly stay: boolean;
}

/**
 * Endpoints in a process of their own that gets what others leave of the processors: elsewhere they are machines of
 * their own, whose cost nobody else feels.
 */
export class Joiners {
  readonly #child: ChildProcess = fork(new URL('./joiners-process.ts', import.meta.url), {
    serialization: 'advanced',
    execArgv: [],
  });

  constructor() {
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, 19);
  }

  /** Resolves when all of them are connected, and gone again unless they stay. */
  async join(order: JoinOrder): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onExit = (code: number | null) => reject(new Error(`the joiners ended with ${code}`));
    this.#child.once('exit', onExit);
    this.#child.once('message', (answer: { error?: Error }) => {
      this.#child.off('exit', onExit);
      if (answer.error === undefined) resolve();
      else reject(answer.error);
    });
    this.#child.send(order);
    await promise;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  end(): void {
    this.#child.kill();
  }
}
