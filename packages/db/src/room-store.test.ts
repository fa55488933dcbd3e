import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../test/databases.ts';
import { commit, commitOf, createRoom, details, event, peer } from '../test/rooms.ts';
import { AccessStore, ConflictError, type Driver, EventLog, PodStore, RoomStore } from './index.ts';

onEveryDatabase((database) => {
  describe('rooms', () => {
    it('are read as they were written, by an instance that knows nothing of them', async () => {
      const { driver, connect } = await database.create();
      const store = new RoomStore(driver);
      await createRoom(driver, store, 'daily');
      const written = await commit(driver, store, 'daily', (room) =>
        commitOf(room, [
          { put: 'peer', record: peer(20000002) },
          { put: 'peer', record: peer(20000001) },
        ]),
      );
      const read = await new RoomStore(connect()).load('daily');
      expect(read).toEqual(written);
      // In the order they were put, not that of their ids.
      expect([...read!.state.peers.keys()]).toEqual([20000002, 20000001]);
      expect(read!.bindings.get(20000001)).toEqual({
        tokenId: 'token 20000001',
        tokenSubject: 'me',
        tokenExpiresAt: 5,
      });
    });

    it('keep their order when a record is put again', async () => {
      const { driver } = await database.create();
      const store = new RoomStore(driver);
      await createRoom(driver, store, 'daily');
      for (const id of [30000000, 10000000, 20000000]) {
        await commit(driver, store, 'daily', (room) => commitOf(room, [{ put: 'peer', record: peer(id) }]));
      }
      await commit(driver, store, 'daily', (room) =>
        commitOf(room, [{ put: 'peer', record: { ...peer(30000000), appData: { changed: true } } }]),
      );
      const read = (await new RoomStore(driver).load('daily'))!;
      expect([...read.state.peers.keys()]).toEqual([30000000, 10000000, 20000000]);
      expect(read.state.peers.get(30000000)!.appData).toEqual({ changed: true });
    });

    it('take one of two writers that decided on the same version, and nothing of the other', async () => {
      const { driver, connect } = await database.create();
      const [ours, theirs] = [new RoomStore(driver), new RoomStore(connect())];
      await createRoom(driver, ours, 'daily');
      const [one, other] = [(await ours.load('daily'))!, (await theirs.load('daily'))!];
      const first = commitOf(
        one,
        [{ put: 'peer', record: peer(11111111) }],
        [event(11111111, { by: 'one' })],
      );
      const second = commitOf(
        other,
        [{ put: 'peer', record: peer(22222222) }],
        [event(22222222, { by: 'other' })],
      );
      const results = await Promise.allSettled([
        driver.write(ours.commitStatements(first, 2000)),
        driver.write(theirs.commitStatements(second, 2000)),
      ]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const refused = results.find((result) => result.status === 'rejected')!;
      expect(refused.reason).toBeInstanceOf(ConflictError);
      const read = (await new RoomStore(driver).load('daily'))!;
      expect(read.state.peers.size).toBe(1);
      expect(await driver.read([sql`SELECT COUNT(*) AS count FROM peer_events`])).toEqual([[{ count: 1 }]]);
    });

    it('change nothing when a later statement of the write fails', async () => {
      const { driver } = await database.create();
      const store = new RoomStore(driver);
      const access = new AccessStore(driver);
      await createRoom(driver, store, 'daily');
      const answer = { requestHash: 'h', status: 201, answer: '{}' };
      await driver.write(access.answerStatements('me', 'key', answer, 1000));
      const before = await contents(driver);
      const made = commitOf((await store.load('daily'))!, [{ put: 'peer', record: peer(11111111) }]);
      const write = driver.write([
        ...store.commitStatements(made, 2000),
        ...access.answerStatements('me', 'key', answer, 2000),
      ]);
      await expect(write).rejects.toThrow(ConflictError);
      expect(await contents(driver)).toEqual(before);
    });

    it('fail to take a transport for a pod that is not there', async () => {
      const { driver } = await database.create();
      const store = new RoomStore(driver);
      await createRoom(driver, store, 'daily');
      const transport = { id: 33333333, peerId: 11111111, podId: 'pod-1' } as never;
      const put = (room: Parameters<typeof commitOf>[0]) => {
        const made = commitOf(room, [{ put: 'transport', record: transport }]);
        return { ...made, next: { ...made.next, transports: new Map([[33333333, transport]]) } };
      };
      await expect(commit(driver, store, 'daily', put)).rejects.toThrow(ConflictError);
      const pods = new PodStore(driver);
      await driver.write(pods.reportStatements({ podId: 'pod-1', epoch: 7, seq: 1 }, undefined, 1000));
      await commit(driver, store, 'daily', put);
      expect(await driver.read([sql`SELECT pod_epoch FROM transports`])).toEqual([[{ pod_epoch: 7 }]]);
    });

    it('never give a version twice, not even to a new room of the same id', async () => {
      const { driver } = await database.create();
      const store = new RoomStore(driver);
      const first = await createRoom(driver, store, 'daily', 1000);
      const closed = await commit(driver, store, 'daily', (room) => commitOf(room, [{ close: 'room' }]));
      expect(closed.state.closed).toBe(true);
      expect((await new RoomStore(driver).load('daily'))!.closedAt).toBe(2000);
      // The clock of the second creator is behind.
      const second = await createRoom(driver, store, 'daily', 900);
      expect(second.state.closed).toBe(false);
      expect(second.state.version).toBeGreaterThan(closed.state.version);
      expect(second.mediaVersion).toBeGreaterThan(first.mediaVersion);
      const again = store.createStatements({ id: 'daily', details, expiresAt: null }, undefined, 3000);
      await expect(driver.write(again)).rejects.toThrow(ConflictError);
    });

    it('are loaded again when another instance changed them, and only then', async () => {
      const { driver, connect } = await database.create();
      const [ours, theirs] = [new RoomStore(driver), new RoomStore(connect())];
      const loaded = await createRoom(driver, ours, 'daily');
      expect(await ours.load('daily')).toBe(loaded);
      expect(await ours.load('daily', loaded.state.version)).toBe(loaded);
      await commit(driver, theirs, 'daily', (room) =>
        commitOf(room, [{ put: 'peer', record: peer(11111111) }]),
      );
      expect((await ours.load('daily'))!.state.peers.size).toBe(1);
    });

    it('are listed page by page, closed ones left out', async () => {
      const { driver } = await database.create();
      const store = new RoomStore(driver);
      for (const [index, id] of ['c', 'a', 'team-b', 'team-a', 'z'].entries()) {
        await createRoom(driver, store, id, 1000 + Math.floor(index / 2));
      }
      await commit(driver, store, 'z', (room) => commitOf(room, [{ close: 'room' }]));
      const first = await store.list({ limit: 2 });
      expect(first.map(({ id }) => id)).toEqual(['a', 'c']);
      const second = await store.list({ limit: 9, after: first[1]! });
      expect(second.map(({ id }) => id)).toEqual(['team-a', 'team-b']);
      expect((await store.list({ limit: 9, prefix: 'team-' })).map(({ id }) => id)).toEqual([
        'team-a',
        'team-b',
      ]);
    });
  });

  describe('the event log', () => {
    async function withPeers(ids: readonly number[]) {
      const { driver, connect } = await database.create();
      const store = new RoomStore(driver);
      await createRoom(driver, store, 'daily');
      await commit(driver, store, 'daily', (room) =>
        commitOf(
          room,
          ids.map((id) => ({ put: 'peer', record: peer(id) }) as const),
        ),
      );
      return { driver, connect, store, log: new EventLog(driver) };
    }
    const [alice, bob] = [11111111, 22222222];

    it('numbers each peer’s events without gap, whoever appends at the same time', async () => {
      const { driver, connect, log } = await withPeers([alice, bob]);
      const logs = [log, new EventLog(connect()), new EventLog(connect())];
      await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          logs[index % 3]!.signal(
            'daily',
            [event(index % 2 === 0 ? alice : bob, { index }), event(alice, { index, second: true })],
            3000,
          ),
        ),
      );
      const page = (await log.read('daily', alice, 0, 1000))!;
      expect(page.events.map(({ seq }) => seq)).toEqual(Array.from({ length: 45 }, (_, index) => index + 1));
      expect(page.lastSeq).toBe(45);
      expect((await log.read('daily', bob, 0, 1000))!.events).toHaveLength(15);
      // Two of one write stay together, in their order.
      const indexes = page.events.map(({ data }) => data);
      for (const [at, data] of indexes.entries()) {
        if (data.second === true && Number(data.index) % 2 === 0)
          expect(indexes[at - 1]).toEqual({ index: data.index });
      }
      expect(driver.dialect).toMatch(/sqlite|postgres/);
    });

    it('keeps of frequent signals only the newest', async () => {
      const { log } = await withPeers([alice, bob]);
      for (let score = 1; score <= 5; score += 1) {
        await log.signal(
          'daily',
          [event(alice, { score }, 'score 1'), event(alice, { score: -score }, 'score 2')],
          3000,
        );
      }
      await log.signal('daily', [event(alice, { active: true })], 3000);
      const page = (await log.read('daily', alice, 0, 100))!;
      expect(page.events.map(({ data }) => data)).toEqual([{ score: 5 }, { score: -5 }, { active: true }]);
      expect(page.lastSeq).toBe(11);
      expect(page.logFloor).toBe(0);
    });

    it('takes the same signal twice in one write', async () => {
      const { log } = await withPeers([alice]);
      await log.signal(
        'daily',
        [event(alice, { score: 1 }, 'score'), event(alice, { score: 2 }, 'score')],
        3000,
      );
      const page = (await log.read('daily', alice, 0, 100))!;
      expect(page.events.map(({ seq, data }) => [seq, data])).toEqual([[2, { score: 2 }]]);
    });

    it('gives pages after a cursor', async () => {
      const { log } = await withPeers([alice]);
      await log.signal(
        'daily',
        [1, 2, 3, 4, 5].map((index) => event(alice, { index })),
        3000,
      );
      const page = (await log.read('daily', alice, 1, 2))!;
      expect(page.events.map(({ seq }) => seq)).toEqual([2, 3]);
      expect(page).toMatchObject({ lastSeq: 5, closedAt: null });
      expect((await log.read('daily', alice, 5, 2))!.events).toEqual([]);
      expect(await log.read('daily', 99999999, 0, 2)).toBeUndefined();
    });

    it('outlives its peer', async () => {
      const { driver, store, log } = await withPeers([alice]);
      await commit(driver, store, 'daily', (room) =>
        commitOf(room, [{ remove: 'peer', id: alice }], [event(alice, { last: true })]),
      );
      const page = (await log.read('daily', alice, 0, 10))!;
      expect(page.events.map(({ data }) => data)).toEqual([{ last: true }]);
      expect(page.closedAt).toBe(2000);
    });
  });
});

/** Everything in every table. */
async function contents(driver: Driver) {
  const tables = [
    'rooms',
    'peers',
    'transports',
    'receivers',
    'senders',
    'peer_events',
    'pods',
    'idempotency_keys',
  ];
  return await driver.read(tables.map((table) => sql`SELECT * FROM ${sql.identifier(table)}`));
}
