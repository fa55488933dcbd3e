import { createWorkList } from '@weir/forwarding';
import { openDgramSocket } from '@weir/udp';
import { openNativeEngine } from '../src/native-engine.ts';

/**
 * Sends `rounds` lists of ten packets to each of three addresses, of two sizes, so that each has two trains, and prints
 * which sequence numbers came to each address, and the counters.
 */
const rounds = Number(process.argv[2]);
const engine = openNativeEngine({ ip: '127.0.0.1', slotCount: 16 });
const peers = await Promise.all([0, 1, 2].map(() => openDgramSocket({ ip: '127.0.0.1' })));
const received: number[][] = [[], [], []];
const ended = Promise.all(
  peers.map(
    (peer, index) =>
      new Promise<void>((resolve) => {
        peer.onMessage = (data) => {
          if (data[0] === 0x80) received[index]!.push((data[2]! << 8) | data[3]!);
          else resolve();
        };
      }),
  ),
);
const paths = peers.map(({ address }) => engine.openPath({ ...address, protocol: 'udp' }));
const work = createWorkList(64);
for (let round = 0; round < rounds; round++) {
  work.prefixes[0] = 0x80;
  work.prefixesUsed = 1000;
  for (let n = 0; n < 30; n++) {
    const i = work.count++;
    const sequence = round * 10 + Math.floor(n / 3);
    work.prefixLength[i] = sequence % 10 < 5 ? 900 : 1000;
    work.sequenceNumber[i] = sequence;
    work.session[i] = -1;
    work.path[i] = paths[n % 3]!;
  }
  engine.send(work);
}
for (const path of paths) engine.sendRaw(path, Uint8Array.of(0));
await ended;
const { sentPackets, sendErrors } = engine.counters;
console.log(JSON.stringify({ received, sent: sentPackets - 3, errors: sendErrors }));
engine.close();
for (const peer of peers) peer.close();
