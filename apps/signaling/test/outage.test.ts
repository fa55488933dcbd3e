import { type Driver, StoreUnavailableError } from '@weir/db';
import { describe, expect, it } from 'vitest';
import { onSqlite } from './databases.ts';
import { Instance } from './harness.ts';

onSqlite((open) => {
  const env = { WEIR_PEER_TIMEOUT_SECONDS: '20', WEIR_POD_LEASE_SECONDS: '15', WEIR_POD_LOST_SECONDS: '60' };

  /** A peer without media and one with a transport on a pod, and a database that can go away. */
  async function start() {
    const database = await open();
    let down = false;
    const away = () => Promise.reject(new StoreUnavailableError('away'));
    const connect = (): Driver => {
      const driver = database.connect();
      return {
        ...driver,
        read: (statements) => (down ? away() : driver.read(statements)),
        write: (statements) => (down ? away() : driver.write(statements)),
      };
    };
    const weir = new Instance({ connect }, { env });
    await weir.lease('pod-1');
    const room = await weir.room();
    await weir.join(room, 'alice');
    const bob = await weir.join(room, 'bob');
    await bob.ok('POST', '/transports', {});
    const seconds = async (count: number, sweeper = weir.sweeper) => {
      for (let second = 0; second < count; second += 1) {
        await weir.clock.advance(1000);
        await sweeper.sweep();
      }
    };
    const state = async () => ({
      peers: (await weir.ok('GET', `${room}/peers`, { token: await weir.admin() })).peers.length,
      podLost: (await weir.app.services.podStore.get('pod-1'))!.lease === null,
    });
    const setDown = (value: boolean) => {
      down = value;
    };
    return { connect, weir, seconds, state, setDown };
  }

  describe('after an outage of the database', () => {
    it('peers and pods have their whole time again to give a sign of life', async () => {
      const { seconds, state, setDown } = await start();
      await seconds(10);
      setDown(true);
      await seconds(120);
      setDown(false);
      await seconds(20);
      expect(await state()).toEqual({ peers: 2, podLost: false });
      await seconds(3);
      expect(await state()).toEqual({ peers: 0, podLost: false });
      await seconds(25);
      expect(await state()).toEqual({ peers: 0, podLost: true });
    });

    it('an instance that could only start when it was over does not take silence for absence', async () => {
      const { connect, weir, state } = await start();
      await weir.clock.advance(120_000);
      const later = new Instance({ connect }, { env, clock: weir.clock, pods: weir.pods });
      later.sweeper.start();
      await weir.clock.advance(19_000);
      expect(await state()).toEqual({ peers: 2, podLost: false });
      await weir.clock.advance(40_000);
      expect(await state()).toEqual({ peers: 0, podLost: true });
      await later.sweeper.stop();
    });
  });
});
