import { nativeEngineProblem } from '@weir/forwarding-native';
import { PodClient, workerOfRoom } from '@weir/pod-control';
import { openUdpSocket } from '@weir/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WorkerPoolOptions } from '../src/worker-pool.ts';
import { Call, transportSpec, update } from './call.ts';
import { SignalingDouble, secrets } from './signaling-double.ts';
import { startPod } from './start-pod.ts';

const breakable: WorkerPoolOptions = { entry: new URL('./breakable-thread.fixture.ts', import.meta.url) };

function breakWorker(index: number, how: 'throw' | 'hang'): void {
  const channel = new BroadcastChannel('break a media worker');
  channel.postMessage({ index, how });
  channel.close();
}

const sentByFirst = /^weir_pod_worker_sent_packets_total{worker="0"} (\d+)$/m;

/** One room for each of two workers. */
const [left, right] = [0, 1].map((worker) =>
  Array.from({ length: 20 }, (_, n) => `room-${n}`).find((id) => workerOfRoom(id, 2) === worker),
) as [string, string];

describe('a pod with two workers', { timeout: 60_000 }, () => {
  const signaling = new SignalingDouble();
  const client = new PodClient({ secrets });
  const cleanups: (() => unknown)[] = [];
  const running = async (environment: Record<string, string> = {}, options: WorkerPoolOptions = {}) => {
    const started = await startPod(signaling, { WEIR_WORKERS: '2', ...environment }, options);
    cleanups.push(() => started.pod.stop(0));
    await signaling.until(() => signaling.leases.length > 0, 'the first lease');
    const call = async (roomId: string, version = 1) => {
      const { ref } = started;
      const one = await Call.start(client, ref, signaling.leases.at(-1)!, { roomId, version });
      cleanups.push(() => one.hangUp());
      return one;
    };
    const metric = async (pattern: RegExp) => {
      const text = await (await fetch(`${started.ref.controlUrl}/metrics`)).text();
      return Number(pattern.exec(text)?.[1]);
    };
    return { ...started, call, metric };
  };
  const closed = () => signaling.happenings.filter((one) => one.type === 'transport.closed');

  beforeEach(async () => {
    signaling.applied.length = 0;
    await signaling.start();
    cleanups.push(() => signaling.stop());
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  it('tells the ports that each of them really has, and one certificate', async () => {
    const { workers } = await running();
    const { addresses, fingerprints, capacity } = signaling.leases[0]!;
    const numbers = workers.ports.map(({ udp }) => udp);
    expect(new Set(numbers).size).toBe(2);
    expect(Math.min(...numbers)).toBeGreaterThan(0);
    expect(addresses).toEqual(
      workers.ports.flatMap(({ udp, tcp }, worker) => [
        { ip: '127.0.0.1', family: 'ipv4', protocol: 'udp', port: udp, worker },
        { ip: '127.0.0.1', family: 'ipv4', protocol: 'tcp', port: tcp, worker },
      ]),
    );
    expect(fingerprints).toEqual(workers.fingerprints);
    expect(capacity).toBe(1000);
  });

  it('raises a worker that died while the next one was being started', async () => {
    const entry = new URL('./short-lived-thread.fixture.ts', import.meta.url);
    const { workers, call } = await running({}, { entry });
    await expect.poll(() => workers.restarts, { timeout: 20_000 }).toEqual([1, 0]);
    await expect.poll(() => workers.missing, { timeout: 20_000 }).toEqual([]);
    await (await call(left)).say(3);
  });

  it('announces ports given by hand for the first worker, and those above for the next', async () => {
    await running({ WEIR_ANNOUNCED_ADDRESSES: '192.0.2.4:3478, 192.0.2.5:443/tcp' });
    const shown = signaling.leases[0]!.addresses.map(({ ip, port, worker }) => `${worker}: ${ip} ${port}`);
    expect(shown).toEqual(['0: 192.0.2.4 3478', '0: 192.0.2.5 443', '1: 192.0.2.4 3479', '1: 192.0.2.5 444']);
  });

  it.each(['node', 'native'] as const)('forwards media of a room on each, engine %s', async (engine) => {
    const problem = nativeEngineProblem();
    if (engine === 'native' && problem !== undefined) {
      expect(process.env.CI, `the native engine is missing: ${problem}`).not.toBe('true');
      return;
    }
    const { workers, call, metric, ref } = await running({ WEIR_ENGINE: engine });
    expect(workers.engines).toEqual([engine, engine]);
    const [a, b] = [await call(left), await call(right)];
    await Promise.all([a.say(42), b.say(43)]);
    expect(a.heard).not.toContain(43);
    expect(await client.rooms(ref)).toEqual({ [left]: 1, [right]: 1 });
    const sent = [0, 1].map((n) =>
      metric(new RegExp(`^weir_pod_worker_sent_packets_total{worker="${n}"} (\\d+)$`, 'm')),
    );
    for (const packets of await Promise.all(sent)) expect(packets).toBeGreaterThan(5);
    expect(await metric(/^weir_pod_rooms (\d+)$/m)).toBe(2);
    expect(await metric(/^weir_pod_worker_rooms{worker="0"} (\d+)$/m)).toBe(1);
    expect(await metric(/^weir_pod_sent_packets_total (\d+)$/m)).toBeGreaterThan(10);
    const stats = { what: 'stats' as const, transports: [10_000_001], receivers: [], senders: [] };
    expect(Object.keys((await client.inspect(ref, right, stats)).transports)).toEqual(['10000001']);
  });

  it('puts a room where signaling says, and back there after its worker died', async () => {
    const { workers, ref, metric } = await running();
    expect(signaling.leases.at(-1)!.workers).toHaveLength(2);
    const roomsOf = (index: number) =>
      metric(new RegExp(`^weir_pod_worker_rooms{worker="${index}"} (\\d+)$`, 'm'));
    // The hash says 0.
    const placed = update({ roomId: left, worker: 1 });
    placed.put.transports.push(transportSpec(10_000_001));
    expect(await client.applyMedia(ref, placed)).toEqual({ applied: true, version: 1 });
    expect([await roomsOf(0), await roomsOf(1)]).toEqual([0, 1]);

    await workers.terminate(1);
    await signaling.until(() => closed().length === 1, 'the loss');
    expect(closed()).toMatchObject([{ roomId: left, transportId: 10_000_001, reason: 'worker-died' }]);
    // What follows without a word of the worker goes where the room is.
    const delta = update({ roomId: left, base: 1, version: 2 });
    expect(await client.applyMedia(ref, delta)).toEqual({ applied: false, version: 0 });
    const whole = { ...placed, version: 2 };
    expect(await client.applyMedia(ref, whole)).toEqual({ applied: true, version: 2 });
    expect([await roomsOf(0), await roomsOf(1)]).toEqual([0, 1]);

    // Everybody left and came again meanwhile: the other worker has it now, alone.
    const moved = { ...whole, version: 3, worker: 0 };
    expect(await client.applyMedia(ref, moved)).toEqual({ applied: true, version: 3 });
    await workers.terminate(1);
    expect(await client.rooms(ref)).toEqual({ [left]: 3 });
    expect([await roomsOf(0), await roomsOf(1)]).toEqual([1, 0]);
  });

  it.each([
    ['is ended from outside', (end: (index: number) => void) => end(0)],
    ['throws what nobody catches', () => breakWorker(0, 'throw')],
    ['does not answer any more', () => breakWorker(0, 'hang')],
  ])('loses only the rooms of a worker that %s, and fills its place again', async (_, crash) => {
    const { workers, call, metric, ref } = await running({}, { ...breakable, stuckSeconds: 2 });
    const ports = workers.ports;
    const [dying, living] = [await call(left), await call(right)];
    await Promise.all([dying.say(1), living.say(2)]);
    const sentBefore = await metric(sentByFirst);
    living.sequenceNumbers.length = 0;
    const from = living.heard.length;

    const back = expect.poll(() => workers.restarts, { timeout: 15_000 }).toEqual([1, 0]);
    crash((index) => void workers.terminate(index));
    const sent = await living.talkDuring(
      Promise.all([back, signaling.until(() => closed().length === 2, 'the loss', 15_000)]),
    );
    await living.say(3);
    expect(living.heard.length - from).toBeGreaterThanOrEqual(sent);
    expect(living.gapless).toBe(true);

    expect(closed()).toEqual(
      [10_000_001, 10_000_002].map((transportId) => ({
        type: 'transport.closed',
        roomId: left,
        transportId,
        reason: 'worker-died',
      })),
    );
    // Signaling sees by the lease that the room is missing, and what it tells next comes to the new thread.
    await signaling.until(
      () => signaling.leases.at(-1)!.rooms[left] === undefined,
      'a lease without the room',
    );
    expect(signaling.leases.at(-1)).toMatchObject({ rooms: { [right]: 1 }, load: { transports: 2 } });
    expect(workers.ports).toEqual(ports);
    const delta = update({ roomId: left, base: 1, version: 2 });
    expect(await client.applyMedia(ref, delta)).toEqual({ applied: false, version: 0 });
    const again = await call(left, 2);
    await again.say(4);
    expect(await client.rooms(ref)).toEqual({ [left]: 2, [right]: 1 });
    expect(await metric(/^weir_pod_worker_restarts_total{worker="0"} (\d+)$/m)).toBe(1);
    expect(await metric(/^weir_pod_worker_up{worker="0",.*} (\d+)$/m)).toBe(1);
    expect(await metric(sentByFirst)).toBeGreaterThan(sentBefore);
  });

  it('takes what comes for a worker that is just being raised again', async () => {
    const { workers, call, ref } = await running();
    const placeable = async () => (await fetch(`${ref.controlUrl}/placeable`)).text();
    await expect.poll(placeable).toContain('true');
    await workers.terminate(0);
    expect(workers.missing).toEqual([0]);
    expect(await placeable()).toContain('true');
    const joined = await call(left);
    await joined.say(5);
    expect(workers.restarts).toEqual([1, 0]);
  });

  it('is not placeable while a worker that died twice in short order is given time', async () => {
    const { workers, ref } = await running();
    const placeable = async () => (await fetch(`${ref.controlUrl}/placeable`)).text();
    await expect.poll(placeable).toContain('true');
    await workers.terminate(0);
    await expect.poll(() => workers.restarts, { timeout: 15_000 }).toEqual([1, 0]);
    await workers.terminate(0);
    expect(workers.troubled).toEqual([0]);
    expect(await placeable()).toContain('media worker 0 is being started again');
    await signaling.until(() => !signaling.leases.at(-1)!.placeable, 'a lease that says so');
    await expect.poll(placeable, { timeout: 15_000 }).toContain('true');
    expect(workers.restarts).toEqual([2, 0]);
  });

  it('stops while a worker is being raised again', async () => {
    const { pod, workers } = await running();
    await workers.terminate(1);
    await pod.stop(0);
    expect(workers.restarts).toEqual([0, 0]);
    await expect(workers.apply(update({ roomId: left }))).rejects.toMatchObject({ code: 'pod-unreachable' });
  });

  it('does not start by halves', async () => {
    // Somebody sits on the second worker's port.
    const taken = await openUdpSocket();
    cleanups.push(() => taken.close());
    const { port } = taken.address;
    const environment = { WEIR_WORKERS: '2', WEIR_MEDIA_PORT: String(port - 1), WEIR_MEDIA_TCP: 'off' };
    await expect(startPod(signaling, environment)).rejects.toThrow(`UDP port ${port} is taken`);
    const free = await openUdpSocket('127.0.0.1', port - 1);
    free.close();
  });
});
