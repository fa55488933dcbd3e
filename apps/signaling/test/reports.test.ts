import { type Driver, StoreUnavailableError } from '@weir/db';
import type { MediaHappening } from '@weir/protocol';
import { createRandom } from '@weir/testing';
import { describe, expect, it } from 'vitest';
import { onEveryDatabase } from './databases.ts';
import { Instance, type Member } from './harness.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Time as it is: writes that wait for other writes would hold up virtual time. */
class RealTime extends VirtualClock {
  override now = () => Date.now();

  override after = (ms: number, callback: () => void) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  };
}

onEveryDatabase((open) => {
  const roomCount = 6;

  /** Some rooms with one peer and one transport each, all on one pod. */
  async function start() {
    const database = await open();
    const weir = new Instance(database, {
      clock: new RealTime(),
      env: { WEIR_PEER_TIMEOUT_SECONDS: '3600' },
    });
    await weir.lease('pod-1');
    const members: { room: string; member: Member; transportId: number }[] = [];
    for (let index = 0; index < roomCount; index += 1) {
      const room = await weir.room(`room-${index}`);
      const member = await weir.join(room, 'alice');
      const { id } = await member.ok('POST', '/transports', {});
      await member.events();
      members.push({ room: `room-${index}`, member, transportId: Number(id) });
    }
    const happenings = members.flatMap(({ room, transportId }): MediaHappening[] => [
      { type: 'transport.ice', roomId: room, transportId, state: 'completed' },
      { type: 'transport.dtls', roomId: room, transportId, state: 'connecting' },
      { type: 'transport.dtls', roomId: room, transportId, state: 'connected' },
    ]);
    const pod = weir.pod('pod-1');
    const report = {
      podId: 'pod-1' as never,
      epoch: pod.epoch,
      seq: pod.seq + 1,
      lease: pod.lease(),
      happenings,
    };
    /** Another instance, whose writes go through `write`. */
    const through = (
      write: (driver: Driver, ...given: Parameters<Driver['write']>) => ReturnType<Driver['write']>,
    ) =>
      new Instance(
        {
          connect: () => {
            const driver = database.connect();
            return { ...driver, write: (statements) => write(driver, statements) };
          },
        },
        { clock: weir.clock, pods: weir.pods, env: { WEIR_PEER_TIMEOUT_SECONDS: '3600' } },
      );
    const sendTo = (instance: Instance) => {
      const fetch = async (url: string, init: RequestInit) =>
        await instance.app.fetch(new Request(url, init));
      return pod.client({ fetch, attemptTimeoutMs: 60_000, timeoutMs: 60_000 }).report(report);
    };
    const heard = () => Promise.all(members.map(({ member }) => member.eventTypes()));
    const leasedAt = async () => (await weir.app.services.podStore.get('pod-1'))!.leasedAt;
    return { weir, members, through, sendTo, heard, report, leasedAt };
  }

  const once = Array.from({ length: roomCount }, () => [
    'icestatechange',
    'dtlsstatechange',
    'dtlsstatechange',
  ]);

  describe('a report about many rooms', () => {
    it('gets through while some room changes before every write', async () => {
      const { members, through, sendTo, heard, leasedAt } = await start();
      const random = createRandom(5);
      let changes = 0;
      const busy = through(async (driver, statements) => {
        const { member, transportId } = members[random.int(roomCount)]!;
        changes += 1;
        await member.ok('PATCH', `/transports/${transportId}`, { maxIncomingBitrate: 10_000 + changes });
        return await driver.write(statements);
      });
      const before = Date.now();
      await sendTo(busy);
      expect(await heard()).toEqual(once);
      expect(await leasedAt()).toBeGreaterThanOrEqual(before);
    });

    it('renews the lease before it waits for rooms', async () => {
      const { weir, through, sendTo, heard, leasedAt } = await start();
      const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
      const { promise: waiting, resolve: waits } = Promise.withResolvers<void>();
      let writes = 0;
      const slow = through(async (driver, statements) => {
        writes += 1;
        if (writes > 1) {
          waits();
          await held;
        }
        return await driver.write(statements);
      });
      const before = Date.now();
      const sent = sendTo(slow);
      await waiting;
      expect(await leasedAt()).toBeGreaterThanOrEqual(before);
      expect((await weir.app.services.podStore.get('pod-1'))!.seq).toBe(1);
      letGo();
      await sent;
      expect(await heard()).toEqual(once);
    });

    it('is applied once when instances die after any of its writes', async () => {
      for (const writes of [1, 3, 5, 6]) {
        const { weir, through, sendTo, heard, report } = await start();
        let left = writes;
        const dying = through((driver, statements) => {
          left -= 1;
          return left < 0 ? Promise.reject(new StoreUnavailableError('killed')) : driver.write(statements);
        });
        await expect(sendTo(dying)).rejects.toThrow('503');
        expect(await sendTo(weir)).toMatchObject({ seq: report.seq });
        expect(await sendTo(weir)).toMatchObject({ seq: report.seq });
        expect(await heard(), `${writes} writes`).toEqual(once);
        expect(
          await weir.app.services.access.answerOf(' report pod-1', `${report.epoch} 2 room-0`),
        ).toBeUndefined();
      }
    });

    it('is applied once when an instance goes on with it long after another one was done', async () => {
      const { weir, through, sendTo, heard } = await start();
      const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
      let first = true;
      const slow = through(async (driver, statements) => {
        if (first) {
          first = false;
          await held;
        }
        return await driver.write(statements);
      });
      const sent = sendTo(slow);
      await sendTo(weir);
      letGo();
      await sent;
      expect(await heard()).toEqual(once);
    });
  });
});
