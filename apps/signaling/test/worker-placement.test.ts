import { workerOfRoom } from '@weir/pod-control';
import { expect, it } from 'vitest';
import { onSqlite } from './databases.ts';
import { Instance, type Member } from './harness.ts';

const addresses = [0, 1, 2].map((worker) => ({
  ip: '127.0.0.1',
  family: 'ipv4' as const,
  protocol: 'udp' as const,
  port: 40_000 + worker,
  worker,
}));

onSqlite((open) => {
  async function start(workers: { cpu: number }[] | undefined) {
    const weir = new Instance(await open(), { env: { WEIR_PEER_TIMEOUT_SECONDS: '3600' } });
    await weir.lease('pod-1', { addresses, workers });
    const room = await weir.room();
    return { weir, alice: await weir.join(room, 'alice'), bob: await weir.join(room, 'bob') };
  }
  const portsOf = async (member: Member) => {
    const { iceCandidates } = await member.ok('POST', '/transports', {});
    return (iceCandidates as { port: number }[]).map(({ port }) => port);
  };

  it('a room goes to the least loaded worker, stays there, and its pod is told', async () => {
    const { weir, alice, bob } = await start([{ cpu: 0.8 }, { cpu: 0.5 }, { cpu: 0.2 }]);
    expect(await portsOf(alice)).toEqual([40_002]);
    await weir.lease('pod-1', { workers: [{ cpu: 0.1 }, { cpu: 0.5 }, { cpu: 0.9 }] });
    expect(await portsOf(bob)).toEqual([40_002]);
    expect(weir.pods.updates.map(({ update }) => update.worker)).toEqual(weir.pods.updates.map(() => 2));
    expect(weir.pods.updates.length).toBeGreaterThan(1);
  });

  it('without a word of workers the hash of the room decides', async () => {
    const { weir, alice, bob } = await start(undefined);
    const port = 40_000 + workerOfRoom('daily', 3);
    expect(await portsOf(alice)).toEqual([port]);
    // A pod that tells of its workers from now on has the room where it was.
    await weir.lease('pod-1', {
      workers: [{ cpu: 0.9 }, { cpu: 0.9 }, { cpu: 0.9 }].with(workerOfRoom('daily', 3), { cpu: 1 }),
    });
    expect(await portsOf(bob)).toEqual([port]);
    for (const { update } of weir.pods.updates) expect(update.worker).toBeUndefined();
  });
});
