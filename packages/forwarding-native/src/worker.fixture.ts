import { parentPort } from 'node:worker_threads';
import { createWorkList } from '@weir/forwarding';
import { openNativeEngine } from './native-engine.ts';

/** An echo over the native engine, which the thread never closes: its end must do that. */
const engine = openNativeEngine({ ip: '127.0.0.1', slotCount: 256 });
const work = createWorkList(16);
engine.onBatch = (batch) => {
  for (let i = 0; i < batch.count; i++) {
    const path = engine.openPath(batch.remoteOf(i));
    const at = (batch.serial[i]! % engine.slotCount) * engine.slotSize;
    engine.sendRaw(path, engine.arena.subarray(at, at + batch.length[i]!));
    engine.closePath(path);
  }
  engine.send(work);
};
parentPort?.postMessage(engine.address.port);
