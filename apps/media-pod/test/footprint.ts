import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { WorkerPool, WorkerPoolOptions } from '../src/worker-pool.ts';

/** What a pod in this process takes, all garbage being collected. */
export interface Footprint {
  /** JavaScript objects of all workers. */
  readonly workerHeap: number;
  /** What they hold outside of the heap. */
  readonly workerExternal: number;
  /** JavaScript objects of the main thread. */
  readonly heap: number;
  /** Sockets, timers and the like of the workers, and of the main thread. */
  readonly workerResources: number;
  readonly resources: number;
  /** Memory of the whole process, as the kernel counts it. */
  readonly rss: number;
}

/** Threads whose garbage can be collected. */
export const collectable: WorkerPoolOptions = {
  entry: new URL('./collectable-thread.fixture.ts', import.meta.url),
};

/** Collects all garbage and measures. The pool must be made of `collectable` threads. */
export async function measureFootprint(workers: WorkerPool): Promise<Footprint> {
  await collectGarbage(workers.size);
  const statuses = await workers.statuses();
  const sum = (of: (status: (typeof statuses)[number]) => number) =>
    statuses.reduce((total, status) => total + of(status), 0);
  const { heapUsed, rss } = process.memoryUsage();
  return {
    workerHeap: sum(({ heapBytes }) => heapBytes),
    workerExternal: sum(({ externalBytes }) => externalBytes),
    heap: heapUsed,
    workerResources: sum(({ activeResources }) => activeResources),
    resources: process.getActiveResourcesInfo().length,
    rss,
  };
}

async function collectGarbage(threads: number): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const channel = new BroadcastChannel('collect garbage');
  // Twice: what finalizers let go is collected the second time.
  for (let round = 0; round < 2; round += 1) {
    gc();
    let left = threads;
    const { promise, resolve } = Promise.withResolvers<void>();
    channel.onmessage = ({ data }) => {
      if (data !== 'done') return;
      left -= 1;
      if (left === 0) resolve();
    };
    channel.postMessage('please');
    await promise;
  }
  channel.close();
}
