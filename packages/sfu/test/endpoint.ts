import { once } from 'node:events';
import { connect } from 'node:net';
import { buildRtpPacket } from '@weir/rtp';
import { openUdpSocket, realClock, TestEndpoint, type TestEndpointOptions } from '@weir/testing';
import type { UdpSocket } from '@weir/udp';
import { afterEach } from 'vitest';
import type { Transport } from '../src/index.ts';

const opened = new Set<TestEndpoint>();

afterEach(() => {
  for (const endpoint of opened) endpoint.vanish();
  opened.clear();
});

/** A true endpoint on a socket of its own that knows the transport, but has not started. */
export async function endpointOf(
  transport: Transport,
  options: Partial<TestEndpointOptions> = {},
): Promise<TestEndpoint> {
  const endpoint = new TestEndpoint({
    socket: await openUdpSocket(),
    clock: realClock,
    remote: {
      ice: transport.iceLocalParameters,
      candidates: transport.iceLocalCandidates.filter(({ protocol }) => protocol === 'udp'),
      fingerprint: { algorithm: 'sha-256', value: transport.dtlsLocalParameters.fingerprints['sha-256'] },
    },
    ...options,
  });
  opened.add(endpoint);
  return endpoint;
}

/** A TCP connection as endpoints have it for ICE-TCP: RFC 4571 frames, seen as datagrams. */
export async function openTcpConnection(ip: string, port: number): Promise<UdpSocket & { end(): void }> {
  const stream = connect(port, ip);
  await once(stream, 'connect');
  let waiting = Buffer.alloc(0);
  const socket: UdpSocket & { end(): void } = {
    address: { ip: stream.localAddress!, port: stream.localPort!, family: 'ipv4' },
    onMessage: undefined,
    onDrained: undefined,
    onError: undefined,
    send(data) {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(data.length);
      stream.write(Buffer.concat([length, data]));
    },
    close: () => stream.destroy(),
    end: () => stream.end(),
  };
  stream.on('error', () => undefined);
  stream.on('data', (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
      const end = 2 + waiting.readUInt16BE(0);
      socket.onMessage?.(waiting.subarray(2, end), ip, port);
      waiting = waiting.subarray(end);
    }
  });
  return socket;
}

/** Tells the transport of the endpoint, as signaling does. */
export async function introduce(transport: Transport, endpoint: TestEndpoint): Promise<void> {
  await transport.setRemoteDtlsParameters({ role: endpoint.role, fingerprint: endpoint.fingerprint });
}

/** Waits until a state of the transport is reached. */
export async function reached(transport: Transport, state: 'connected'): Promise<void> {
  while (transport.dtlsState !== state) {
    if (transport.closed) throw new Error(`the transport closed instead of being ${state}`);
    await new Promise<void>((resolve) => {
      transport.once('dtlsstatechange', () => resolve());
      transport.once('close', () => resolve());
    });
  }
}

/** A connected endpoint. */
export async function connected(
  transport: Transport,
  options: Partial<TestEndpointOptions> = {},
): Promise<TestEndpoint> {
  const endpoint = await endpointOf(transport, options);
  await introduce(transport, endpoint);
  const bothSides = Promise.all([
    reached(transport, 'connected'),
    new Promise<void>((resolve) => {
      endpoint.onStateChange = (state) => {
        if (state === 'connected') resolve();
      };
    }),
  ]);
  endpoint.start();
  await bothSides;
  return endpoint;
}

/** An opus packet with a level in dBov under extension id 1. */
export function opusPacket(ssrc: number, sequenceNumber: number, level?: number): Uint8Array {
  return buildRtpPacket({
    payloadType: 100,
    sequenceNumber: sequenceNumber & 0xffff,
    timestamp: (sequenceNumber * 960) >>> 0,
    ssrc,
    payload: Uint8Array.of(1, 2, 3, sequenceNumber & 0xff),
    ...(level !== undefined && { extensions: [{ id: 1, data: Uint8Array.of(0x80 | -level) }] }),
  });
}

/** Sends a packet every so often until stopped. */
export function sendEvery(ms: number, send: (n: number) => void): () => void {
  let n = 0;
  send(n++);
  const timer = setInterval(() => send(n++), ms);
  return () => clearInterval(timer);
}
