import { parentPort, workerData } from 'node:worker_threads';
import type { MediaHappening } from '@weir/protocol';
import { createLogger } from './log.ts';
import { openWorker } from './open-worker.ts';
import type { Worker } from './worker.ts';
import type { WorkerCall, WorkerOrder, WorkerRequest, WorkerTold } from './worker-messages.ts';

/** The thread of one media worker: an event loop, a port and an engine of its own. ThreadWorker starts it. */
async function main(): Promise<void> {
  const { config, index, certificate, outside, ports } = workerData as WorkerOrder;
  const log = createLogger(config.log, config.podId).child({ worker: index });
  let worker: Worker;
  try {
    worker = await openWorker(config, log, { index, certificate, outside, ...(ports && { ports }) });
  } catch (error) {
    tell({ type: 'failed', error });
    return;
  }

  let happenings: MediaHappening[] = [];
  const flush = () => {
    if (happenings.length === 0) return;
    tell({ type: 'happenings', happenings });
    happenings = [];
  };
  worker.onHappening = (happening) => {
    if (happenings.push(happening) === 1) queueMicrotask(flush);
  };

  parentPort!.on('message', async ({ id, call }: WorkerRequest) => {
    try {
      const value = await answer(worker, call);
      // What an order made happen is heard of before its answer.
      flush();
      tell({ type: 'answer', id, value });
    } catch (error) {
      flush();
      tell({ type: 'refusal', id, error });
    }
    // Nothing is left that keeps the event loop; what was sent last still leaves.
    if (call.do === 'close') parentPort!.close();
  });
  const { addresses, fingerprints, engine } = worker;
  tell({ type: 'ready', self: { addresses, fingerprints, ports: worker.ports, engine } });
}

function answer(worker: Worker, call: WorkerCall): Promise<unknown> {
  switch (call.do) {
    case 'apply':
      return worker.apply(call.update);
    case 'inspect':
      return worker.inspect(call.roomId, call.request);
    case 'rooms':
      return worker.rooms();
    case 'status':
      return worker.status();
    case 'close':
      return worker.close();
  }
}

function tell(message: WorkerTold): void {
  parentPort!.postMessage(message);
}

// A test imports it as well, to see what that loads.
if (workerData) await main();
