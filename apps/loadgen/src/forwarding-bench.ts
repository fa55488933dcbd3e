import { setTimeout as pause } from 'node:timers/promises';
import { Crowd } from './crowd.ts';
import { connect, type OpenEndpoint, openEndpoint } from './endpoint.ts';
import { sentAt } from './media.ts';
import type { PodProcess } from './pod-process.ts';
import { Publisher } from './publisher.ts';
import { BenchRoom } from './room.ts';
import { type Summary, summarize } from './statistics.ts';

export interface ForwardingResult {
  readonly receivers: number;
  readonly srtpProfile: string;
  readonly seconds: number;
  /** Datagrams that the pod sent in that time, as it counts them. */
  readonly sentPackets: number;
  readonly egressPps: number;
  /** Cores in use by the pod's process, all its threads. */
  readonly cpuCores: number;
  readonly cpuMicrosPerPacket: number;
  /** Of all RTP packets that the receivers should have got. */
  readonly lossPercent: number;
  /** From the publisher's send call to the decrypted packet at a probe, in milliseconds. */
  readonly latencyMs: Summary;
  readonly loopLagP99Ms: number;
  readonly kernelDrops: number;
  readonly residentMiB: number;
}

/** One publisher, `receivers` receivers of which two are probes; measures for `seconds`. */
export async function benchForwarding(
  pod: PodProcess,
  receivers: number,
  seconds: number,
): Promise<ForwardingResult> {
  const room = new BenchRoom(pod.ref, pod.lease, pod.secrets, `forwarding-${receivers}`);
  const crowd = new Crowd();
  const opened: OpenEndpoint[] = [];
  let publisher: Publisher | undefined;
  try {
    const join = async () => {
      const ice = BenchRoom.credentials();
      const one = await openEndpoint(room.remote(ice));
      opened.push(one);
      return { ice, endpoint: one.endpoint, fingerprint: one.endpoint.fingerprint };
    };
    const source = await join();
    await room.publish(source);
    await connect(source.endpoint);

    const probes = [await join(), await join()];
    const credentials = Array.from({ length: receivers - probes.length }, () => BenchRoom.credentials());
    const fingerprints = await crowd.open(credentials.map((ice) => room.remote(ice)));
    await room.subscribe([
      ...probes,
      ...credentials.map((ice, index) => ({ ice, fingerprint: fingerprints[index]! })),
    ]);
    await Promise.all(probes.map(({ endpoint }) => connect(endpoint)));
    await crowd.connect();

    publisher = new Publisher(source.endpoint);
    publisher.start();
    await pause(warmUpMs);

    let probed = 0;
    const latencies: number[] = [];
    for (const { endpoint } of probes) {
      endpoint.onRtp = (packet) => {
        probed += 1;
        latencies.push(performance.now() - sentAt(packet));
      };
    }
    const before = await read(pod, crowd, publisher);
    probed = 0;
    latencies.length = 0;
    const probedFrom = publisher.sent;
    await pause(seconds * 1000);
    const probedOf = publisher.sent - probedFrom;
    const probedNow = probed;
    const after = await read(pod, crowd, publisher);

    const elapsed = (after.atMs - before.atMs) / 1000;
    const sentPackets = after.sentPackets - before.sentPackets;
    const cpuMicros = after.cpuMicros - before.cpuMicros;
    const expected =
      (after.published - before.published) * (receivers - probes.length) + probedOf * probes.length;
    const arrived = after.counted - before.counted + probedNow;
    return {
      receivers,
      srtpProfile: source.endpoint.keys?.profile ?? 'none',
      seconds: elapsed,
      sentPackets,
      egressPps: sentPackets / elapsed,
      cpuCores: cpuMicros / 1e6 / elapsed,
      cpuMicrosPerPacket: cpuMicros / sentPackets,
      lossPercent: Math.max(0, (100 * (expected - arrived)) / expected),
      latencyMs: summarize(latencies),
      loopLagP99Ms: after.loopLagMs,
      kernelDrops: after.kernelDrops - before.kernelDrops,
      residentMiB: pod.residentBytes() / 2 ** 20,
    };
  } finally {
    publisher?.stop();
    for (const one of opened) one.close();
    await crowd.close();
    await room.empty();
  }
}

/** Everything of one moment; what takes time to ask comes first. */
async function read(pod: PodProcess, crowd: Crowd, publisher: Publisher) {
  const metrics = await pod.metrics();
  const packets = await crowd.count();
  return {
    published: publisher.sent,
    counted: packets.reduce((sum, count) => sum + count, 0),
    atMs: performance.now(),
    cpuMicros: pod.cpuMicros(),
    sentPackets: metrics.get('weir_pod_sent_packets_total') ?? 0,
    loopLagMs: metrics.get('weir_pod_event_loop_lag_milliseconds') ?? 0,
    kernelDrops: metrics.get('weir_pod_kernel_socket_drops_total') ?? 0,
  };
}

const warmUpMs = 3000;
