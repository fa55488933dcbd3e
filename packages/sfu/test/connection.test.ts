import { createSocket } from 'node:dgram';
import { createCertificate } from '@weir/secure-transport';
import { openUdpSocket } from '@weir/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Peer, Room, Transport } from '../src/index.ts';
import { connected, endpointOf, introduce, openTcpConnection, opusPacket, reached } from './endpoint.ts';
import {
  next,
  opusParameters,
  peerCapabilities,
  record,
  settled,
  startRoom,
  startServer,
} from './fixtures.ts';

let room: Room;
let peer: Peer;
let transport: Transport;
let log: string[];

beforeEach(async () => {
  room = await startRoom();
  peer = room.Peer('alice');
  transport = await peer.createTransport();
  log = watched(transport);
});

function watched(of: Transport): string[] {
  const lines: string[] = [];
  of.on('iceselectedtuplechange', (tuple) => {
    expect(of.iceSelectedTuple).toEqual(tuple);
    lines.push('tuple');
  });
  of.on('icestatechange', (state) => {
    expect(of.iceState).toBe(state);
    lines.push(`ice ${state}`);
  });
  of.on('dtlsstatechange', (state) => {
    expect(of.dtlsState).toBe(state);
    lines.push(`dtls ${state}`);
  });
  of.on('close', () => lines.push('close'));
  return lines;
}

describe('a true endpoint', () => {
  it('connects as DTLS client: tuple before ICE, ICE before DTLS (6.5, 6.6)', async () => {
    const endpoint = await connected(transport);
    expect(transport.dtlsLocalParameters.role).toBe('server');
    // As DTLS server we may be connecting before the nomination.
    expect(log.filter((line) => !line.startsWith('dtls'))).toEqual([
      'tuple',
      'ice connected',
      'ice completed',
    ]);
    expect(log.filter((line) => line.startsWith('dtls'))).toEqual(['dtls connecting', 'dtls connected']);
    expect(log.indexOf('dtls connecting')).toBeGreaterThan(log.indexOf('ice connected'));
    expect(transport.iceSelectedTuple).toEqual({
      localIP: '127.0.0.1',
      localPort: transport.iceLocalCandidates[0]!.port,
      remoteIP: '127.0.0.1',
      remotePort: endpoint.ice.selected!.socket.address.port,
      protocol: 'udp',
    });
  });

  it('connects as DTLS server: we start when ICE is completed', async () => {
    await connected(transport, { role: 'server' });
    expect(transport.dtlsLocalParameters.role).toBe('client');
    expect(log).toEqual(['tuple', 'ice connected', 'ice completed', 'dtls connecting', 'dtls connected']);
  });

  it('shows its certificate right when DTLS is connected', async () => {
    const seen: unknown[] = [];
    transport.on('dtlsstatechange', (state) => {
      if (state === 'connected') seen.push(transport.dtlsRemoteCert);
    });
    const endpoint = await connected(transport);
    expect(seen).toEqual([endpoint.certificate.certPem]);
    transport.close();
    expect(transport.dtlsRemoteCert).toBe(endpoint.certificate.certPem);
  });

  it('that is told late is verified then: DTLS stays connecting until we know it', async () => {
    const endpoint = await endpointOf(transport);
    const handshake = new Promise<void>((resolve) => {
      endpoint.onStateChange = (state) => {
        if (state === 'connected') resolve();
      };
    });
    endpoint.start();
    await handshake;
    await settled();
    expect([transport.dtlsState, transport.dtlsLocalParameters.role]).toEqual(['connecting', 'auto']);
    expect((await transport.dump()).dtlsLocalParameters.role).toBe('server');
    const done = reached(transport, 'connected');
    await introduce(transport, endpoint);
    await done;
    expect(log.filter((line) => line.startsWith('dtls'))).toEqual(['dtls connecting', 'dtls connected']);
  });

  it('with another certificate fails: dtlsstatechange failed, then close, and the peer stays', async () => {
    const endpoint = await endpointOf(transport);
    const [other] = createCertificate().fingerprints.filter(({ algorithm }) => algorithm === 'sha-256');
    await transport.setRemoteDtlsParameters({ role: 'client', fingerprint: other! });
    const closed = next(transport, 'close');
    endpoint.start();
    expect(await closed).toEqual([undefined]);
    expect(log.slice(-2)).toEqual(['dtls failed', 'close']);
    expect([peer.closed, peer.transports]).toEqual([false, []]);
  });

  it('that says goodbye closes the transport: dtlsstatechange closed, then close', async () => {
    const endpoint = await connected(transport);
    const closed = next(transport, 'close');
    endpoint.close();
    expect(await closed).toEqual([undefined]);
    expect(log.slice(-2)).toEqual(['dtls closed', 'close']);
    expect([transport.iceState, transport.dtlsState, transport.iceSelectedTuple]).toEqual([
      'closed',
      'closed',
      undefined,
    ]);
    expect(peer.closed).toBe(false);
  });

  it('hears a close alert when we close', async () => {
    const endpoint = await connected(transport);
    const told = new Promise<string | undefined>((resolve) => {
      endpoint.onStateChange = (state, reason) => resolve(`${state} ${reason !== undefined}`);
    });
    transport.close();
    expect(await told).toBe('closed true');
    expect(log.at(-1)).toBe('close');
    expect(log).not.toContain('dtls closed');
  });

  it('moves to another socket when it nominates there', async () => {
    const endpoint = await connected(transport);
    const { remotePort } = transport.iceSelectedTuple!;
    const socket = await openUdpSocket();
    const moved = next(transport, 'iceselectedtuplechange');
    endpoint.addSocket(socket);
    endpoint.ice.nominate(socket);
    await moved;
    expect(transport.iceSelectedTuple?.remotePort).toBe(socket.address.port);
    expect(transport.iceSelectedTuple?.remotePort).not.toBe(remotePort);
    expect(log.filter((line) => line.startsWith('dtls'))).toHaveLength(2);
  });

  it('restarts ICE with changeUfragPwd(): DTLS goes on, the old pair works until the new one was used (D-15)', async () => {
    const endpoint = await connected(transport, { ice: { consentIntervalMs: 20 } });
    await transport.changeUfragPwd();
    const states = [transport.iceState, transport.dtlsState];
    expect(states).toEqual(['completed', 'connected']);
    // Consent checks with the old pair are still answered …
    const before = endpoint.ice.successes;
    await until(() => endpoint.ice.successes > before);
    // … and those with the new one as well.
    endpoint.ice.restart(transport.iceLocalParameters);
    const again = endpoint.ice.successes;
    await until(() => endpoint.ice.successes > again);
    expect(endpoint.ice.errors).toEqual([]);
    expect([transport.iceState, transport.dtlsState]).toEqual(states);
  });

  it('tells our state in getStats()', async () => {
    await connected(transport);
    const [stats] = await transport.getStats();
    expect(stats).toMatchObject({
      type: 'webrtc-transport',
      iceState: 'completed',
      dtlsState: 'connected',
      iceSelectedTuple: transport.iceSelectedTuple,
    });
    expect(stats!.bytesReceived).toBeTypeOf('number');
  });
});

describe('addresses', () => {
  it('IPv6: the local half of the tuple is the IPv6 socket', async () => {
    const both = await startServer({ rtcIPv4: '127.0.0.1', rtcIPv6: '::1' }).createRoom();
    const dual = await both.Peer('bob').createTransport();
    const candidates = dual.iceLocalCandidates.filter(
      ({ protocol, family }) => protocol === 'udp' && family === 'ipv6',
    );
    const fingerprint = {
      algorithm: 'sha-256',
      value: dual.dtlsLocalParameters.fingerprints['sha-256'],
    } as const;
    await connected(dual, {
      socket: await openUdpSocket('::1'),
      remote: { ice: dual.iceLocalParameters, candidates, fingerprint },
    });
    expect(dual.iceSelectedTuple).toMatchObject({ localIP: '::1', remoteIP: '::1', protocol: 'udp' });
  });

  it('TCP: media comes over it; when the far side hangs up, ICE is disconnected and the transport closes', async () => {
    const [candidate] = transport.iceLocalCandidates.filter(({ protocol }) => protocol === 'tcp');
    const socket = await openTcpConnection(candidate!.ip, candidate!.port);
    const fingerprint = {
      algorithm: 'sha-256',
      value: transport.dtlsLocalParameters.fingerprints['sha-256'],
    } as const;
    const endpoint = await connected(transport, {
      socket,
      remote: { ice: transport.iceLocalParameters, candidates: [candidate!], fingerprint },
    });
    expect(transport.iceSelectedTuple).toEqual({
      localIP: candidate!.ip,
      localPort: candidate!.port,
      remoteIP: socket.address.ip,
      remotePort: socket.address.port,
      protocol: 'tcp',
    });
    await peer.setCapabilities(peerCapabilities);
    const receiver = peer.RtpReceiver('audio', transport);
    await receiver.receive(opusParameters(1111));
    const arrived = next(receiver, 'rtpraw');
    endpoint.sendRtp(opusPacket(1111, 1));
    await arrived;
    const closed = next(transport, 'close');
    socket.end();
    await closed;
    expect(log.slice(-2)).toEqual(['ice disconnected', 'close']);
    expect([peer.closed, receiver.closed, receiver.transport]).toEqual([false, false, undefined]);
  });

  it('what is not for us is ignored', async () => {
    const socket = createSocket('udp4');
    const { port } = transport.iceLocalCandidates[0]!;
    for (const bytes of [
      [],
      [0],
      [22, 254, 255],
      [128, 100, 0, 1],
      Array.from({ length: 1500 }, (_, i) => i & 255),
    ]) {
      await new Promise((resolve) => socket.send(Uint8Array.from(bytes), port, '127.0.0.1', resolve));
    }
    await connected(transport);
    socket.close();
    expect(transport.dtlsState).toBe('connected');
  });

  it('two transports share one port', async () => {
    const other = await room.Peer('bob').createTransport();
    expect(other.iceLocalCandidates[0]!.port).toBe(transport.iceLocalCandidates[0]!.port);
    const lines: string[] = [];
    record(lines, 'other', other, ['close']);
    const [first] = await Promise.all([connected(transport), connected(other)]);
    const closed = next(transport, 'close');
    first.close();
    await closed;
    expect([lines, other.dtlsState]).toEqual([[], 'connected']);
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
