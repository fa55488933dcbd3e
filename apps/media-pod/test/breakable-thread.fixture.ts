import { workerData } from 'node:worker_threads';
import type { WorkerOrder } from '../src/worker-messages.ts';
import '../src/worker-thread.ts';

/** The thread of a media worker, which can be broken from outside: see breakWorker(). */
const channel = new BroadcastChannel('break a media worker');
channel.onmessage = ({ data }) => {
  const { index, how } = data as { index: number; how: 'throw' | 'hang' };
  if (index !== (workerData as WorkerOrder).index) return;
  if (how === 'throw') {
    setImmediate(() => {
      throw new Error('broken by a test');
    });
  }
  while (how === 'hang');
};
// It must not keep the thread alive.
(channel as unknown as { unref(): void }).unref();
