/**
 * How long joins hold up forwarding: the length of each turn of a media worker while 100 endpoints join at once,
 * which is what a packet that comes meanwhile may have to wait. Other programs on the machine lengthen turns, so it
 * is done several times; the best one tells most. Takes half a minute on a calm machine. Run from the root:
 * `npx node apps/media-pod/bench/join-turns.ts [native|node] [joins] [rounds]`
 */
import { createMediaWorker } from '@weir/media-worker';
import { createCertificate } from '@weir/secure-transport';
import { readConfig } from '../src/config.ts';
import { openEngine } from '../src/open-engine.ts';
import { connected, openEndpoint, transportSpec, update } from '../test/call.ts';

const [wanted = 'auto', joins = '100', rounds = '7'] = process.argv.slice(2);
const config = readConfig({
  WEIR_SIGNALING_URL: 'http://127.0.0.1:9',
  WEIR_POD_SECRETS: 's'.repeat(32),
  WEIR_MEDIA_IP: '127.0.0.1',
  WEIR_ENGINE: wanted,
});
const { engine, address } = await openEngine(config, 0, undefined);
const certificate = createCertificate();
const worker = createMediaWorker({
  engine,
  certificate,
  localAddress: address,
  random: () => Math.floor(Math.random() * 2 ** 32),
  wallClockOffsetMs: performance.timeOrigin,
});

const turns: number[] = [];
let timer: NodeJS.Timeout | undefined;
let immediate: NodeJS.Immediate | undefined;

function turn(step: () => void): void {
  const before = performance.now();
  step();
  while (worker.poll() !== undefined);
  turns.push(performance.now() - before);
  const at = worker.nextTimeout()?.at;
  clearTimeout(timer);
  clearImmediate(immediate);
  if (at === undefined) return;
  const go = () => turn(() => worker.handleTimeout(performance.now()));
  const delay = at - performance.now();
  if (delay <= 0) immediate = setImmediate(go);
  else timer = setTimeout(go, Math.ceil(delay));
}
engine.onBatch = (batch) => turn(() => worker.handleBatch(batch, performance.now()));

/** Everybody at once; answers the lengths of all turns in milliseconds. */
async function join(count: number, version: number): Promise<number[]> {
  const specs = Array.from({ length: count }, (_, index) => transportSpec(version * 100_000 + index + 1));
  const lease = {
    addresses: [{ ...address, protocol: 'udp' as const }],
    fingerprints: [...certificate.fingerprints],
  };
  const endpoints = await Promise.all(specs.map(({ ice }) => openEndpoint(lease, 'bench', ice)));
  const transports = specs.map((spec, index) => ({
    ...spec,
    dtls: { localRole: 'server' as const, remoteFingerprint: endpoints[index]!.fingerprint },
  }));
  const put = { transports, receivers: [], senders: [] };
  turn(() => worker.apply(update({ roomId: 'bench', version, put }), performance.now()));
  turns.length = 0;
  await Promise.all(endpoints.map(connected));
  const measured = [...turns];
  for (const endpoint of endpoints) endpoint.vanish();
  return measured;
}

/** Wait of packets that come at any moment of the busy time: x such that `share` of them wait no longer. */
function wait(lengths: readonly number[], share: number): number {
  const busy = lengths.reduce((sum, one) => sum + one, 0);
  const longer = (x: number) => lengths.reduce((sum, one) => sum + Math.max(0, one - x), 0) / busy;
  let low = 0;
  let high = Math.max(...lengths);
  for (let i = 0; i < 50; i += 1) {
    const middle = (low + high) / 2;
    if (longer(middle) > 1 - share) low = middle;
    else high = middle;
  }
  return high;
}

console.log(`engine ${engine.name}`);
await join(20, 1); // The machine warms up.
/** What 100 joins at once may add to the p99 of forwarding, in milliseconds. */
const mostAddedMs = 5;
let best = Number.POSITIVE_INFINITY;
for (let round = 1; round <= Number(rounds); round += 1) {
  const lengths = await join(Number(joins), 1 + round);
  const busy = lengths.reduce((sum, one) => sum + one, 0);
  const of = (share: number) => wait(lengths, share).toFixed(1);
  console.log(
    `${joins} joins at once: ${busy.toFixed(0)} ms of work in ${lengths.length} turns; a packet that comes meanwhile waits p50 ${of(0.5)} ms, p99 ${of(0.99)} ms, at most ${of(1)} ms`,
  );
  best = Math.min(best, wait(lengths, 0.99));
}
console.log(
  `goal: packets wait at most ${mostAddedMs} ms (p99) for ${joins} joins at once; measured ${best.toFixed(1)} ms, the best of ${rounds}: ${best <= mostAddedMs ? 'holds' : 'MISSED'}`,
);
worker.close(performance.now());
process.exit(0);
