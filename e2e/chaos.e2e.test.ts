import { createRandom, ensureDocker } from '@weir/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster } from './chaos/cluster.ts';
import { type Row, runScenario, table } from './chaos/run.ts';
import { scenarios } from './chaos/scenarios.ts';

/** The scenarios of `npm run chaos`. Gaps are printed; they fail here only when they are far beyond their targets. */
const slack = 4;
const missing = await ensureDocker();
if (missing !== undefined) console.warn(`!!! Chaos in containers is NOT tested: ${missing}`);

describe.skipIf(missing !== undefined)('containers that are killed, drained, paused and cut off', () => {
  const random = createRandom(1);
  const rows: Row[] = [];
  let cluster: Cluster;
  beforeAll(async () => {
    // Where nothing is cached, images are built first.
    cluster = await Cluster.start(random, console.log);
  }, 600_000);
  afterAll(async () => {
    await cluster?.stop();
    console.log(table(rows));
  });

  test.each(scenarios)(
    '$name: $what',
    async (scenario) => {
      const row = await runScenario(scenario, { cluster, random: random.fork(), rooms: 3, peers: 3 }, slack);
      rows.push(row);
      // As text, so that a report of one line says what went wrong.
      expect(row.outcome.faults.join('\n')).toBe('');
    },
    300_000,
  );
});
