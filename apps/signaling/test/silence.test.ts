import { describe, expect, it } from 'vitest';
import { onEveryDatabase } from './databases.ts';
import { Instance, type Member } from './harness.ts';
import { settle } from './virtual-clock.ts';

onEveryDatabase((open) => {
  /** People whose media runs on pod-1, with a second pod to go to. */
  async function start(...names: string[]) {
    const weir = new Instance(await open(), { env: { WEIR_PEER_TIMEOUT_SECONDS: '3600' } });
    await weir.lease('pod-1');
    const room = await weir.room();
    const people: { member: Member; transportId: string }[] = [];
    for (const name of names) {
      const member = await weir.join(room, name);
      people.push({ member, transportId: String((await member.ok('POST', '/transports', {})).id) });
    }
    await weir.pod('pod-1').report(
      people.map(({ transportId }) => ({
        type: 'transport.ice',
        roomId: 'daily',
        transportId: Number(transportId),
        state: 'completed',
      })),
    );
    await weir.lease('pod-2');
    for (const { member } of people) await member.events();
    const check = async (index: number): Promise<string> => {
      const { member, transportId } = people[index]!;
      const { pod } = await weir.clock.until(member.ok('POST', `/transports/${transportId}/check`));
      await settle();
      return pod;
    };
    return { weir, people: people.map(({ member }) => member), check };
  }

  const lost = ['close', 'migrate'];

  describe('a peer says that no media comes', () => {
    it('and the pod answers: nothing happens', async () => {
      const { weir, people, check } = await start('alice', 'bob');
      expect(await check(0)).toBe('alive');
      expect(await people[0]!.eventTypes()).toEqual([]);
      expect((await weir.app.services.podStore.get('pod-1'))!.lease).not.toBeNull();
    });

    it('and nothing listens at the pod any more: it is given up at once, for every room', async () => {
      const { weir, people, check } = await start('alice', 'bob', 'carol');
      weir.pods.down.add('pod-1');
      expect(await check(0)).toBe('lost');
      for (const one of people) expect(await one.eventTypes()).toEqual(lost);
      // They come together again.
      const made: string[] = [];
      for (const one of people) made.push(String((await one.ok('POST', '/transports', {})).id));
      await settle();
      expect([...weir.pods.held('pod-2', 'daily')!.transports.keys()].map(String)).toEqual(made);
    });

    it('and another process has the pod’s place: the same', async () => {
      const { weir, people, check } = await start('alice');
      const { PodControlError } = await import('@weir/pod-control');
      weir.pods.pulse = () => {
        const problem = { type: '', title: '', status: 409, detail: '', code: 'pod-restarted' };
        return Promise.reject(new PodControlError('refused', 'another epoch', { status: 409, problem }));
      };
      expect(await check(0)).toBe('lost');
      expect(await people[0]!.eventTypes()).toEqual(lost);
    });

    it('and a pod of another name answers at its address: it is gone, once that one has reported it', async () => {
      const { weir, people, check } = await start('alice', 'bob', 'carol');
      const { controlUrl } = weir.pod('pod-1').lease();
      const { PodControlError } = await import('@weir/pod-control');
      const pulse = weir.pods.pulse.bind(weir.pods);
      weir.pods.pulse = (pod) => {
        if (pod.id !== 'pod-1') return pulse(pod);
        const problem = { type: '', title: '', status: 401, detail: '', code: 'unauthorized' };
        return Promise.reject(new PodControlError('refused', 'not for me', { status: 401, problem }));
      };
      // Whoever it is: it is not the pod, and not known to have taken its place.
      expect(await check(0)).toBe('silent');
      await weir.clock.advance(1000);
      await weir.lease('pod-3', { controlUrl });
      expect(await check(0)).toBe('lost');
      for (const one of people) expect(await one.eventTypes()).toEqual(lost);
      expect((await weir.app.services.podStore.get('pod-1'))!.lease).toBeNull();
      // The other way round nothing is proven: the older lease is the wrong one.
      expect((await weir.app.services.podStore.get('pod-3'))!.lease).not.toBeNull();
    });

    it('and the pod cannot be reached: the room goes once most of it says so, and no other room', async () => {
      const { weir, people, check } = await start('alice', 'bob', 'carol');
      const other = await weir.join(await weir.room('other'), 'dave');
      await weir.lease('pod-2', { placeable: false });
      await other.ok('POST', '/transports', {});
      await weir.lease('pod-2', { placeable: true });
      await other.events();
      weir.pods.cutOff.add('pod-1');
      expect(await check(0)).toBe('silent');
      // The same one again is still one.
      expect(await check(0)).toBe('silent');
      for (const one of people) expect(await one.eventTypes()).toEqual([]);
      expect(await check(2)).toBe('lost');
      for (const one of people) expect(await one.eventTypes()).toEqual(lost);
      expect(await other.eventTypes()).toEqual([]);
      // No new room goes there for a while.
      expect((await weir.app.services.podStore.get('pod-1'))!.unreachableUntil).toBeGreaterThan(
        weir.clock.now(),
      );
      // It reports all the time, but no order gets there.
      await weir.lease('pod-1');
      await people[1]!.ok('POST', '/transports', {});
      expect(weir.pods.held('pod-2', 'daily')!.transports.size).toBe(1);
      weir.pods.cutOff.delete('pod-1');
      await weir.lease('pod-1');
      await settle();
      // What is left there of the room is orphaned, and closed.
      expect(weir.pods.held('pod-1', 'daily')!.transports.size).toBe(0);
      expect(weir.pods.held('pod-1', 'other')!.transports.size).toBe(1);
    });

    it('and the pod cannot be reached: who never had media there has no say', async () => {
      const { weir, people, check } = await start('alice', 'bob');
      const strangers: { member: Member; transportId: string }[] = [];
      for (const name of ['x', 'y', 'z']) {
        const member = await weir.join('/v1/rooms/daily', name);
        strangers.push({ member, transportId: String((await member.ok('POST', '/transports', {})).id) });
      }
      for (const { member } of strangers) await member.events();
      for (const one of people) await one.events();
      weir.pods.cutOff.add('pod-1');
      for (const { member, transportId } of strangers) {
        const asked = member.ok('POST', `/transports/${transportId}/check`);
        expect((await weir.clock.until(asked)).pod).toBe('silent');
      }
      for (const one of people) expect(await one.eventTypes()).toEqual([]);
      expect(await check(0)).toBe('silent');
      expect(await check(1)).toBe('lost');
    });

    it('and the pod is gone: his room is among those that are looked at first, however many there are', async () => {
      const { weir } = await start('alice');
      const dave = await weir.join(await weir.room('other'), 'dave');
      await weir.lease('pod-2', { placeable: false });
      await dave.ok('POST', '/transports', {});
      const { podStore } = weir.app.services;
      expect(await podStore.giveUp((await podStore.get('pod-1'))!)).toBe(true);
      for (const first of ['daily', 'other']) {
        expect((await podStore.lostTransports(1, first)).map(({ roomId }) => roomId)).toEqual([first]);
      }
    });

    it('long ago: it no longer counts', async () => {
      const { weir, people, check } = await start('alice', 'bob', 'carol');
      weir.pods.cutOff.add('pod-1');
      expect(await check(0)).toBe('silent');
      await weir.clock.advance(6_500);
      expect(await check(1)).toBe('silent');
      expect(await people[2]!.eventTypes()).toEqual([]);
    });

    it('of a transport that is another’s: it is refused', async () => {
      const { people, check } = await start('alice', 'bob');
      await check(1);
      const { body } = await people[0]!.call('POST', '/transports/12345678/check');
      expect(body.code).toBe('transport-not-found');
    });
  });
});
