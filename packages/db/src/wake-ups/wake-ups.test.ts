import { type LocalPostgres, missingPostgres, startLocalPostgres } from '@weir/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inProcessWakeUps } from './in-process.ts';
import { pollingWakeUps } from './polling.ts';
import { postgresWakeUps } from './postgres.ts';

const [alice, bob] = [11111111, 22222222];

describe('wake-ups in one process', () => {
  it('call those they are for', () => {
    const wakeUps = inProcessWakeUps();
    const calls: string[] = [];
    const stop = wakeUps.listen('daily', alice, () => calls.push('alice'));
    wakeUps.listen('daily', bob, () => calls.push('bob'));
    wakeUps.listen('other', alice, () => calls.push('other'));
    wakeUps.wake('daily', [alice]);
    wakeUps.wake('daily');
    expect(calls).toEqual(['alice', 'alice', 'bob']);
    stop();
    wakeUps.wake('daily');
    expect(calls).toEqual(['alice', 'alice', 'bob', 'bob']);
  });

  it('let a listener stop itself and others while being called', () => {
    const wakeUps = inProcessWakeUps();
    const calls: number[] = [];
    const stops = [1, 2, 3].map((n) =>
      wakeUps.listen('daily', alice, () => {
        calls.push(n);
        for (const stop of stops) stop();
      }),
    );
    wakeUps.wake('daily');
    expect(calls).toEqual([1, 2, 3]);
    wakeUps.wake('daily');
    expect(calls).toHaveLength(3);
  });
});

it('polling never calls, and says how often to look', () => {
  const wakeUps = pollingWakeUps({ pollMs: 300 });
  wakeUps.listen('daily', alice, () => expect.unreachable());
  wakeUps.wake('daily');
  expect(wakeUps.pollMs).toBe(300);
});

describe.skipIf(missingPostgres() !== undefined)('wake-ups through Postgres', () => {
  let server: LocalPostgres;
  beforeAll(async () => {
    server = await startLocalPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  /** Until a wake-up arrives; wakes again and again, since a listener may not be connected yet. */
  async function woken(wake: () => void, listen: (onWake: () => void) => () => void): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setInterval(wake, 50);
      const stop = listen(() => {
        clearInterval(timer);
        stop();
        resolve();
      });
      wake();
    });
  }

  it('reach other instances, and again after connections broke', async () => {
    const errors: Error[] = [];
    const options = { onError: (error: Error) => void errors.push(error) };
    const [ours, theirs] = [postgresWakeUps(server.url, options), postgresWakeUps(server.url, options)];
    try {
      await woken(
        () => ours.wake('daily', [alice]),
        (onWake) => theirs.listen('daily', alice, onWake),
      );
      const many = Array.from({ length: 2000 }, (_, index) => 10_000_000 + index);
      await woken(
        () => ours.wake('daily', many),
        (onWake) => theirs.listen('daily', bob, onWake),
      );
      server.breakConnections();
      await woken(
        () => ours.wake('daily', [alice]),
        (onWake) => theirs.listen('daily', alice, onWake),
      );
      expect(errors.length).toBeGreaterThan(0);
    } finally {
      await Promise.all([ours.close(), theirs.close()]);
    }
  });
});
