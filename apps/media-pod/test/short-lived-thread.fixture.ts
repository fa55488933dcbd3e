import { workerData } from 'node:worker_threads';
import type { WorkerOrder } from '../src/worker-messages.ts';
import '../src/worker-thread.ts';

/** The first thread of worker 0 is ready and then dies, before the next worker is there. Only later ones are given ports. */
const { index, ports } = workerData as WorkerOrder;
if (index === 0 && ports === undefined) setTimeout(() => process.exit(7), 20);
