import { pollingWakeUps } from '@weir/db';
import { describe, expect, it } from 'vitest';
import { onEveryDatabaseAndD1 } from './databases.ts';
import { Instance, type Member } from './harness.ts';
import { StreamReader } from './stream-reader.ts';
import { settle } from './virtual-clock.ts';

onEveryDatabaseAndD1((open, far) => {
  /** For tests in which minutes pass, or crowds come: each second of theirs is a call of the database. */
  const itNear = (far ? () => {} : it) as typeof it;

  async function start(env: Record<string, string> = {}) {
    const database = await open();
    const weir = new Instance(database, { env });
    const room = await weir.room();
    const alice = await weir.join(room, 'alice');
    return { database, weir, room, alice };
  }

  async function stream(
    member: Member,
    headers: Record<string, string> = {},
    query = '',
  ): Promise<StreamReader> {
    const response = await member.instance.fetch('GET', `${member.path}/events${query}`, {
      token: member.token,
      headers: { accept: 'text/event-stream', ...headers },
    });
    return new StreamReader(response);
  }

  /** Makes so many events in alice's log. */
  async function newcomers(weir: Instance, room: string, names: string[]): Promise<Member[]> {
    const members: Member[] = [];
    for (const name of names) members.push(await weir.join(room, name));
    return members;
  }

  const poll = (member: Member, query: string, headers: Record<string, string> = {}) =>
    member.instance.call('GET', `${member.path}/events${query}`, { token: member.token, headers });

  describe('delivery of events', () => {
    it('rule 1: an event stream has the headers that no proxy spoils, and its first bytes come at once', async () => {
      const { alice } = await start();
      const reader = await stream(alice, { 'accept-encoding': 'gzip, br' });
      const { status, headers } = reader.response;
      expect(status).toBe(200);
      expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
      expect(headers.get('cache-control')).toBe('no-store, no-transform');
      expect(headers.get('x-accel-buffering')).toBe('no');
      expect(headers.get('content-encoding')).toBeNull();
      // No virtual time passes, and nothing has happened in the room.
      await reader.until(() => reader.text.length > 0);
      expect(reader.comments).toHaveLength(1);
      await reader.cancel();
    });

    itNear(
      'of more than three streams of one peer the oldest is ended, to be resumed; others stay as they are',
      async () => {
        const { weir, room, alice } = await start();
        const [bob] = await newcomers(weir, room, ['bob']);
        const ofBob = await stream(bob!);
        const readers: StreamReader[] = [];
        for (let count = 0; count < 20; count += 1) {
          const reader = await stream(alice);
          readers.push(reader);
          await reader.until(() => reader.events.length === 1);
        }
        const [first] = readers;
        // No virtual time has passed.
        await first!.until(() => readers.slice(0, 17).every(({ ended }) => ended));
        expect(readers.slice(17).map(({ ended }) => ended)).toEqual([false, false, false]);
        expect(first!.retries).toHaveLength(2);
        await newcomers(weir, room, ['carol']);
        for (const reader of readers.slice(17)) await reader.until(() => reader.events.length === 2);
        await ofBob.until(() => ofBob.events.length === 1);
        // Streams that were left make room.
        await readers[18]!.cancel();
        await readers[19]!.cancel();
        const later = [await stream(alice), await stream(alice)];
        for (const reader of later) await reader.until(() => reader.events.length === 2);
        expect(readers[17]!.ended).toBe(false);
        for (const reader of [readers[17]!, ofBob, ...later]) await reader.cancel();
      },
    );

    it('rule 2: every event has a cursor as id, its type, one line of JSON; and retry comes with jitter', async () => {
      const { weir, room, alice } = await start();
      await newcomers(weir, room, ['bob', 'carol']);
      const reader = await stream(alice);
      await reader.until(() => reader.events.length === 2);
      expect(reader.events.map(({ id, event }) => [id, event])).toEqual([
        ['1', 'newpeer'],
        ['2', 'newpeer'],
      ]);
      for (const { data, id } of reader.events) {
        expect(data).not.toContain('\n');
        expect(JSON.parse(data)).toMatchObject({
          cursor: id,
          type: 'newpeer',
          target: { kind: 'room', id: 'daily' },
        });
      }
      expect(reader.text).toMatch(/id: 1\nevent: newpeer\ndata: \{.*\}\n\n/);
      const retries = new Set<number>();
      for (let count = 0; count < 8; count += 1) {
        const another = await stream(alice);
        await another.until(() => another.retries.length > 0);
        retries.add(another.retries[0]!);
        await another.cancel();
      }
      expect(Math.min(...retries)).toBeGreaterThanOrEqual(2000);
      expect(Math.max(...retries)).toBeLessThanOrEqual(5000);
      expect(retries.size).toBeGreaterThan(1);
      await reader.cancel();
    });

    itNear('rule 3: a silent stream carries a comment every 15 s', async () => {
      const { weir, alice } = await start();
      const reader = await stream(alice);
      await reader.until(() => reader.comments.length === 1);
      const heartbeats = () => reader.comments.filter((comment) => comment.trim() === 'hb').length;
      await weir.clock.advance(14_000);
      expect(heartbeats()).toBe(0);
      for (let expected = 1; expected <= 4; expected += 1) {
        await weir.clock.advance(15_000);
        await reader.until(() => heartbeats() === expected);
      }
      await reader.cancel();
    });

    it('rule 4: Last-Event-ID and ?after= resume with exactly the later events', async () => {
      const { weir, room, alice } = await start();
      await newcomers(weir, room, ['bob', 'carol', 'dave']);
      for (const reader of [
        await stream(alice, { 'last-event-id': '1' }),
        await stream(alice, {}, '?after=1'),
        // What the browser adds counts more than what stood in its URL.
        await stream(alice, { 'last-event-id': '1' }, '?after=3'),
      ]) {
        await reader.until(() => reader.events.length === 2);
        await settle();
        expect(reader.events.map(({ id }) => id)).toEqual(['2', '3']);
        await reader.cancel();
      }
      const page = await poll(alice, '?after=1');
      expect(page.body.events.map(({ cursor }: { cursor: string }) => cursor)).toEqual(['2', '3']);
      expect(page.body.cursor).toBe('3');
    });

    it('rule 5: a cursor that is too old gives one reset with a snapshot, and reading goes on from there', async () => {
      const { weir, room, alice } = await start({ WEIR_EVENT_RETENTION_SECONDS: '60' });
      await newcomers(weir, room, ['bob', 'carol']);
      const seen = await stream(alice);
      await weir.clock.advance(90_000);
      // Only what the sweep of old rows does; nobody vanishes here.
      await weir.app.services.housekeeping.trimLogs(weir.clock.now(), {
        maxEventAgeMs: weir.config.eventRetentionMs,
        maxEventsPerPeer: 1000,
      });
      await seen.cancel();
      const reader = await stream(alice, { 'last-event-id': '1' });
      await reader.until(() => reader.events.length === 1);
      const reset = JSON.parse(reader.events[0]!.data);
      expect(reader.events[0]).toMatchObject({ id: '2', event: 'reset' });
      expect(reset.data).toEqual(await alice.ok('GET', '/snapshot'));
      expect(reset.data.peers.map(({ name }: { name: string }) => name)).toEqual(['bob', 'carol']);
      await newcomers(weir, room, ['dave']);
      await reader.until(() => reader.events.length === 2);
      expect(reader.events[1]).toMatchObject({ id: '3', event: 'newpeer' });
      await reader.cancel();
      const page = await poll(alice, '?after=1');
      expect(page.status).toBe(200);
      expect(page.body.events).toHaveLength(1);
      expect(page.body).toMatchObject({ cursor: '3', events: [{ type: 'reset', cursor: '3' }] });
      // A cursor of another life of the database is as good as none.
      expect((await poll(alice, '?after=999')).body.events).toMatchObject([{ type: 'reset' }]);
      // The newest cursor is not too old, whatever was forgotten.
      expect((await poll(alice, '?after=3')).body.events).toEqual([]);
    });

    it('rule 6: a stream of a peer that has left ends, and 204 keeps EventSource away', async () => {
      const { weir, alice } = await start();
      const reader = await stream(alice);
      await alice.ok('DELETE', '');
      await reader.until(() => reader.ended);
      expect(reader.events.map(({ event }) => event)).toEqual(['close']);
      const again = await weir.fetch('GET', `${alice.path}/events`, {
        token: alice.token,
        headers: { accept: 'text/event-stream', 'last-event-id': reader.cursor! },
      });
      expect(again.status).toBe(204);
      // One that did not hear the end gets it.
      const late = await stream(alice, { 'last-event-id': '0' });
      await late.until(() => late.ended);
      expect(late.events.map(({ event }) => event)).toEqual(['close']);
      expect((await poll(alice, '?after=0')).body.events).toMatchObject([{ type: 'close' }]);
      expect(await poll(alice, `?after=${reader.cursor}`)).toMatchObject({
        status: 410,
        body: { code: 'peer-closed' },
      });
      const accept = { accept: 'text/event-stream' };
      const stranger = await weir.fetch('GET', `${alice.path}/events`, { headers: accept });
      expect(stranger.status).toBe(401);
      const token = await weir.token({ room: 'weekly' });
      const elsewhere = await weir.fetch('GET', `${alice.path}/events`, { token, headers: accept });
      expect(elsewhere.status).toBe(403);
      // Refusals are no streams, or EventSource would take them for one.
      for (const { headers } of [stranger, elsewhere]) {
        expect(headers.get('content-type')).toBe('application/problem+json');
      }
    });

    it('rule 7: a ticket in the query opens the stream of its peer, for a while, and nothing else', async () => {
      const { weir, room, alice } = await start({ WEIR_TICKET_SECONDS: '60' });
      const [bob] = await newcomers(weir, room, ['bob']);
      const { ticket, expiresInSeconds } = await alice.ok('POST', '/events/ticket');
      expect(expiresInSeconds).toBe(60);
      const path = `${alice.path}/events?ticket=${ticket}`;
      const reader = new StreamReader(
        await weir.fetch('GET', path, { headers: { accept: 'text/event-stream' } }),
      );
      await reader.until(() => reader.events.length === 1);
      await reader.cancel();
      const bobs = `${bob!.path}/events?ticket=${ticket}`;
      await weir.refused('GET', bobs, {}, { status: 403, code: 'forbidden' });
      await weir.refused(
        'GET',
        `${alice.path}/snapshot`,
        { token: ticket },
        { status: 401, code: 'unauthorized' },
      );
      // A token is no ticket: URLs end up in logs.
      await weir.refused(
        'GET',
        `${alice.path}/events?ticket=${alice.token}`,
        {},
        { status: 401, code: 'unauthorized' },
      );
      await weir.clock.advance(70_000);
      await weir.refused('GET', path, {}, { status: 401, code: 'unauthorized' });
    });

    it('rule 8: one stream carries everything that a peer hears', async () => {
      const { weir, room, alice } = await start();
      await weir.lease('pod-1');
      const reader = await stream(alice);
      const [bob] = await newcomers(weir, room, ['bob']);
      const { id } = await alice.ok('POST', '/transports', {});
      await weir.pod('pod-1').report([
        { type: 'transport.ice', roomId: 'daily', transportId: Number(id), state: 'completed' },
        { type: 'audio.levels', roomId: 'daily', levels: [] },
      ]);
      await bob!.ok('DELETE', '');
      await reader.until(() => reader.events.length === 5);
      expect(reader.events.map(({ event }) => event)).toEqual([
        'newpeer',
        'newtransport',
        'icestatechange',
        'audiolevels',
        'peerclose',
      ]);
      await reader.cancel();
    });

    itNear('rule 9: the server ends streams after some minutes, and the reader misses nothing', async () => {
      const { weir, room, alice } = await start({ WEIR_STREAM_SECONDS: '240' });
      const reader = await stream(alice);
      await newcomers(weir, room, ['bob']);
      await reader.until(() => reader.events.length === 1);
      await weir.clock.advance(200_000);
      expect(reader.ended).toBe(false);
      await weir.clock.advance(70_000);
      await reader.until(() => reader.ended);
      expect(reader.retries.length).toBe(2);
      await newcomers(weir, room, ['carol']);
      const next = await stream(alice, { 'last-event-id': reader.cursor! });
      await next.until(() => next.events.length === 1);
      expect(next.events[0]).toMatchObject({ id: '2', event: 'newpeer' });
      await next.cancel();
    });

    itNear('rule 9: a stopping instance ends its streams and held answers cleanly', async () => {
      const { weir, alice } = await start();
      const reader = await stream(alice);
      const held = poll(alice, '?after=0&wait=25');
      await settle(20);
      weir.app.shutDown();
      await reader.until(() => reader.ended);
      expect(reader.retries.length).toBe(2);
      expect(await weir.clock.until(held, 1000)).toMatchObject({
        status: 200,
        body: { events: [], cursor: '0' },
      });
      expect((await weir.call('GET', '/readyz')).status).toBe(503);
      expect((await weir.call('GET', '/healthz')).status).toBe(200);
    });

    itNear(
      'rule 10: a long poll answers at once if there is something, else when there is, else after its time',
      async () => {
        const { weir, room, alice } = await start();
        await newcomers(weir, room, ['bob']);
        expect((await poll(alice, '?after=0&wait=25')).body).toMatchObject({
          cursor: '1',
          events: [{ type: 'newpeer' }],
        });

        let answered = false;
        const held = poll(alice, '?after=1&wait=25').finally(() => {
          answered = true;
        });
        await weir.clock.advance(10_000);
        expect(answered).toBe(false);
        await newcomers(weir, room, ['carol']);
        expect((await held).body).toMatchObject({ cursor: '2', events: [{ type: 'newpeer' }] });

        const silent = poll(alice, '?after=2&wait=25');
        const reply = await weir.clock.until(silent);
        expect(reply).toMatchObject({ status: 200, body: { events: [], cursor: '2' } });
        expect(reply.headers.get('cache-control')).toBe('no-store');
        // No longer than proxies wait, whatever is asked for.
        const before = weir.clock.now();
        await weir.clock.until(poll(alice, '?after=2&wait=60'));
        expect(weir.clock.now() - before).toBeLessThanOrEqual(26_000);
        // As Janus' maxev.
        expect((await poll(alice, '?after=0&limit=1')).body).toMatchObject({ cursor: '1' });
      },
    );

    itNear('rule 10: a second long poll ends the first, on whatever instance it is', async () => {
      const { database, weir, alice } = await start();
      const other = new Instance(database, { clock: weir.clock, wakeUps: pollingWakeUps({ pollMs: 500 }) });
      let firstDone = false;
      const first = other
        .call('GET', `${alice.path}/events?after=0&wait=25`, { token: alice.token })
        .finally(() => {
          firstDone = true;
        });
      await weir.clock.advance(2000);
      expect(firstDone).toBe(false);
      const second = poll(alice, '?after=0&wait=25');
      const before = weir.clock.now();
      expect(await weir.clock.until(first)).toMatchObject({ status: 200, body: { events: [], cursor: '0' } });
      expect(weir.clock.now() - before).toBeLessThan(2000);
      expect(await weir.clock.until(second)).toMatchObject({ status: 200, body: { events: [] } });
      expect(weir.clock.now() - before).toBeGreaterThan(24_000);
    });

    it('rule 11: a short poll that finds nothing new is a 304, with advice when to come again', async () => {
      const { weir, room, alice } = await start();
      const empty = await poll(alice, '?after=0');
      expect(empty).toMatchObject({ status: 200, body: { events: [] } });
      expect(empty.headers.get('retry-after')).toBe('2');
      const etag = empty.headers.get('etag')!;
      const same = await poll(alice, '?after=0', { 'if-none-match': etag });
      expect(same).toMatchObject({ status: 304, body: '' });
      expect(same.headers.get('etag')).toBe(etag);
      await newcomers(weir, room, ['bob']);
      const news = await poll(alice, '?after=0', { 'if-none-match': etag });
      expect(news).toMatchObject({ status: 200, body: { events: [{ type: 'newpeer' }] } });
      expect(news.headers.get('etag')).not.toBe(etag);
    });

    it('rule 11: a short poll costs two reads and mostly no write, and too many are refused', async () => {
      const database = await open();
      const counts = { reads: 0, writes: 0 };
      const connect = () => {
        const driver = database.connect();
        const read: typeof driver.read = (statements) => {
          counts.reads += 1;
          return driver.read(statements);
        };
        const write: typeof driver.write = (statements) => {
          counts.writes += 1;
          return driver.write(statements);
        };
        return { ...driver, read, write };
      };
      const weir = new Instance({ connect }, { env: { WEIR_RATE_BURST: '12', WEIR_RATE_PER_SECOND: '1' } });
      const alice = await weir.join(await weir.room(), 'alice');
      const etag = (await poll(alice, '?after=0')).headers.get('etag')!;
      Object.assign(counts, { reads: 0, writes: 0 });
      for (let count = 0; count < 10; count += 1) {
        expect((await poll(alice, '?after=0', { 'if-none-match': etag })).status).toBe(304);
      }
      expect(counts).toEqual({ reads: 20, writes: 0 });
      await poll(alice, '?after=0');
      const refused = await poll(alice, '?after=0');
      expect(refused).toMatchObject({ status: 429, body: { code: 'rate-limited' } });
      expect(refused.headers.get('retry-after')).toBe('1');
      await weir.clock.advance(1000);
      expect((await poll(alice, '?after=0')).status).toBe(200);
    });

    it('wakes readers on other instances by polling alone, every wake-up lost', async () => {
      const { database, weir, room, alice } = await start();
      const other = new Instance(database, { clock: weir.clock, wakeUps: pollingWakeUps({ pollMs: 500 }) });
      const response = await other.fetch('GET', `${alice.path}/events`, {
        token: alice.token,
        headers: { accept: 'text/event-stream' },
      });
      const reader = new StreamReader(response);
      await reader.until(() => reader.comments.length === 1);
      await newcomers(weir, room, ['bob']);
      await weir.clock.advance(600);
      await reader.until(() => reader.events.length === 1);
      await reader.cancel();
    });

    itNear('a reader that does not read is not fed without end', async () => {
      const { weir, room, alice } = await start();
      const response = await weir.fetch('GET', `${alice.path}/events`, {
        token: alice.token,
        headers: { accept: 'text/event-stream' },
      });
      const big = { text: 'x'.repeat(4000) };
      for (let count = 0; count < 90; count += 1) await weir.join(room, `guest ${count}`, { appData: big });
      await settle(50);
      await weir.clock.advance(2000);
      // Nothing was read so far; then all of it comes, in order.
      const reader = new StreamReader(response);
      await reader.until(() => reader.events.length === 90);
      expect(reader.events.map(({ id }) => Number(id))).toEqual(
        Array.from({ length: 90 }, (_, index) => index + 1),
      );
      await reader.cancel();
    });
  });
});
