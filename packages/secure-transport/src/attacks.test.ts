import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createRandom, TestEndpoint } from '@weir/testing';
import { describe, expect, test, vi } from 'vitest';
import {
  type Call,
  CLIENT_IP,
  CREDENTIALS,
  clientCertificate,
  ID,
  SFU,
  sfuCertificate,
  startCall,
} from '../test/call.ts';
import { forgedRecord, plainAlert, plainClientHello, unknownRecord } from '../test/hostile.ts';
import { bindingRequest, drain, words } from '../test/ice-peer.ts';
import { createCertificate } from './certificate.ts';
import { HandshakeType, writeFragment } from './dtls/reassembly.ts';
import { plainRecord, RecordCipher } from './dtls/record.ts';
import { createSecureEndpoint } from './secure-endpoint.ts';

/** Sends to the SFU as if from the client's own address. */
function spoof(call: Call, ...datagrams: Uint8Array[]): void {
  for (const data of datagrams) call.network.inject(data, { ip: CLIENT_IP, port: 5000 }, SFU);
  call.clock.runFor(200);
}

/** The session does not notice: nothing was told, both ends go on, and still close cleanly. */
function expectUnharmed(call: Call, outputsBefore: number): void {
  call.clock.runFor(5_000);
  expect(call.sfu.outputs).toHaveLength(outputsBefore);
  expect(call.client.state).toBe('connected');
  call.client.close();
  call.clock.runFor(200);
  expect(call.states().at(-1)).toBe('dtls closed');
}

describe('who does not hold the key', () => {
  test('as client with a stolen certificate: refused before any keys', () => {
    const stolen = createCertificate();
    const call = startCall({ attack: { stolenCertificate: stolen } });
    call.clock.runFor(10_000);
    expect(call.reason('failed')).toMatch(/does not hold the key of its certificate/);
    expect(call.keys()).toBeUndefined();
    expect(call.client.state).toBe('failed');
  });

  test('as server with a stolen certificate: refused', () => {
    const stolen = createCertificate();
    const call = startCall({ clientRole: 'server', attack: { stolenCertificate: stolen } });
    call.clock.runFor(10_000);
    expect(call.reason('failed')).toMatch(/does not hold the key of its certificate/);
    expect(call.keys()).toBeUndefined();
  });

  test.each(['client', 'server'] as const)('a %s with a garbage Finished: refused', (clientRole) => {
    const craft = (type: number, body: Uint8Array) =>
      type === HandshakeType.finished ? body.map((byte) => byte ^ 0x55) : body;
    const call = startCall({ clientRole, attack: { craft } });
    call.clock.runFor(10_000);
    expect(call.reason('failed')).toMatch(/Finished does not match/);
    expect(call.keys()).toBeUndefined();
  });

  test.each(['client', 'server'] as const)('a %s with an empty Finished: refused', (clientRole) => {
    const craft = (type: number, body: Uint8Array) =>
      type === HandshakeType.finished ? new Uint8Array(0) : body;
    const call = startCall({ clientRole, attack: { craft } });
    call.clock.runFor(10_000);
    expect(call.reason('failed')).toMatch(/Finished does not match/);
  });

  test('a changed message anywhere in the handshake: no keys for anybody', () => {
    const types = [
      ['client', HandshakeType.certificate],
      ['client', HandshakeType.clientKeyExchange],
      ['client', HandshakeType.certificateVerify],
      ['server', HandshakeType.serverHello],
      ['server', HandshakeType.serverKeyExchange],
      ['server', HandshakeType.certificateRequest],
    ] as const;
    for (const [clientRole, type] of types) {
      for (const at of [0, 5, -1]) {
        const craft = (sent: number, body: Uint8Array): Uint8Array => {
          if (sent !== type) return body;
          const changed = Uint8Array.from(body);
          changed[at < 0 ? body.length - 1 : at]! ^= 1;
          return changed;
        };
        const call = startCall({ clientRole, attack: { craft } });
        call.clock.runFor(40_000);
        // What is sent and what is hashed agree here, so some changes are merely unusual; then both ends
        // must agree about everything. Else none may have keys.
        const both = [call.keys() !== undefined, call.client.state === 'connected'];
        expect([type, at, ...both]).toEqual([type, at, both[0], both[0]]);
        if (type !== HandshakeType.serverHello && type !== HandshakeType.certificateRequest) {
          expect([type, at, both[0]]).toEqual([type, at, false]);
        }
      }
    }
  });

  test('a client without a certificate: refused', () => {
    const craft = (type: number, body: Uint8Array) =>
      type === HandshakeType.certificate ? new Uint8Array(3) : body;
    const call = startCall({ attack: { craft } });
    call.clock.runFor(5_000);
    expect(call.reason('failed')).toMatch(/no certificate/);
  });

  test('an empty CertificateVerify: refused', () => {
    const craft = (type: number, body: Uint8Array) =>
      type === HandshakeType.certificateVerify ? new Uint8Array(0) : body;
    const call = startCall({ attack: { craft } });
    call.clock.runFor(5_000);
    expect(call.reason('failed')).toBeDefined();
    expect(call.keys()).toBeUndefined();
  });

  test.each([
    ['of small order', new Uint8Array(33).fill(0).map((_, i) => (i === 0 ? 32 : 0))],
    ['too short', Uint8Array.of(3, 1, 2, 3)],
    ['empty', Uint8Array.of(0)],
  ])('a key exchange key %s: refused', (_, body) => {
    const craft = (type: number, sent: Uint8Array) =>
      type === HandshakeType.clientKeyExchange ? body : sent;
    const call = startCall({ attack: { craft } });
    call.clock.runFor(5_000);
    expect(call.reason('failed')).toMatch(/unusable key exchange key/);
  });
});

describe('who only knows the addresses, during a session', () => {
  test.each([
    ['a fatal alert in clear', [plainAlert(2, 40)]],
    ['close_notify in clear', [plainAlert(1, 0)]],
    ['unknown record types', [0, 19, 24, 25, 26, 32, 63].map((type) => unknownRecord(type))],
    ['a ClientHello in clear', [plainClientHello(), plainClientHello(1), plainClientHello(7)]],
    ['ChangeCipherSpec in clear', [plainRecord(20, 999, Uint8Array.of(1))]],
    ['application data in clear', [plainRecord(23, 999, new Uint8Array(40))]],
    ['a Finished in clear', [plainRecord(22, 999, writeFragment(20, 5, new Uint8Array(12)))]],
    ['forged alerts of epoch 1', Array.from({ length: 200 }, (_, i) => forgedRecord(21, i))],
    ['forged data with huge record numbers', [forgedRecord(23, 2 ** 48 - 1, 100), forgedRecord(21, 2 ** 47)]],
    [
      'records cut short',
      [forgedRecord(21, 3).subarray(0, 20), Uint8Array.of(22), Uint8Array.of(21, 254, 253)],
    ],
    ['an empty forged record', [forgedRecord(21, 4, 0)]],
  ])('%s: nothing happens', (_, datagrams) => {
    const call = startCall();
    call.connects();
    const before = call.sfu.outputs.length;
    spoof(call, ...datagrams);
    expectUnharmed(call, before);
  });

  test('STUN without integrity, with a wrong password, or of another transport moves nothing', () => {
    const call = startCall();
    call.connects();
    const before = call.sfu.outputs.length;
    const elsewhere = { ip: '203.0.113.66', port: 666 };
    for (const options of [
      { integrity: false },
      { password: 'guessed' },
      { ufrag: 'someone' },
      { useCandidate: true, password: '' },
    ]) {
      const data = bindingRequest({ useCandidate: true, ...options });
      call.network.inject(data, elsewhere, SFU);
    }
    call.clock.runFor(1_000);
    expect(call.sfu.outputs).toHaveLength(before);
    expectUnharmed(call, before);
  });

  test('every datagram of the handshake again, from start to end: nothing happens', () => {
    const call = startCall();
    const sent: Uint8Array[] = [];
    call.network.onSend = (data, from) => {
      if (from.ip === CLIENT_IP && data[0]! >= 20) sent.push(Uint8Array.from(data));
    };
    call.connects();
    call.network.onSend = undefined;
    const before = call.sfu.outputs.length;
    spoof(call, ...sent, ...sent);
    expectUnharmed(call, before);
  });

  test('a repeated authentic record is taken once', () => {
    const call = startCall();
    const sent: Uint8Array[] = [];
    call.connects();
    call.network.onSend = (data, from) => {
      if (from.ip === CLIENT_IP && data[0] === 21) sent.push(Uint8Array.from(data));
    };
    call.client.sendData(new Uint8Array(10));
    const before = call.sfu.outputs.length;
    spoof(call, ...sent, ...sent);
    expectUnharmed(call, before);
  });
});

describe('who only knows the addresses, during the handshake', () => {
  test('a ClientHello without the cookie before, between and after does not disturb the real one', () => {
    for (const at of [1, 15, 25, 35, 45, 55]) {
      const call = startCall();
      call.clock.runWhile(() => !call.states().includes('dtls connecting'), 1_000);
      call.clock.runFor(at);
      for (const hello of [plainClientHello(0), plainClientHello(1)]) {
        call.network.inject(hello, { ip: CLIENT_IP, port: 5000 }, SFU);
      }
      expect([at, call.connects()]).toEqual([at, true]);
    }
  });

  test('fragments of a hello that never ends do not disturb the real one, and hold little memory', () => {
    const call = startCall({ policy: { delayMs: 10 } });
    call.clock.runWhile(() => !call.states().includes('dtls connecting'), 1_000);
    const body = new Uint8Array(10_000);
    for (let i = 0; i < 500; i++) {
      const fragment = writeFragment(HandshakeType.clientHello, i % 4, body, (i * 7) % 9_000, 20);
      call.network.inject(plainRecord(22, i, fragment), { ip: CLIENT_IP, port: 5000 }, SFU);
    }
    expect(call.connects()).toBe(true);
  });

  test('a Finished in clear with the right number does not block the real one', () => {
    const call = startCall();
    call.clock.runWhile(() => !call.states().includes('dtls connecting'), 1_000);
    for (let i = 0; i < 8; i++) {
      for (let sequence = 0; sequence < 8; sequence++) {
        const fragment = writeFragment(HandshakeType.finished, sequence, new Uint8Array(12));
        call.network.inject(plainRecord(22, i, fragment), { ip: CLIENT_IP, port: 5000 }, SFU);
      }
      call.clock.runFor(5);
    }
    expect(call.connects()).toBe(true);
  });

  test('forged records of epoch 1 before the keys do not block the handshake', () => {
    const call = startCall();
    call.clock.runWhile(() => !call.states().includes('dtls connecting'), 1_000);
    for (let i = 0; i < 60; i++) {
      call.network.inject(forgedRecord(22, i, 48), { ip: CLIENT_IP, port: 5000 }, SFU);
      call.clock.runFor(1);
    }
    expect(call.connects()).toBe(true);
  });
});

describe('renegotiation', () => {
  test.each([
    ['client', HandshakeType.clientHello],
    ['server', HandshakeType.helloRequest],
    ['server', HandshakeType.clientHello],
  ] as const)(
    'an authentic handshake message of a %s (type %i) after the handshake: a warning, no more',
    (clientRole, type) => {
      const seal = vi.spyOn(RecordCipher.prototype, 'seal');
      const call = startCall({ clientRole });
      call.connects();
      // The DTLS client protects its Finished first, then the server.
      const cipher = seal.mock.contexts[clientRole === 'client' ? 0 : 1] as RecordCipher;
      seal.mockRestore();
      const before = call.sfu.outputs.length;
      let warnings = 0;
      call.network.onSend = (data, from) => {
        if (from.ip === SFU.ip && data[0] === 21) warnings++;
      };
      for (let i = 0; i < 10; i++) {
        spoof(call, cipher.seal(22, 20 + i, writeFragment(type, 8 + i, new Uint8Array(60))));
      }
      expect(warnings).toBe(2); // rationed: ten asked in 2 s
      expectUnharmed(call, before);
    },
  );
});

describe('floods', () => {
  test('10,000 random datagrams: never throws, tells nothing, remembers nobody', () => {
    const random = createRandom(99);
    const endpoint = createSecureEndpoint({ certificate: sfuCertificate });
    endpoint.put(ID, { ice: CREDENTIALS }, 0);
    const known = { key: 1, ip: '192.0.2.9', port: 9, protocol: 'udp' as const };
    endpoint.handleDatagram(bindingRequest(), known, 0);
    drain(endpoint);
    for (let i = 0; i < 10_000; i++) {
      const data = random.bytes(random.int(120));
      const kind = random.int(5);
      if (data.length > 0 && kind < 3) data[0] = [random.int(4), 20 + random.int(44), 22][kind]!;
      if (data.length > 20 && data[0]! <= 3 && random.chance(0.5)) {
        data.set([0, 1, 0, (data.length - 20) & 0xfc, 0x21, 0x12, 0xa4, 0x42]);
      }
      if (data.length > 13 && data[0]! >= 20 && random.chance(0.8)) {
        data.set([0xfe, 0xfd, 0, random.int(2)], 1);
        data[11] = 0;
        data[12] = data.length - 13;
      }
      const remote = random.chance(0.5) ? known : { ...known, key: 100 + i };
      endpoint.handleDatagram(data, remote, i);
      endpoint.handleTimeout(i);
      for (const output of drain(endpoint)) if (output.type !== 'transmit') throw new Error(output.type);
      if (remote !== known && endpoint.transportOf(remote.key)) throw new Error('remembered');
    }
  });

  test('mutations of a real handshake, 3,000 datagrams: never throws', () => {
    const recorded: Uint8Array[] = [];
    const call = startCall();
    call.network.onSend = (data, from) => {
      if (from.ip === CLIENT_IP) recorded.push(Uint8Array.from(data));
    };
    call.connects();
    const random = createRandom(7);
    for (let round = 0; round < 60; round++) {
      const endpoint = createSecureEndpoint({ certificate: sfuCertificate });
      const remoteFingerprint = clientCertificate.fingerprints[2]!;
      const localRole = round % 2 ? 'server' : 'client';
      endpoint.put(ID, { ice: CREDENTIALS, dtls: { localRole, remoteFingerprint } }, 0);
      const remote = { key: 1, ip: CLIENT_IP, port: 5000, protocol: 'udp' as const };
      endpoint.handleDatagram(
        bindingRequest({
          ufrag: CREDENTIALS.usernameFragment,
          password: CREDENTIALS.password,
          useCandidate: true,
        }),
        remote,
        0,
      );
      for (let i = 0; i < 50; i++) {
        const data = Uint8Array.from(recorded[random.int(recorded.length)]!);
        for (let n = random.int(4); n >= 0; n--) data[random.int(data.length)] = random.int(256);
        endpoint.handleDatagram(
          random.chance(0.2) ? data.subarray(0, random.int(data.length)) : data,
          remote,
          i,
        );
      }
      for (const output of drain(endpoint))
        expect(output.type === 'dtls' && output.state).not.toBe('connected');
    }
  });

  test('10,000 unknown username fragments from as many addresses leave nothing behind', () => {
    const endpoint = createSecureEndpoint({ certificate: sfuCertificate });
    endpoint.put(ID, { ice: CREDENTIALS }, 0);
    const flood = (from: number): void => {
      for (let i = from; i < from + 5_000; i++) {
        const request = bindingRequest({ ufrag: `fragment${i}` });
        endpoint.handleDatagram(request, { key: i, ip: '203.0.113.1', port: i, protocol: 'udp' }, i);
        if (drain(endpoint).length !== 1) throw new Error('one answer each');
      }
    };
    flood(0);
    const before = heapInUse();
    flood(5_000);
    expect(heapInUse() - before).toBeLessThan(500_000);
    expect(endpoint.nextTimeout()).toBeUndefined();
    expect(endpoint.transportOf(7_000)).toBeUndefined();
  });

  test('DTLS from an address that has not passed ICE is not even answered', () => {
    const endpoint = createSecureEndpoint({ certificate: sfuCertificate });
    endpoint.put(ID, { ice: CREDENTIALS }, 0);
    endpoint.handleDatagram(plainClientHello(), { key: 5, ip: '203.0.113.1', port: 5, protocol: 'udp' }, 0);
    expect(drain(endpoint)).toEqual([]);
  });

  test('a ClientHello without cookie costs no keys: the answer is shorter than the question', () => {
    const endpoint = createSecureEndpoint({ certificate: sfuCertificate });
    endpoint.put(ID, { ice: CREDENTIALS }, 0);
    const remote = { key: 1, ip: CLIENT_IP, port: 5000, protocol: 'udp' as const };
    endpoint.handleDatagram(
      bindingRequest({ ufrag: CREDENTIALS.usernameFragment, password: CREDENTIALS.password }),
      remote,
      0,
    );
    drain(endpoint);
    endpoint.handleDatagram(plainClientHello(1), remote, 0);
    endpoint.handleDatagram(plainClientHello(1, new Uint8Array(20)), remote, 0);
    expect(drain(endpoint)).toEqual([]); // a second one must bring the cookie
    for (let i = 0; i < 1_000; i++) {
      endpoint.handleDatagram(plainClientHello(0), remote, i);
      const outputs = drain(endpoint);
      expect(words(outputs)).toEqual(['transmit 5000 dtls 22']);
      const [output] = outputs;
      expect(output!.type === 'transmit' && output!.data.length).toBeLessThan(plainClientHello().length);
    }
  });
});

test('two transports on one port do not hear each other', () => {
  const call = startCall();
  call.connects();
  const ice = { usernameFragment: 'secondufrag12345', password: 'second-password' };
  const certificate = createCertificate();
  const remoteFingerprint = certificate.fingerprints[2]!;
  call.sfu.act((it, now) => it.put('room/2', { ice, dtls: { localRole: 'server', remoteFingerprint } }, now));
  const other = new TestEndpoint({
    socket: call.network.bind('198.51.100.99', 7000),
    clock: call.clock,
    remote: { ice, candidates: [SFU], fingerprint: sfuCertificate.fingerprints[2]! },
    certificate,
  });
  other.start();
  call.clock.runWhile(() => other.state !== 'connected', 5_000);
  expect(call.sfu.states('room/2').at(-1)).toBe('dtls connected');
  other.close();
  call.clock.runFor(100);
  expect(call.sfu.states('room/2').at(-1)).toBe('dtls closed');
  expect(call.states().at(-1)).toBe('dtls connected');
});

/** Bytes, after a collection. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
