import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { onEveryDatabase } from '../test/databases.ts';
import { commit, commitOf, createRoom, event, peer } from '../test/rooms.ts';
import {
  AccessStore,
  broadcastCoalesced,
  ConflictError,
  EventLog,
  Housekeeping,
  PodStore,
  RoomStore,
} from './index.ts';

const [alice, bob] = [11111111, 22222222];
const lease = { controlUrl: 'http://127.0.0.1:4000' } as never;

onEveryDatabase((database) => {
  async function setUp() {
    const { driver, connect, url } = await database.create();
    const store = new RoomStore(driver);
    await createRoom(driver, store, 'daily');
    await commit(driver, store, 'daily', (room) =>
      commitOf(room, [
        { put: 'peer', record: peer(alice) },
        { put: 'peer', record: peer(bob) },
      ]),
    );
    return { driver, connect, url, store, log: new EventLog(driver), housekeeping: new Housekeeping(driver) };
  }

  it('old events are forgotten, and the log says from where on it is whole', async () => {
    const { log, housekeeping } = await setUp();
    await log.signal('daily', [event(alice, { n: 1 }), event(bob, { n: 1 })], 1000);
    await log.signal('daily', [event(alice, { n: 2 })], 2000);
    await log.signal('daily', [event(alice, { n: 3 })], 9000);
    await housekeeping.trimLogs(10_000, { maxEventAgeMs: 5000, maxEventsPerPeer: 100 });
    const page = (await log.read('daily', alice, 0, 10))!;
    expect(page.events.map(({ seq }) => seq)).toEqual([3]);
    expect(page).toMatchObject({ logFloor: 2, lastSeq: 3 });
    expect(await log.read('daily', bob, 0, 10)).toMatchObject({ logFloor: 1, lastSeq: 1, events: [] });
  });

  it('too many events are forgotten, oldest first', async () => {
    const { log, housekeeping } = await setUp();
    for (let n = 1; n <= 10; n += 1) await log.signal('daily', [event(alice, { n })], 9000);
    await housekeeping.trimLogs(10_000, { maxEventAgeMs: 5000, maxEventsPerPeer: 4 });
    const page = (await log.read('daily', alice, 0, 20))!;
    expect(page.events.map(({ seq }) => seq)).toEqual([7, 8, 9, 10]);
    expect(page.logFloor).toBe(6);
    await housekeeping.trimLogs(10_000, { maxEventAgeMs: 5000, maxEventsPerPeer: 4 });
    expect((await log.read('daily', alice, 6, 20))!.events).toHaveLength(4);
  });

  it('a peer that was seen is not swept away', async () => {
    const { driver, log, housekeeping } = await setUp();
    expect(await housekeeping.unseenPeers(2001, 10)).toHaveLength(2);
    await log.seen('daily', alice, 5000, 'reader 1');
    expect(await housekeeping.unseenPeers(2001, 10)).toEqual([{ roomId: 'daily', peerId: bob }]);
    await driver.write([housekeeping.unseenGuard('daily', bob, 2001)]);
    await expect(driver.write([housekeeping.unseenGuard('daily', alice, 2001)])).rejects.toThrow(
      ConflictError,
    );
    expect(await log.read('daily', alice, 0, 1)).toMatchObject({ lastSeenAt: 5000, readerId: 'reader 1' });
  });

  it('a signal to everybody reaches every living peer and replaces the one before', async () => {
    const { driver, store, log } = await setUp();
    const levels = (audioLevel: number) => ({
      type: 'audiolevels' as const,
      target: { kind: 'room' as const, id: 'daily' },
      data: { levels: [{ audioLevel }] },
      coalesceKey: 'audiolevels',
    });
    await driver.write(broadcastCoalesced('daily', levels(-10), 3000));
    await commit(driver, store, 'daily', (room) => commitOf(room, [{ remove: 'peer', id: bob }]));
    await driver.write(broadcastCoalesced('daily', levels(-20), 4000));
    expect((await log.read('daily', alice, 0, 10))!.events).toEqual([
      {
        seq: 2,
        type: 'audiolevels',
        target: { kind: 'room', id: 'daily' },
        data: { levels: [{ audioLevel: -20 }] },
        createdAt: 4000,
      },
    ]);
    expect(await log.read('daily', bob, 0, 10)).toMatchObject({ lastSeq: 1 });
  });

  it('closed rooms and peers are forgotten after their time', async () => {
    const { driver, store, housekeeping } = await setUp();
    await commit(
      driver,
      store,
      'daily',
      (room) => commitOf(room, [{ remove: 'peer', id: alice }, { close: 'room' }]),
      5000,
    );
    await housekeeping.forget(6000, 2000, 2000);
    expect((await new RoomStore(driver).load('daily'))?.state.closed).toBe(true);
    await housekeeping.forget(8000, 2000, 2000);
    expect(await new RoomStore(driver).load('daily')).toBeUndefined();
    for (const table of ['rooms', 'peers', 'peer_events']) {
      expect(await driver.read([sql`SELECT COUNT(*) AS count FROM ${sql.identifier(table)}`])).toEqual([
        [{ count: 0 }],
      ]);
    }
  });

  it('rooms expire by the time they carry', async () => {
    const { driver, store, housekeeping } = await setUp();
    await commit(driver, store, 'daily', (room) => commitOf(room, [], [], { expiresAt: 7000 }));
    expect(await housekeeping.expiredRooms(6999, 10)).toEqual([]);
    expect(await housekeeping.expiredRooms(7000, 10)).toEqual(['daily']);
  });

  it('a report is taken once, in the order of epoch and number', async () => {
    const { driver, connect } = await setUp();
    const pods = new PodStore(driver);
    const first = { podId: 'pod-1', epoch: 100, seq: 1, lease };
    await driver.write(pods.reportStatements(first, undefined, 1000));
    await expect(driver.write(pods.reportStatements(first, undefined, 1000))).rejects.toThrow(ConflictError);
    const known = (await pods.get('pod-1'))!;
    expect(known).toEqual({
      id: 'pod-1',
      epoch: 100,
      seq: 1,
      lease,
      leasedAt: 1000,
      drainTold: 0,
      unreachableUntil: 0,
    });
    const copies = [driver, connect()].map((one) =>
      one.write(new PodStore(one).reportStatements({ ...first, seq: 2 }, known, 2000)),
    );
    const outcomes = (await Promise.allSettled(copies)).map(({ status }) => status).sort();
    expect(outcomes).toEqual(['fulfilled', 'rejected']);
    await pods.markUnreachable(known, 9000);
    await driver.write(pods.reportStatements({ ...first, seq: 3 }, await pods.get('pod-1'), 2500));
    // Its leases say nothing of whether it can be told anything; another process may be.
    expect(await pods.get('pod-1')).toMatchObject({ seq: 3, leasedAt: 2500, unreachableUntil: 9000 });
    const restarted = { podId: 'pod-1', epoch: 200, seq: 1 };
    await driver.write(pods.reportStatements(restarted, await pods.get('pod-1'), 3000));
    // Nothing may be placed on it before it has told where it is.
    expect(await pods.get('pod-1')).toMatchObject({ epoch: 200, seq: 1, lease: null, unreachableUntil: 0 });
  });

  it('a silent pod is given up unless it renewed its lease meanwhile', async () => {
    const { driver } = await setUp();
    const pods = new PodStore(driver);
    await driver.write(pods.reportStatements({ podId: 'pod-1', epoch: 100, seq: 1, lease }, undefined, 1000));
    const old = (await pods.get('pod-1'))!;
    await driver.write(pods.reportStatements({ podId: 'pod-1', epoch: 100, seq: 2, lease }, old, 9000));
    expect(await pods.giveUp(old)).toBe(false);
    expect(await pods.giveUp((await pods.get('pod-1'))!)).toBe(true);
    expect((await pods.get('pod-1'))!.lease).toBeNull();
    await pods.forget(8000);
    expect(await pods.get('pod-1')).toBeDefined();
    await pods.forget(10_000);
    expect(await pods.get('pod-1')).toBeUndefined();
  });

  it('one read tells what a request must know', async () => {
    const { driver } = await setUp();
    const access = new AccessStore(driver);
    expect(await access.check({ tokenId: 'x' })).toEqual({});
    expect(await access.check({ tokenId: 'x', roomId: 'none' })).toEqual({});
    expect(await access.check({ tokenId: 'x', roomId: 'daily', peerId: 1 })).toMatchObject({
      room: { closedAt: null },
    });
    await driver.write(access.revokeStatements({ id: 'x', reason: 'removed', expiresAt: 9000 }));
    await driver.write(access.revokeStatements({ id: 'x', reason: 'removed again', expiresAt: 9000 }));
    const found = await access.check({ tokenId: 'x', roomId: 'daily', peerId: alice });
    expect(found).toMatchObject({
      revoked: 'removed',
      peer: { tokenId: `token ${alice}`, lastSeq: 0, closedAt: null },
    });
    await new Housekeeping(driver).forget(10_000, 100_000, 100_000);
    expect((await access.check({ tokenId: 'x' })).revoked).toBeUndefined();
  });

  it('what a subject was issued up to a time is taken back, until all of it has expired', async () => {
    const { driver } = await setUp();
    const access = new AccessStore(driver);
    const revoked = async (subject: string, issuedAt: number) =>
      (await access.check({ tokenId: 'any', holder: { subject, issuedAt } })).revoked;
    await driver.write(
      access.revokeSubjectStatements({ subject: 's', reason: 'first', revokedAt: 1000, expiresAt: 5000 }),
    );
    expect(await revoked('s', 1000)).toBe('first');
    expect(await revoked('s', 1001)).toBeUndefined();
    expect(await revoked('other', 1000)).toBeUndefined();
    await driver.write(
      access.revokeSubjectStatements({ subject: 's', reason: 'again', revokedAt: 2000, expiresAt: 9000 }),
    );
    expect(await revoked('s', 1500)).toBe('again');
    const housekeeping = new Housekeeping(driver);
    await housekeeping.forget(9000, 100_000, 100_000);
    expect(await revoked('s', 1500)).toBe('again');
    await housekeeping.forget(9001, 100_000, 100_000);
    expect(await revoked('s', 1500)).toBeUndefined();
  });
});
