import { type ComparisonRow, medianOf } from './comparison.ts';
import { mostLossPercent } from './goals.ts';
import { colours, escaped } from './plot.ts';

/** Cores in use by the number of receivers, a line for each target; undefined with less than two numbers. */
export function growthChart(rows: readonly ComparisonRow[], note: string): string | undefined {
  const points = rows
    .filter(({ scenario }) => /^1 → \d+$/.test(scenario))
    .map((row) => ({
      target: row.target,
      receivers: row.runs.find((run) => run !== undefined)?.receivers ?? 0,
      cores: medianOf(row, ({ cpuCores }) => cpuCores),
      lossy: medianOf(row, ({ lossPercent }) => lossPercent) > mostLossPercent,
    }));
  const numbers = [...new Set(points.map(({ receivers }) => receivers))].sort((a, b) => a - b);
  if (numbers.length < 2) return undefined;
  const most = Math.max(...points.map(({ cores }) => cores));
  const x = (receivers: number) => left + (receivers / numbers.at(-1)!) * (width - left - right);
  const y = (cores: number) => bottom - (cores / most) * (bottom - top);
  const parts: string[] = [];
  for (const number of numbers) {
    parts.push(
      `<line x1="${x(number).toFixed(1)}" x2="${x(number).toFixed(1)}" y1="${top}" y2="${bottom}" stroke="#eee"/>`,
      `<text x="${x(number).toFixed(1)}" y="${bottom + 18}" text-anchor="middle">${number}</text>`,
    );
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    parts.push(
      `<line x1="${left}" x2="${width - right}" y1="${y(most * share).toFixed(1)}" y2="${y(most * share).toFixed(1)}" stroke="#eee"/>`,
      `<text x="${left - 8}" y="${(y(most * share) + 4).toFixed(1)}" text-anchor="end">${(most * share).toFixed(2)}</text>`,
    );
  }
  let labelledAt = Number.NEGATIVE_INFINITY;
  const targets = [...new Set(points.map(({ target }) => target))];
  const last = (target: string) => points.filter((one) => one.target === target).at(-1)!;
  for (const target of targets.sort((a, b) => y(last(a).cores) - y(last(b).cores))) {
    const own = points.filter((one) => one.target === target);
    const path = own.map(({ receivers, cores }) => `${x(receivers).toFixed(1)},${y(cores).toFixed(1)}`);
    const colour = colours[target];
    parts.push(`<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [i, { lossy }] of own.entries()) {
      const [cx, cy] = path[i]!.split(',');
      parts.push(
        `<circle cx="${cx}" cy="${cy}" r="4" fill="${lossy ? '#fff' : colour}" stroke="${colour}" stroke-width="2"/>`,
      );
    }
    labelledAt = Math.max(labelledAt + 15, y(last(target).cores) + 4);
    parts.push(
      `<text x="${(x(last(target).receivers) + 9).toFixed(1)}" y="${labelledAt.toFixed(1)}">${target}</text>`,
    );
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="12" y="22" font-size="15" font-weight="600">${title}</text>`,
    `<text x="12" y="40" fill="#555">${escaped(note)}; hollow = lost more than ${mostLossPercent} %</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

const title = 'Cores in use by receivers of one publisher (less is better)';
const width = 760;
const height = 420;
const left = 56;
const right = 110;
const top = 60;
const bottom = 380;
