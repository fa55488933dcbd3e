import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { misses, play, type Quality } from '../packages/media-worker/test/quality/run.ts';
import { type Scenario, scenarios } from '../packages/media-worker/test/quality/scenarios.ts';

/**
 * Plays the scenarios of picture quality (a true media worker, true SRTP, a virtual network), prints a table and
 * writes it with plots to docs/quality/. `node scripts/quality.ts [part of a name] [seed]`; with a name or another
 * seed than 1 nothing is written. Exits 1 if a target is missed.
 */
const [part = '', seed = '1'] = process.argv.slice(2);
const folder = resolve(import.meta.dirname, '../docs/quality');

const header = [
  'Scenario',
  'Use of what fits',
  'Queue p95',
  'Frames lost',
  'Freezes',
  'Longest',
  'Frozen in all',
  'Switches/min',
  'Recovery',
  'Missed targets',
];

function row(scenario: Scenario, quality: Quality): string[] {
  const whole = (value: number, unit: string) =>
    Number.isFinite(value) ? `${Math.round(value)}${unit}` : '–';
  const others = scenario.others === undefined ? '' : ` (others: ${quality.othersFreezes})`;
  return [
    quality.name,
    whole(quality.utilisation * 100, ' %'),
    whole(quality.queueP95Ms, ' ms'),
    `${quality.lostFrames} of ${quality.frames + quality.lostFrames}`,
    `${quality.freezes}${others}`,
    quality.freezes === 0 ? '–' : whole(quality.longestFreezeMs, ' ms'),
    quality.freezes === 0 ? '–' : `${(quality.frozenMs / 1000).toFixed(1)} s`,
    Number.isFinite(quality.switchesPerMinute) ? quality.switchesPerMinute.toFixed(1) : '–',
    Number.isFinite(quality.recoveryMs) ? `${(quality.recoveryMs / 1000).toFixed(1)} s` : '–',
    misses(scenario, quality).join('; ') || 'none',
  ];
}

const width = 900;
const height = 260;
const left = 50;
const bottom = 30;

/** Rates over time as SVG: capacity, estimate and media; bars where the picture froze. */
function plot(scenario: Scenario, quality: Quality): string {
  const top = 3_500_000;
  const x = (ms: number) => left + ((width - left - 10) * ms) / scenario.durationMs;
  const y = (bps: number) => height - bottom - ((height - bottom - 30) * Math.min(top, bps)) / top;
  const line = (name: 'capacityBps' | 'estimateBps' | 'mediaBps', color: string) => {
    const points = quality.samples.map((s) => `${x(s.atMs).toFixed(1)},${y(s[name]).toFixed(1)}`);
    return `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${points.join(' ')}"/>`;
  };
  const text = (at: number, down: number, words: string, color = '#444', anchor = 'start') =>
    `<text x="${at}" y="${down}" fill="${color}" text-anchor="${anchor}">${words}</text>`;
  const grid = [0, 1, 2, 3].map(
    (mbps) =>
      `<line x1="${left}" x2="${width - 10}" y1="${y(mbps * 1e6)}" y2="${y(mbps * 1e6)}" stroke="#ddd"/>` +
      text(left - 6, y(mbps * 1e6) + 4, `${mbps}`, '#444', 'end'),
  );
  const seconds: string[] = [];
  for (let ms = 0; ms <= scenario.durationMs; ms += 10_000) {
    seconds.push(text(x(ms), height - 10, `${ms / 1000} s`, '#444', 'middle'));
  }
  const frozen = quality.freezeTimes.map(
    (ms) => `<rect x="${x(ms).toFixed(1)}" y="30" width="2" height="${height - bottom - 30}" fill="#e66"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${quality.name}: capacity, estimate and media over time</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(left, 18, `${quality.name}: Mbit/s`, '#000'),
    text(480, 18, 'capacity', '#999'),
    text(560, 18, 'estimate', '#36c'),
    text(640, 18, 'media', '#282'),
    text(700, 18, 'freeze', '#e66'),
    ...grid,
    ...seconds,
    ...frozen,
    line('capacityBps', '#999'),
    line('estimateBps', '#36c'),
    line('mediaBps', '#282'),
    '</svg>',
    '',
  ].join('\n');
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replaceAll('%', 'percent')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

const rows: string[][] = [];
const plots: string[] = [];
let missed = 0;
const writes = part === '' && seed === '1';
if (writes) mkdirSync(folder, { recursive: true });
for (const scenario of scenarios) {
  if (!scenario.name.includes(part)) continue;
  const quality = play(scenario, Number(seed));
  missed += misses(scenario, quality).length;
  const cells = row(scenario, quality);
  rows.push(cells);
  console.log(cells.join(' | '));
  if (!writes) continue;
  const file = `${slug(scenario.name)}.svg`;
  writeFileSync(join(folder, file), plot(scenario, quality));
  plots.push(`![${scenario.name}](${file})`);
}
if (writes) {
  const table = [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const words = [
    '# Picture quality on bad paths',
    '',
    'Written by `node scripts/quality.ts`. A publisher sends three layers (150, 500 and 1500 kbit/s, 30 frames a second)',
    'through a true media worker with true SRTP to a viewer behind a shaped link of a virtual network. A freeze is a gap',
    'of more than 200 ms (slow camera: three frames) between decodable frames, with no jitter buffer to hide it. "Use"',
    'compares what arrived with the best layer that the capacity carries; recovery is the time until that layer is shown',
    'after capacity came back. Targets are those that a scenario is held to: the general ones, or, where repairs are lost',
    'too or the path hardly carries a layer, what is reached so far.',
    'The publisher is 10 ms away without fault unless the name says otherwise; the viewer comes two seconds after it and',
    'starts from the cached key frame. All numbers come from simulated time: the same seed gives the same table.',
    '',
    ...table,
    '',
    ...plots.flatMap((image) => [image, '']),
  ];
  writeFileSync(join(folder, 'README.md'), words.join('\n'));
}
if (missed > 0) process.exitCode = 1;
