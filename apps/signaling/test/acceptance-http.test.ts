import { beforeEach, describe, expect, it } from 'vitest';
import { mediaCodecs, startPeer, startRoom } from './acceptance.ts';
import { onSqlite } from './databases.ts';
import type { Instance, Member } from './harness.ts';
import { opus as audio } from './media.ts';

/** object-model.md §14.2 to §14.5 over HTTP: what has no route, and why, stands in scripts/acceptance-routes.ts. */

onSqlite((open) => {
  let weir: Instance;
  let room: string;

  beforeEach(async () => {
    ({ weir, room } = await startRoom(open));
  });

  const join = async (name: string, problem?: { status: number; code: string; field?: string }) => {
    const request = { token: await weir.token(), body: { name } };
    return problem && (await weir.refused('POST', `${room}/peers`, request, problem));
  };
  const names = async () => {
    const { peers } = await weir.ok('GET', `${room}/peers`, { token: await weir.token() });
    return peers.map(({ name }: { name: string }) => name);
  };
  const eventsOf = async (member: Member) =>
    (await member.events()).map(({ type, target, data }) => ({ type, target, data }));

  describe('Server', () => {
    it('HTTP S5 a room is created, and closed without an error', async () => {
      const token = await weir.admin();
      const created = await weir.call('POST', '/v1/rooms', { token, body: { id: 'second', mediaCodecs } });
      expect([created.status, created.body.id]).toEqual([201, 'second']);
      const alice = await weir.join('/v1/rooms/second', 'alice');
      await alice.events();
      expect((await weir.call('DELETE', '/v1/rooms/second', { token })).status).toBe(204);
      const last = (await eventsOf(alice)).at(-1);
      const data = { reason: 'room-closed' };
      expect(last).toEqual({ type: 'close', target: { kind: 'room', id: 'second' }, data });
    });

    it('HTTP S7 the pods and what they carry can be listed', async () => {
      await weir.lease('pod-2');
      const { pods } = await weir.ok('GET', '/v1/pods', { token: await weir.admin() });
      expect(pods.map(({ id }: { id: string }) => id).sort()).toEqual(['pod-1', 'pod-2']);
      for (const pod of pods) expect(pod).toMatchObject({ placeable: true, capacity: 100, rooms: 0 });
      const forbidden = { status: 403, code: 'forbidden' };
      for (const grants of [{}, { admin: true, room: 'daily' }]) {
        await weir.refused('GET', '/v1/pods', { token: await weir.token(grants) }, forbidden);
      }
    });
  });

  describe('Room', () => {
    it('HTTP R1 a peer joins, and leaves without an error', async () => {
      const bob = await weir.join(room, 'bob');
      const alice = await weir.join(room, 'alice');
      await bob.events();
      expect((await alice.call('DELETE', '')).status).toBe(204);
      expect(await eventsOf(bob)).toEqual([
        {
          type: 'peerclose',
          target: { kind: 'room', id: 'daily' },
          data: { id: alice.id, name: 'alice', appData: {}, reason: 'left' },
        },
      ]);
      const own = (await eventsOf(alice)).at(-1);
      expect(own).toEqual({
        type: 'close',
        target: { kind: 'peer', id: alice.id },
        data: { reason: 'left' },
      });
    });

    it('HTTP R2 joining without a name is refused', async () => {
      const problem = { status: 422, code: 'invalid-parameter', field: 'name' };
      await weir.refused('POST', `${room}/peers`, { token: await weir.token(), body: {} }, problem);
      await join('', problem);
      expect(await names()).toEqual([]);
    });

    it('HTTP R3 the same name is refused', async () => {
      await weir.join(room, 'alice');
      await join('alice', { status: 409, code: 'name-taken', field: 'name' });
      expect(await names()).toEqual(['alice']);
    });

    it('HTTP R4 the same name is taken as soon as the first peer has left', async () => {
      const first = await weir.join(room, 'alice');
      expect(await names()).toEqual(['alice']);
      await first.ok('DELETE', '');
      expect(await names()).toEqual([]);
      const token = await weir.token();
      await weir.refused('GET', first.path, { token }, { status: 410, code: 'peer-closed' });
      const second = await weir.join(room, 'alice');
      expect(second.id).not.toBe(first.id);
      expect(await weir.ok('GET', second.path, { token })).toMatchObject({ id: second.id, name: 'alice' });
      expect(await names()).toEqual(['alice']);
      expect((await second.call('DELETE', '')).status).toBe(204);
    });

    it('HTTP R5 the peers are those that are there, in the order they joined', async () => {
      await weir.join(room, 'alice');
      const bob = await weir.join(room, 'bob');
      await weir.join(room, 'carol');
      await bob.ok('DELETE', '');
      expect(await names()).toEqual(['alice', 'carol']);
    });

    it('HTTP R6 the room tells its capabilities for audio and video', async () => {
      const { rtpCapabilities } = await weir.ok('GET', room, { token: await weir.token() });
      const ofKind = (kind: string) =>
        rtpCapabilities.codecs
          .filter((codec: { kind: string }) => codec.kind === kind)
          .map((codec: { mimeType: string; preferredPayloadType: number }) => [
            codec.mimeType,
            codec.preferredPayloadType,
          ]);
      expect(ofKind('audio')).toEqual([
        ['audio/opus', 100],
        ['audio/PCMU', 0],
      ]);
      expect(ofKind('video')).toEqual([
        ['video/VP8', 110],
        ['video/rtx', 101],
        ['video/H264', 112],
        ['video/rtx', 102],
      ]);
      expect(rtpCapabilities.headerExtensions.length).toBeGreaterThan(5);
    });

    it('HTTP R7 the dump of a room has its peers', async () => {
      await Promise.all([weir.join(room, 'alice'), weir.join(room, 'bob')]);
      const dump = await weir.ok('GET', `${room}/dump`, { token: await weir.admin() });
      expect(dump.peers.map(({ peerName }: { peerName: string }) => peerName).sort()).toEqual([
        'alice',
        'bob',
      ]);
    });
  });

  describe('Peer', () => {
    let alice: Member;
    beforeEach(async () => {
      alice = await startPeer(weir, room, 'alice');
    });

    it('HTTP P1 a transport is created without options', async () => {
      expect(alice.answer.peer.name).toBe('alice');
      const created = await alice.call('POST', '/transports', {});
      expect(created.status).toBe(201);
      const { transports } = await alice.ok('GET', '/dump');
      expect(transports.map(({ id }: { id: number }) => String(id))).toEqual([created.body.id]);
    });

    it('HTTP P2 a transport without UDP and TCP is refused', async () => {
      const request = { token: alice.token, body: { udp: false, tcp: false } };
      const problem = { status: 422, code: 'invalid-parameter', field: 'udp' };
      const { detail } = await weir.refused('POST', `${alice.path}/transports`, request, problem);
      expect(detail).toMatch('could not open any IP:port');
      expect((await alice.ok('GET', '/dump')).transports).toEqual([]);
    });

    it('HTTP P3 a receiver is created on a transport', async () => {
      const { id } = await alice.ok('POST', '/transports', { tcp: false });
      const body = { kind: 'audio', transportId: id, rtpParameters: audio(1) };
      const created = await alice.call('POST', '/receivers', body);
      expect([created.status, created.body.transportId]).toEqual([201, id]);
      const { rtpReceivers } = await alice.ok('GET', '/dump');
      expect(rtpReceivers.map((one: { id: number }) => String(one.id))).toEqual([created.body.id]);
      expect((await alice.ok('GET', '/snapshot')).receivers).toEqual([created.body]);
    });

    it('HTTP P4 a receiver on a closed transport is refused', async () => {
      const { id } = await alice.ok('POST', '/transports', { tcp: false });
      await alice.ok('DELETE', `/transports/${id}`);
      await weir.refused(
        'POST',
        `${alice.path}/receivers`,
        { token: alice.token, body: { kind: 'audio', transportId: id, rtpParameters: audio(1) } },
        { status: 404, code: 'transport-not-found', field: 'transportId' },
      );
    });

    it('HTTP P5 a receiver of a kind that there is not is refused', async () => {
      const { id } = await alice.ok('POST', '/transports', { tcp: false });
      await weir.refused(
        'POST',
        `${alice.path}/receivers`,
        { token: alice.token, body: { kind: 'chicken', transportId: id, rtpParameters: audio(1) } },
        { status: 422, code: 'invalid-parameter', field: 'kind' },
      );
    });
  });

  describe('Transport', () => {
    const fingerprint = { algorithm: 'sha-1', value: '751b8193b7ed277e42bed6c48ef7043a49ce3faa' };
    let alice: Member;
    let transport: string;
    beforeEach(async () => {
      alice = await weir.join(room, 'alice');
      transport = `/transports/${(await alice.ok('POST', '/transports', { tcp: false })).id}`;
    });

    const role = async () => (await alice.ok('GET', transport)).dtlsParameters.role;
    const rolesAround = async (dtlsParameters: object) => {
      const before = await role();
      expect((await alice.call('PUT', `${transport}/dtls`, { dtlsParameters })).status).toBe(204);
      const [dumped] = (await alice.ok('GET', '/dump')).transports;
      return [before, await role(), dumped.dtlsLocalRole];
    };

    it('HTTP T1 with an endpoint that is DTLS server we are client', async () => {
      const dtlsParameters = { role: 'server', fingerprints: [fingerprint] };
      expect(await rolesAround(dtlsParameters)).toEqual(['auto', 'client', 'client']);
    });

    it('HTTP T2 with an endpoint that leaves it open we are client', async () => {
      const dtlsParameters = { role: 'auto', fingerprints: [fingerprint] };
      expect(await rolesAround(dtlsParameters)).toEqual(['auto', 'client', 'client']);
    });

    it('HTTP T3 with an endpoint that says nothing of it we are client', async () => {
      expect(await rolesAround({ fingerprints: [fingerprint] })).toEqual(['auto', 'client', 'client']);
    });

    it('HTTP T4 a role that there is not is refused, and ours stays open', async () => {
      const dtlsParameters = { role: 'chicken', fingerprints: [fingerprint] };
      await weir.refused(
        'PUT',
        `${alice.path}${transport}/dtls`,
        { token: alice.token, body: { dtlsParameters } },
        { status: 422, code: 'invalid-parameter', field: 'dtlsParameters.role' },
      );
      expect(await role()).toBe('auto');
    });

    it('HTTP T5 without a fingerprint it is refused, and our role stays open', async () => {
      await weir.refused(
        'PUT',
        `${alice.path}${transport}/dtls`,
        { token: alice.token, body: { dtlsParameters: { role: 'client' } } },
        { status: 422, code: 'invalid-parameter', field: 'dtlsParameters.fingerprints' },
      );
      expect(await role()).toBe('auto');
    });

    it('HTTP T6 a transport is closed without an error, and gone', async () => {
      await alice.events();
      expect((await alice.call('DELETE', transport)).status).toBe(204);
      expect(await eventsOf(alice)).toEqual([
        { type: 'close', target: { kind: 'transport', id: transport.split('/')[2] }, data: {} },
      ]);
      const gone = { status: 404, code: 'transport-not-found' };
      await weir.refused('GET', `${alice.path}${transport}`, { token: alice.token }, gone);
      expect((await alice.ok('GET', '/dump')).transports).toEqual([]);
    });

    it('HTTP T7 candidates have the announced address', async () => {
      const announced = { ip: 'test.foo.com', family: 'ipv4', port: 40000 } as const;
      await weir.lease('pod-1', {
        addresses: [
          { ...announced, protocol: 'udp' },
          { ...announced, protocol: 'tcp' },
        ],
      });
      const udp = await alice.ok('POST', '/transports', { tcp: false });
      expect(udp.iceCandidates).toEqual([
        expect.objectContaining({ protocol: 'udp', ip: 'test.foo.com', address: 'test.foo.com' }),
      ]);
      const tcp = await alice.ok('POST', '/transports', { udp: false });
      expect(tcp.iceCandidates).toEqual([
        expect.objectContaining({ protocol: 'tcp', tcpType: 'passive', ip: 'test.foo.com' }),
      ]);
      expect((await alice.call('DELETE', `/transports/${tcp.id}`)).status).toBe(204);
    });
  });
});
