import { createWorkList, NodeEngine, type PacketEngine } from '@weir/forwarding';
import { addWork } from '@weir/forwarding/conformance';
import { openDgramSocket } from '@weir/udp';
import { loopbackWorld } from '../src/loopback-world.fixture.ts';
import { openNativeEngine } from '../src/native-engine.ts';

/**
 * Runs alone in a network namespace whose loopback has been narrowed. Sends `argv[2]` packets of `argv[3]`
 * bytes in one list through engine `argv[4]` and prints what came of it.
 */
const [count, size] = process.argv.slice(2, 4).map(Number) as [number, number];
const narrow = { ip: '127.0.0.1', sendBufferBytes: 8192 };
const { engine, port } = process.argv[4] === 'node' ? await openNode() : openNative();
const world = loopbackWorld(engine, narrow.ip, port);
const peer = await world.openPeer();
const path = engine.openPath(peer.address);
const work = createWorkList(256, 256 * size);
const prefix = new Uint8Array(size);
prefix[0] = 0x80;
for (let n = 0; n < count; n++) {
  addWork(work, {
    prefix,
    bodySerial: 0,
    bodyOffset: 0,
    bodyLength: 0,
    ssrc: 1,
    sequenceNumber: n,
    timestamp: 0,
    markerAndPayloadType: 96,
    rolloverCounter: 0,
    session: -1,
    path,
  });
}
engine.send(work);
const sentAtOnce = engine.counters.sentPackets;
engine.sendRaw(path, Uint8Array.of(0, 0, 0, 255));
await world.run(() => peer.received.length >= count + 1);
console.log(
  JSON.stringify({
    sentAtOnce,
    sent: engine.counters.sentPackets,
    errors: engine.counters.sendErrors,
    order: peer.received.map((p) => p[3]),
    sizes: [...new Set(peer.received.map((p) => p.length))],
  }),
);
world.close();

async function openNode(): Promise<{ engine: PacketEngine; port: number }> {
  const udp = await openDgramSocket(narrow);
  return { engine: new NodeEngine({ udp, slotCount: 16 }), port: udp.address.port };
}

function openNative(): { engine: PacketEngine; port: number } {
  const engine = openNativeEngine({ ...narrow, slotCount: 16 });
  return { engine, port: engine.address.port };
}
