import type { LinkPolicy } from '@weir/testing';
import { WorkerHost, workerAddress } from '../worker-host.ts';
import { publishLayers, viewLayers } from './layered-scene.ts';
import { freezeMs, type QualityViewer } from './quality-viewer.ts';
import { layersOf, type Phase, rightLayer, type Scenario } from './scenarios.ts';

/** What is known of one moment, four times a second. */
export interface Sample {
  /** Milliseconds since the viewer came. */
  readonly atMs: number;
  readonly capacityBps: number;
  readonly estimateBps: number;
  readonly mediaBps: number;
  readonly layer: number;
  readonly queueMs: number;
  readonly limit: string;
}

export interface Quality {
  readonly name: string;
  /** Of what the layers allow, in steady capacity. */
  readonly utilisation: number;
  readonly queueP95Ms: number;
  readonly frames: number;
  readonly lostFrames: number;
  readonly freezes: number;
  readonly longestFreezeMs: number;
  /** Of all freezes. */
  readonly frozenMs: number;
  readonly switchesPerMinute: number;
  /** Until the right layer is shown again after capacity came back; the worst. NaN = there was no such moment. */
  readonly recoveryMs: number;
  readonly probes: number;
  readonly othersFreezes: number;
  readonly othersSwitches: number;
  readonly samples: Sample[];
  readonly freezeTimes: number[];
}

/** After the start and after each change of capacity, what happens is not counted as steady. */
const settleMs = 10_000;
const sampleMs = 250;

/** Plays a scenario through a true media worker over the virtual network. Same seed, same result. */
export function play(scenario: Scenario, seed = 1, paceFactor?: number): Quality {
  const host = new WorkerHost({ seed, policy: { delayMs: 10 }, paceFactor });
  const { clock, network } = host;
  const cameras = Array.from({ length: scenario.cameras ?? 1 }, (_, i) => {
    const source = publishLayers(host, seed + i, scenario.camera);
    network.setPolicy(source.socket.address.ip, workerAddress.ip, scenario.publisher ?? { delayMs: 10 });
    source.publisher.start();
    return source;
  });
  clock.runFor(2000);

  const join = (downlink: LinkPolicy, uplink: LinkPolicy, maxOutgoingBitrate = 0) => {
    const receivers = cameras.map(({ receiver }) => receiver);
    const viewer = viewLayers(host, receivers, downlink, uplink, maxOutgoingBitrate);
    host.update({ senders: viewer.senders });
    return viewer;
  };
  const others = Array.from({ length: scenario.others ?? 0 }, () =>
    join({ delayMs: 30, rateBps: 10_000_000 }, { delayMs: 30 }),
  );
  const judged = join(
    scenario.phases[0]!.policy,
    scenario.uplink ?? { delayMs: scenario.uplinkDelayMs },
    scenario.maxOutgoingBps,
  );
  const startedAt = clock.now();

  for (const phase of scenario.phases.slice(1)) {
    clock.at(startedAt + phase.atMs, () => network.setPolicy(workerAddress.ip, judged.ip, phase.policy));
  }
  compete(host, scenario, judged.ip, startedAt);
  const samples: Sample[] = [];
  const sample = () => {
    const now = clock.now();
    const [dump] = host.stats('transports', judged.transport.id, 'dump');
    const outgoing = dump!.outgoing as Record<string, number | string>;
    let bytes = 0;
    for (const { media } of judged.viewers) {
      for (let i = media.length - 1; i >= 0 && media[i]!.at > now - 1000; i--) bytes += media[i]!.bytes;
    }
    samples.push({
      atMs: now - startedAt,
      capacityBps: phaseAt(scenario, now - startedAt).capacityBps,
      estimateBps: Number(outgoing.estimateBps ?? 0),
      mediaBps: bytes * 8,
      layer: judged.viewers[0]!.shown.at(-1)?.layer ?? -1,
      queueMs: Number(outgoing.queueMs ?? 0),
      limit: String(outgoing.limit),
    });
    clock.at(now + sampleMs, sample);
  };
  sample();
  clock.runFor(scenario.durationMs);
  for (const { publisher } of cameras) publisher.stop();
  for (const { viewers } of [judged, ...others]) for (const viewer of viewers) viewer.stop();
  const [dump] = host.stats('transports', judged.transport.id, 'dump');
  return judge(scenario, judged.viewers, {
    startedAt,
    samples,
    probes: Number((dump!.outgoing as Record<string, number>).probes),
    others: others.flatMap(({ viewers }) => viewers),
  });
}

function phaseAt(scenario: Scenario, atMs: number): Phase {
  let found = scenario.phases[0]!;
  for (const phase of scenario.phases) if (phase.atMs <= atMs) found = phase;
  return found;
}

/** Another flow of 1200-byte datagrams over the judged viewer's link, blind to loss. */
function compete(host: WorkerHost, scenario: Scenario, ip: string, startedAt: number): void {
  const { competing } = scenario;
  if (competing === undefined) return;
  const { clock, network } = host;
  const datagram = new Uint8Array(1200);
  const gapMs = (1200 * 8000) / competing.bps;
  const send = () => {
    if (clock.now() > startedAt + competing.toMs) return;
    network.inject(datagram, { ip: workerAddress.ip, port: 9 }, { ip, port: 9 });
    clock.at(clock.now() + gapMs, send);
  };
  clock.at(startedAt + competing.fromMs, send);
}

/** Moments without a decodable frame for too long, in milliseconds since the start. */
function freezesOf(viewer: QualityViewer, startedAt: number, fps = 30): { atMs: number; lengthMs: number }[] {
  // Of a slow camera two frames are a freeze already, if 200 ms are: three are counted, as getStats() does.
  const longest = Math.max(freezeMs, 3000 / fps);
  const freezes: { atMs: number; lengthMs: number }[] = [];
  const { shown } = viewer;
  for (let i = 1; i < shown.length; i++) {
    const lengthMs = shown[i]!.at - shown[i - 1]!.at;
    if (lengthMs > longest) freezes.push({ atMs: shown[i - 1]!.at - startedAt, lengthMs });
  }
  return freezes;
}

function switchesOf(viewer: QualityViewer, from: number, to: number): number {
  let switches = 0;
  for (let i = 1; i < viewer.shown.length; i++) {
    const { at, layer } = viewer.shown[i]!;
    if (at >= from && at < to && layer !== viewer.shown[i - 1]!.layer) switches++;
  }
  return switches;
}

function judge(
  scenario: Scenario,
  viewers: readonly QualityViewer[],
  known: { startedAt: number; samples: Sample[]; probes: number; others: QualityViewer[] },
): Quality {
  const { startedAt } = known;
  const { phases, durationMs } = scenario;
  const layers = layersOf(scenario);
  let allowedBytes = 0;
  let gotBytes = 0;
  let steadyMs = 0;
  let switches = 0;
  let recoveryMs = Number.NaN;
  for (const [i, phase] of phases.entries()) {
    const end = phases[i + 1]?.atMs ?? durationMs;
    // Several cameras share the path; what one leaves over may raise another, which is not asked for.
    const share = phase.capacityBps / viewers.length;
    const right = rightLayer(layers, share, phase.policy.loss);
    const before = phases[i - 1];
    const rightBefore =
      before === undefined
        ? right
        : rightLayer(layers, before.capacityBps / viewers.length, before.policy.loss);
    for (const { shown } of right > rightBefore ? viewers : []) {
      const back = shown.find(({ at, layer }) => at >= startedAt + phase.atMs && layer === right);
      const took = back === undefined ? Number.POSITIVE_INFINITY : back.at - startedAt - phase.atMs;
      recoveryMs = Number.isNaN(recoveryMs) ? took : Math.max(recoveryMs, took);
    }
    const from = phase.atMs + settleMs;
    if (from >= end || right < 0) continue;
    steadyMs += end - from;
    allowedBytes += (layers[right]!.bitrateBps * viewers.length * (end - from)) / 8000;
    for (const viewer of viewers) {
      for (const { at, bytes } of viewer.media) {
        if (at >= startedAt + from && at < startedAt + end) gotBytes += bytes;
      }
      switches += switchesOf(viewer, startedAt + from, startedAt + end);
    }
  }
  const freezes = viewers.flatMap((viewer) => freezesOf(viewer, startedAt, scenario.camera?.fps));
  const propagationMs = scenario.publisher?.delayMs ?? 10;
  const delays = viewers
    .flatMap((viewer) => viewer.delays)
    .filter(({ at }) => at >= startedAt + settleMs)
    .map(
      ({ at, delayMs }) => delayMs - propagationMs - (phaseAt(scenario, at - startedAt).policy.delayMs ?? 0),
    )
    .sort((a, b) => a - b);
  const end = startedAt + durationMs;
  return {
    name: scenario.name,
    utilisation: allowedBytes === 0 ? Number.NaN : gotBytes / allowedBytes,
    queueP95Ms: delays[Math.floor(delays.length * 0.95)] ?? 0,
    frames: viewers.reduce((sum, { shown }) => sum + shown.length, 0),
    lostFrames: viewers.reduce((sum, { lostFrames }) => sum + lostFrames, 0),
    freezes: freezes.length,
    longestFreezeMs: freezes.reduce((longest, { lengthMs }) => Math.max(longest, lengthMs), 0),
    frozenMs: freezes.reduce((sum, { lengthMs }) => sum + lengthMs, 0),
    // A steady time of less than a minute is not blown up to one.
    switchesPerMinute:
      steadyMs === 0 ? Number.NaN : switches / viewers.length / Math.max(1, steadyMs / 60_000),
    recoveryMs,
    probes: known.probes,
    othersFreezes: known.others.reduce((sum, other) => sum + freezesOf(other, startedAt).length, 0),
    othersSwitches: known.others.reduce(
      (sum, other) => sum + switchesOf(other, startedAt + settleMs, end),
      0,
    ),
    samples: known.samples,
    freezeTimes: freezes.map(({ atMs }) => atMs),
  };
}

/** Targets that a result misses, in words. */
export function misses(scenario: Scenario, quality: Quality): string[] {
  const { targets } = scenario;
  const wrong: string[] = [];
  const check = (what: string, ok: boolean, value: number, bound: number | undefined) => {
    if (bound !== undefined && !ok) wrong.push(`${what} ${value.toFixed(2)} instead of ${bound}`);
  };
  const { utilisation, freezes, switchesPerMinute, recoveryMs, othersFreezes } = quality;
  check('utilisation', utilisation >= (targets.utilisation ?? 0), utilisation, targets.utilisation);
  check('freezes', freezes <= (targets.freezes ?? 0), freezes, targets.freezes);
  check(
    'longest freeze',
    quality.longestFreezeMs <= (targets.longestFreezeMs ?? 0),
    quality.longestFreezeMs,
    targets.longestFreezeMs,
  );
  check(
    'switches per minute',
    switchesPerMinute <= (targets.switchesPerMinute ?? 0),
    switchesPerMinute,
    targets.switchesPerMinute,
  );
  check('recovery', recoveryMs <= (targets.recoveryMs ?? 0), recoveryMs, targets.recoveryMs);
  check(
    'freezes of others',
    othersFreezes <= (targets.othersFreezes ?? 0),
    othersFreezes,
    targets.othersFreezes,
  );
  return wrong;
}
