import { expect, test } from 'vitest';
import {
  type EngineWorld,
  engineConformance,
  type Peer,
  PortHub,
  record,
  rtp,
} from '../test/engine-conformance/index.ts';
import { NodeEngine } from './node-engine.ts';
import { formatIpv4, parseIpv4, RemoteTable } from './remote-table.ts';

const engineIp = '10.0.0.1';
const enginePort = 5000;

function peerOn(
  hub: PortHub,
  ip: string,
  port: number,
  to: readonly [string, number],
  protocol: 'udp' | 'tcp',
): Peer {
  const socket = hub.open(ip, port);
  const received: Uint8Array[] = [];
  socket.onMessage = (data) => received.push(new Uint8Array(data));
  return { address: { ip, port, protocol }, received, send: (data) => socket.send(data, to[0], to[1]) };
}

async function run(hub: PortHub, done: () => boolean): Promise<void> {
  for (let turn = 0; !done(); turn++) {
    if (turn > 100) throw new Error('it did not happen within 100 turns');
    hub.turn();
  }
}

function world(protocol: 'udp' | 'tcp', peerIp: (n: number) => string): typeof createWorld {
  async function createWorld(sizes = {}): Promise<EngineWorld> {
    const hub = new PortHub();
    const udp = hub.open(engineIp, enginePort);
    const tcp = hub.open(engineIp, enginePort + 1);
    const engine = new NodeEngine({ udp, tcp, slotCount: 1024, ...sizes });
    let peers = 0;
    const to = [engineIp, protocol === 'udp' ? enginePort : enginePort + 1] as const;
    return {
      engine,
      openPeer: async () => peerOn(hub, peerIp(++peers), 6000 + peers, to, protocol),
      run: (done) => run(hub, done),
      close: () => engine.close(),
    };
  }
  return createWorld;
}

engineConformance(
  'node over IPv4',
  world('udp', (n) => `10.0.1.${n}`),
);
engineConformance(
  'node over IPv6',
  world('udp', (n) => `2001:db8::${n}`),
);
engineConformance(
  'node over TCP',
  world('tcp', (n) => `10.0.1.${n}`),
);

test('UDP and TCP of one address are different remotes', async () => {
  const hub = new PortHub();
  const engine = new NodeEngine({ udp: hub.open(engineIp, 1), tcp: hub.open(engineIp, 2), slotCount: 8 });
  const seen = record(engine);
  const udp = peerOn(hub, '10.0.1.1', 9, [engineIp, 1], 'udp');
  udp.send(rtp(1));
  const tcp = peerOn(hub, '10.0.1.1', 9, [engineIp, 2], 'tcp');
  tcp.send(rtp(2));
  await run(hub, () => seen.length >= 2);
  expect(seen[0]!.remote).not.toBe(seen[1]!.remote);
  engine.close();
});

test('without a TCP port a TCP path is refused', () => {
  const engine = new NodeEngine({ udp: new PortHub().open(engineIp, 1), slotCount: 8 });
  expect(() => engine.openPath({ ip: '10.0.1.1', port: 1, protocol: 'tcp' })).toThrow(RangeError);
  engine.close();
});

test('closing closes both ports once', () => {
  const hub = new PortHub();
  const [udp, tcp] = [hub.open(engineIp, 1), hub.open(engineIp, 2)];
  const engine = new NodeEngine({ udp, tcp, slotCount: 8 });
  engine.close();
  engine.close();
  expect([udp.closed, tcp.closed]).toEqual([1, 1]);
});

test('impossible sizes are refused', () => {
  const udp = new PortHub().open(engineIp, 1);
  for (const sizes of [
    { slotSize: 30 },
    { slotSize: 65_536 },
    { slotSize: 1001 },
    { slotCount: 1 },
    { slotCount: 2.5 },
  ]) {
    expect(() => new NodeEngine({ udp, ...sizes })).toThrow(RangeError);
  }
});

test('errors of the port are counted', () => {
  const udp = new PortHub().open(engineIp, 1);
  const engine = new NodeEngine({ udp, slotCount: 8 });
  udp.onError!(new Error('ENOBUFS'));
  expect(engine.counters.sendErrors).toBe(1);
});

test('IPv4 text and numbers', () => {
  for (const ip of ['0.0.0.0', '1.2.3.4', '255.255.255.255', '192.168.0.1'])
    expect(formatIpv4(parseIpv4(ip))).toBe(ip);
  for (const ip of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1..2.3',
    '::1',
    'a.b.c.d',
    '1.2.3.',
    '0001.2.3.4',
    '1.2.3.4 ',
  ]) {
    expect(parseIpv4(ip)).toBe(-1);
  }
});

test('a flood of addresses costs bounded memory and spares held ones', () => {
  const table = new RemoteTable();
  const mine = table.hold({ ip: '2001:db8::1', port: 1, protocol: 'udp' });
  for (let port = 2; port < 20_000; port++) table.number('2001:db8::2', port, 'udp');
  expect(table.size).toBeLessThan(5000);
  expect(table.number('2001:db8::1', 1, 'udp')).toBe(mine);
  expect(table.remote(mine)).toEqual({ ip: '2001:db8::1', port: 1, protocol: 'udp' });
  expect(() => table.remote(-3)).toThrow(RangeError);
  expect(table.number('10.0.0.1', 5, 'udp')).toBe(0x0a000001 * 65_536 + 5);
});
