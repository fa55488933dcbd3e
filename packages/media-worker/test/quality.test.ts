import { describe, expect, it } from 'vitest';
import { misses, play } from './quality/run.ts';
import { scenarios } from './quality/scenarios.ts';

/** Simulated time: slow machines take longer, but see the same. */
const timeoutMs = 180_000;

describe('pictures that do not freeze', () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    (_, scenario) => {
      const quality = play(scenario);
      expect(misses(scenario, quality)).toEqual([]);
      expect(quality.frames).toBeGreaterThan((scenario.durationMs / 1000) * 20);
    },
    timeoutMs,
  );

  it(
    'the same seed gives the same result',
    () => {
      const scenario = { ...scenarios.find(({ name }) => name === 'loss 5 %')!, durationMs: 5000 };
      const first = play(scenario, 9);
      expect(play(scenario, 9)).toEqual(first);
      expect(first.frames).toBeGreaterThan(100);
    },
    timeoutMs,
  );
});
