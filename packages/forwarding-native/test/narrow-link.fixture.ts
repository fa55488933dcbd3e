import { createWorkList, NodeEngine, type PacketEngine } from '@weir/forwarding';
import { openDgramSocket } from '@weir/udp';
import { openNativeEngine } from '../src/native-engine.ts';

/**
 * Runs alone in a network namespace whose loopback has been narrowed. Sends `argv[2]` packets of `argv[3]`
 * bytes in one list through engine `argv[4]` and prints what came of it.
 */
const [count, size] = process.argv.slice(2, 4).map(Number) as [number, number];
const narrow = { ip: '127.0.0.1', sendBufferBytes: 8192 };
const engine = process.argv[4] === 'node' ? await openNode() : openNativeEngine({ ...narrow, slotCount: 16 });
const peer = await openDgramSocket({ ip: narrow.ip });
const order: number[] = [];
const sizes = new Set<number>();
const complete = new Promise<void>((resolve) => {
  peer.onMessage = (data) => {
    order.push(data[3]!);
    sizes.add(data.length);
    if (order.length === count + 1) resolve();
  };
});

const path = engine.openPath({ ...peer.address, protocol: 'udp' });
const work = createWorkList(256);
work.prefixes[0] = 0x80;
work.prefixesUsed = size;
for (let n = 0; n < count; n++) {
  const i = work.count++;
  work.prefixLength[i] = size;
  work.sequenceNumber[i] = n;
  work.session[i] = -1;
  work.path[i] = path;
}
engine.send(work);
const sentAtOnce = engine.counters.sentPackets;
engine.sendRaw(path, Uint8Array.of(0, 0, 0, 255));
await complete;
const { sentPackets, sendErrors } = engine.counters;
console.log(JSON.stringify({ sentAtOnce, sent: sentPackets, errors: sendErrors, order, sizes: [...sizes] }));
engine.close();
peer.close();

async function openNode(): Promise<PacketEngine> {
  return new NodeEngine({ udp: await openDgramSocket(narrow), slotCount: 16 });
}
