import { expect, it } from 'vitest';
import { onEveryDatabase } from '../test/databases.ts';
import { appendRoomEvents } from './room-log.ts';
import { WebhookStore } from './webhook-store.ts';

const listeners = [{ endpointId: 'main', url: '' }];
const events = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ type: 'peer.joined' as const, data: { n } }));

onEveryDatabase((database) => {
  async function setUp() {
    const { driver, connect } = await database.create();
    const append = (roomId: string, after: number, count: number, now: number) =>
      driver.write(appendRoomEvents(driver, roomId, after, { events: events(count), listeners }, now));
    return { driver, connect, append, store: new WebhookStore(driver) };
  }
  const claim = (store: WebhookStore, leaseId: string, now: number, limit = 100) =>
    store.claim({ leaseId, now, leaseMs: 1000, limit });

  it('of many that claim at once, each room goes to one', async () => {
    const { driver, connect, append } = await setUp();
    const rooms = Array.from({ length: 30 }, (_, index) => `room-${index}`);
    for (const room of rooms) await append(room, 0, 1, 1000);
    const stores = [driver, connect(), connect(), connect()].map((one) => new WebhookStore(one));
    const claimed: string[] = [];
    for (let round = 0; claimed.length < rooms.length && round < 20; round += 1) {
      const leases = await Promise.all(
        stores.map((store, index) => claim(store, `${round}-${index}`, 1000, 7)),
      );
      claimed.push(...leases.flat().map(({ roomId }) => roomId));
    }
    expect(claimed.toSorted()).toEqual(rooms.toSorted());
  });

  it('a lease that has ended is another’s, and whoever had it can change nothing any more', async () => {
    const { append, store } = await setUp();
    await append('daily', 0, 2, 1000);
    const [old] = await claim(store, 'one', 1000);
    expect(await claim(store, 'two', 1999)).toEqual([]);
    const [lease] = await claim(store, 'two', 2000);
    expect(lease).toMatchObject({ roomId: 'daily', cursor: 0, head: 2 });
    expect(await store.advance(old!, 1, 2000, 1000)).toBeUndefined();
    await store.release(old!, 9000, 'late');
    const [line] = await store.lines(lease!, 1);
    const letter = {
      ...line!,
      id: 'main.x',
      endpointId: 'main',
      url: '',
      failedAt: 1,
      attempts: 1,
      lastError: '',
    };
    expect(await store.bury(old!, letter, 2000, 1000)).toBeUndefined();
    expect(await store.deadLetters({ limit: 10, prefix: '' })).toEqual([]);
    expect(await store.advance(lease!, 1, 2100, 1000)).toMatchObject({
      cursor: 1,
      attempts: 0,
      nextAt: 2100,
    });
  });

  it('what is appended while a reader works is not missed', async () => {
    const { append, store } = await setUp();
    await append('daily', 0, 1, 1000);
    const [lease] = await claim(store, 'one', 1000);
    await append('daily', 1, 1, 1500);
    expect(await store.advance(lease!, 1, 1600, 1000)).toMatchObject({ cursor: 1, head: 2, nextAt: 1600 });
    expect(await store.advance(lease!, 2, 1700, 1000)).toMatchObject({ cursor: 2, nextAt: null });
    expect(await store.nextDue()).toBeUndefined();
    expect(await claim(store, 'two', 9000)).toEqual([]);
    await append('daily', 2, 3, 9000);
    const [again] = await claim(store, 'two', 9000);
    expect((await store.lines(again!, 10)).map(({ seq, data }) => [seq, data])).toEqual([
      [3, { n: 0 }],
      [4, { n: 1 }],
      [5, { n: 2 }],
    ]);
  });

  it('a line that is given up is set aside with the cursor moved, both or none', async () => {
    const { append, store } = await setUp();
    await append('daily', 0, 2, 1000);
    const [lease] = await claim(store, 'one', 1000);
    const [line] = await store.lines(lease!, 1);
    const letter = {
      ...line!,
      id: 'main.x',
      endpointId: 'main',
      url: '',
      failedAt: 2,
      attempts: 3,
      lastError: 'no',
    };
    expect(await store.bury(lease!, letter, 1100, 1000)).toMatchObject({ cursor: 1, head: 2 });
    expect(await store.deadLetter('main.x')).toEqual(letter);
    await store.forget(0, 3);
    expect(await store.deadLetter('main.x')).toBeUndefined();
  });
});
