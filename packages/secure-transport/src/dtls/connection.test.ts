import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fitTogether } from '../../test/ice-peer.ts';
import { type Certificate, createCertificate, openCertificate } from '../certificate.ts';
import { DtlsConnection, type DtlsOptions, type DtlsOutput } from './connection.ts';

const left = createCertificate({ commonName: 'left' });
const right = createCertificate({ commonName: 'right' });

function make(
  role: 'client' | 'server',
  own: Certificate,
  other: Certificate,
  more: Partial<DtlsOptions> = {},
): DtlsConnection {
  return new DtlsConnection({
    role,
    certificate: openCertificate(own),
    random: randomBytes,
    remoteFingerprint: other.fingerprints[2]!,
    ...more,
  });
}

/** Passes datagrams to and fro at one moment until both are silent; gives the other outputs. */
function settle(
  a: DtlsConnection,
  b: DtlsConnection,
  now = 0,
  seen: number[] = [],
): [DtlsOutput[], DtlsOutput[]] {
  const told: [DtlsOutput[], DtlsOutput[]] = [[], []];
  for (let busy = true; busy; ) {
    busy = false;
    for (const [from, to, outputs] of [
      [a, b, told[0]],
      [b, a, told[1]],
    ] as const) {
      for (let output = from.poll(); output; output = from.poll()) {
        busy = true;
        if (output.type !== 'transmit') outputs.push(output);
        else {
          seen.push(output.data.length);
          to.handleDatagram(output.data, now);
        }
      }
    }
  }
  return told;
}

function connected(outputs: readonly DtlsOutput[]): Extract<DtlsOutput, { type: 'connected' }> {
  const [first] = outputs;
  if (first?.type !== 'connected') throw new Error(`not connected: ${JSON.stringify(first)}`);
  return first;
}

describe('an association', () => {
  test('connects; data passes both ways; close_notify is answered', () => {
    const client = make('client', left, right);
    const server = make('server', right, left);
    client.start(0);
    server.start(0);
    const [ofClient, ofServer] = settle(client, server);
    expect(fitTogether(connected(ofClient).keys, connected(ofServer).keys)).toBe(true);
    expect([client.timeout, server.timeout]).toEqual([undefined, undefined]);
    client.send(Uint8Array.of(1, 2, 3), 1);
    server.send(new Uint8Array(1_000), 1);
    expect(settle(client, server, 1)).toMatchObject([
      [{ type: 'data' }],
      [{ type: 'data', data: Buffer.from([1, 2, 3]) }],
    ]);
    server.close(2);
    expect(settle(client, server, 2)).toMatchObject([[{ type: 'closed' }], []]);
    expect([client.state, server.state]).toEqual(['closed', 'closed']);
    expect(client.send(Uint8Array.of(1), 3)).toBe(false);
  });

  test('certificates of several thousand bytes go in fragments, no datagram over 1,200 bytes', () => {
    const big = createCertificate({ commonName: 'x'.repeat(4_000) });
    const huge = createCertificate({ commonName: 'y'.repeat(5_500) });
    const client = make('client', big, huge);
    const server = make('server', huge, big);
    client.start(0);
    server.start(0);
    const sizes: number[] = [];
    const [ofClient, ofServer] = settle(client, server, 0, sizes);
    expect(fitTogether(connected(ofClient).keys, connected(ofServer).keys)).toBe(true);
    expect(sizes.length).toBeGreaterThan(12);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_200);
  });

  test('flights are repeated at 300, 600, 1,200, 2,400, 3,000 ms … until the 30 s are over', () => {
    const client = make('client', left, right);
    client.start(0);
    const sent: number[] = [];
    let reason = '';
    for (let now = 0; client.state === 'handshaking' && now < 100_000; now = client.timeout ?? now) {
      client.handleTimeout(now);
      for (let output = client.poll(); output; output = client.poll()) {
        if (output.type === 'transmit') sent.push(now);
        else if (output.type === 'failed') reason = output.reason;
      }
    }
    expect(sent.slice(0, 7)).toEqual([0, 300, 900, 2_100, 4_500, 7_500, 10_500]);
    expect(sent.at(-1)).toBe(30_000); // the alert
    expect(reason).toMatch(/30 s/);
  });

  test('every repetition has record numbers of its own', () => {
    const client = make('client', left, right);
    client.start(0);
    const numbers = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const output = client.poll();
      if (output?.type === 'transmit') numbers.add(Buffer.from(output.data.subarray(3, 11)).toString('hex'));
      client.handleTimeout(client.timeout!);
    }
    expect(numbers.size).toBe(5);
  });

  test('nothing is sent before start, and close before start says nothing', () => {
    const client = make('client', left, right);
    expect(client.poll()).toBeUndefined();
    client.close(0);
    expect(client.poll()).toBeUndefined();
    expect(client.state).toBe('closed');
  });

  test('without a fingerprint both Finished are exchanged, but nothing is connected until it is known', () => {
    const client = make('client', left, right);
    const server = make('server', right, left, { remoteFingerprint: undefined });
    client.start(0);
    server.start(0);
    settle(client, server);
    expect([client.state, server.state]).toEqual(['connected', 'unverified']);
    expect(server.send(Uint8Array.of(1), 1)).toBe(false);
    client.send(Uint8Array.of(1), 1);
    expect(settle(client, server)).toEqual([[], []]);
    server.setRemoteFingerprint(left.fingerprints[4]!, 2);
    expect(server.poll()?.type).toBe('connected');
  });

  test('a client of DTLS 1.0: not answered; the reason says so when the time is over', () => {
    const client = make('client', left, right, {
      craft: (type, body) => (type === 1 ? Uint8Array.from(body).fill(0xff, 1, 2) : body),
    });
    const server = make('server', right, left);
    client.start(0);
    server.start(0);
    server.limit(0);
    expect(settle(client, server)).toEqual([[], []]);
    server.handleTimeout(30_000);
    let output = server.poll();
    while (output?.type === 'transmit') output = server.poll();
    expect(output).toMatchObject({ type: 'failed', reason: expect.stringMatching(/30 s: .*no DTLS 1.2/) });
  });
});
