import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import { benchBrowserJoin } from './browser-join-bench.ts';
import { compare, measure } from './comparison.ts';
import { broadcast, evenBroadcast, meeting, type Scenario } from './forwarding-bench.ts';
import { judge, judgeKnees } from './goals.ts';
import { benchJoin } from './join-bench.ts';
import { findKnee, type KneeResult, kneeReport, loadOf } from './knee-bench.ts';
import { audioPps, videoPayloadBytes, videoPps } from './media.ts';
import { PodProcess } from './pod-process.ts';
import { browserJoinReport, forwardingReport, goalReport, joinReport } from './report.ts';
import { Results } from './results.ts';
import { type TargetName, targetNames } from './targets/target.ts';

const help = `Measures CPU time per forwarded packet, latency, loss and memory of Weir and of others, and a join by phase.

Usage: npm run bench -- [options]

  --targets LIST    Who forwards: ${targetNames.join(', ')}, or all. Default: weir-native,weir-node.
  --receivers LIST  Receivers of one publisher, each a scenario. Default: 10,50; none = no such scenario.
  --even LIST       The same, with packets at an even distance instead of a frame's together. Default: none.
  --meeting LIST    People who all show themselves to all. Default: none.
  --knee N          Receivers for which to find the load that loses packets, and latency at 60 % of it. Default: none.
  --runs N          Rounds; what is compared runs in turn in each. Default: 1.
  --seconds N       Length of one measurement. Default: 5.
  --warm-up N       Seconds under load before each. Default: 10.
  --joins N         Joins to be timed; 0 = none. Default: 20.
  --json FILE       Writes everything there, after each run, instead of printing it at the end.
  --svg FOLDER      Leaves plots, drawn anew after each run.
  --profile FOLDER  Leaves CPU profiles of the pods.

It takes (seconds + warm-up + about 4 s + 0.06 s for each receiver) for each scenario, target and run; a knee is about
six of those, and joins take two seconds each. The default takes about two and a half minutes. It says so at its start, and ends
by itself. Each goal that it can judge is printed as "holds" or "MISSED".

Each SFU runs as a process of its own. Endpoints speak true STUN, DTLS and SRTP over the loopback. One publisher sends
${videoPps} video packets of ${videoPayloadBytes} bytes and ${audioPps} of opus per second; in a meeting each sends 30 and ${audioPps}.`;

/** A browser's join takes a second or two with its page. */
const mostBrowserJoins = 6;
const mostKneeSteps = 9;
const usualKneeSteps = 6;
/** A receiver's join, most of which is its handshake. */
const secondsPerReceiver = 0.06;

const { values } = parseArgs({
  options: {
    targets: { type: 'string', default: 'weir-native,weir-node' },
    receivers: { type: 'string', default: '10,50' },
    even: { type: 'string', default: 'none' },
    meeting: { type: 'string', default: 'none' },
    knee: { type: 'string', default: 'none' },
    runs: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '10' },
    joins: { type: 'string', default: '20' },
    json: { type: 'string' },
    svg: { type: 'string' },
    profile: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) console.log(help);
else await main();

async function main(): Promise<void> {
  const list = (name: string, text: string, most: number) =>
    text === 'none' ? [] : text.split(',').map((one) => whole(name, one, 2, most));
  const targets = values.targets === 'all' ? targetNames : values.targets.split(',').map(known);
  const scenarios = [
    ...list('receivers', values.receivers, 500).map(broadcast),
    ...list('even', values.even, 500).map(evenBroadcast),
    ...list('meeting', values.meeting, 30).map(meeting),
  ];
  const kneeReceivers = list('knee', values.knee, 500);
  const runs = whole('runs', values.runs, 1, 20);
  const seconds = whole('seconds', values.seconds, 1, 60);
  const warmUpSeconds = whole('warm-up', values['warm-up'], 0, 120);
  const joins = whole('joins', values.joins, 0, 200);
  if (process.platform !== 'linux') {
    console.error('The benchmark reads CPU time from /proc and so needs Linux.');
    process.exit(1);
  }
  const work = { scenarios, kneeReceivers, targets: targets.length, runs, seconds, warmUpSeconds, joins };
  const { usual, most } = duration(work);
  // However slow the machine is, it ends.
  setTimeout(() => {
    console.error(
      `Not done after ${most} s; giving up. What was measured is in the files that were asked for.`,
    );
    process.exit(1);
  }, most * 1000).unref();

  const machine = `${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}, Linux ${release()}, Node ${process.version}`;
  const load = loadavg()[0]!;
  console.log(`${machine}; load ${load.toFixed(1)}; takes about ${Math.ceil(usual / 60)} min\n`);
  if (load > cpus().length / 2) {
    console.log('This machine is busy: CPU per packet holds roughly, latency and loss say nothing.\n');
  }
  const results = new Results(machine, values.json, values.svg);
  const options = { seconds, warmUpSeconds, profileFolder: values.profile };
  const rows = await compare({
    ...options,
    targets,
    scenarios,
    runs,
    say: (line) => console.log(line),
    onRun: (soFar) => results.add({ rows: soFar }),
  });
  if (rows.length > 0) console.log(`\n${forwardingReport(rows)}`);
  const { judged, notes } = judge(rows);
  const goals = goalReport(judged, notes);
  if (goals !== undefined) console.log(`\n${goals}`);

  const knees: KneeResult[] = [];
  for (const receivers of kneeReceivers) {
    const measureLoad = async (target: TargetName, packetsPerFrame: number) => {
      const { result } = await measure(target, loadOf(receivers, packetsPerFrame), options);
      const { scenario, lossPercent, cpuCores, latencyMs } = result;
      console.log(
        `${scenario}: ${target} ${cpuCores.toFixed(2)} cores, loss ${lossPercent.toFixed(2)} %, p99 ${latencyMs.p99.toFixed(1)} ms`,
      );
      return result;
    };
    for (const target of targets) {
      knees.push(
        await findKnee(
          target,
          receivers,
          (packetsPerFrame) => measureLoad(target, packetsPerFrame),
          (packetsPerFrame) => measureLoad('floor', packetsPerFrame).catch(withoutFloor),
        ),
      );
      results.add({ knees });
    }
  }
  if (knees.length > 0) console.log(`\n${kneeReport(knees)}\n\n${goalReport(judgeKnees(knees), [])}`);

  if (joins !== 0) {
    const join = await joinOfPod(joins);
    results.add({ join });
    console.log(`\n${joinReport(join)}`);
    const browserJoin = await benchBrowserJoin(Math.min(joins, mostBrowserJoins));
    if (browserJoin !== undefined) results.add({ browserJoin });
    console.log(`\n${browserJoinReport(browserJoin)}`);
  }
  if (values.json === undefined) console.log(`\n${results.json()}`);
}

/** Seconds that it takes on a machine that has time for it, and that it may take. */
function duration(work: {
  readonly scenarios: readonly Scenario[];
  readonly kneeReceivers: readonly number[];
  readonly targets: number;
  readonly runs: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly joins: number;
}): { usual: number; most: number } {
  const measuring = work.seconds + work.warmUpSeconds;
  const all = [
    ...work.scenarios.flatMap(({ receivers }) => new Array<number>(work.runs).fill(receivers)),
    ...work.kneeReceivers.flatMap((receivers) => new Array<number>(usualKneeSteps).fill(receivers)),
  ];
  const starting = (receivers: number) => 4 + receivers * secondsPerReceiver;
  const usual = all.reduce((sum, receivers) => sum + work.targets * (measuring + starting(receivers)), 0);
  const measurements = work.scenarios.length * work.runs + work.kneeReceivers.length * (mostKneeSteps + 1);
  return { usual: usual + work.joins * 2, most: 120 + measurements * work.targets * (measuring + 40) };
}

function withoutFloor(error: unknown): undefined {
  console.log(`!!! floor SKIPPED: ${error instanceof Error ? error.message : String(error)}`);
}

async function joinOfPod(joins: number) {
  const pod = await PodProcess.start('auto');
  try {
    return await benchJoin(pod, joins);
  } finally {
    await pod.stop();
  }
}

function known(name: string): TargetName {
  const found = targetNames.find((one) => one === name);
  if (found !== undefined) return found;
  console.error(`--targets: one of ${targetNames.join(', ')}, not "${name}"`);
  process.exit(2);
}

function whole(name: string, text: string, least: number, greatest: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= greatest) return number;
  console.error(`--${name}: a whole number from ${least} to ${greatest}, not "${text}"`);
  process.exit(2);
}
