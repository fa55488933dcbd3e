import { PodClient } from '@weir/pod-control';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Call, closed, transportSpec, update } from './call.ts';
import { SignalingDouble, secrets } from './signaling-double.ts';
import { startPod } from './start-pod.ts';

describe('a pod', () => {
  const signaling = new SignalingDouble();
  const client = new PodClient({ secrets });
  const cleanups: (() => unknown)[] = [];
  const running = async (environment?: Record<string, string>) => {
    const started = await startPod(signaling, environment);
    cleanups.push(() => started.pod.stop(0));
    await signaling.until(() => signaling.leases.length > 0, 'the first lease');
    return started;
  };
  const get = async (ref: { controlUrl: string }, path: string) => {
    const response = await fetch(`${ref.controlUrl}${path}`);
    return { status: response.status, text: await response.text() };
  };

  beforeEach(async () => {
    signaling.applied.length = 0;
    signaling.superseded = false;
    await signaling.start();
    cleanups.push(() => signaling.stop());
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  it('tells by its lease what was really bound', async () => {
    const { pod, workers } = await running({ WEIR_REGION: 'north', WEIR_CAPACITY: '7' });
    const lease = signaling.leases[0]!;
    const { udp, tcp } = workers.ports[0]!;
    expect(udp).toBeGreaterThan(0);
    expect(lease).toMatchObject({
      controlUrl: `http://127.0.0.1:${pod.controlPort}`,
      region: 'north',
      capacity: 7,
      placeable: true,
      draining: false,
      rooms: {},
      addresses: [
        { ip: '127.0.0.1', family: 'ipv4', protocol: 'udp', port: udp },
        { ip: '127.0.0.1', family: 'ipv4', protocol: 'tcp', port: tcp },
      ],
    });
    expect(lease.fingerprints.map(({ algorithm }) => algorithm)).toContain('sha-256');
    await signaling.until(() => signaling.leases.length >= 3, 'renewals');
  });

  it('announces the address and port it is told to, such as those of a load balancer', async () => {
    await running({ WEIR_ANNOUNCED_ADDRESSES: '192.0.2.44:3478' });
    expect(signaling.leases[0]!.addresses).toEqual([
      { ip: '192.0.2.44', family: 'ipv4', protocol: 'udp', port: 3478 },
    ]);
  });

  it('forwards media between true endpoints and reports what happens to them', async () => {
    const { ref } = await running();
    const call = await Call.start(client, ref, signaling.leases[0]!);
    cleanups.push(() => call.hangUp());
    await call.say(42);
    await signaling.until(
      () =>
        signaling.happenings.filter((one) => one.type === 'transport.dtls' && one.state === 'connected')
          .length === 2,
      'two DTLS connections',
    );
    const told = signaling.happenings.filter((one) => 'transportId' in one && one.transportId === 10_000_001);
    expect(told[0]).toMatchObject({
      type: 'transport.tuple',
      tuple: { localIP: '127.0.0.1', protocol: 'udp' },
    });
    // The endpoint decides whether it nominates before its first DTLS flight; each chain has its order.
    const states = (type: string) =>
      told.flatMap((one) => (one.type === type && 'state' in one ? [one.state] : []));
    expect(states('transport.ice')).toEqual(['connected', 'completed']);
    expect(states('transport.dtls')).toEqual(['connecting', 'connected']);
    await signaling.until(() => signaling.leases.at(-1)!.load.transports === 2, 'the load');
    expect(signaling.leases.at(-1)).toMatchObject({
      load: { transports: 2, receivers: 1, senders: 1 },
      rooms: { daily: 1 },
    });
    expect(await client.rooms(ref)).toEqual({ daily: 1 });

    const stats = await client.inspect(ref, 'daily', {
      what: 'stats',
      transports: [10_000_001],
      receivers: [10_000_011],
      senders: [],
    });
    expect(Object.keys(stats.transports)).toEqual(['10000001']);
    const metrics = (await get(ref, '/metrics')).text;
    expect(metrics).toMatch(/^weir_pod_transports 2$/m);
    expect(Number(/^weir_pod_sent_packets_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(5);
    expect(metrics).toMatch(/^weir_pod_kernel_socket_drops_total 0$/m);
    expect(metrics).toMatch(/^weir_pod_join_phase_seconds_count{phase="dtls"} 2$/m);
    expect(metrics).toMatch(/^weir_pod_join_phase_seconds_count{phase="first_rtp"} 1$/m);
    expect(metrics).toMatch(/^weir_pod_transports_by_state{state="connected"} 2$/m);
    expect(metrics).toMatch(/^weir_pod_socket_buffer_wanted_bytes{direction="receive"} 4194304$/m);
    expect(Number(/^weir_pod_socket_buffer_bytes{.*"receive"} (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(
      0,
    );
    expect(metrics).toMatch(/^weir_pod_resource_used_ratio{resource="transports"} 0.004$/m);
    expect(metrics).toMatch(/^weir_pod_worker_gc_seconds_total{worker="0"} /m);
  });

  it('keeps forwarding while signaling is away, and tells everything once when it is back', async () => {
    const { ref } = await running();
    const call = await Call.start(client, ref, signaling.leases[0]!);
    cleanups.push(() => call.hangUp());
    await call.say(1);
    await signaling.stop();
    await call.say(2);
    call.listener.close();
    expect((await get(ref, '/healthz')).status).toBe(200);
    expect((await get(ref, '/readyz')).status).toBe(200);
    await signaling.start();
    await signaling.until(
      () => signaling.happenings.some((one) => one.type === 'transport.dtls' && one.state === 'closed'),
      'the end of the listener',
    );
    const told = signaling.happenings.filter((one) => one.type === 'transport.dtls');
    expect(told.map((one) => `${one.transportId} ${one.state}`).toSorted()).toEqual([
      '10000001 connected',
      '10000001 connecting',
      '10000002 closed',
      '10000002 connected',
      '10000002 connecting',
    ]);
    expect(signaling.applied.map((report) => report.seq)).toEqual(
      signaling.applied.map((_, index) => index + 1),
    );
  });

  it('asks for the whole when it missed a step, and ignores what it has already', async () => {
    const { ref } = await running();
    expect(await client.applyMedia(ref, update({ base: 4, version: 5 }))).toEqual({
      applied: false,
      version: 0,
    });
    const put = { transports: [transportSpec(10_000_001)], receivers: [], senders: [] };
    expect(await client.applyMedia(ref, update({ version: 5, put }))).toEqual({ applied: true, version: 5 });
    expect(await client.applyMedia(ref, update({ version: 4 }))).toMatchObject({ version: 5 });
    expect(await client.rooms(ref)).toEqual({ daily: 5 });
  });

  it('tells three different things by its health endpoints', async () => {
    const { ref, pod } = await running({ WEIR_CAPACITY: '1' });
    const placeable = async () => await get(ref, '/placeable');
    expect(await placeable()).toMatchObject({ status: 200 });
    const put = { transports: [transportSpec(10_000_001)], receivers: [], senders: [] };
    await client.applyMedia(ref, update({ put }));
    expect(await placeable()).toMatchObject({
      status: 503,
      text: expect.stringContaining('transports are taken'),
    });
    await client.applyMedia(
      ref,
      update({ version: 2, base: 1, remove: { transports: [10_000_001], receivers: [], senders: [] } }),
    );
    expect(await placeable()).toMatchObject({ status: 200 });

    expect(await client.drain(ref)).toEqual({ draining: true, transports: 0 });
    expect(await placeable()).toMatchObject({ status: 503, text: expect.stringContaining('draining') });
    expect((await get(ref, '/readyz')).status).toBe(200);
    await signaling.until(() => signaling.leases.at(-1)!.draining, 'a lease that says so');
    expect(signaling.leases.at(-1)).toMatchObject({ placeable: false, draining: true });
    expect(await client.undrain(ref)).toEqual({ draining: false, transports: 0 });
    expect(await placeable()).toMatchObject({ status: 200 });
    await signaling.until(() => !signaling.leases.at(-1)!.draining, 'a lease that takes it back');
    expect(pod.transports).toBe(0);
  });

  it('is not placeable before signaling has taken its lease, nor after the lease ran out', async () => {
    signaling.leaseSeconds = 1;
    cleanups.push(() => {
      signaling.leaseSeconds = 15;
    });
    const { ref } = await running();
    await expect.poll(async () => (await get(ref, '/placeable')).status).toBe(200);
    await signaling.stop();
    await expect
      .poll(async () => (await get(ref, '/placeable')).text, { timeout: 5000 })
      .toContain('run out');
    expect((await get(ref, '/readyz')).status).toBe(200);
  });

  it('ends in order: not placeable, close_notify to endpoints, a last report', async () => {
    const { ref, pod } = await running();
    const call = await Call.start(client, ref, signaling.leases[0]!);
    await call.say(7);
    const goodbyes = Promise.all([closed(call.speaker), closed(call.listener)]);
    await pod.stop(0);
    expect(await goodbyes).toEqual([expect.stringContaining('close'), expect.stringContaining('close')]);
    expect(signaling.leases.at(-1)).toMatchObject({ placeable: false, draining: true });
    await expect(fetch(`${ref.controlUrl}/healthz`)).rejects.toThrow();
  });

  it('waits for peers to move away before it ends, and no longer', async () => {
    const { ref, pod } = await running();
    const call = await Call.start(client, ref, signaling.leases[0]!);
    cleanups.push(() => call.hangUp());
    const stopped = pod.stop(60_000);
    await signaling.until(() => signaling.leases.at(-1)!.draining, 'the drain');
    // A load balancer cuts off what is not ready, and peers need minutes to move.
    expect((await get(ref, '/readyz')).status).toBe(200);
    expect((await get(ref, '/placeable')).status).toBe(503);
    await call.say(9);
    await client.applyMedia(
      ref,
      update({
        version: 2,
        base: 1,
        remove: { transports: [10_000_001, 10_000_002], receivers: [10_000_011], senders: [10_000_012] },
      }),
    );
    await stopped;
  });

  it('stops when another process has taken its name', async () => {
    const { events } = await running();
    signaling.superseded = true;
    await expect.poll(() => events).toEqual(['superseded']);
  });

  it('says which port is taken and what to set', async () => {
    const { workers, pod } = await running();
    const { udp } = workers.ports[0]!;
    await expect(startPod(signaling, { WEIR_MEDIA_PORT: String(udp) })).rejects.toThrow(
      `UDP port ${udp} is taken: set WEIR_MEDIA_PORT`,
    );
    await expect(startPod(signaling, { WEIR_CONTROL_PORT: String(pod.controlPort) })).rejects.toThrow(
      `TCP port ${pod.controlPort} is taken: set WEIR_CONTROL_PORT`,
    );
    await expect(startPod(signaling, { WEIR_MEDIA_IP: '192.0.2.1' })).rejects.toThrow(
      'WEIR_MEDIA_IP=192.0.2.1',
    );
  });
});
