import { broadcast, type ForwardingResult } from './forwarding-bench.ts';
import { framesPerSecond } from './media.ts';
import { table } from './statistics.ts';
import type { TargetName } from './targets/target.ts';

/** Runs one target, in a fresh process, with so many packets per frame. */
export type MeasureLoad = (packetsPerFrame: number) => Promise<ForwardingResult>;

export interface KneeResult {
  readonly target: TargetName;
  readonly receivers: number;
  /** Every load that was tried, rising: video packets per second of the publisher, and what came of it. */
  readonly steps: readonly { readonly videoPps: number; readonly result: ForwardingResult }[];
  /** Video packets per second of the publisher from which on packets are lost; undefined = never within reach. */
  readonly lossAtPps: number | undefined;
  /** At 60 % of that, or of the highest load that was tried. */
  readonly at60Percent: ForwardingResult;
  /** The bare floor under the same load, which shows what of the latency is the machine's; undefined = not there. */
  readonly floorAt60Percent: ForwardingResult | undefined;
}

/** Raises the load by a half until packets are lost, then measures latency at 60 % of that load. */
export async function findKnee(
  target: TargetName,
  receivers: number,
  measure: MeasureLoad,
  measureFloor: (packetsPerFrame: number) => Promise<ForwardingResult | undefined>,
): Promise<KneeResult> {
  const steps: { videoPps: number; result: ForwardingResult }[] = [];
  let lossAt: number | undefined;
  let packetsPerFrame = firstPacketsPerFrame;
  for (;;) {
    const result = await measure(packetsPerFrame);
    steps.push({ videoPps: packetsPerFrame * framesPerSecond, result });
    if (result.lossPercent > noticeableLossPercent) lossAt = packetsPerFrame;
    const next = Math.ceil(packetsPerFrame * 1.5);
    if (lossAt !== undefined || next > mostPacketsPerFrame) break;
    packetsPerFrame = next;
  }
  const calm = Math.max(1, Math.round(packetsPerFrame * 0.6));
  const at60Percent = await measure(calm);
  const floorAt60Percent = target === 'floor' ? undefined : await measureFloor(calm);
  const lossAtPps = lossAt === undefined ? undefined : lossAt * framesPerSecond;
  return { target, receivers, steps, lossAtPps, at60Percent, floorAt60Percent };
}

/** A load of a target with one publisher. */
export function loadOf(receivers: number, packetsPerFrame: number) {
  return { ...broadcast(receivers), name: `1 → ${receivers}, ${packetsPerFrame} per frame`, packetsPerFrame };
}

export function kneeReport(knees: readonly KneeResult[]): string {
  const rows = knees.map(({ target, receivers, lossAtPps, steps, at60Percent, floorAt60Percent }) => {
    const { egressPps, cpuCores, lossPercent, latencyMs } = at60Percent;
    return [
      target,
      String(receivers),
      lossAtPps === undefined ? `none at ${steps.at(-1)!.videoPps}` : String(lossAtPps),
      egressPps.toFixed(0),
      cpuCores.toFixed(2),
      lossPercent.toFixed(2),
      latencyMs.p50.toFixed(2),
      latencyMs.p99.toFixed(2),
      floorAt60Percent?.latencyMs.p99.toFixed(2) ?? '',
    ];
  });
  const head = [
    'target',
    'receivers',
    'loss from pps',
    '60 %: pps out',
    'cores',
    'loss %',
    'ms p50',
    'p99',
    "floor's p99",
  ];
  return `Load at which loss begins, and latency at 60 % of it\n${table([head, ...rows])}`;
}

const firstPacketsPerFrame = 10;
/** Beyond that the publisher itself is the bottleneck. */
const mostPacketsPerFrame = 170;
const noticeableLossPercent = 0.1;
