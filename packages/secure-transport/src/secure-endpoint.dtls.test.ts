import { X509Certificate } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { type Call, CREDENTIALS, clientCertificate, ID, sfuCertificate, startCall } from '../test/call.ts';
import { fitTogether } from '../test/ice-peer.ts';
import { createCertificate, FINGERPRINT_ALGORITHMS } from './certificate.ts';
import { RecordCipher } from './dtls/record.ts';

/** What the SFU is told later, in tests that begin without it. */
function giveDtls(call: Call, localRole: 'client' | 'server', certificate = clientCertificate): void {
  call.sfu.act((it, now) =>
    it.put(
      ID,
      { ice: CREDENTIALS, dtls: { localRole, remoteFingerprint: certificate.fingerprints[2]! } },
      now,
    ),
  );
}

describe('states (object-model.md §6.6)', () => {
  test('as server: the whole sequence of outputs', () => {
    const call = startCall();
    expect(call.connects()).toBe(true);
    const told = call.sfu.outputs.map((output) =>
      'state' in output ? `${output.type} ${output.state}` : output.type,
    );
    expect(told).toEqual([
      'path-added',
      'tuple',
      'ice connected',
      'dtls connecting',
      'ice completed',
      'dtls connected',
    ]);
    const connected = call.sfu.outputs.at(-1)!;
    const pem = connected.type === 'dtls' ? connected.remoteCert! : '';
    expect(new X509Certificate(pem).raw).toEqual(new X509Certificate(clientCertificate.certPem).raw);
    expect(fitTogether(call.keys()!, call.client.keys!)).toBe(true);
  });

  test('as client: connecting only after completed', () => {
    const call = startCall({ clientRole: 'server' });
    expect(call.connects()).toBe(true);
    expect(call.states()).toEqual(['ice connected', 'ice completed', 'dtls connecting', 'dtls connected']);
    expect(fitTogether(call.keys()!, call.client.keys!)).toBe(true);
  });

  test('as client without nomination: never starts', () => {
    const call = startCall({ clientRole: 'server', ice: { nomination: 'none' } });
    call.clock.runFor(60_000);
    expect(call.states()).toEqual(['ice connected']);
  });

  test.each(FINGERPRINT_ALGORITHMS)('a fingerprint of %s is verified', (algorithm) => {
    const call = startCall({ withoutDtls: true });
    const remoteFingerprint = clientCertificate.fingerprints.find((each) => each.algorithm === algorithm)!;
    call.sfu.act((it, now) =>
      it.put(ID, { ice: CREDENTIALS, dtls: { localRole: 'server', remoteFingerprint } }, now),
    );
    expect(call.connects()).toBe(true);
  });

  test('auto: serves, stays connecting until the fingerprint is known, then connects', () => {
    const call = startCall({ withoutDtls: true });
    call.clock.runFor(100_000);
    expect(call.client.state).toBe('connected');
    expect(call.states()).toEqual(['ice connected', 'dtls connecting', 'ice completed']);
    giveDtls(call, 'server');
    expect(call.states().at(-1)).toBe('dtls connected');
    expect(fitTogether(call.keys()!, call.client.keys!)).toBe(true);
  });

  test('auto: a wrong fingerprint given later fails and closes', () => {
    const call = startCall({ withoutDtls: true });
    call.clock.runFor(5_000);
    giveDtls(call, 'server', createCertificate());
    expect(call.states().at(-1)).toBe('dtls failed');
    expect(call.reason('failed')).toMatch(/fingerprint/);
    expect(call.sfu.outputs.at(-1)).toMatchObject({ type: 'closed', id: ID });
    call.clock.runFor(1_000);
    expect(call.client.state).toBe('closed');
  });

  test('auto, then told to be client: DTLS starts over as client, connecting is not told twice', () => {
    const call = startCall({ withoutDtls: true, clientRole: 'server' });
    call.clock.runFor(5_000);
    expect(call.states()).toEqual(['ice connected', 'dtls connecting', 'ice completed']);
    giveDtls(call, 'client');
    expect(call.connects()).toBe(true);
    expect(call.states().slice(3)).toEqual(['dtls connected']);
    expect(fitTogether(call.keys()!, call.client.keys!)).toBe(true);
  });

  test('the same parameters again change nothing, before and after', () => {
    const call = startCall();
    giveDtls(call, 'server');
    expect(call.connects()).toBe(true);
    const count = call.sfu.outputs.length;
    giveDtls(call, 'server');
    giveDtls(call, 'server', createCertificate());
    call.sfu.act((it, now) => it.put(ID, { ice: CREDENTIALS }, now));
    expect(call.sfu.outputs).toHaveLength(count);
  });

  test('a wrong fingerprint known before fails both sides and closes', () => {
    const call = startCall({ withoutDtls: true });
    giveDtls(call, 'server', createCertificate());
    call.clock.runFor(5_000);
    expect(call.states()).toEqual(['ice connected', 'dtls connecting', 'ice completed', 'dtls failed']);
    expect(call.client.state).toBe('failed');
    const tail = call.sfu.outputs.slice(-3).map(({ type }) => type);
    expect(tail).toEqual(['dtls', 'path-removed', 'closed']);
  });

  test.each(['client', 'server'] as const)('no DTLS from a %s for 30 s: failed', (clientRole) => {
    const call = startCall({ clientRole });
    call.clock.runWhile(() => !call.states().includes('ice completed'), 5_000);
    call.socket.onMessage = undefined; // deaf to DTLS, and …
    const since = call.clock.now();
    call.network.onSend = undefined;
    call.client.ice.send = () => false; // … dumb, while ICE goes on
    call.clock.runWhile(() => !call.states().includes('dtls failed'), 60_000);
    expect(call.reason('failed')).toMatch(/30 s/);
    expect(call.clock.now() - since).toBeGreaterThan(29_000);
    expect(call.clock.now() - since).toBeLessThanOrEqual(30_000);
    expect(call.sfu.outputs.at(-1)).toMatchObject({ type: 'closed' });
  });

  test('close_notify from the client: closed, then the transport closes', () => {
    const call = startCall();
    call.connects();
    call.client.close();
    call.clock.runFor(100);
    expect(call.states().at(-1)).toBe('dtls closed');
    expect(call.sfu.outputs.slice(-3).map(({ type }) => type)).toEqual(['dtls', 'path-removed', 'closed']);
    expect(call.sfu.endpoint.nextTimeout()).toBeUndefined();
  });

  test('close_notify during the handshake: failed', () => {
    const call = startCall();
    call.clock.runWhile(() => call.client.state !== 'connecting', 1_000);
    call.clock.runFor(25); // our flight is on its way
    call.client.close();
    call.clock.runFor(1_000);
    expect(call.states().at(-1)).toBe('dtls failed');
    expect(call.reason('failed')).toMatch(/close_notify before/);
  });

  test('an authentic fatal alert after the handshake: closed', () => {
    const seal = vi.spyOn(RecordCipher.prototype, 'seal');
    const call = startCall();
    call.connects();
    const cipher = seal.mock.contexts[0] as RecordCipher; // the client's
    seal.mockRestore();
    call.client.sendRaw(cipher.seal(21, 5, Uint8Array.of(1, 90))); // a mere warning first
    call.clock.runFor(100);
    expect(call.states().at(-1)).toBe('dtls connected');
    call.client.sendRaw(cipher.seal(21, 6, Uint8Array.of(2, 40)));
    call.clock.runFor(100);
    expect(call.reason('closed')).toMatch(/handshake_failure/);
    expect(call.sfu.outputs.at(-1)).toMatchObject({ type: 'closed', id: ID });
  });

  test('remove(): the client hears close_notify, the owner only of paths', () => {
    const call = startCall();
    call.connects();
    const count = call.sfu.outputs.length;
    call.sfu.act((it, now) => it.remove(ID, now));
    call.clock.runFor(100);
    expect(call.client.state).toBe('closed');
    expect(call.sfu.outputs.slice(count).map(({ type }) => type)).toEqual(['path-removed']);
  });

  test('remove() during the handshake tells the client too', () => {
    const call = startCall();
    call.clock.runWhile(() => call.client.state !== 'connecting', 1_000);
    call.clock.runFor(25);
    call.sfu.act((it, now) => it.remove(ID, now));
    call.clock.runFor(100);
    expect(call.client.state).toBe('failed');
  });
});

describe('paths', () => {
  test('a lost Finished of ours is repeated when the client asks again', () => {
    const call = startCall();
    let dropped = 0;
    const { socket } = call.sfu;
    const send = socket.send.bind(socket);
    socket.send = (data, ip, port) => {
      // The datagram with ChangeCipherSpec first is flight 6.
      if (data[0] === 20 && dropped++ < 2) return;
      send(data, ip, port);
    };
    expect(call.connects()).toBe(true);
    expect(dropped).toBe(3);
  });

  test('RTP from another stored tuple moves there once connected', () => {
    const call = startCall();
    call.connects();
    const other = call.network.bind('198.51.100.8', 6000);
    call.client.addSocket(other);
    call.clock.runFor(3_000); // consent reaches the new pair too
    const key = call.sfu.remote('198.51.100.8', 6000).key;
    expect(call.sfu.endpoint.transportOf(key)).toBe(ID);
    call.sfu.act((it, now) => it.noteRtp(key, now));
    expect(call.sfu.outputs.at(-1)).toMatchObject({ type: 'tuple', remote: { ip: '198.51.100.8' } });
    const count = call.sfu.outputs.length;
    call.sfu.act((it, now) => it.noteRtp(key, now));
    expect(call.sfu.outputs).toHaveLength(count);
  });

  test('the client nominates another pair: DTLS and keys stay, the tuple moves', () => {
    const call = startCall({ ice: { nomination: 'renomination' } });
    call.connects();
    const other = call.network.bind('198.51.100.8', 6000);
    call.client.addSocket(other);
    call.client.ice.nominate(other);
    call.clock.runFor(1_000);
    expect(call.sfu.outputs.slice(-2)).toMatchObject([
      { type: 'path-added', remote: { ip: '198.51.100.8' } },
      { type: 'tuple', remote: { ip: '198.51.100.8' } },
    ]);
    call.client.close();
    call.clock.runFor(100);
    expect(call.states().at(-1)).toBe('dtls closed');
  });

  test('the path changes between two ClientHellos: the handshake goes on', () => {
    const call = startCall({ policy: { delayMs: 50 } });
    call.clock.runWhile(() => call.client.state !== 'connecting', 1_000);
    const other = call.network.bind('198.51.100.8', 6000);
    call.client.addSocket(other);
    call.client.ice.nominate(other);
    expect(call.connects()).toBe(true);
  });

  test('consent lost and found again: media keys live on', () => {
    const call = startCall();
    call.connects();
    call.client.ice.pauseConsent();
    call.clock.runFor(31_000);
    expect(call.states().at(-1)).toBe('ice disconnected');
    call.client.ice.resumeConsent();
    call.clock.runFor(3_000);
    expect(call.states().at(-1)).toBe('ice connected');
    call.client.close();
    call.clock.runFor(100);
    expect(call.states().at(-1)).toBe('dtls closed');
  });

  test('consent is kept by the client alone for hours', () => {
    const call = startCall();
    call.connects();
    const count = call.sfu.outputs.length;
    call.clock.runFor(3 * 3_600_000);
    expect(call.sfu.outputs).toHaveLength(count);
    expect(call.client.ice.errors).toEqual([]);
  });

  test('an ICE restart during a call: old credentials until the new ones are used', () => {
    const call = startCall();
    call.connects();
    const ice = { usernameFragment: 'newufrag12345678', password: 'new-password-of-32-characters-00' };
    call.sfu.act((it, now) => it.put(ID, { ice, previousIce: CREDENTIALS }, now));
    call.clock.runFor(60_000);
    expect(call.client.ice.errors).toEqual([]);
    call.client.ice.restart(ice);
    call.clock.runFor(60_000);
    expect(call.client.ice.errors).toEqual([]);
    expect(call.states().at(-1)).toBe('dtls connected');
    call.client.ice.restart(CREDENTIALS);
    call.clock.runFor(1_000);
    expect(call.client.ice.errors.length).toBeGreaterThan(0);
    expect(new Set(call.client.ice.errors)).toEqual(new Set([401]));
  });
});

test('our certificate is the one that was given', () => {
  const call = startCall();
  expect(call.connects()).toBe(true); // the client compares sfuCertificate's fingerprint
  expect(sfuCertificate.fingerprints.map(({ value }) => value.length * 4)).toEqual([160, 224, 256, 384, 512]);
});
