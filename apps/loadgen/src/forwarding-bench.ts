import { setTimeout as pause } from 'node:timers/promises';
import { openCrowd } from './crowd.ts';
import { connectEnd, type End, type Prepared, prepare, prepareOne } from './end.ts';
import { audioPps, framesPerSecond, sentAt, streamsOf } from './media.ts';
import { Publisher } from './publisher.ts';
import { type Summary, summarize } from './statistics.ts';
import type { RemoteSide, Target } from './targets/target.ts';

/** Who is there, and what is sent. */
export interface Scenario {
  readonly name: string;
  /** More than one: a meeting, in which each gets what the others send, so as many receivers as publishers. */
  readonly publishers: number;
  /** Two of them decrypt, as probes for latency; the others only count. */
  readonly receivers: number;
  /** Of 30 frames a second; 50 packets of speech come on top. */
  readonly packetsPerFrame: number;
  /** The packets of a frame leave together; otherwise at an even distance. */
  readonly bursts: boolean;
}

/** The ten packets of a frame together, as browsers send them (docs/benchmarks.md). */
export function broadcast(receivers: number): Scenario {
  return { name: `1 → ${receivers}`, publishers: 1, receivers, packetsPerFrame: 10, bursts: true };
}

/** Packets at an even distance: each comes alone, which is the worst case for whoever works on batches. */
export function evenBroadcast(receivers: number): Scenario {
  return { ...broadcast(receivers), name: `1 → ${receivers}, even`, bursts: false };
}

/** Everybody shows a thumbnail of one packet per frame, so that a gallery of 20 is what a link carries. */
export function meeting(people: number): Scenario {
  return {
    name: `${people} × ${people}`,
    publishers: people,
    receivers: people,
    packetsPerFrame: 1,
    bursts: false,
  };
}

/** Packets per second that the SFU has to send in a scenario. */
export function egressPps({ publishers, receivers, packetsPerFrame }: Scenario): number {
  const each = framesPerSecond * packetsPerFrame + audioPps;
  return each * (publishers === 1 ? receivers : publishers * (publishers - 1));
}

export interface ForwardingResult {
  readonly scenario: string;
  readonly receivers: number;
  readonly srtpProfile: string;
  readonly seconds: number;
  /** RTP packets that the receivers got in that time. */
  readonly packets: number;
  readonly egressPps: number;
  /** Cores in use by the SFU's process, all its threads. */
  readonly cpuCores: number;
  /** CPU time, user and system, by packets that arrived. */
  readonly cpuMicrosPerPacket: number;
  /** Of all RTP packets that the receivers should have got. */
  readonly lossPercent: number;
  /** From the publisher's send call to the decrypted packet at a probe, in milliseconds. */
  readonly latencyMs: Summary;
  readonly residentMiB: number;
  /** Growth of resident memory by the receivers, from before they came to the end, by their number. */
  readonly residentKiBPerReceiver: number;
}

/** Fills a room of the target as the scenario says, lets it run in, measures for `seconds`, and leaves. */
export async function benchForwarding(
  target: Target,
  scenario: Scenario,
  { seconds, warmUpSeconds }: { readonly seconds: number; readonly warmUpSeconds: number },
): Promise<ForwardingResult> {
  const { publishers: publisherCount, receivers } = scenario;
  const room = await target.openRoom();
  const crowd = await openCrowd(receivers - probeCount);
  const ends: End[] = [];
  const publishers: Publisher[] = [];
  try {
    for (let index = 0; index < publisherCount; index += 1) {
      const streams = streamsOf(index);
      const prepared = await prepareOne();
      const end = await connectEnd(prepared, await room.publish(prepared.local, streams));
      ends.push(end);
      const publisher = new Publisher(end, streams, scenario);
      publishers.push(publisher);
      publisher.start();
    }
    await pause(settleMs);
    const residentBefore = target.residentBytes();

    const probing = [await prepareOne(), await prepareOne()];
    const joining = [...probing, ...crowd.sockets.map(prepare)];
    const joined: End[] = [];
    for (let first = 0; first < joining.length; first += atOnce) {
      const group = joining.slice(first, first + atOnce);
      const remotes = await room.subscribe(
        group.map(({ local }, index) =>
          publisherCount === 1 ? { local } : { local, except: first + index },
        ),
      );
      joined.push(...(await connectAll(group, remotes)));
    }
    ends.push(...joined);
    await pause(warmUpSeconds * 1000);

    let probed = 0;
    const latencies: number[] = [];
    for (const end of joined.slice(0, probeCount)) {
      end.onRtp = (packet) => {
        probed += 1;
        latencies.push(performance.now() - sentAt(packet));
      };
    }
    const read = async () => {
      const counts = await crowd.count();
      return {
        counted: counts.reduce((sum, count) => sum + count, probed),
        published: publishers.reduce((sum, { sent }) => sum + sent, 0),
        atMs: performance.now(),
        cpuMicros: target.cpuMicros(),
      };
    };
    const before = await read();
    await pause(seconds * 1000);
    const after = await read();

    const elapsed = (after.atMs - before.atMs) / 1000;
    const packets = after.counted - before.counted;
    const cpuMicros = after.cpuMicros - before.cpuMicros;
    const each = publisherCount === 1 ? receivers : publisherCount - 1;
    const expected = (after.published - before.published) * each;
    const residentBytes = target.residentBytes();
    return {
      scenario: scenario.name,
      receivers,
      srtpProfile: ends[0]!.srtpProfile,
      seconds: elapsed,
      packets,
      egressPps: packets / elapsed,
      cpuCores: cpuMicros / 1e6 / elapsed,
      cpuMicrosPerPacket: cpuMicros / packets,
      lossPercent: Math.max(0, (100 * (expected - packets)) / expected),
      latencyMs: summarize(latencies),
      residentMiB: residentBytes / 2 ** 20,
      residentKiBPerReceiver: (residentBytes - residentBefore) / 1024 / receivers,
    };
  } finally {
    for (const publisher of publishers) publisher.stop();
    for (const end of ends) end.close();
    await crowd.close();
  }
}

async function connectAll(group: readonly Prepared[], remotes: readonly RemoteSide[]): Promise<End[]> {
  return await Promise.all(group.map((prepared, index) => connectEnd(prepared, remotes[index]!)));
}

const probeCount = 2;
const atOnce = 10;
const settleMs = 1000;
