import { beforeEach, describe, expect, test } from 'vitest';
import {
  bindingRequest,
  drain,
  ICE,
  putTransport,
  type RequestOptions,
  readResponse,
  remote,
  words,
} from '../test/ice-peer.ts';
import { createCertificate } from './certificate.ts';
import type { Remote, SecureEndpoint } from './endpoint.ts';
import { createSecureEndpoint } from './secure-endpoint.ts';
import { StunBuilder } from './stun/builder.ts';
import { StunAttribute, StunClass } from './stun/registry.ts';

const certificate = createCertificate();
const A = remote(4001);
const B = remote(4002);
const OLD = { usernameFragment: 'oldufrag12345678', password: 'old-password-of-32-characters-00' };
let endpoint: SecureEndpoint;

beforeEach(() => {
  endpoint = createSecureEndpoint({ certificate });
});

/** Sends a request and gives what came of it, in words. */
function request(from: Remote, options: RequestOptions = {}, now = 0): string[] {
  endpoint.handleDatagram(bindingRequest(options), from, now);
  return words(drain(endpoint));
}

const success = (port: number): string => `transmit ${port} success 192.0.2.7:${port}`;

describe('answers (object-model.md §6.5, first table)', () => {
  beforeEach(() => putTransport(endpoint));

  test('another method: 400', () => {
    expect(request(A, { method: 3 })).toEqual(['transmit 4001 error 400']);
  });

  test.each([
    ['FINGERPRINT', { fingerprint: false }],
    ['MESSAGE-INTEGRITY', { integrity: false }],
    ['PRIORITY', { priority: undefined }],
    ['a PRIORITY above zero', { priority: 0 }],
    ['USERNAME', { username: undefined }],
  ])('without %s: 400', (_, options) => {
    expect(request(A, options)).toEqual(['transmit 4001 error 400']);
  });

  test.each([
    ['another username fragment', { ufrag: 'someoneelse' }],
    ['no colon', { username: ICE.usernameFragment }],
    ['ours with more behind', { ufrag: `${ICE.usernameFragment}x` }],
    ['a wrong password', { password: 'guessed' }],
  ])('%s: 401, and nothing else happens', (_, options) => {
    expect(request(A, options)).toEqual(['transmit 4001 error 401']);
    expect(endpoint.transportOf(A.key)).toBeUndefined();
    expect(endpoint.nextTimeout()).toBeUndefined();
  });

  test('PRIORITY after MESSAGE-INTEGRITY does not count: 400', () => {
    const late = bindingRequest({
      priority: undefined,
      afterIntegrity: (builder) => builder.u32(StunAttribute.priority, 5),
    });
    endpoint.handleDatagram(late, A, 0);
    expect(words(drain(endpoint))).toEqual(['transmit 4001 error 400']);
  });

  test('USE-CANDIDATE after MESSAGE-INTEGRITY does not nominate', () => {
    const late = bindingRequest({
      afterIntegrity: (builder) => builder.attribute(StunAttribute.useCandidate, new Uint8Array(0)),
    });
    endpoint.handleDatagram(late, A, 0);
    expect(words(drain(endpoint))).toContain('ice connected');
  });

  test('a valid request, even with ICE-CONTROLLED: success, with mapped address, integrity, fingerprint', () => {
    expect(request(A, { controlled: true })).toContain(success(4001));
  });

  test('IPv6: the mapped address is that of the sender', () => {
    endpoint.handleDatagram(bindingRequest(), remote(9, '2001:db8::7'), 0);
    expect(words(drain(endpoint))).toContain('transmit 9 success 2001:db8:0:0:0:0:0:7:9');
  });

  test.each([
    ['indication', StunClass.indication],
    ['success response', StunClass.success],
    ['error response', StunClass.error],
  ])('%s: ignored', (_, messageClass) => {
    endpoint.handleDatagram(new StunBuilder(messageClass, new Uint8Array(12)).fingerprint().finish(), A, 0);
    expect(drain(endpoint)).toEqual([]);
  });

  test('a wrong FINGERPRINT is no STUN: ignored', () => {
    const changed = bindingRequest();
    changed[changed.length - 1]! ^= 1;
    endpoint.handleDatagram(changed, A, 0);
    expect(drain(endpoint)).toEqual([]);
  });

  test('no refusal is longer than what a request of that kind has, nor more than 16 bytes longer than any', () => {
    for (const options of [{ ufrag: 'x' }, { integrity: false }, { fingerprint: false, integrity: false }]) {
      const asked = bindingRequest(options);
      endpoint.handleDatagram(asked, A, 0);
      const [answer] = drain(endpoint);
      expect(answer!.type === 'transmit' && answer!.data.length).toBeLessThanOrEqual(asked.length);
    }
    endpoint.handleDatagram(new StunBuilder(StunClass.request, new Uint8Array(12)).finish(), A, 0);
    const [answer] = drain(endpoint);
    expect(answer!.type === 'transmit' && answer!.data.length).toBeLessThanOrEqual(20 + 16);
  });
});

describe('transitions (second table)', () => {
  beforeEach(() => putTransport(endpoint));

  test('new, without USE-CANDIDATE: stored, selected, connected; events in order', () => {
    expect(request(A)).toEqual([
      'path-added 4001',
      success(4001),
      'tuple 4001',
      'ice connected',
      'dtls connecting',
    ]);
    expect(endpoint.transportOf(A.key)).toBe('room/1');
  });

  test('new, with USE-CANDIDATE: completed at once', () => {
    expect(request(A, { useCandidate: true })).toEqual([
      'path-added 4001',
      success(4001),
      'tuple 4001',
      'ice completed',
      'dtls connecting',
    ]);
  });

  test('connected, without: a new tuple is stored, not selected', () => {
    request(A);
    expect(request(B)).toEqual(['path-added 4002', success(4002)]);
    expect(request(B)).toEqual([success(4002)]);
  });

  test('connected, with: selected and completed', () => {
    request(A);
    expect(request(B, { useCandidate: true })).toEqual([
      'path-added 4002',
      success(4002),
      'tuple 4002',
      'ice completed',
    ]);
  });

  test('connected, with, same tuple: completed without a tuple event', () => {
    request(A);
    expect(request(A, { useCandidate: true })).toEqual([success(4001), 'ice completed']);
  });

  test('completed, without: a new tuple is stored only', () => {
    request(A, { useCandidate: true });
    expect(request(B)).toEqual(['path-added 4002', success(4002)]);
  });

  test('completed, with: selected again, each time, state unchanged', () => {
    request(A, { useCandidate: true });
    expect(request(B, { useCandidate: true })).toEqual(['path-added 4002', success(4002), 'tuple 4002']);
    expect(request(A, { useCandidate: true })).toEqual([success(4001), 'tuple 4001']);
  });

  test.each([
    [{}, 'ice connected'],
    [{ useCandidate: true }, 'ice completed'],
  ])('disconnected: as new (%o)', (options, state) => {
    request(A, { useCandidate: true });
    endpoint.handleTimeout(30_000);
    expect(words(drain(endpoint))).toEqual(['path-removed 4001', 'ice disconnected']);
    expect(endpoint.transportOf(A.key)).toBeUndefined();
    expect(request(B, options, 31_000)).toEqual(['path-added 4002', success(4002), 'tuple 4002', state]);
  });
});

describe('nomination values (D-19)', () => {
  beforeEach(() => putTransport(endpoint));

  test('a nomination completes', () => {
    expect(request(A, { nomination: 1 })).toContain('ice completed');
  });

  test('only a greater value selects again', () => {
    request(A, { nomination: 2 });
    expect(request(B, { nomination: 1 })).toEqual(['path-added 4002', success(4002)]);
    expect(request(B, { nomination: 2 })).toEqual([success(4002)]);
    expect(request(B, { nomination: 3 })).toEqual([success(4002), 'tuple 4002']);
  });

  test('after a restart counting starts anew', () => {
    request(A, { nomination: 5 });
    endpoint.put('room/1', { ice: OLD, previousIce: ICE }, 0);
    expect(request(B, { nomination: 1, ufrag: OLD.usernameFragment, password: OLD.password })).toContain(
      'tuple 4002',
    );
  });
});

describe('tuples', () => {
  beforeEach(() => putTransport(endpoint));

  test('never more than 8: the oldest one that is not selected goes', () => {
    request(remote(1), { useCandidate: true });
    for (let port = 2; port <= 8; port++) request(remote(port));
    expect(request(remote(9))).toEqual(['path-removed 2', 'path-added 9', success(9)]);
    expect(endpoint.transportOf(remote(2).key)).toBeUndefined();
    expect(endpoint.transportOf(remote(1).key)).toBe('room/1');
  });

  test('RTP from a stored tuple selects it only once there are keys; unknown remotes do nothing', () => {
    request(A);
    request(B);
    endpoint.noteRtp(B.key, 0);
    endpoint.noteRtp(12345, 0);
    expect(drain(endpoint)).toEqual([]);
  });

  test('DTLS from a stored tuple selects it', () => {
    request(A);
    request(B);
    endpoint.handleDatagram(Uint8Array.of(22, 0xfe, 0xfd), B, 0);
    expect(words(drain(endpoint))).toEqual(['tuple 4002']);
  });

  test('an address proven by another transport moves there', () => {
    request(A);
    putTransport(endpoint, 'room/2', { ice: OLD });
    expect(request(A, { ufrag: OLD.usernameFragment, password: OLD.password })).toEqual([
      'path-removed 4001',
      'ice disconnected',
      'path-added 4001',
      'transmit 4001 success without integrity', // that is, not with the password of room/1
      'tuple 4001',
      'ice connected',
      'dtls connecting',
    ]);
    expect(endpoint.transportOf(A.key)).toBe('room/2');
  });

  test('TCP: the most recent remaining tuple takes over, the last one ends the transport', () => {
    const T1 = remote(1, '192.0.2.7', 'tcp');
    const T2 = remote(2, '192.0.2.7', 'tcp');
    const T3 = remote(3, '192.0.2.7', 'tcp');
    for (const tuple of [T1, T2, T3]) request(tuple);
    endpoint.handleTcpClosed(T2.key, 0);
    expect(words(drain(endpoint))).toEqual(['path-removed 2']);
    endpoint.handleTcpClosed(T1.key, 0);
    expect(words(drain(endpoint))).toEqual(['path-removed 1', 'tuple 3']);
    endpoint.handleTcpClosed(T3.key, 0);
    expect(words(drain(endpoint))).toEqual(['path-removed 3', 'ice disconnected', 'closed']);
    expect(request(A)).toEqual(['transmit 4001 error 401']);
  });
});

describe('consent (D-18)', () => {
  test.each([
    [undefined, 30_000],
    [15_000, 15_000],
    [1_000, 10_000],
    [90_000, 60_000],
  ])('timeout of %s: disconnected after %s ms without a request', (consentTimeoutMs, expected) => {
    putTransport(endpoint, 'room/1', consentTimeoutMs === undefined ? {} : { consentTimeoutMs });
    request(A, {}, 1_000);
    expect(endpoint.nextTimeout()).toEqual({ at: 1_000 + expected, reason: 'ice-consent' });
    endpoint.handleTimeout(1_000 + expected - 1);
    expect(drain(endpoint)).toEqual([]);
    endpoint.handleTimeout(1_000 + expected);
    expect(words(drain(endpoint))).toEqual(['path-removed 4001', 'ice disconnected']);
    expect(endpoint.nextTimeout()).toBeUndefined();
  });

  test('every valid request, also of another tuple, prolongs it; an invalid one does not', () => {
    putTransport(endpoint);
    request(A, {}, 0);
    request(B, {}, 20_000);
    request(A, { password: 'guessed' }, 40_000);
    endpoint.handleTimeout(49_999);
    expect(drain(endpoint)).toEqual([]);
    endpoint.handleTimeout(50_000);
    expect(words(drain(endpoint))).toContain('ice disconnected');
  });

  test('0 = never', () => {
    putTransport(endpoint, 'room/1', { consentTimeoutMs: 0 });
    request(A);
    expect(endpoint.nextTimeout()).toBeUndefined();
    endpoint.handleTimeout(1e9);
    expect(drain(endpoint)).toEqual([]);
  });

  test('of a thousand transports the first to expire is named', () => {
    for (let i = 0; i < 1000; i++) {
      const ice = { usernameFragment: `ufrag${i}`, password: 'p' };
      endpoint.put(`room/${i}`, { ice }, 0);
      request(remote(i), { ufrag: `ufrag${i}`, password: 'p' }, 5_000 - i);
    }
    expect(endpoint.nextTimeout()?.at).toBe(34_001);
    endpoint.handleTimeout(34_001);
    expect(drain(endpoint).filter(({ type }) => type === 'ice')).toHaveLength(1);
    expect(endpoint.nextTimeout()?.at).toBe(34_002);
  });
});

describe('restart (D-15)', () => {
  const NEW = { usernameFragment: 'newufrag12345678', password: 'new-password-of-32-characters-00' };
  const withNew = { ufrag: NEW.usernameFragment, password: NEW.password };

  test('the old pair is valid until the first valid request with the new one', () => {
    putTransport(endpoint);
    request(A, { useCandidate: true });
    endpoint.put('room/1', { ice: NEW, previousIce: ICE }, 0);
    expect(drain(endpoint)).toEqual([]);
    expect(request(A)).toEqual([success(4001)]);
    expect(request(A, { ...withNew, password: 'guessed' })).toEqual(['transmit 4001 error 401']);
    expect(request(A)).toEqual([success(4001)]);
    endpoint.handleDatagram(bindingRequest(withNew), A, 0);
    const [answer] = drain(endpoint);
    expect(answer!.type === 'transmit' && readResponse(answer!.data, NEW.password)).toBe(
      'success 192.0.2.7:4001',
    );
    expect(request(A)).toEqual(['transmit 4001 error 401']);
  });

  test('the same update again does not bring the old pair back', () => {
    putTransport(endpoint);
    endpoint.put('room/1', { ice: NEW, previousIce: ICE }, 0);
    request(A, withNew);
    endpoint.put('room/1', { ice: NEW, previousIce: ICE }, 0);
    expect(request(B)).toEqual(['transmit 4002 error 401']);
  });

  test('without previousIce the old pair ends at once', () => {
    putTransport(endpoint);
    endpoint.put('room/1', { ice: NEW }, 0);
    expect(request(A)).toEqual(['transmit 4001 error 401']);
  });
});

describe('put and remove', () => {
  test('a username fragment that another transport has is refused, and nothing changes', () => {
    putTransport(endpoint);
    expect(() => putTransport(endpoint, 'room/2')).toThrow(/usernameFragment is that of transport room\/1/);
    expect(request(A)).toContain('path-added 4001');
    expect(endpoint.transportOf(A.key)).toBe('room/1');
  });

  test('empty credentials are refused', () => {
    expect(() => putTransport(endpoint, 'x', { ice: { usernameFragment: 'a', password: '' } })).toThrow(
      RangeError,
    );
  });

  test('removal forgets paths, fragments and timeouts', () => {
    putTransport(endpoint);
    request(A);
    request(B);
    endpoint.remove('room/1', 0);
    expect(words(drain(endpoint))).toEqual(['path-removed 4001', 'path-removed 4002']);
    expect(request(A)).toEqual(['transmit 4001 error 401']);
    expect(endpoint.transportOf(A.key)).toBeUndefined();
    expect(endpoint.nextTimeout()).toBeUndefined();
    endpoint.remove('room/1', 0);
    expect(drain(endpoint)).toEqual([]);
  });
});
