import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchBrowserJoin } from './browser-join-bench.ts';
import { type ComparisonRow, compare, measure } from './comparison.ts';
import { broadcast, evenBroadcast, meeting } from './forwarding-bench.ts';
import { growthChart } from './growth-chart.ts';
import { benchJoin } from './join-bench.ts';
import { findKnee, type KneeResult, kneeReport, loadOf } from './knee-bench.ts';
import { audioPps, videoPayloadBytes, videoPps } from './media.ts';
import { barChart } from './plot.ts';
import { PodProcess } from './pod-process.ts';
import { browserJoinReport, forwardingReport, goalReport, joinReport } from './report.ts';
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
  --json FILE       Writes everything there instead of printing it.
  --svg FOLDER      Leaves plots.
  --profile FOLDER  Leaves CPU profiles of the pods.

Each SFU runs as a process of its own. Endpoints speak true STUN, DTLS and SRTP over the loopback. One publisher sends
${videoPps} video packets of ${videoPayloadBytes} bytes and ${audioPps} of opus per second; in a meeting each sends 30 and ${audioPps}.`;

/** A browser's join takes a second or two with its page. */
const mostBrowserJoins = 6;
const mostKneeSteps = 9;

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
  // However slow the machine is, it ends.
  const measurements = scenarios.length * runs + kneeReceivers.length * mostKneeSteps;
  const deadlineSeconds = 120 + measurements * targets.length * (seconds + warmUpSeconds + 40);
  setTimeout(() => {
    console.error(`Not done after ${deadlineSeconds} s; giving up.`);
    process.exit(1);
  }, deadlineSeconds * 1000).unref();

  const at = new Date().toISOString();
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}, Linux ${release()}, Node ${process.version}`;
  const loadBefore = loadavg()[0]!;
  console.log(`${machine}; load ${loadBefore.toFixed(1)}\n`);
  if (loadBefore > cpus().length / 2) {
    console.log('This machine is busy: CPU per packet holds roughly, latency and loss say nothing.\n');
  }
  const rows = await compare({
    targets,
    scenarios,
    runs,
    seconds,
    warmUpSeconds,
    profileFolder: values.profile,
    say: (line) => console.log(line),
  });
  if (rows.length > 0) console.log(`\n${forwardingReport(rows)}`);
  const goalLines = goalReport(rows);
  if (goalLines !== undefined) console.log(`\n${goalLines}`);
  if (values.svg !== undefined) plot(rows, values.svg, `${at.slice(0, 10)}, ${machine}`);

  const knees: KneeResult[] = [];
  for (const receivers of kneeReceivers) {
    for (const target of targets) {
      const options = { seconds, warmUpSeconds, profileFolder: values.profile };
      knees.push(
        await findKnee(target, receivers, async (packetsPerFrame) => {
          const { result } = await measure(target, loadOf(receivers, packetsPerFrame), options);
          const { lossPercent, cpuCores } = result;
          console.log(
            `${result.scenario}: ${target} ${cpuCores.toFixed(2)} cores, loss ${lossPercent.toFixed(2)} %`,
          );
          return result;
        }),
      );
    }
  }
  if (knees.length > 0) console.log(`\n${kneeReport(knees)}`);

  const measuredJoin = joins === 0 ? undefined : await joinOfPod(joins);
  if (measuredJoin !== undefined) console.log(`\n${joinReport(measuredJoin)}`);
  const browserJoin = joins === 0 ? undefined : await benchBrowserJoin(Math.min(joins, mostBrowserJoins));
  if (joins !== 0) console.log(`\n${browserJoinReport(browserJoin)}`);

  const json = JSON.stringify({
    at,
    machine,
    loadBefore,
    loadAfter: loadavg()[0],
    forwarding: rows.map((row) => ({ ...row, runs: row.runs.map((run) => run ?? null) })),
    knees,
    join: measuredJoin ?? null,
    browserJoin: browserJoin ?? null,
  });
  if (values.json === undefined) console.log(`\n${json}`);
  else writeFileSync(values.json, `${json}\n`);
}

async function joinOfPod(joins: number) {
  const pod = await PodProcess.start('auto');
  try {
    return await benchJoin(pod, joins);
  } finally {
    await pod.stop();
  }
}

function plot(rows: readonly ComparisonRow[], folder: string, note: string): void {
  mkdirSync(folder, { recursive: true });
  const cpu = { title: 'CPU µs per forwarded packet (less is better)', note };
  const growth = growthChart(rows, note);
  if (growth !== undefined) writeFileSync(join(folder, 'growth.svg'), growth);
  const memory = { title: 'Resident memory per receiver, KiB (less is better)', note };
  writeFileSync(
    join(folder, 'cpu-per-packet.svg'),
    barChart(rows, { ...cpu, figure: ({ cpuMicrosPerPacket }) => cpuMicrosPerPacket }),
  );
  writeFileSync(
    join(folder, 'memory-per-receiver.svg'),
    barChart(rows, { ...memory, figure: ({ residentKiBPerReceiver }) => residentKiBPerReceiver }),
  );
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
