import { describe, expect, it } from 'vitest';
import { onEveryDatabase } from './databases.ts';
import { Instance, type Member } from './harness.ts';
import { StreamReader } from './stream-reader.ts';

onEveryDatabase((open) => {
  async function start(env: Record<string, string> = {}) {
    const database = await open();
    const weir = new Instance(database, { env: { WEIR_PEER_TIMEOUT_SECONDS: '20', ...env } });
    const room = await weir.room();
    return { database, weir, room };
  }

  /** Time passes, and every instance sweeps as it does. */
  async function pass(weir: Instance, seconds: number, others: Instance[] = []): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await weir.clock.advance(1000);
      await weir.clock.until(Promise.all([weir, ...others].map((one) => one.sweeper.sweep())));
    }
  }

  const present = async (weir: Instance, room: string) =>
    (await weir.ok('GET', `${room}/peers`, { token: await weir.admin() })).peers.map(
      ({ name }: { name: string }) => name,
    );

  const stream = async (member: Member) =>
    new StreamReader(
      await member.instance.fetch('GET', `${member.path}/events`, {
        token: member.token,
        headers: { accept: 'text/event-stream' },
      }),
    );

  describe('presence', () => {
    it('who neither reads nor has media is closed after the timeout, once, and the others hear it', async () => {
      const { database, weir, room } = await start();
      const other = new Instance(database, { clock: weir.clock, env: { WEIR_PEER_TIMEOUT_SECONDS: '20' } });
      const alice = await weir.join(room, 'alice');
      const watching = await stream(alice);
      const bob = await weir.join(room, 'bob');
      await pass(weir, 19, [other]);
      expect(await present(weir, room)).toEqual(['alice', 'bob']);
      await pass(weir, 3, [other]);
      expect(await present(weir, room)).toEqual(['alice']);
      await watching.until(() => watching.events.length === 2);
      expect(JSON.parse(watching.events[1]!.data)).toMatchObject({
        type: 'peerclose',
        data: { id: bob.id, reason: 'timeout' },
      });
      await watching.cancel();
    });

    it('a reader of any kind is present', async () => {
      const { weir, room } = await start();
      const [streaming, polling, holding] = [
        await weir.join(room, 'streaming'),
        await weir.join(room, 'polling'),
        await weir.join(room, 'holding'),
      ];
      const reader = await stream(streaming);
      let held = holding.call('GET', '/events?after=0&wait=25');
      for (let round = 0; round < 12; round += 1) {
        await polling.events();
        await pass(weir, 5);
        if (round % 5 === 4) {
          await weir.clock.until(held);
          held = holding.call('GET', '/events?after=0&wait=25');
        }
      }
      expect(await present(weir, room)).toEqual(['streaming', 'polling', 'holding']);
      await reader.cancel();
      weir.app.shutDown();
    });

    it('living media is a sign of life, until it dies; then the timeout begins', async () => {
      const { weir, room } = await start();
      await weir.lease('pod-1');
      const alice = await weir.join(room, 'alice');
      const { id } = await alice.ok('POST', '/transports', {});
      const of = { roomId: 'daily', transportId: Number(id) };
      const pod = weir.pod('pod-1');
      await pod.report([
        { ...of, type: 'transport.ice', state: 'completed' },
        { ...of, type: 'transport.dtls', state: 'connected' },
      ]);
      for (let round = 0; round < 6; round += 1) {
        await pass(weir, 10);
        await weir.lease('pod-1');
      }
      expect(await present(weir, room)).toEqual(['alice']);
      await pod.report([
        { ...of, type: 'transport.ice', state: 'disconnected' },
        { ...of, type: 'transport.closed', reason: 'consent' },
      ]);
      await pass(weir, 15);
      expect(await present(weir, room)).toEqual(['alice']);
      await pass(weir, 8);
      expect(await present(weir, room)).toEqual([]);
    });

    it('when media dies the open stream is ended, so that only those who come again count as present', async () => {
      const { weir, room } = await start();
      await weir.lease('pod-1');
      const [alice, bob] = [await weir.join(room, 'alice'), await weir.join(room, 'bob')];
      const readers = [await stream(alice), await stream(bob)];
      const died = [];
      for (const member of [alice, bob]) {
        const { id } = await member.ok('POST', '/transports', {});
        died.push({
          type: 'transport.closed' as const,
          roomId: 'daily',
          transportId: Number(id),
          reason: 'consent',
        });
      }
      // Closing one's own transport is no reason to doubt.
      const { id } = await alice.ok('POST', '/transports', {});
      await alice.ok('DELETE', `/transports/${id}`);
      await weir.clock.advance(1000);
      expect(readers[0]!.ended).toBe(false);
      await weir.pod('pod-1').report(died);
      for (const reader of readers) await reader.until(() => reader.ended);
      expect(readers[0]!.retries).toHaveLength(2);
      const again = await stream(alice);
      await pass(weir, 23);
      expect(await present(weir, room)).toEqual(['alice']);
      await again.cancel();
    });

    it('plain RTP is a sign of life once it came, for as long as its pod is there', async () => {
      const { weir, room } = await start();
      await weir.lease('pod-1');
      const [sending, silent] = [await weir.join(room, 'sending'), await weir.join(room, 'silent')];
      const plain = { type: 'plain', comedia: true };
      const { id } = await sending.ok('POST', '/transports', plain);
      await silent.ok('POST', '/transports', plain);
      await weir.pod('pod-1').report([
        {
          type: 'transport.tuple',
          roomId: 'daily',
          transportId: Number(id),
          tuple: {
            protocol: 'udp',
            localIP: '127.0.0.1',
            localPort: 40000,
            remoteIP: '8.8.8.8',
            remotePort: 5004,
          },
        },
      ]);
      for (let round = 0; round < 6; round += 1) {
        await pass(weir, 10);
        await weir.lease('pod-1');
      }
      expect(await present(weir, room)).toEqual(['sending']);
      // The pod ended: it is given up after three leases, and its transports are closed with it.
      weir.pods.down.add('pod-1');
      await pass(weir, 45 + 23);
      expect(await present(weir, room)).toEqual([]);
    });

    it('a room that cannot be changed does not keep others from being swept', async () => {
      const { weir, room } = await start();
      await weir.room('another');
      await weir.join(room, 'alice');
      await weir.join('/v1/rooms/another', 'bob');
      for (const broken of ['another', 'daily']) {
        const { rooms } = weir.app.services;
        const transact = rooms.transact.bind(rooms);
        rooms.transact = (roomIds, ...rest) =>
          roomIds.includes(broken)
            ? Promise.reject(new Error('a defect of this room'))
            : transact(roomIds, ...rest);
        try {
          await pass(weir, 23);
        } finally {
          rooms.transact = transact;
        }
        if (broken === 'another') expect(await present(weir, room)).toEqual([]);
        expect(await present(weir, '/v1/rooms/another')).toEqual(broken === 'another' ? ['bob'] : []);
      }
    });

    it('a transport that never connected is none', async () => {
      const { weir, room } = await start();
      await weir.lease('pod-1');
      const alice = await weir.join(room, 'alice');
      await alice.ok('POST', '/transports', {});
      await pass(weir, 23);
      expect(await present(weir, room)).toEqual([]);
      expect(weir.pods.held('pod-1', 'daily')!.transports.size).toBe(0);
    });
  });

  describe('times to live', () => {
    it('an empty room closes after its time, counted from when the last one left', async () => {
      const { weir } = await start();
      const room = await weir.room('short', { emptyTtlSeconds: 60 });
      const token = await weir.admin();
      await pass(weir, 50);
      const alice = await weir.join(room, 'alice');
      const reader = await stream(alice);
      await pass(weir, 100);
      await alice.ok('DELETE', '');
      await reader.until(() => reader.ended);
      await pass(weir, 55);
      await weir.ok('GET', room, { token });
      await pass(weir, 6);
      await weir.refused('GET', room, { token }, { status: 410, code: 'room-closed' });
      // The id is free again.
      await weir.room('short');
      await weir.ok('GET', room, { token });
    });

    it('a room closes after its greatest duration whoever is in it, and they hear it', async () => {
      const { weir } = await start();
      const room = await weir.room('long', { maxDurationSeconds: 60, emptyTtlSeconds: 0 });
      const alice = await weir.join(room, 'alice');
      const reader = await stream(alice);
      await pass(weir, 61);
      await reader.until(() => reader.ended);
      expect(reader.events.map(({ event, data }) => [event, JSON.parse(data).target.kind])).toEqual([
        ['close', 'peer'],
        ['close', 'room'],
      ]);
      await weir.refused('GET', room, { token: alice.token }, { status: 410, code: 'room-closed' });
      await weir.refused(
        'GET',
        `${alice.path}/senders`,
        { token: alice.token },
        { status: 410, code: 'room-closed' },
      );
    });

    it('changing the limits changes the time', async () => {
      const { weir } = await start();
      const room = await weir.room('patched', { emptyTtlSeconds: 30 });
      const token = await weir.admin();
      const changed = await weir.ok('PATCH', room, {
        token,
        body: { emptyTtlSeconds: 0, metadata: { topic: 'x' } },
      });
      expect(changed).toMatchObject({ emptyTtlSeconds: 0, metadata: { topic: 'x' }, maxPeers: 100 });
      await pass(weir, 60);
      expect(await weir.ok('GET', room, { token })).toEqual(changed);
    });

    it('a closed room is forgotten after an hour', async () => {
      const { weir, room } = await start();
      const token = await weir.admin();
      await weir.ok('DELETE', room, { token });
      await weir.clock.advance(3_500_000);
      await weir.clock.until(weir.sweeper.sweep());
      const later = await weir.admin();
      await weir.refused('GET', room, { token: later }, { status: 410, code: 'room-closed' });
      await weir.clock.advance(200_000);
      await weir.clock.until(weir.sweeper.sweep());
      await weir.refused('GET', room, { token: later }, { status: 404, code: 'room-not-found' });
    });
  });
});
