import { type ComparisonRow, medianOf } from './comparison.ts';
import type { ForwardingResult } from './forwarding-bench.ts';
import type { TargetName } from './targets/target.ts';

export const colours: Readonly<Record<TargetName, string>> = {
  'weir-native': '#0b6e4f',
  'weir-node': '#6bbf8f',
  'janus-loops': '#34567f',
  janus: '#7fa1cc',
  naive: '#c97b3d',
  floor: '#9a9a9a',
};

/** A horizontal bar for each row, in groups by scenario, with the range of the runs as a thin line. */
export function barChart(
  rows: readonly ComparisonRow[],
  { title, note, figure }: { title: string; note: string; figure: (result: ForwardingResult) => number },
): string {
  const scenarios = [...new Set(rows.map(({ scenario }) => scenario))];
  const values = rows.map((row) => medianOf(row, figure));
  const scale = (width - labelWidth - valueWidth) / Math.max(...values, Number.MIN_VALUE);
  const parts: string[] = [];
  let y = 58;
  for (const scenario of scenarios) {
    parts.push(`<text x="12" y="${y + 13}" font-weight="600">${escaped(scenario)}</text>`);
    for (const row of rows.filter((one) => one.scenario === scenario)) {
      const value = medianOf(row, figure);
      const length = Math.max(1, value * scale);
      const all = row.runs.flatMap((run) => (run === undefined ? [] : [figure(run)]));
      const least = labelWidth + Math.min(...all) * scale;
      const most = Math.min(width - 8, labelWidth + Math.max(...all) * scale);
      parts.push(
        `<text x="${labelWidth - 8}" y="${y + 13}" text-anchor="end">${row.target}</text>`,
        `<rect x="${labelWidth}" y="${y + 2}" width="${length.toFixed(1)}" height="14" fill="${colours[row.target]}"/>`,
        `<line x1="${least.toFixed(1)}" x2="${most.toFixed(1)}" y1="${y + 9}" y2="${y + 9}" stroke="#222"/>`,
        `<text x="${(Math.max(labelWidth + length, most) + 6).toFixed(1)}" y="${y + 13}">${value.toPrecision(3)}</text>`,
      );
      y += 19;
    }
    y += 12;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${y}" fill="#fff"/>`,
    `<text x="12" y="22" font-size="15" font-weight="600">${escaped(title)}</text>`,
    `<text x="12" y="40" fill="#555">${escaped(note)}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

const width = 760;
const labelWidth = 170;
const valueWidth = 130;
