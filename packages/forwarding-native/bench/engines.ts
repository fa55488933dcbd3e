/**
 * CPU µs per packet of both engines over sockets of the kernel, on loopback: receiving and opening; composing,
 * sealing and sending, of one packet to many addresses and of many packets to few.
 *
 *     node packages/forwarding-native/bench/engines.ts [payloadBytes]
 */
import { createSocket, type Socket } from 'node:dgram';
import { createWorkList, NodeEngine, type PacketEngine, type SrtpProfile } from '@weir/forwarding';
import { addWork, keysFor, PeerSession, profiles, rtp } from '@weir/forwarding/conformance';
import { openDgramSocket } from '@weir/udp';
import { nativeEngineProblem, openNativeEngine } from '../src/index.ts';

const size = Number(process.argv[2] ?? 1200);
const batchSize = 64;
const sizes = { slotCount: 4096 };

interface Opened {
  readonly name: string;
  readonly engine: PacketEngine;
  readonly port: number;
}

async function openNode(): Promise<Opened> {
  const udp = await openDgramSocket({ ip: '127.0.0.1' });
  return { name: 'node', engine: new NodeEngine({ udp, ...sizes }), port: udp.address.port };
}

function openNative(gso: boolean): Opened {
  const engine = openNativeEngine({ ip: '127.0.0.1', ...sizes });
  if (!gso) engine.withoutGso();
  return { name: gso ? 'native' : 'native without GSO', engine, port: engine.address.port };
}

/** Sockets that nobody reads: the kernel drops what does not fit. */
async function sinks(count: number): Promise<Socket[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = createSocket({ type: 'udp4', recvBufferSize: 4096 });
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()));
      // With a bound socket and no listener libuv does not read.
      return socket;
    }),
  );
}

function report(name: string, what: string, micros: number): void {
  console.log(`${name.padEnd(20)} ${what.padEnd(58)} ${micros.toFixed(2)} µs`);
}

async function benchReceive({ name, engine, port }: Opened, profile: SrtpProfile | undefined): Promise<void> {
  const keys = keysFor(profile ?? 'AEAD_AES_128_GCM', 1);
  const session = profile === undefined ? -1 : engine.openSession(keys.engine);
  const endpoint = new PeerSession(keys.peer);
  const source = await openDgramSocket({ ip: '127.0.0.1' });
  let arrived = 0;
  engine.onBatch = (batch) => {
    for (let i = 0; i < batch.count; i++) batch.session[i] = session;
    if (session >= 0) engine.unprotect(batch);
    arrived += batch.count;
  };
  let used = 0;
  let done = 0;
  let seq = 0;
  const deadline = performance.now() + 2000;
  for (let round = 0; performance.now() < deadline; round++) {
    for (let i = 0; i < batchSize; i++) {
      const packet = rtp(seq & 0xffff, size);
      source.send(profile === undefined ? packet : endpoint.sealRtp(packet, seq >>> 16), '127.0.0.1', port);
      seq++;
    }
    arrived = 0;
    const before = process.cpuUsage();
    const giveUp = performance.now() + 100;
    while (arrived < batchSize && performance.now() < giveUp) await new Promise((r) => setImmediate(r));
    const { user, system } = process.cpuUsage(before);
    if (round < 20 || arrived < batchSize) continue;
    used += user + system;
    done += arrived;
  }
  if (engine.counters.authenticationFailures > 0) throw new Error('the benchmark opened nothing');
  report(name, profile === undefined ? 'receive' : `receive + unprotect, ${profile}`, used / done);
  source.close();
  engine.close();
}

async function benchSend(
  { name, engine, port }: Opened,
  profile: SrtpProfile | undefined,
  receivers: number,
): Promise<void> {
  const targets = await sinks(receivers);
  const source = await openDgramSocket({ ip: '127.0.0.1' });
  const packet = rtp(1, size);
  let arrived = false;
  engine.onBatch = () => {
    arrived = true;
  };
  source.send(packet, '127.0.0.1', port);
  while (!arrived) await new Promise((resolve) => setImmediate(resolve));
  const ends = targets.map((target, i) => ({
    session: profile === undefined ? -1 : engine.openSession(keysFor(profile, i).engine),
    path: engine.openPath({ ip: '127.0.0.1', port: target.address().port, protocol: 'udp' }),
  }));
  const work = createWorkList(batchSize);
  const prefix = packet.slice(0, 20);
  let seq = 0;
  let used = 0;
  let done = 0;
  const deadline = performance.now() + 2000;
  for (let round = 0; performance.now() < deadline; round++) {
    for (let i = 0; i < batchSize; i++) {
      const { session, path } = ends[i % receivers]!;
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
      if ((i + 1) % receivers === 0) seq++;
    }
    const before = process.cpuUsage();
    engine.send(work);
    const { user, system } = process.cpuUsage(before);
    // Node's callbacks of sends belong to their cost, but turning the loop does not; it is short.
    await new Promise((resolve) => setImmediate(resolve));
    if (round < 20) continue;
    used += user + system;
    done += batchSize;
  }
  const what = profile === undefined ? 'send plain' : `seal + send, ${profile}`;
  report(name, `${what}, to ${receivers} address${receivers === 1 ? '' : 'es'}`, used / done);
  for (const target of targets) target.close();
  source.close();
  engine.close();
}

console.log(`payload of ${size} bytes, lists of ${batchSize} packets, Node ${process.version}`);
const problem = nativeEngineProblem();
if (problem !== undefined) console.log(`no native engine: ${problem}`);
const kinds: (() => Promise<Opened>)[] = [openNode];
if (problem === undefined)
  kinds.push(
    async () => openNative(false),
    async () => openNative(true),
  );
for (const open of kinds) {
  await benchReceive(await open(), undefined);
  for (const profile of profiles) await benchReceive(await open(), profile);
  for (const receivers of [64, 12, 3]) {
    await benchSend(await open(), undefined, receivers);
    for (const profile of profiles) await benchSend(await open(), profile, receivers);
  }
}
