import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { onEveryDatabaseAndD1 } from './databases.ts';
import { FakePods } from './fake-pods.ts';
import { Instance } from './harness.ts';
import { capabilities, dtls, opus, vp8 } from './media.ts';
import { settle } from './virtual-clock.ts';

onEveryDatabaseAndD1((open) => {
  async function start(env: Record<string, string> = {}) {
    const database = await open();
    const weir = new Instance(database, { env });
    await weir.lease('pod-1');
    const room = await weir.room();
    return { database, weir, room };
  }

  const count = async (weir: Instance, table: string) => {
    const [rows] = await weir.driver.read([sql`SELECT COUNT(*) AS count FROM ${sql.identifier(table)}`]);
    return Number(rows![0]!.count);
  };

  describe('Idempotency-Key', () => {
    it('the same key and body give the first answer, and nothing is done twice', async () => {
      const { weir, room } = await start();
      const token = await weir.token();
      const headers = { 'idempotency-key': 'join-1' };
      const request = { token, body: { name: 'alice' }, headers };
      const first = await weir.call('POST', `${room}/peers`, request);
      expect(first.status).toBe(201);
      const again = await weir.call('POST', `${room}/peers`, request);
      expect([again.status, again.body]).toEqual([first.status, first.body]);
      expect(await count(weir, 'peers')).toBe(1);
    });

    it('another body, or another path, is refused', async () => {
      const { weir, room } = await start();
      const token = await weir.token();
      const headers = { 'idempotency-key': 'k' };
      const { peer } = await weir.ok('POST', `${room}/peers`, { token, body: { name: 'alice' }, headers });
      const mismatch = { status: 422, code: 'idempotency-mismatch', field: 'Idempotency-Key' };
      await weir.refused('POST', `${room}/peers`, { token, body: { name: 'bob' }, headers }, mismatch);
      await weir.refused(
        'POST',
        `${room}/peers/${peer.id}/transports`,
        { token, body: {}, headers },
        mismatch,
      );
      expect(await count(weir, 'peers')).toBe(1);
    });

    it('keys of different tokens have nothing to do with each other', async () => {
      const { weir, room } = await start();
      const headers = { 'idempotency-key': 'k' };
      const one = await weir.ok('POST', `${room}/peers`, {
        token: await weir.token(),
        body: { name: 'a' },
        headers,
      });
      const two = await weir.ok('POST', `${room}/peers`, {
        token: await weir.token(),
        body: { name: 'b' },
        headers,
      });
      expect(one.peer.id).not.toBe(two.peer.id);
    });

    it('copies at the same time, on different instances, are done once', async () => {
      const { database, weir, room } = await start();
      const others = [1, 2].map(() => new Instance(database, { clock: weir.clock, pods: weir.pods }));
      const token = await weir.token();
      const request = { token, body: { name: 'alice' }, headers: { 'idempotency-key': 'k' } };
      const instances = [weir, ...others];
      const work = Promise.all(
        Array.from({ length: 9 }, (_, index) => instances[index % 3]!.call('POST', `${room}/peers`, request)),
      );
      const replies = await weir.clock.until(work);
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]));
      expect(new Set(replies.map(({ body }) => body.peer.id)).size).toBe(1);
      expect(await count(weir, 'peers')).toBe(1);
    });

    it('a token has so many answers kept for so long; beyond that the oldest are forgotten', async () => {
      const { weir, room } = await start({
        WEIR_IDEMPOTENCY_KEYS_PER_TOKEN: '3',
        WEIR_IDEMPOTENCY_SECONDS: '600',
      });
      // One for all, as a web page may hand it out.
      const [token, other] = [await weir.token(), await weir.token({ subject: 'another' })];
      const join = (name: string, bearer = token, key = name) =>
        weir.call('POST', `${room}/peers`, {
          token: bearer,
          body: { name },
          headers: { 'idempotency-key': key },
        });
      await join('somebody', other);
      const first = new Map<string, string>();
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
        const { status, body } = await join(name);
        expect(status).toBe(201);
        first.set(name, body.peer.id);
        await weir.clock.advance(1000);
      }
      expect(await count(weir, 'idempotency_keys')).toBe(4);
      for (const name of ['e', 'f', 'g']) expect((await join(name)).body.peer.id).toBe(first.get(name));
      // Others keep theirs.
      await join('somebody', other);
      expect(await count(weir, 'peers')).toBe(8);
      // It was forgotten, so another request may have the key.
      expect((await join('h', token, 'a')).status).toBe(201);
      await weir.clock.advance(601_000);
      await weir.sweeper.sweep();
      expect(await count(weir, 'idempotency_keys')).toBe(0);
    });

    it('works on every POST', async () => {
      const { weir, room } = await start();
      const alice = await weir.join(room, 'alice');
      const bob = await weir.join(room, 'bob');
      for (const one of [alice, bob]) {
        await one.ok('PUT', '/capabilities', {
          rtpCapabilities: capabilities(alice.answer.snapshot.room as never),
        });
      }
      const twice = async (member: typeof alice, path: string, body?: unknown) => {
        const headers = { 'idempotency-key': `key of ${path}` };
        const request = { token: member.token, body, headers };
        const first = await weir.call('POST', `${member.path}${path}`, request);
        expect(first.status, JSON.stringify(first.body)).toBeLessThan(300);
        const again = await weir.call('POST', `${member.path}${path}`, request);
        expect([again.status, again.body]).toEqual([first.status, first.body]);
        return first.body;
      };
      const transport = await twice(alice, '/transports', { direction: 'send' });
      await twice(alice, `/transports/${transport.id}/ice-restart`);
      await twice(alice, '/receivers', { kind: 'video', transportId: transport.id, rtpParameters: vp8(1) });
      await twice(bob, '/events/ticket');
      const [sender] = (await bob.ok('GET', '/senders')).senders;
      const receiving = await bob.ok('POST', '/transports', {});
      await bob.ok('PATCH', `/senders/${sender.id}`, { transportId: receiving.id });
      await settle();
      weir.pods.keyFrames.length = 0;
      await twice(bob, `/senders/${sender.id}/keyframe`);
      await settle();
      expect(weir.pods.keyFrames).toEqual([Number(sender.id)]);
      expect([await count(weir, 'transports'), await count(weir, 'receivers')]).toEqual([2, 1]);
      const admin = await weir.admin();
      const create = { token: admin, body: { id: 'other' }, headers: { 'idempotency-key': 'room' } };
      const first = await weir.ok('POST', '/v1/rooms', create);
      expect(await weir.ok('POST', '/v1/rooms', create)).toEqual(first);
    });
  });

  describe('calls that are idempotent by nature', () => {
    it('can be repeated by a client that lost the answer', async () => {
      const { weir, room } = await start();
      const alice = await weir.join(room, 'alice');
      const caps = { rtpCapabilities: capabilities(alice.answer.snapshot.room as never) };
      const first = await alice.ok('PUT', '/capabilities', caps);
      expect(await alice.ok('PUT', '/capabilities', caps)).toEqual(first);
      const { id } = await alice.ok('POST', '/transports', {});
      await alice.ok('PUT', `/transports/${id}/dtls`, { dtlsParameters: dtls });
      await alice.ok('PUT', `/transports/${id}/dtls`, { dtlsParameters: dtls });
      const receiver = await alice.ok('POST', '/receivers', {
        kind: 'audio',
        transportId: id,
        rtpParameters: opus(9),
      });
      for (let time = 0; time < 2; time += 1) {
        await alice.ok('PATCH', `/receivers/${receiver.id}`, {
          paused: true,
          transportId: id,
          appData: { a: 1 },
        });
        await alice.ok('PATCH', `/transports/${id}`, { maxIncomingBitrate: 500_000 });
      }
      await alice.events();
      expect((await alice.call('DELETE', '')).status).toBe(204);
      expect((await alice.call('DELETE', '')).status).toBe(204);
      const admin = await weir.admin();
      expect((await weir.call('DELETE', room, { token: admin })).status).toBe(204);
      expect((await weir.call('DELETE', room, { token: admin })).status).toBe(204);
      await weir.refused('GET', room, { token: admin }, { status: 410, code: 'room-closed' });
    });
  });

  describe('tokens', () => {
    it('a removed peer’s token is taken back at once, but it may read why', async () => {
      const { weir, room } = await start();
      const [alice, admin] = [await weir.join(room, 'alice'), await weir.admin()];
      await weir.ok('DELETE', alice.path, { token: admin });
      const taken = { status: 403, code: 'forbidden' };
      const detail = (await weir.refused('GET', room, { token: alice.token }, taken)).detail;
      expect(detail).toMatch(/taken back: the peer was removed from the room\. Get a new one/);
      await weir.refused('POST', `${room}/peers`, { token: alice.token, body: { name: 'alice' } }, taken);
      await weir.refused('POST', `${alice.path}/transports`, { token: alice.token, body: {} }, taken);
      expect(await alice.events()).toMatchObject([{ type: 'close', data: { reason: 'removed' } }]);
    });

    it('a removed peer cannot have its join answered again', async () => {
      const { weir, room } = await start();
      const token = await weir.token();
      const request = { token, body: { name: 'alice' }, headers: { 'idempotency-key': 'join' } };
      const { peer } = await weir.ok('POST', `${room}/peers`, request);
      expect((await weir.call('POST', `${room}/peers`, request)).status).toBe(201);
      await weir.ok('DELETE', `${room}/peers/${peer.id}`, { token: await weir.admin() });
      await weir.refused('POST', `${room}/peers`, request, { status: 403, code: 'forbidden' });
    });

    it('a token for another room, or with lesser grants, is not given the answers of a greater one', async () => {
      const { weir, room } = await start();
      const body = { name: 'alice' };
      const headers = { 'idempotency-key': 'join' };
      const all = await weir.token({ subject: 'user-7' });
      await weir.ok('POST', `${room}/peers`, { token: all, body, headers });
      const elsewhere = await weir.token({ subject: 'user-7', room: 'weekly' });
      await weir.refused(
        'POST',
        `${room}/peers`,
        { token: elsewhere, body, headers },
        { status: 403, code: 'forbidden' },
      );
      const create = { body: { id: 'other' }, headers: { 'idempotency-key': 'room' } };
      await weir.ok('POST', '/v1/rooms', {
        ...create,
        token: await weir.token({ subject: 'a', admin: true }),
      });
      await weir.refused(
        'POST',
        '/v1/rooms',
        { ...create, token: await weir.token({ subject: 'a' }) },
        { status: 403, code: 'forbidden' },
      );
    });

    it('whoever is removed stays out with every token it has, until its backend gives it a new one', async () => {
      const { weir, room } = await start();
      const [one, two] = [await weir.token({ subject: 'mallory' }), await weir.token({ subject: 'mallory' })];
      const { peer } = await weir.ok('POST', `${room}/peers`, { token: one, body: { name: 'm' } });
      await weir.ok('DELETE', `${room}/peers/${peer.id}`, { token: await weir.admin() });
      for (const token of [one, two]) {
        await weir.refused(
          'POST',
          `${room}/peers`,
          { token, body: { name: 'm' } },
          { status: 403, code: 'forbidden' },
        );
      }
      const stranger = await weir.token({ subject: 'bob' });
      await weir.ok('POST', `${room}/peers`, { token: stranger, body: { name: 'bob' } });
      await weir.clock.advance(1000);
      const pardoned = await weir.token({ subject: 'mallory' });
      await weir.ok('POST', `${room}/peers`, { token: pardoned, body: { name: 'm' } });
      await weir.refused('GET', room, { token: two }, { status: 403, code: 'forbidden' });
    });

    it('whoever is removed while it joins once more does not come in, whichever room it was removed from', async () => {
      for (const from of ['daily', 'other']) {
        const { database, weir, room } = await start();
        const other = await weir.room('other');
        const removedFrom = from === 'daily' ? room : other;
        const [one, two] = [
          await weir.token({ subject: 'mallory' }),
          await weir.token({ subject: 'mallory' }),
        ];
        const { peer } = await weir.ok('POST', `${removedFrom}/peers`, { token: one, body: { name: 'm' } });
        const admin = await weir.admin();
        // The removal is done when the join has been let in and decided on, and is about to be written.
        let removals = 0;
        const connect = () => {
          const driver = database.connect();
          const write: typeof driver.write = async (statements) => {
            removals += 1;
            if (removals === 1) await weir.ok('DELETE', `${removedFrom}/peers/${peer.id}`, { token: admin });
            return await driver.write(statements);
          };
          return { ...driver, write };
        };
        const late = new Instance({ connect }, { clock: weir.clock, pods: weir.pods });
        const join = { token: two, body: { name: 'again' } };
        const { detail } = await late.refused('POST', `${room}/peers`, join, {
          status: 403,
          code: 'forbidden',
        });
        expect(detail).toMatch(/taken back: the peer was removed/);
        const { peers } = await weir.ok('GET', `${room}/peers`, { token: admin });
        expect(peers).toEqual([]);
      }
    });

    it('with a removed peer go all that joined with its token or subject', async () => {
      const { weir, room } = await start();
      const [one, two] = [await weir.token({ subject: 'm' }), await weir.token({ subject: 'm' })];
      const bob = await weir.join(room, 'bob');
      const ids: string[] = [];
      for (const [name, token] of [
        ['m1', one],
        ['m2', one],
        ['m3', two],
      ] as const) {
        ids.push((await weir.ok('POST', `${room}/peers`, { token, body: { name } })).peer.id);
      }
      await bob.events();
      await weir.ok('DELETE', `${room}/peers/${ids[1]}`, { token: await weir.admin() });
      expect((await bob.ok('GET', '')).name).toBe('bob');
      const { peers } = await weir.ok('GET', `${room}/peers`, { token: bob.token });
      expect(peers.map(({ name }: { name: string }) => name)).toEqual(['bob']);
      expect((await bob.events()).map(({ type, data }) => [type, data.id])).toEqual(
        ids.map((id) => ['peerclose', id]),
      );
    });

    it('with a replaced peer go the others of its token, and make room', async () => {
      const database = await open();
      const weir = new Instance(database);
      const room = await weir.room('small', { maxPeers: 2 });
      const token = await weir.token();
      for (const name of ['alice', 'shadow']) {
        await weir.ok('POST', `${room}/peers`, { token, body: { name } });
      }
      await weir.join(room, 'alice', { onTakenName: 'replace' });
      await weir.join(room, 'bob');
      const { peers } = await weir.ok('GET', `${room}/peers`, { token: await weir.admin() });
      expect(peers.map(({ name }: { name: string }) => name)).toEqual(['alice', 'bob']);
    });

    it('whoever leaves by another token of its own comes again with either', async () => {
      const { weir, room } = await start();
      const [one, two] = [await weir.token({ subject: 's' }), await weir.token({ subject: 's' })];
      const { peer } = await weir.ok('POST', `${room}/peers`, { token: one, body: { name: 'a' } });
      await weir.ok('DELETE', `${room}/peers/${peer.id}`, { token: two });
      await weir.ok('POST', `${room}/peers`, { token: one, body: { name: 'a' } });
      await weir.ok('POST', `${room}/peers`, { token: two, body: { name: 'b' } });
    });

    it('a peer that left may come again with its token', async () => {
      const { weir, room } = await start();
      const alice = await weir.join(room, 'alice');
      await alice.ok('DELETE', '');
      await weir.refused(
        'GET',
        `${alice.path}/senders`,
        { token: alice.token },
        { status: 410, code: 'peer-closed' },
      );
      const again = await weir.ok('POST', `${room}/peers`, { token: alice.token, body: { name: 'alice' } });
      expect(again.peer.id).not.toBe(alice.id);
    });

    it('taking a name over revokes the other token, not one’s own', async () => {
      const { weir, room } = await start();
      const first = await weir.join(room, 'alice');
      const bob = await weir.join(room, 'bob');
      const reload = await weir.ok('POST', `${room}/peers`, {
        token: first.token,
        body: { name: 'alice', onTakenName: 'replace' },
      });
      await weir.ok('GET', `${room}/peers/${reload.peer.id}/senders`, { token: first.token });
      expect((await bob.events()).map(({ type, data }) => [type, data.id])).toEqual([
        ['peerclose', first.id],
        ['newpeer', reload.peer.id],
      ]);
      const thief = await weir.join(room, 'alice', { onTakenName: 'replace' });
      await weir.refused('GET', room, { token: first.token }, { status: 403, code: 'forbidden' });
      await thief.ok('GET', '/senders');
    });

    it('a later token of the same subject acts for the same peer', async () => {
      const { weir, room } = await start();
      const one = await weir.token({ subject: 'user-7' });
      const { peer } = await weir.ok('POST', `${room}/peers`, { token: one, body: { name: 'alice' } });
      const renewed = await weir.token({ subject: 'user-7' });
      await weir.ok('POST', `${room}/peers/${peer.id}/transports`, { token: renewed, body: {} });
      const stranger = await weir.token({ subject: 'user-8' });
      const path = `${room}/peers/${peer.id}/senders`;
      await weir.refused('GET', path, { token: stranger }, { status: 403, code: 'forbidden' });
    });

    it('a later token that may not publish can stop what an earlier one published, and no more', async () => {
      const { weir, room } = await start();
      const token = await weir.token({ subject: 'user-7' });
      const rtpCapabilities = capabilities(await weir.ok('GET', room, { token }));
      const { peer } = await weir.ok('POST', `${room}/peers`, {
        token,
        body: { name: 'alice', rtpCapabilities },
      });
      const path = `${room}/peers/${peer.id}`;
      const transports = [];
      for (let count = 0; count < 2; count += 1) {
        const { id } = await weir.ok('POST', `${path}/transports`, { token, body: {} });
        transports.push(id);
      }
      const rtpParameters = opus(1000, 'a');
      const { id } = await weir.ok('POST', `${path}/receivers`, {
        token,
        body: { kind: 'audio', transportId: transports[0], rtpParameters },
      });
      const receiver = `${path}/receivers/${id}`;
      const lesser = await weir.token({ subject: 'user-7', publish: ['video'] });
      const forbidden = { status: 403, code: 'forbidden' };
      const say = (body: unknown) => ({ token: lesser, body });
      await weir.ok('PATCH', receiver, say({ paused: true }));
      await weir.refused('PATCH', receiver, say({ paused: false }), forbidden);
      await weir.refused('PATCH', receiver, say({ transportId: transports[1] }), forbidden);
      await weir.refused('PUT', `${receiver}/parameters`, say({ rtpParameters }), forbidden);
      expect((await weir.ok('PATCH', receiver, { token, body: { paused: false } })).paused).toBe(false);
      await weir.ok('DELETE', receiver, { token: lesser });
    });

    it('a pattern covers rooms that begin with it, and rooms without id get one that is covered', async () => {
      const { weir } = await start();
      const team = await weir.token({ room: 'team-*', admin: true });
      await weir.ok('POST', '/v1/rooms', { token: team, body: { id: 'team-a' } });
      const made = await weir.ok('POST', '/v1/rooms', { token: team, body: {} });
      expect(made.id).toMatch(/^team-[0-9a-z]{14}$/);
      await weir.refused(
        'POST',
        '/v1/rooms',
        { token: team, body: { id: 'x' } },
        { status: 403, code: 'forbidden' },
      );
      const { rooms } = await weir.ok('GET', '/v1/rooms', { token: team });
      expect(rooms.map(({ id }: { id: string }) => id).sort()).toEqual(['team-a', made.id].sort());
    });
  });

  describe('many at once', () => {
    it('of 200 that join a room for 50 at the same time, exactly 50 come in', async () => {
      const database = await open();
      const pods = new FakePods();
      const first = new Instance(database, { pods });
      const instances = [first, ...[1, 2].map(() => new Instance(database, { pods, clock: first.clock }))];
      const room = await first.room('full', { maxPeers: 50 });
      const token = await first.token();
      const joins = Array.from({ length: 200 }, (_, index) =>
        instances[index % 3]!.call('POST', `${room}/peers`, { token, body: { name: `guest ${index}` } }),
      );
      const replies = await first.clock.until(Promise.all(joins), 600_000);
      const statuses = replies.map(({ status, body }) => `${status} ${body.code ?? ''}`);
      expect(statuses.filter((status) => status === '201 ')).toHaveLength(50);
      expect(statuses.filter((status) => status === '409 room-full')).toHaveLength(150);
      const { peers } = await first.ok('GET', `${room}/peers`, { token });
      expect(peers).toHaveLength(50);
      // Everybody heard of everybody that came later, once.
      for (const [index, peer] of [...peers.entries()].filter(([index]) => index % 7 === 0)) {
        const log = (await first.app.services.log.read('full', Number(peer.id), 0, 1000))!;
        const heard = log.events.map(({ data }) => data.id);
        expect(heard).toEqual(peers.slice(index + 1).map(({ id }: { id: string }) => id));
      }
      expect((await first.ok('GET', room, { token })).peerCount).toBe(50);
    }, 60_000);

    it('of ten that take the same name, one gets it', async () => {
      const { weir, room } = await start();
      const replies = await Promise.all(
        Array.from({ length: 10 }, async () =>
          weir.call('POST', `${room}/peers`, { token: await weir.token(), body: { name: 'alice' } }),
        ),
      );
      expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(replies.filter(({ body }) => body.code === 'name-taken')).toHaveLength(9);
    });
  });
});
