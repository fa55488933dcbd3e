/**
 * What a handshake, a consent check and an idle transport cost. Run from the root:
 * `npx node --expose-gc packages/secure-transport/bench/cost.ts`
 */
import { randomBytes } from 'node:crypto';
import { createCertificate, createSecureEndpoint, DtlsConnection, openCertificate } from '../src/index.ts';
import { bindingRequest } from '../test/ice-peer.ts';

const mine = createCertificate();
const theirs = createCertificate();
const theirsOpen = openCertificate(theirs);
const gc = (globalThis as { gc?: () => void }).gc ?? (() => {});
const TRANSPORTS = 1_000;

const endpoint = createSecureEndpoint({ certificate: mine });
let inEndpoint = 0;

function timed(action: () => void): void {
  const start = performance.now();
  action();
  inEndpoint += performance.now() - start;
}

/** A whole transport, from put() to connected. */
function connect(i: number): void {
  const ice = { usernameFragment: `fragment${i}`, password: 'password' };
  const remote = { key: i, ip: '192.0.2.1', port: i, protocol: 'udp' } as const;
  const dtls = { localRole: 'server', remoteFingerprint: theirs.fingerprints[2]! } as const;
  const request = bindingRequest({ ufrag: ice.usernameFragment, password: 'password', useCandidate: true });
  const client = new DtlsConnection({
    role: 'client',
    certificate: theirsOpen,
    random: randomBytes,
    remoteFingerprint: mine.fingerprints[2]!,
  });
  timed(() => {
    endpoint.put(`room/${i}`, { ice, dtls }, 0);
    endpoint.handleDatagram(request, remote, 0);
  });
  client.start(0);
  for (let busy = true; busy; ) {
    busy = false;
    for (let output = client.poll(); output; output = client.poll()) {
      if (output.type !== 'transmit') continue;
      busy = true;
      const { data } = output;
      timed(() => endpoint.handleDatagram(data, remote, 0));
    }
    for (let output = endpoint.poll(); output; output = endpoint.poll()) {
      if (output.type !== 'transmit' || output.data[0]! < 20) continue;
      busy = true;
      client.handleDatagram(output.data, 0);
    }
  }
  if (client.state !== 'connected') throw new Error('not connected');
}

for (let i = 0; i < 100; i++) connect(-1 - i);
gc();
const before = process.memoryUsage();
inEndpoint = 0;
for (let i = 0; i < TRANSPORTS; i++) connect(i);
gc();
const after = process.memoryUsage();
const perTransport = (key: 'heapUsed' | 'external' | 'rss'): string =>
  ((after[key] - before[key]) / TRANSPORTS / 1024).toFixed(1);
console.log(`transport from put() to connected, as server: ${(inEndpoint / TRANSPORTS).toFixed(2)} ms`);
console.log(
  `memory per connected transport: heap ${perTransport('heapUsed')} KB, external ${perTransport('external')} KB, rss ${perTransport('rss')} KB`,
);

const request = bindingRequest({ ufrag: 'fragment5', password: 'password', useCandidate: true });
const CHECKS = 50_000;
const remote = { key: 5, ip: '192.0.2.1', port: 5, protocol: 'udp' } as const;
let start = performance.now();
for (let i = 0; i < CHECKS; i++) {
  endpoint.handleDatagram(request, remote, i);
  while (endpoint.poll());
}
console.log(`consent check, answered: ${(((performance.now() - start) / CHECKS) * 1000).toFixed(1)} µs`);

const junk = bindingRequest({ ufrag: 'nobody' });
start = performance.now();
for (let i = 0; i < CHECKS; i++) {
  endpoint.handleDatagram(junk, remote, i);
  while (endpoint.poll());
}
console.log(
  `unknown username fragment, refused: ${(((performance.now() - start) / CHECKS) * 1000).toFixed(1)} µs`,
);
