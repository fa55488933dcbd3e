import { PodControlError } from '@weir/pod-control';
import type { MediaHappening } from '@weir/protocol';
import { describe, expect, it } from 'vitest';
import { onEveryDatabaseAndD1 } from './databases.ts';
import { Instance, type Member } from './harness.ts';
import { capabilities, opus, vp8 } from './media.ts';
import { settle } from './virtual-clock.ts';

onEveryDatabaseAndD1((open) => {
  async function start(env: Record<string, string> = {}) {
    const database = await open();
    const weir = new Instance(database, { env: { WEIR_PEER_TIMEOUT_SECONDS: '3600', ...env } });
    await weir.lease('pod-1');
    const room = await weir.room();
    const [alice, bob] = [await weir.join(room, 'alice'), await weir.join(room, 'bob')];
    for (const one of [alice, bob]) {
      await one.ok('PUT', '/capabilities', {
        rtpCapabilities: capabilities(alice.answer.snapshot.room as never),
      });
    }
    return { database, weir, room, alice, bob };
  }

  async function transportOf(member: Member, body = {}): Promise<number> {
    return Number((await member.ok('POST', '/transports', body)).id);
  }

  const ice = (transportId: number, state: 'completed' | 'disconnected'): MediaHappening => ({
    type: 'transport.ice',
    roomId: 'daily',
    transportId,
    state,
  });

  describe('reports of pods', () => {
    it('are applied once, whoever gets a copy, and answered alike', async () => {
      const { database, weir, alice } = await start();
      const other = new Instance(database, { clock: weir.clock, pods: weir.pods });
      const transportId = await transportOf(alice);
      await alice.events();
      const pod = weir.pod('pod-1');
      const report = {
        podId: 'pod-1' as never,
        epoch: pod.epoch,
        seq: pod.seq + 1,
        happenings: [ice(transportId, 'completed')],
      };
      const fetch = (instance: Instance) => async (url: string, init: RequestInit) =>
        await instance.app.fetch(new Request(url, init));
      const answers = await weir.clock.until(
        Promise.all(
          [weir, other, weir, other].map((one) => pod.client({ fetch: fetch(one) }).report(report)),
        ),
      );
      for (const answer of answers) expect(answer).toEqual({ seq: report.seq, leaseSeconds: 15 });
      expect(await alice.eventTypes()).toEqual(['icestatechange']);
      pod.seq += 1;
      expect(await pod.client().report({ ...report, happenings: [] })).toEqual(answers[0]);
    });

    it('of a process that was replaced are refused for good', async () => {
      const { weir } = await start();
      const pod = weir.pod('pod-1');
      const old = pod.epoch;
      await pod.restart();
      const late = { podId: 'pod-1' as never, epoch: old, seq: 99, happenings: [] };
      const refusal = await pod
        .client()
        .report(late)
        .catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(PodControlError);
      expect(refusal).toMatchObject({ failure: 'refused', status: 409, problem: { field: 'epoch' } });
    });

    it('must be signed by the pod they name', async () => {
      const { weir } = await start();
      const report = { podId: 'pod-1' as never, epoch: 1, seq: 1, happenings: [] };
      const stranger = weir.pod('pod-1').client({ secrets: ['x'.repeat(32)] });
      await expect(stranger.report(report)).rejects.toMatchObject({ status: 401 });
      const mislead = weir.pod('pod-2').client();
      await expect(mislead.report(report)).rejects.toMatchObject({ status: 403 });
    });

    it('about objects that are gone, or that another pod holds, mean nothing', async () => {
      const { weir, alice } = await start();
      const transportId = await transportOf(alice);
      await weir.lease('pod-2');
      await alice.events();
      await weir.pod('pod-2').report([ice(transportId, 'completed')]);
      await weir
        .pod('pod-1')
        .report([
          ice(99999999, 'completed'),
          { type: 'sender.layers', roomId: 'daily', senderId: 99999999, layers: null },
          { type: 'receiver.score', roomId: 'daily', receiverId: 99999999, scores: [] },
          { type: 'audio.levels', roomId: 'gone', levels: [] },
        ]);
      expect(await alice.events()).toEqual([]);
    });

    it('a transport that died is closed, its receivers wait for another, its senders stop', async () => {
      const { weir, alice, bob } = await start();
      const transportId = await transportOf(alice);
      const body = { kind: 'audio', transportId: String(transportId), rtpParameters: opus(1) };
      const receiver = await alice.ok('POST', '/receivers', body);
      await alice.events();
      await weir
        .pod('pod-1')
        .report([
          ice(transportId, 'disconnected'),
          { type: 'transport.closed', roomId: 'daily', transportId, reason: 'consent' },
        ]);
      expect((await alice.events()).map(({ type, target }) => [type, target.kind])).toEqual([
        ['icestatechange', 'transport'],
        ['close', 'transport'],
      ]);
      expect((await alice.ok('GET', `/receivers/${receiver.id}`)).transportId).toBeNull();
      expect((await bob.ok('GET', '/senders')).senders).toHaveLength(1);
      const next = await transportOf(alice);
      const moved = await alice.ok('PATCH', `/receivers/${receiver.id}`, { transportId: String(next) });
      expect(moved.transportId).toBe(String(next));
    });

    it('levels, scores and layers reach whom they concern, and only the newest waits for a slow reader', async () => {
      const { weir, alice, bob } = await start();
      const transportId = await transportOf(alice);
      const body = { kind: 'video', transportId: String(transportId), rtpParameters: vp8(1) };
      const receiverId = Number((await alice.ok('POST', '/receivers', body)).id);
      const [sender] = (await bob.ok('GET', '/senders')).senders;
      const receiving = await transportOf(bob);
      await bob.ok('PATCH', `/senders/${sender.id}`, { transportId: String(receiving) });
      await alice.events();
      await bob.events();
      const of = { roomId: 'daily' };
      const senderId = Number(sender.id);
      for (let round = 1; round <= 3; round += 1) {
        await weir.pod('pod-1').report([
          { ...of, type: 'receiver.score', receiverId, scores: [{ encodingIdx: 0, ssrc: 1, score: round }] },
          { ...of, type: 'sender.score', senderId, score: round, receiverScore: 10 },
          { ...of, type: 'sender.layers', senderId, layers: { spatialLayer: 0, temporalLayer: round } },
          { ...of, type: 'audio.levels', levels: [{ receiverId, audioLevel: -10 * round }] },
        ]);
      }
      expect((await alice.events()).map(({ type, data }) => [type, data])).toEqual([
        ['score', { scores: [{ encodingIdx: 0, ssrc: 1, score: 3 }] }],
        ['audiolevels', { levels: [{ receiverId: String(receiverId), peerId: alice.id, audioLevel: -30 }] }],
      ]);
      expect((await bob.events()).map(({ type, data }) => [type, data])).toEqual([
        ['score', { score: 3, receiverScore: 10 }],
        ['layerschange', { layers: { spatialLayer: 0, temporalLayer: 3 } }],
        ['audiolevels', expect.anything()],
      ]);
      expect((await bob.ok('GET', `/senders/${sender.id}`)).currentLayers).toEqual({
        spatialLayer: 0,
        temporalLayer: 3,
      });
    });

    it('count at an instance that knows the room as it was long ago', async () => {
      const { database, weir, alice } = await start();
      const other = new Instance(database, { clock: weir.clock, pods: weir.pods });
      // It has the room in its cache, without the transport.
      await other.ok('GET', alice.path, { token: alice.token });
      const transportId = await transportOf(alice);
      await alice.events();
      const pod = weir.pod('pod-1');
      pod.seq += 1;
      const fetch = async (url: string, init: RequestInit) => await other.app.fetch(new Request(url, init));
      const report = {
        podId: 'pod-1' as never,
        epoch: pod.epoch,
        seq: pod.seq,
        happenings: [ice(transportId, 'completed')],
      };
      await pod.client({ fetch }).report(report);
      expect(await alice.eventTypes()).toEqual(['icestatechange']);
    });

    it('do not make pods be told what they told', async () => {
      const { weir, alice } = await start();
      const transportId = await transportOf(alice);
      await settle();
      const told = weir.pods.updates.length;
      await weir.pod('pod-1').report([ice(transportId, 'completed')]);
      await weir.clock.advance(1000);
      expect(weir.pods.updates.length).toBe(told);
    });
  });

  describe('pods that go', () => {
    it('a pod that was started again: its transports close, their peers move', async () => {
      const { weir, alice, bob } = await start();
      const transportId = await transportOf(alice);
      const kept = await alice.ok('POST', '/receivers', {
        kind: 'audio',
        transportId: String(transportId),
        rtpParameters: opus(1),
      });
      await alice.events();
      await bob.events();
      await weir.pod('pod-1').restart();
      await weir.clock.advance(10);
      expect((await alice.events()).map(({ type, data }) => [type, data])).toEqual([
        ['close', { reason: 'pod-lost' }],
        ['migrate', { reason: 'pod-lost', transportIds: [String(transportId)] }],
      ]);
      expect(await bob.events()).toEqual([]);
      const next = await transportOf(alice);
      await alice.ok('PATCH', `/receivers/${kept.id}`, { transportId: String(next) });
      await settle();
      const held = weir.pods.held('pod-1', 'daily')!;
      expect([...held.transports.keys()]).toEqual([next]);
      expect([...held.receivers.keys()]).toEqual([Number(kept.id)]);
    });

    it('a pod that misses leases gets nothing new, and after three is given up if it does not run', async () => {
      const { weir, alice } = await start();
      const transportId = await transportOf(alice);
      weir.pods.cutOff.add('pod-1');
      await alice.events();
      await weir.clock.advance(16_000);
      expect((await alice.call('POST', '/transports', {})).body.code).toBe('no-pod');
      await weir.sweeper.sweep();
      expect(await alice.events()).toEqual([]);
      await weir.clock.advance(30_000);
      await weir.sweeper.sweep();
      // It may only be cut off from here, and carry media.
      expect(await alice.events()).toEqual([]);
      weir.pods.cutOff.delete('pod-1');
      weir.pods.down.add('pod-1');
      await weir.clock.until(weir.sweeper.sweep());
      expect((await alice.events()).map(({ type }) => type)).toEqual(['close', 'migrate']);
      weir.pods.down.delete('pod-1');
      // Its epoch is over. In the next one what it holds is taken from it, and it serves again.
      await expect(weir.lease('pod-1')).rejects.toMatchObject({
        status: 409,
        problem: { code: 'pod-given-up', epoch: weir.pod('pod-1').epoch + 1 },
      });
      weir.pod('pod-1').epoch += 2;
      weir.pod('pod-1').seq = 0;
      await weir.lease('pod-1');
      await weir.clock.advance(10);
      expect(weir.pods.held('pod-1', 'daily')!.transports.size).toBe(0);
      expect(await transportOf(alice)).not.toBe(transportId);
    });

    it('a pod that is silent for too long is given up, whatever became of it', async () => {
      const { weir, alice } = await start({ WEIR_POD_LOST_SECONDS: '120' });
      await transportOf(alice);
      await alice.events();
      weir.pods.cutOff.add('pod-1');
      await weir.clock.advance(119_000);
      await weir.sweeper.sweep();
      expect(await alice.eventTypes()).toEqual([]);
      await weir.clock.advance(2_000);
      await weir.sweeper.sweep();
      expect(await alice.eventTypes()).toEqual(['close', 'migrate']);
    });

    it('operators drain a pod and take it back', async () => {
      const { weir } = await start();
      const admin = { token: await weir.admin() };
      expect(await weir.ok('POST', '/v1/pods/pod-1/drain', admin)).toMatchObject({ draining: true });
      expect([...weir.pods.draining]).toEqual(['pod-1']);
      expect(await weir.ok('DELETE', '/v1/pods/pod-1/drain', admin)).toMatchObject({ draining: false });
      expect([...weir.pods.draining]).toEqual([]);
      expect((await weir.call('POST', '/v1/pods/pod-9/drain', admin)).status).toBe(404);
      weir.pods.cutOff.add('pod-1');
      expect((await weir.call('POST', '/v1/pods/pod-1/drain', admin)).body.code).toBe('pod-unreachable');
      const local = { token: await weir.token({ room: 'daily', admin: true }) };
      expect((await weir.call('POST', '/v1/pods/pod-1/drain', local)).status).toBe(403);
    });

    it('a draining pod keeps its calls and gets no new ones; its peers are told once', async () => {
      const { weir, alice, bob } = await start();
      const transportId = await transportOf(alice);
      await weir.lease('pod-2', { region: 'elsewhere' });
      await alice.events();
      await bob.events();
      await weir.lease('pod-1', { draining: true, placeable: false });
      await weir.sweeper.sweep();
      await weir.sweeper.sweep();
      await weir.lease('pod-1');
      await weir.sweeper.sweep();
      expect((await alice.events()).map(({ type, data }) => [type, data])).toEqual([
        ['migrate', { reason: 'drain', transportIds: [String(transportId)] }],
      ]);
      // Who has nothing there need not move.
      expect(await bob.events()).toEqual([]);
      const next = await transportOf(alice);
      await settle();
      expect([...weir.pods.held('pod-2', 'daily')!.transports.keys()]).toEqual([next]);
      expect([...weir.pods.held('pod-1', 'daily')!.transports.keys()]).toEqual([transportId]);
      // The drain is taken back, and later begins anew.
      await weir.lease('pod-1', { draining: false, placeable: true });
      await weir.sweeper.sweep();
      await weir.lease('pod-1', { draining: true, placeable: false });
      await weir.sweeper.sweep();
      expect((await alice.events()).map(({ type }) => type)).toEqual(['newtransport', 'migrate']);
    });
  });

  describe('what pods hold is put right', () => {
    it('a pod that missed an update gets the whole with its next lease', async () => {
      const { weir, alice } = await start();
      const first = await transportOf(alice);
      weir.pods.down.add('pod-1');
      await alice.ok('POST', '/receivers', {
        kind: 'audio',
        transportId: String(first),
        rtpParameters: opus(1),
      });
      await weir.clock.advance(100);
      weir.pods.down.delete('pod-1');
      expect(weir.pods.held('pod-1', 'daily')!.receivers.size).toBe(0);
      await weir.lease('pod-1');
      await weir.clock.advance(100);
      expect(weir.pods.held('pod-1', 'daily')!.receivers.size).toBe(1);
      expect(weir.pods.updates.at(-1)!.update.base).toBeNull();
    });

    it('a pod that missed an update gets the whole with the next change', async () => {
      const { weir, alice } = await start();
      await transportOf(alice);
      const second = await transportOf(alice);
      weir.pods.down.add('pod-1');
      await alice.ok('DELETE', `/transports/${second}`);
      await weir.clock.advance(100);
      weir.pods.down.delete('pod-1');
      const third = await transportOf(alice);
      await settle();
      expect(weir.pods.held('pod-1', 'daily')!.transports.has(second)).toBe(false);
      expect(weir.pods.held('pod-1', 'daily')!.transports.has(third)).toBe(true);
    });

    it('a room that was closed behind a pod’s back is taken from it', async () => {
      const { weir, room, alice } = await start();
      await transportOf(alice);
      weir.pods.down.add('pod-1');
      await weir.ok('DELETE', room, { token: await weir.admin() });
      await weir.clock.advance(100);
      weir.pods.down.delete('pod-1');
      expect(weir.pods.held('pod-1', 'daily')!.transports.size).toBe(1);
      await weir.lease('pod-1');
      await weir.clock.advance(100);
      expect(weir.pods.held('pod-1', 'daily')!.transports.size).toBe(0);
    });

    it('a room that nobody remembers is taken from it', async () => {
      const { weir } = await start();
      await weir.pod('pod-1').report([], { rooms: { forgotten: 17 } });
      await weir.clock.advance(100);
      const { update } = weir.pods.updates.at(-1)!;
      expect(update).toMatchObject({ roomId: 'forgotten', base: null, version: 18, put: { transports: [] } });
    });

    it('a pod that holds what it should is left in peace', async () => {
      const { weir, alice } = await start();
      await transportOf(alice);
      const told = weir.pods.updates.length;
      for (let lease = 0; lease < 3; lease += 1) await weir.lease('pod-1');
      await weir.clock.advance(1000);
      expect(weir.pods.updates.length).toBe(told);
    });

    it('changes that come quickly are put together, and end as the whole says', async () => {
      const { weir, alice, bob } = await start();
      const transportId = String(await transportOf(alice));
      const receiver = await alice.ok('POST', '/receivers', {
        kind: 'audio',
        transportId,
        rtpParameters: opus(1),
      });
      const receiving = String(await transportOf(bob));
      const [sender] = (await bob.ok('GET', '/senders')).senders;
      await Promise.all([
        bob.ok('PATCH', `/senders/${sender.id}`, { transportId: receiving }),
        ...Array.from({ length: 10 }, (_, index) =>
          alice.ok('PATCH', `/receivers/${receiver.id}`, { paused: index % 2 === 0 }),
        ),
        bob.ok('PATCH', `/senders/${sender.id}`, { priority: 7 }),
      ]);
      await weir.clock.advance(1000);
      const room = (await weir.app.services.store.load('daily'))!;
      await settle();
      const held = weir.pods.held('pod-1', 'daily')!;
      expect(held.version).toBe(room.mediaVersion);
      expect(held.senders.get(Number(sender.id))).toMatchObject({
        priority: 7,
        transportId: Number(receiving),
      });
      expect(held.receivers.get(Number(receiver.id))).toMatchObject({
        paused: room.state.receivers.get(Number(receiver.id))!.paused,
      });
    });
  });

  describe('placement', () => {
    it('keeps a room together on one pod', async () => {
      const { weir, alice, bob } = await start();
      for (const id of ['pod-2', 'pod-3', 'pod-4']) await weir.lease(id);
      await transportOf(alice);
      await transportOf(bob);
      await transportOf(bob);
      const pods = ['pod-1', 'pod-2', 'pod-3', 'pod-4'].filter(
        (id) => weir.pods.held(id, 'daily') !== undefined,
      );
      expect(pods).toHaveLength(1);
    });
  });

  describe('a pod that reports but cannot be told anything', () => {
    /** Two pods; the emptier one is cut off from here. */
    async function cutOff() {
      const weir = new Instance(await open(), { env: { WEIR_PEER_TIMEOUT_SECONDS: '3600' } });
      const load = { receivers: 0, senders: 0, cpu: 0, egressPps: 0, egressBps: 0, loopLagMs: 0 };
      const lease = async () => {
        await weir.lease('empty', { load: { ...load, transports: 0 } });
        await weir.lease('busy', { load: { ...load, transports: 30 } });
      };
      await lease();
      weir.pods.cutOff.add('empty');
      const visit = async (id: string) => {
        const member = await weir.join(await weir.room(id), 'alice');
        const began = weir.clock.now();
        const { status, body } = await weir.clock.until(member.call('POST', '/transports', {}));
        return { member, status, body, ms: weir.clock.now() - began };
      };
      return { weir, lease, visit };
    }

    it('costs one visitor one deadline at most: it is placed elsewhere at once, and so are those who come after', async () => {
      const { weir, lease, visit } = await cutOff();
      for (let i = 0; i < 12; i += 1) {
        const { status, ms } = await visit(`room-${i}`);
        expect({ i, status }).toEqual({ i, status: 201 });
        if (i > 0) expect(ms).toBe(0);
        await lease();
      }
      const { podStore } = weir.app.services;
      expect((await podStore.get('empty'))!.unreachableUntil).toBeGreaterThan(weir.clock.now());
      expect((await podStore.placedSinceLease(0)).get('empty')).toBeUndefined();
      // Later it is tried again, and by a new start of it at once.
      weir.pods.cutOff.delete('empty');
      await weir.pod('empty').restart();
      expect((await podStore.get('empty'))!.unreachableUntil).toBe(0);
      await visit('last');
      expect(weir.pods.held('empty', 'last')!.transports.size).toBe(1);
    });

    it('also if it swallows what it is told', async () => {
      const { weir, visit } = await cutOff();
      weir.pods.cutOff.clear();
      const { applyMedia } = weir.pods;
      weir.pods.applyMedia = function (pod, update) {
        return pod.id === 'empty' ? new Promise(() => {}) : applyMedia.call(this, pod, update);
      };
      const { member, status, body, ms } = await visit('daily');
      expect(status).toBe(201);
      expect(ms).toBe(3000);
      // Nothing is left of the first try.
      const { transports } = await member.ok('GET', '/transports').catch(() => ({ transports: [body] }));
      expect(transports).toHaveLength(1);
      expect([...weir.pods.held('busy', 'daily')!.transports.keys()]).toEqual([Number(body.id)]);
    });

    it('also if it refuses, which is no reason to leave it alone later', async () => {
      const { weir, visit } = await cutOff();
      weir.pods.cutOff.clear();
      const { applyMedia } = weir.pods;
      weir.pods.applyMedia = async function (pod, update) {
        if (pod.id === 'empty') throw new PodControlError('refused', 'another pod', { status: 401 });
        return await applyMedia.call(this, pod, update);
      };
      expect((await visit('daily')).status).toBe(201);
      expect((await weir.app.services.podStore.get('empty'))!.unreachableUntil).toBe(0);
    });

    it('keeps its rooms: elsewhere a newcomer would see nobody', async () => {
      const { weir, visit } = await cutOff();
      weir.pods.cutOff.clear();
      const { member, body } = await visit('daily');
      expect(weir.pods.held('empty', 'daily')!.transports.size).toBe(1);
      await weir
        .pod('empty')
        .report([
          { type: 'transport.ice', roomId: 'daily', transportId: Number(body.id), state: 'completed' },
        ]);
      weir.pods.cutOff.add('empty');
      const bob = await weir.join('/v1/rooms/daily', 'bob');
      const refused = await weir.clock.until(bob.call('POST', '/transports', {}));
      expect(refused.body.code).toBe('pod-unreachable');
      weir.pods.cutOff.clear();
      await bob.ok('POST', '/transports', {});
      await settle();
      expect(weir.pods.held('empty', 'daily')!.transports.size).toBe(2);
      expect(weir.pods.held('busy', 'daily')).toBeUndefined();
      await member.events();
    });

    it('is tried where there is no other, and does not hold up a room that has left it', async () => {
      const { weir } = await start();
      const { alice, bob } = {
        alice: await weir.join('/v1/rooms/daily', 'carol'),
        bob: await weir.join('/v1/rooms/daily', 'dave'),
      };
      weir.pods.cutOff.add('pod-1');
      expect((await weir.clock.until(alice.call('POST', '/transports', {}))).body.code).toBe(
        'pod-unreachable',
      );
      weir.pods.cutOff.clear();
      await alice.ok('POST', '/transports', {});
      // The room moves: its old pod cannot be told any more, the new one can.
      await weir.lease('pod-2');
      await weir.lease('pod-1', { draining: true, placeable: false });
      weir.pods.cutOff.add('pod-1');
      await bob.ok('POST', '/transports', {});
      await settle();
      expect(weir.pods.held('pod-2', 'daily')!.transports.size).toBe(1);
    });
  });

  describe('inspection', () => {
    it('gives stats and internals of one’s own objects, without secrets, as far as pods answer', async () => {
      const { weir, alice, bob } = await start();
      const transportId = String(await transportOf(alice));
      const receiver = await alice.ok('POST', '/receivers', {
        kind: 'audio',
        transportId,
        rtpParameters: opus(1),
      });
      await transportOf(bob);
      const { stats } = await alice.ok('GET', '/stats');
      expect(stats).toEqual([
        { type: 'webrtc-transport', transportId, what: 'stats' },
        { type: 'inbound-rtp', receiverId: receiver.id },
      ]);
      const dump = await alice.ok('GET', '/dump');
      expect(dump).toMatchObject({
        peerName: 'alice',
        transports: [{ id: Number(transportId), worker: { what: 'dump' } }],
        rtpReceivers: [{ id: Number(receiver.id), worker: [{ type: 'inbound-rtp' }] }],
        rtpSenders: [],
      });
      expect(JSON.stringify(dump)).not.toContain('password');
      weir.pods.down.add('pod-1');
      expect((await alice.ok('GET', '/stats')).stats).toEqual([]);
    });
  });
});
