import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { onSqlite } from './databases.ts';
import { Instance, type Member } from './harness.ts';
import { capabilities, dtls, vp8 } from './media.ts';

const studio = { ip: '203.0.113.7', port: 5004 };

onSqlite((open) => {
  let weir: Instance;
  let room: string;
  let alice: Member;

  async function start(env: Record<string, string> = {}) {
    weir = new Instance(await open(), { env });
    await weir.lease('pod-1');
    room = await weir.room();
    alice = await join('alice');
  }

  async function join(name: string): Promise<Member> {
    const { rtpCapabilities } = await weir.ok('GET', room, { token: await weir.admin() });
    return weir.join(room, name, { rtpCapabilities: capabilities({ rtpCapabilities }) });
  }

  const plain = (member: Member, options: object = {}) =>
    member.ok('POST', '/transports', { type: 'plain', ...options });
  const held = () => [...(weir.pods.held('pod-1', 'daily')?.transports.values() ?? [])];

  describe('plain transports', () => {
    beforeEach(() => start());
    afterEach(() => weir.driver.close());

    it('are created with the address of their pod, told where to send, read and closed', async () => {
      const created = await plain(alice, { direction: 'recv', appData: { for: 'recorder' } });
      expect(created).toEqual({
        id: expect.stringMatching(/^\d{8}$/),
        type: 'plain',
        direction: 'recv',
        ip: '127.0.0.1',
        port: 40000,
        rtcpMux: true,
        comedia: false,
        appData: { for: 'recorder' },
      });
      expect(held()).toMatchObject([{ type: 'plain', comedia: false, rtcpMux: true }]);
      expect(held()[0]).not.toHaveProperty('remote');

      const path = `/transports/${created.id}`;
      const connected = await alice.ok('PUT', `${path}/plain`, studio);
      expect(connected).toEqual({ ...created, remote: studio });
      expect(held()).toMatchObject([{ remote: studio }]);
      expect(await alice.ok('GET', path)).toEqual(connected);

      const limited = await alice.ok('PATCH', path, { maxIncomingBitrate: 500_000 });
      expect(limited).toEqual(connected);
      expect(held()).toMatchObject([{ maxIncomingBitrate: 500_000 }]);

      const snapshot = await alice.ok('GET', '/snapshot');
      expect(snapshot).toMatchObject({ transports: [], plainTransports: [connected] });

      await alice.events();
      expect((await alice.call('DELETE', path)).status).toBe(204);
      expect(await alice.events()).toMatchObject([
        { type: 'close', target: { kind: 'transport', id: created.id } },
      ]);
      expect(held()).toEqual([]);
      expect(await alice.ok('GET', '/snapshot')).not.toHaveProperty('plainTransports');
    });

    it('are given the same way again when a PUT is repeated, and refuse another address', async () => {
      const { id } = await plain(alice);
      const first = await alice.ok('PUT', `/transports/${id}/plain`, studio);
      const updates = weir.pods.updates.length;
      expect(await alice.ok('PUT', `/transports/${id}/plain`, studio)).toEqual(first);
      expect(weir.pods.updates).toHaveLength(updates);
      await weir.refused(
        'PUT',
        `${alice.path}/transports/${id}/plain`,
        { token: alice.token, body: { ...studio, port: 5006 } },
        { status: 409, code: 'invalid-state' },
      );
      expect(held()).toMatchObject([{ remote: studio }]);
    });

    it('take IPv6 in any spelling, and are reached by IPv6 if that is preferred', async () => {
      const created = await plain(alice, { preferIPv6: true, rtcpMux: false });
      expect(created).toMatchObject({ ip: '::1', port: 40000, rtcpMux: false });
      const body = { ip: '2606:4700:0:0:0:0:0:1111', port: 5004, rtcpPort: 5005 };
      const { remote } = await alice.ok('PUT', `/transports/${created.id}/plain`, body);
      expect(remote).toEqual({ ip: '2606:4700::1111', port: 5004, rtcpPort: 5005 });
      expect(held()).toMatchObject([{ remote }]);
    });

    it('with comedia show the address once the pod has learnt it', async () => {
      const { id } = await plain(alice, { comedia: true });
      expect(held()).toMatchObject([{ comedia: true }]);
      await alice.events();
      const tuple = {
        localIP: '127.0.0.1',
        localPort: 40000,
        remoteIP: '192.0.2.9',
        remotePort: 41000,
        protocol: 'udp',
      } as const;
      await weir
        .pod('pod-1')
        .report([{ roomId: 'daily', type: 'transport.tuple', transportId: Number(id), tuple }]);
      expect(await alice.events()).toMatchObject([{ type: 'iceselectedtuplechange', data: tuple }]);
      expect(await alice.ok('GET', `/transports/${id}`)).toMatchObject({
        comedia: true,
        remote: { ip: '192.0.2.9', port: 41000 },
      });
    });

    it('carry receivers and senders as others do', async () => {
      const bob = await join('bob');
      const sending = await plain(alice, { direction: 'send', comedia: true });
      const receiver = await alice.ok('POST', '/receivers', {
        kind: 'video',
        transportId: sending.id,
        rtpParameters: vp8(4000),
      });
      const receiving = await plain(bob, { direction: 'recv' });
      await bob.ok('PUT', `/transports/${receiving.id}/plain`, studio);
      const [{ id: senderId }] = (await bob.ok('GET', '/senders')).senders;
      const sender = await bob.ok('PATCH', `/senders/${senderId}`, {
        transportId: receiving.id,
        enabled: true,
      });
      expect(sender).toMatchObject({ active: true, receiverId: receiver.id, transportId: receiving.id });
      const room = weir.pods.held('pod-1', 'daily')!;
      expect(room.receivers.get(Number(receiver.id))).toMatchObject({ transportId: Number(sending.id) });
      expect(room.senders.get(Number(senderId))).toMatchObject({ transportId: Number(receiving.id) });
    });

    it('are created once for one Idempotency-Key', async () => {
      const create = () =>
        weir.call('POST', `${alice.path}/transports`, {
          token: alice.token,
          body: { type: 'plain' },
          headers: { 'idempotency-key': 'once' },
        });
      const [first, second] = [await create(), await create()];
      expect(first.status).toBe(201);
      expect(second.body).toEqual(first.body);
      expect(held()).toHaveLength(1);
    });
  });

  describe('plain transports refuse', () => {
    interface Refusal {
      readonly name: string;
      readonly options?: object;
      readonly body: object;
      readonly problem: { status: number; code: string; field?: string };
      readonly remedy: RegExp;
    }
    const invalid = (field: string) => ({ status: 422, code: 'invalid-parameter', field });
    const refusals: Refusal[] = [
      {
        name: 'loopback',
        body: { ip: '127.0.0.1', port: 5004 },
        problem: invalid('ip'),
        remedy: /WEIR_ALLOW_PRIVATE_REMOTES=1/,
      },
      {
        name: 'the metadata service of clouds',
        body: { ip: '169.254.169.254', port: 80 },
        problem: invalid('ip'),
        remedy: /give a public one/,
      },
      {
        name: 'a private address inside IPv6',
        body: { ip: '::ffff:10.0.0.1', port: 5004 },
        problem: invalid('ip'),
        remedy: /10\.0\.0\.1 is a private/,
      },
      {
        name: 'multicast',
        body: { ip: '239.1.2.3', port: 5004 },
        problem: invalid('ip'),
        remedy: /not the address of one host/,
      },
      {
        name: 'what is no IP address',
        body: { ip: 'localhost', port: 5004 },
        problem: invalid('ip'),
        remedy: /IPv4 or IPv6/,
      },
      { name: 'port 0', body: { ...studio, port: 0 }, problem: invalid('port'), remedy: />=1/ },
      { name: 'port 65536', body: { ...studio, port: 65536 }, problem: invalid('port'), remedy: /<=65535/ },
      { name: 'no port', body: { ip: studio.ip }, problem: invalid('port'), remedy: /number/ },
      {
        name: 'an RTCP port with rtcpMux',
        body: { ...studio, rtcpPort: 5005 },
        problem: invalid('rtcpPort'),
        remedy: /leave it out/,
      },
      {
        name: 'no RTCP port without rtcpMux',
        options: { rtcpMux: false },
        body: studio,
        problem: invalid('rtcpPort'),
        remedy: /give it/,
      },
      {
        name: 'an RTCP port out of range',
        options: { rtcpMux: false },
        body: { ...studio, rtcpPort: 70000 },
        problem: invalid('rtcpPort'),
        remedy: /<=65535/,
      },
      {
        name: 'an address with comedia',
        options: { comedia: true },
        body: studio,
        problem: { status: 409, code: 'invalid-state' },
        remedy: /first packet/,
      },
      {
        name: 'to be told of an address when they are WebRTC',
        options: { type: 'webrtc' },
        body: studio,
        problem: { status: 409, code: 'invalid-state' },
        remedy: /only a plain transport/,
      },
    ];
    beforeEach(() => start());
    afterEach(() => weir.driver.close());

    it.each(refusals)('$name', async ({ options, body, problem, remedy }) => {
      const { id } = await plain(alice, options);
      const before = held();
      const request = { token: alice.token, body };
      const told = await weir.refused('PUT', `${alice.path}/transports/${id}/plain`, request, problem);
      expect(told.detail).toMatch(remedy);
      expect(held()).toEqual(before);
    });

    it('the address of a pod, whose packets would come back to it', async () => {
      await weir.lease('pod-1', {
        addresses: [{ ip: '198.51.100.4', family: 'ipv4', protocol: 'udp', port: 40000 }],
      });
      const { id } = await plain(alice, { rtcpMux: false });
      for (const ports of [
        { port: 40000, rtcpPort: 5005 },
        { port: 5004, rtcpPort: 40000 },
      ]) {
        const request = { token: alice.token, body: { ip: '198.51.100.4', ...ports } };
        await weir.refused('PUT', `${alice.path}/transports/${id}/plain`, request, invalid('ip'));
      }
      await alice.ok('PUT', `/transports/${id}/plain`, { ip: '198.51.100.4', port: 5004, rtcpPort: 5005 });
    });

    it('those who do not own them', async () => {
      const { id } = await plain(alice);
      const bob = await join('bob');
      const body = studio;
      const put = `transports/${id}/plain`;
      const notFound = { status: 404, code: 'transport-not-found' };
      await weir.refused('PUT', `${bob.path}/${put}`, { token: bob.token, body }, notFound);
      const forbidden = { status: 403, code: 'forbidden' };
      await weir.refused('PUT', `${alice.path}/${put}`, { token: bob.token, body }, forbidden);
      await weir.refused('DELETE', `${bob.path}/transports/${id}`, { token: bob.token }, notFound);
      await weir.refused('PUT', `${alice.path}/${put}`, { body }, { status: 401, code: 'unauthorized' });
      expect(held()[0]).not.toHaveProperty('remote');
    });

    it('what only WebRTC has: DTLS, ICE restarts, limits of what is sent', async () => {
      const { id } = await plain(alice);
      const path = `${alice.path}/transports/${id}`;
      const state = { status: 409, code: 'invalid-state' };
      const { token } = alice;
      await weir.refused(
        'PUT',
        `${path}/dtls`,
        { token, body: { dtlsParameters: dtls } },
        { ...state, field: 'dtlsParameters' },
      );
      await weir.refused('POST', `${path}/ice-restart`, { token }, state);
      for (const field of ['maxOutgoingBitrate', 'minOutgoingBitrate']) {
        await weir.refused('PATCH', path, { token, body: { [field]: 100_000 } }, invalid(field));
      }
    });

    it('to be made of what does not fit together', async () => {
      const cases: [object, string][] = [
        [{ type: 'plain', udp: false }, 'udp'],
        [{ comedia: true }, 'comedia'],
        [{ type: 'webrtc', rtcpMux: false }, 'rtcpMux'],
        [{ type: 'rtsp' }, 'type'],
      ];
      for (const [body, field] of cases) {
        await weir.refused('POST', `${alice.path}/transports`, { token: alice.token, body }, invalid(field));
      }
      expect(held()).toEqual([]);
    });
  });

  describe('private addresses are allowed', () => {
    afterEach(() => weir.driver.close());

    it.each([{ WEIR_ALLOW_PRIVATE_REMOTES: '1' }, { WEIR_ENV: 'development' }])('by %o', async (env) => {
      await start(env as unknown as Record<string, string>);
      const { id } = await plain(alice);
      const body = { ip: '::ffff:127.0.0.1', port: 5004 };
      const { remote } = await alice.ok('PUT', `/transports/${id}/plain`, body);
      expect(remote).toEqual({ ip: '127.0.0.1', port: 5004 });
    });

    it('but not those of no single host', async () => {
      await start({ WEIR_ALLOW_PRIVATE_REMOTES: '1' });
      const { id } = await plain(alice);
      for (const ip of ['0.0.0.0', '255.255.255.255', 'ff02::1', '::']) {
        await weir.refused(
          'PUT',
          `${alice.path}/transports/${id}/plain`,
          { token: alice.token, body: { ip, port: 5004 } },
          { status: 422, code: 'invalid-parameter', field: 'ip' },
        );
      }
    });
  });
});
