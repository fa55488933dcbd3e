import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import { type BrowserJoinResult, benchBrowserJoin } from './browser-join-bench.ts';
import { benchForwarding, type ForwardingResult } from './forwarding-bench.ts';
import { benchJoin, type JoinResult } from './join-bench.ts';
import { audioPps, videoPayloadBytes, videoPps } from './media.ts';
import { PodProcess } from './pod-process.ts';
import { type Summary, table } from './statistics.ts';

const help = `Measures a media pod: CPU time per forwarded packet, latency, and join time by phase.

Usage: npm run bench -- [--receivers 10,50] [--seconds 8] [--joins 20] [--json FILE] [--profile FOLDER]

The pod runs as a process of its own and is driven through its control API; endpoints speak true STUN, DTLS and SRTP
over the loopback. One publisher sends ${videoPps} video packets of ${videoPayloadBytes} bytes and ${audioPps} of opus per second.`;

/** However slow the machine is, it ends. */
const deadlineMs = 180_000;

const { values } = parseArgs({
  options: {
    receivers: { type: 'string', default: '10,50' },
    seconds: { type: 'string', default: '8' },
    joins: { type: 'string', default: '20' },
    json: { type: 'string' },
    profile: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) console.log(help);
else await main();

async function main(): Promise<void> {
  const receivers = values.receivers.split(',').map((text) => whole('receivers', text, 2, 500));
  const seconds = whole('seconds', values.seconds, 1, 60);
  const joins = whole('joins', values.joins, 1, 200);
  if (process.platform !== 'linux') {
    console.error('The benchmark reads CPU time from /proc and so needs Linux.');
    process.exit(1);
  }
  const pod = await PodProcess.start(values.profile);
  const late = setTimeout(() => {
    console.error(`Not done after ${deadlineMs / 1000} s; giving up.`);
    void pod.stop().finally(() => process.exit(1));
  }, deadlineMs);
  try {
    const machine = `${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}, Linux ${release()}, Node ${process.version}`;
    console.log(`Weir media pod, engine node; ${machine}\n`);
    const busy = loadavg()[0]!;
    if (busy > cpus().length / 2) {
      console.log(
        `This machine is busy (load ${busy.toFixed(1)} on ${cpus().length} cores): CPU per packet holds roughly, latency and loss say nothing.\n`,
      );
    }
    const join = await benchJoin(pod, joins);
    const forwarding: ForwardingResult[] = [];
    for (const count of receivers) forwarding.push(await benchForwarding(pod, count, seconds));
    const browserJoin = await benchBrowserJoin(Math.min(joins, 6));
    print(forwarding, join, browserJoin);
    const json = JSON.stringify({
      machine,
      loadBefore: busy,
      at: new Date().toISOString(),
      forwarding,
      join,
      browserJoin: browserJoin ?? null,
    });
    if (values.json === undefined) console.log(`\n${json}`);
    else writeFileSync(values.json, `${json}\n`);
  } finally {
    clearTimeout(late);
    await pod.stop();
  }
}

function print(
  forwarding: readonly ForwardingResult[],
  join: JoinResult,
  browserJoin: BrowserJoinResult | undefined,
): void {
  console.log('Forwarding');
  console.log(
    table([
      [
        'receivers',
        'SRTP',
        'egress pps',
        'cores',
        'CPU µs/packet',
        'loss %',
        'latency ms p50',
        'p95',
        'p99',
        'loop lag ms',
        'RSS MiB',
      ],
      ...forwarding.map((one) => [
        String(one.receivers),
        one.srtpProfile,
        one.egressPps.toFixed(0),
        one.cpuCores.toFixed(3),
        one.cpuMicrosPerPacket.toFixed(1),
        one.lossPercent.toFixed(3),
        one.latencyMs.p50.toFixed(2),
        one.latencyMs.p95.toFixed(2),
        one.latencyMs.p99.toFixed(2),
        one.loopLagP99Ms.toFixed(1),
        one.residentMiB.toFixed(0),
      ]),
    ]),
  );
  printPhases(
    `Join of an endpoint through the pod's control API, ${join.total.count} one after the other, ms`,
    {
      HTTP: join.http,
      ICE: join.ice,
      DTLS: join.dtls,
      'first packet': join.firstPacket,
      total: join.total,
    },
  );
  if (browserJoin === undefined)
    console.log('\nFirst decoded frame: NOT MEASURED, there is no Chromium here.');
  else {
    const { browser, http, ice, dtls, firstPacket, firstFrame, total } = browserJoin;
    printPhases(`Join of ${browser} through signaling and pod, ${total.count} one after the other, ms`, {
      HTTP: http,
      ICE: ice,
      DTLS: dtls,
      'first packet': firstPacket,
      'first decoded frame': firstFrame,
      total,
    });
  }
}

function printPhases(title: string, phases: Readonly<Record<string, Summary>>): void {
  console.log(`\n${title}`);
  console.log(
    table([
      ['phase', 'p50', 'p95', 'max'],
      ...Object.entries(phases).map(([name, { p50, p95, max }]) => [
        name,
        p50.toFixed(1),
        p95.toFixed(1),
        max.toFixed(1),
      ]),
    ]),
  );
}

function whole(name: string, text: string, least: number, greatest: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= greatest) return number;
  console.error(`--${name}: a whole number from ${least} to ${greatest}, not "${text}"`);
  process.exit(2);
}
