/**
 * Whether a pod gives back what visitors took: 10,000 join and leave, then memory, sockets and timers are compared
 * with those after 2,500 others. Exits with 1 when something grew by more than 5 %, or when the minutes were over before
 * all had come. Takes five minutes on a calm machine. Run from the root:
 * `npx node --expose-gc apps/media-pod/bench/churn.ts [native|node] [visitors] [minutes]`
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { collectable, type Footprint, measureFootprint } from '../test/footprint.ts';
import { SignalingDouble } from '../test/signaling-double.ts';
import { startPod } from '../test/start-pod.ts';
import { Joiners } from './joiners.ts';

const [engine = 'auto', visitors = '10000', minutes = '7'] = process.argv.slice(2);
const deadline = performance.now() + Number(minutes) * 60_000;
const perRoom = 100;
const warmUp = Math.min(2500, Number(visitors));

const signaling = new SignalingDouble();
await signaling.start();
const { pod, workers, ref } = await startPod(signaling, { WEIR_ENGINE: engine }, collectable);
await signaling.until(() => signaling.leases.length > 0, 'the first lease', 30_000);
const lease = signaling.leases[0]!;
console.log(`engine ${workers.engines[0]}`);
await touchArena(workers.ports[0]!.udp);

const joiners = new Joiners();
let rooms = 0;
let gone = 0;

async function visit(count: number): Promise<void> {
  for (const end = gone + count; gone < end && performance.now() < deadline; gone += perRoom) {
    const room = { roomId: `churn-${rooms++}`, firstId: 20_000_000, count: perRoom, version: 1 };
    await joiners.join({ ref, lease, ...room, stay: false });
    // What signaling was told is ours, not the pod's.
    signaling.applied.length = 0;
  }
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function show(footprint: Footprint): void {
  const { workerHeap, workerExternal, heap, workerResources, resources, rss } = footprint;
  console.log(
    `after ${gone}: worker ${mebibytes(workerHeap)} heap, ${mebibytes(workerExternal)} external, ${workerResources} resources; main ${mebibytes(heap)} heap, ${resources} resources; RSS ${mebibytes(rss)}`,
  );
}

await visit(warmUp);
const before = await settled();
show(before);
const startedAt = performance.now();
let after = before;
while (gone < Number(visitors) + warmUp && performance.now() < deadline) {
  await visit(Math.min(2500, Number(visitors) + warmUp - gone));
  after = await measureFootprint(workers);
  show(after);
}
console.log(`${gone - warmUp} visitors in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
after = await settled();
show(after);
const grown = (Object.keys(after) as (keyof Footprint)[]).filter(
  (key) => after[key] > before[key] * 1.05 + slack(key),
);
const problems = [
  ...(gone < Number(visitors) + warmUp ? [`only ${gone - warmUp} of them came in ${minutes} minutes`] : []),
  ...grown.map((key) => `${key} has grown`),
];
console.log(
  `goal: after ${visitors} visitors nothing has grown by more than 5 %: ${problems.length === 0 ? 'holds' : `MISSED: ${problems.join(', ')}`}`,
);
console.log(`left behind: ${pod.transports} transports, ${Object.keys(await workers.rooms()).length} rooms`);
joiners.end();
await pod.stop(0);
await signaling.stop();
process.exit(problems.length === 0 ? 0 : 1);

/**
 * When it is quiet again. While much is going on V8 keeps the pages that it has emptied; it gives them back to the
 * kernel within half a minute of rest, which a collection by force would interrupt.
 */
async function settled(): Promise<Footprint> {
  await new Promise((resolve) => setTimeout(resolve, 40_000));
  return await measureFootprint(workers);
}

/** Timers come and go by themselves. */
function slack(key: keyof Footprint): number {
  return key === 'workerResources' || key === 'resources' ? 2 : 0;
}

/** The packet arena counts as resident only where it was written to: once around, so that it is not taken for growth. */
async function touchArena(port: number): Promise<void> {
  const socket = createSocket('udp4');
  const datagram = new Uint8Array(1900).fill(255);
  for (let sent = 0; sent < 20_000; sent += 100) {
    for (let i = 0; i < 100; i += 1) socket.send(datagram, port, '127.0.0.1');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  socket.close();
  await once(socket, 'close');
}
