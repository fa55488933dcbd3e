/**
 * CPU µs per packet of the node engine without the kernel: receiving, opening, composing and sealing.
 * The benchmark of `forwarding-native` sends through the kernel, with both engines.
 *
 *     node packages/forwarding/bench/engine.ts [payloadBytes]
 */

import { createWorkList, type DatagramPort, NodeEngine, type SrtpProfile } from '../src/index.ts';
import { addWork, keysFor, PeerSession, profiles, rtp } from '../test/engine-conformance/packets.ts';

const size = Number(process.argv[2] ?? 1200);
const batchSize = 64;

/** A port that swallows what is sent, to measure without the kernel. */
function deafPort(): DatagramPort {
  return {
    onMessage: undefined,
    onDrained: undefined,
    onError: undefined,
    send() {},
    close() {},
  };
}

/** CPU µs per packet of `run`, which handles `packets` packets per call. */
function measure(name: string, packets: number, prepare: () => void, run: () => void): void {
  let used = 0;
  let done = 0;
  const deadline = performance.now() + 1500;
  for (let round = 0; performance.now() < deadline; round++) {
    prepare();
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    if (round < 50) continue;
    used += user + system;
    done += packets;
  }
  console.log(`${name.padEnd(52)} ${(used / done).toFixed(2)} µs`);
}

function benchUnprotect(profile: SrtpProfile): void {
  const udp = deafPort();
  const engine = new NodeEngine({ udp, slotCount: 1024 });
  const keys = keysFor(profile, 1);
  const session = engine.openSession(keys.engine);
  const endpoint = new PeerSession(keys.peer);
  let seq = 0;
  let batches: Uint8Array[] = [];
  let receiveOnly = true;
  engine.onBatch = (batch) => {
    if (receiveOnly) return;
    for (let i = 0; i < batch.count; i++) batch.session[i] = session;
    engine.unprotect(batch);
  };
  const prepare = () => {
    batches = Array.from({ length: batchSize }, () => {
      const sealed = endpoint.sealRtp(rtp(seq & 0xffff, size), seq >>> 16);
      seq++;
      return sealed;
    });
  };
  const receive = () => {
    for (const sealed of batches) udp.onMessage?.(sealed, '127.0.0.1', 5000);
    udp.onDrained?.();
  };
  if (profile === profiles[0]) measure('receive into a slot', batchSize, prepare, receive);
  receiveOnly = false;
  measure(`receive + unprotect, ${profile}`, batchSize, prepare, receive);
  if (engine.counters.authenticationFailures > 0) throw new Error('the benchmark opened nothing');
}

/** One packet to `batchSize` sessions, as an SFU does; or all to one. */
function benchSend(
  profile: SrtpProfile | undefined,
  sessions: number,
  port: DatagramPort,
  name: string,
  to: number,
): void {
  const engine = new NodeEngine({ udp: port, slotCount: 64 });
  const packet = rtp(1, size);
  port.onMessage?.(packet, '127.0.0.1', 5000);
  port.onDrained?.();
  const ends = Array.from({ length: sessions }, (_, i) => ({
    session: profile === undefined ? -1 : engine.openSession(keysFor(profile, i).engine),
    path: engine.openPath({ ip: '127.0.0.1', port: to, protocol: 'udp' }),
  }));
  const work = createWorkList(batchSize);
  const prefix = packet.slice(0, 20);
  let seq = 0;
  const prepare = () => {
    for (let i = 0; i < batchSize; i++) {
      const { session, path } = ends[i % sessions]!;
      addWork(work, {
        prefix,
        bodySerial: 0,
        bodyOffset: 20,
        bodyLength: size,
        ssrc: 7,
        sequenceNumber: seq & 0xffff,
        timestamp: seq,
        markerAndPayloadType: 96,
        rolloverCounter: seq >>> 16,
        session,
        path,
      });
    }
    seq++;
  };
  measure(name, batchSize, prepare, () => engine.send(work));
}

console.log(`payload of ${size} bytes, Node ${process.version}`);
for (const profile of profiles) benchUnprotect(profile);
benchSend(undefined, 64, deafPort(), 'compose, plain', 5000);
for (const profile of profiles) {
  benchSend(profile, 64, deafPort(), `compose + seal, 64 sessions, ${profile}`, 5000);
  benchSend(profile, 1, deafPort(), `compose + seal, 1 session, ${profile}`, 5000);
}
