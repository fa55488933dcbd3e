import { expect, it } from 'vitest';
import type { ComparisonRow } from './comparison.ts';
import type { ForwardingResult } from './forwarding-bench.ts';
import { growthChart } from './growth-chart.ts';

function row(target: ComparisonRow['target'], receivers: number, cpuCores: number, lossPercent = 0) {
  const runs = [{ receivers, cpuCores, lossPercent } as ForwardingResult];
  return { scenario: `1 → ${receivers}`, target, title: target, runs } satisfies ComparisonRow;
}

it('draws cores by receivers, and what lost packets hollow', () => {
  const rows = [
    row('weir-native', 10, 0.05),
    row('weir-native', 100, 0.5),
    row('naive', 10, 0.4),
    row('naive', 100, 1, 20),
  ];
  const svg = growthChart(rows, 'a < b') ?? '';
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  expect(svg.match(/fill="#fff" stroke=/g)).toHaveLength(1);
  expect(svg).toContain('a &lt; b');
});

it('one number of receivers is no growth', () => {
  expect(growthChart([row('floor', 50, 0.1)], '')).toBeUndefined();
});
