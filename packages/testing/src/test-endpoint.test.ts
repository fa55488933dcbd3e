import { createCertificate, createSecureEndpoint } from '@weir/secure-transport';
import { afterEach, describe, expect, test } from 'vitest';
import { type Clock, realClock, VirtualClock } from './clock.ts';
import { EndpointDriver } from './endpoint-driver.ts';
import { createLinkEmulator } from './link-emulator.ts';
import { TestSrtp } from './srtp.ts';
import { TestEndpoint } from './test-endpoint.ts';
import { openUdpSocket } from './udp-socket.ts';
import { VirtualNetwork } from './virtual-network.ts';

const ICE = { usernameFragment: 'sfuufrag12345678', password: 'sfu-password-of-32-characters-00' };
const certificate = createCertificate();
const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0).reverse()) each.close();
});

/** An SFU that answers every RTP packet with an RTCP packet, and sends RTP back as it came. */
function serve(driver: EndpointDriver, endpoint: TestEndpoint): { rtp: Uint8Array[] } {
  const heard: { rtp: Uint8Array[] } = { rtp: [] };
  let srtp: TestSrtp | undefined;
  driver.onOutput = (output) => {
    if (output.type === 'dtls' && output.keys) srtp = new TestSrtp(output.keys);
  };
  driver.onMedia = (data, remote) => {
    const plain = srtp?.unprotectRtp(data);
    if (!plain) return;
    heard.rtp.push(plain);
    driver.socket.send(srtp!.protectRtp(plain), remote.ip, remote.port);
    driver.socket.send(srtp!.protectRtcp(Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 1)), remote.ip, remote.port);
  };
  driver.act((it, now) =>
    it.put(
      'room/1',
      {
        ice: ICE,
        dtls: {
          localRole: endpoint.role === 'client' ? 'server' : 'client',
          remoteFingerprint: endpoint.fingerprint,
        },
      },
      now,
    ),
  );
  return heard;
}

function rtp(sequence: number): Uint8Array {
  const packet = new Uint8Array(112);
  packet.set([0x80, 96, sequence >> 8, sequence]);
  packet.set([0, 0, 0, 7], 8);
  return packet;
}

describe.each(['client', 'server'] as const)('as DTLS %s', (role) => {
  test('on the virtual network: connects, and RTP and RTCP pass both ways', () => {
    const clock = new VirtualClock();
    const network = new VirtualNetwork({ clock, seed: 3, policy: { delayMs: 20 } });
    const socket = network.bind('10.0.0.1', 4433);
    const driver = new EndpointDriver(createSecureEndpoint({ certificate }), socket, clock);
    const endpoint = makeEndpoint(network.bind('10.0.0.2'), clock, [socket.address], role);
    const heard = serve(driver, endpoint);
    const back = { rtp: 0, rtcp: 0 };
    endpoint.onRtp = () => back.rtp++;
    endpoint.onRtcp = () => back.rtcp++;
    expect(endpoint.sendRtp(rtp(0))).toBe(false);
    endpoint.start();
    const connected = (): boolean =>
      endpoint.state === 'connected' && driver.states('room/1').includes('dtls connected');
    expect(clock.runWhile(() => !connected(), 5_000)).toBe(true);
    for (let i = 0; i < 50; i++) endpoint.sendRtp(rtp(i));
    clock.runFor(100);
    expect(heard.rtp.map((packet) => packet[3])).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(back).toEqual({ rtp: 50, rtcp: 50 });
    expect(endpoint.unauthentic).toBe(0);
    expect(endpoint.ice.mappedAddress).toMatchObject({ ip: '10.0.0.2' });
  });

  test('on real sockets through the link emulator with loss, jitter and reordering', async () => {
    const driver = new EndpointDriver(
      createSecureEndpoint({ certificate }),
      await openUdpSocket(),
      realClock,
    );
    const bad = { loss: 0.1, delayMs: 3, jitterMs: 3, reorder: 0.3, reorderMs: 5, duplicate: 0.05 };
    const emulator = await createLinkEmulator({ target: driver.socket.address, up: bad, down: bad, seed: 8 });
    const socket = await openUdpSocket();
    open.push(driver, emulator, socket);
    const endpoint = makeEndpoint(socket, realClock, [emulator.address], role);
    const heard = serve(driver, endpoint);
    let back = 0;
    endpoint.onRtp = () => back++;
    const connected = new Promise<void>((resolve, reject) => {
      endpoint.onStateChange = (state, reason) => {
        if (state === 'connected') resolve();
        if (state === 'failed') reject(new Error(reason));
      };
    });
    endpoint.start();
    await connected;
    for (let i = 0; heard.rtp.length < 50 || back < 30; i++) {
      endpoint.sendRtp(rtp(i));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(endpoint.unauthentic).toBe(0);
    expect(emulator.counters().up.lost).toBeGreaterThan(0);
    expect(emulator.clients).toHaveLength(1);
    endpoint.close();
    expect(endpoint.state).toBe('closed');
  });
});

test('several candidates: those that do not answer do no harm', () => {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock });
  const socket = network.bind('10.0.0.1', 4433);
  const driver = new EndpointDriver(createSecureEndpoint({ certificate }), socket, clock);
  const candidates = [{ ip: '10.0.0.9', port: 1 }, socket.address, { ip: '10.0.0.9', port: 2 }];
  const endpoint = makeEndpoint(network.bind('10.0.0.2'), clock, candidates, 'client');
  serve(driver, endpoint);
  endpoint.start();
  expect(clock.runWhile(() => endpoint.state !== 'connected', 5_000)).toBe(true);
  expect(endpoint.ice.selected).toMatchObject({ ip: '10.0.0.1' });
});

test.each(['aggressive', 'renomination', 'regular'] as const)('%s nomination completes', (nomination) => {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock });
  const socket = network.bind('10.0.0.1', 4433);
  const driver = new EndpointDriver(createSecureEndpoint({ certificate }), socket, clock);
  const endpoint = new TestEndpoint({
    socket: network.bind('10.0.0.2'),
    clock,
    remote: { ice: ICE, candidates: [socket.address], fingerprint: certificate.fingerprints[2]! },
    ice: { nomination },
  });
  serve(driver, endpoint);
  endpoint.start();
  clock.runFor(1_000);
  expect(driver.states('room/1')).toContain('ice completed');
});

function makeEndpoint(
  socket: ConstructorParameters<typeof TestEndpoint>[0]['socket'],
  clock: Clock,
  candidates: readonly { ip: string; port: number }[],
  role: 'client' | 'server',
): TestEndpoint {
  return new TestEndpoint({
    socket,
    clock,
    remote: { ice: ICE, candidates, fingerprint: certificate.fingerprints[2]! },
    role,
  });
}
