import { describe, expect, it } from 'vitest';
import type { RemoteDtlsParameters, Transport } from '../src/index.ts';
import { next, startRoom, startServer } from './fixtures.ts';

const fingerprint = { algorithm: 'sha-1' as const, value: '751b8193b7ed277e42bed6c48ef7043a49ce3faa' };

const createTransport = async () => {
  const room = await startRoom();
  return room.Peer('alice').createTransport({ tcp: false });
};

/** The local role before, after, and in the dump. */
async function rolesAround(transport: Transport, parameters: RemoteDtlsParameters) {
  const before = transport.dtlsLocalParameters.role;
  const answer = await transport.setRemoteDtlsParameters(parameters);
  expect(answer).toBe(transport);
  const dump = await transport.dump();
  return [before, transport.dtlsLocalParameters.role, dump.dtlsLocalParameters.role];
}

describe('object-model.md §14.5, Transport', () => {
  it('T1 transport.setRemoteDtlsParameters() with "server" role must succeed', async () => {
    const transport = await createTransport();
    expect(await rolesAround(transport, { role: 'server', fingerprint })).toEqual([
      'auto',
      'client',
      'client',
    ]);
  });

  it('T2 transport.setRemoteDtlsParameters() with "auto" role must succeed', async () => {
    const transport = await createTransport();
    expect(await rolesAround(transport, { role: 'auto', fingerprint })).toEqual(['auto', 'client', 'client']);
  });

  it('T3 transport.setRemoteDtlsParameters() with no role must succeed', async () => {
    const transport = await createTransport();
    expect(await rolesAround(transport, { fingerprint })).toEqual(['auto', 'client', 'client']);
  });

  it('T4 transport.setRemoteDtlsParameters() with invalid role must fail', async () => {
    const transport = await createTransport();
    await expect(
      transport.setRemoteDtlsParameters({ role: 'chicken' as 'auto', fingerprint }),
    ).rejects.toBeInstanceOf(Error);
    expect(transport.dtlsLocalParameters.role).toBe('auto');
  });

  it('T5 transport.setRemoteDtlsParameters() without fingerprint must fail', async () => {
    const transport = await createTransport();
    await expect(
      transport.setRemoteDtlsParameters({ role: 'client' } as RemoteDtlsParameters),
    ).rejects.toBeInstanceOf(Error);
    expect(transport.dtlsLocalParameters.role).toBe('auto');
  });

  it('T6 transport.close() must succeed', async () => {
    const room = await startRoom();
    const peer = room.Peer('alice');
    const transport = await peer.createTransport({ tcp: false });
    const inside = new Promise((resolve) => {
      transport.on('close', (error) => resolve([error, transport.iceState, transport.dtlsState]));
    });
    transport.close();
    expect(await inside).toEqual([undefined, 'closed', 'closed']);
    expect(Object.keys((await peer.dump()).transports)).toHaveLength(0);
  });

  it('T7 create transport in a server with rtcAnnouncedIPv4', async () => {
    const room = await startServer({
      rtcIPv4: true,
      rtcIPv6: false,
      rtcAnnouncedIPv4: 'test.foo.com',
    }).createRoom();
    const peer = room.Peer('alice');
    const udp = await peer.createTransport({ tcp: false });
    expect(udp.iceLocalCandidates).toHaveLength(1);
    expect(udp.iceLocalCandidates[0]).toMatchObject({ protocol: 'udp', family: 'ipv4', ip: 'test.foo.com' });
    const tcp = await peer.createTransport({ udp: false });
    expect(tcp.iceLocalCandidates).toHaveLength(1);
    expect(tcp.iceLocalCandidates[0]).toMatchObject({ protocol: 'tcp', family: 'ipv4', ip: 'test.foo.com' });
    const closed = next(tcp, 'close');
    tcp.close();
    await closed;
  });
});
