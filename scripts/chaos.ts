import { parseArgs } from 'node:util';
import { createRandom, ensureDocker } from '@weir/testing';
import { Cluster } from '../e2e/chaos/cluster.ts';
import { type Row, runScenario, table } from '../e2e/chaos/run.ts';
import { scenarios } from '../e2e/chaos/scenarios.ts';

/** `npm run chaos`: kills, drains, pauses and cuts off containers while calls run, and prints one table. */
const help = `Runs Weir in containers (two signaling, two media pods, Postgres) with calls on it, and breaks things.

Usage: npm run chaos -- [options]

  --scenario NAMES  Comma-separated, of those below. Default: all.
  --seed N          What chance depends on: rooms' names, subnets, which instance answers. Default: 1.
  --rooms N         Rooms with calls. Default: 4.
  --peers N         Peers in each room. Default: 3.
  --help            This.

Scenarios:
${scenarios.map(({ name, what }) => `  ${name.padEnd(16)}  ${what}`).join('\n')}

Needs a Docker engine, or root on Debian to start one. Exits 1 when something was not as it must be.`;

// What a client left open, such as a socket that keeps alive, must not keep this from ending.
process.exit(await main());

/** @returns exit code */
async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'string') {
    console.error(`${options}\nRun with --help to see all options.`);
    return 2;
  }
  if (options.help) {
    console.log(help);
    return 0;
  }
  const missing = await ensureDocker();
  if (missing !== undefined) {
    console.error(`!!! Chaos is NOT tested: ${missing}`);
    return 0;
  }
  const random = createRandom(options.seed);
  const started = performance.now();
  const cluster = await Cluster.start(random, console.log);
  console.log(`the cluster is up after ${((performance.now() - started) / 1000).toFixed(0)} s`);
  const rows: Row[] = [];
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    for (const scenario of options.chosen) {
      if (interrupted.signal.aborted) break;
      console.log(`── ${scenario.name}: ${scenario.what}`);
      const row = await runScenario(scenario, { ...options, cluster, random: random.fork() });
      const { found, faults } = row.outcome;
      for (const fault of faults) console.log(`   ✗ ${fault}`);
      console.log(`   ${faults.length === 0 ? '✓' : '✗'} ${found} (${row.seconds.toFixed(0)} s)`);
      rows.push(row);
    }
  } finally {
    await cluster.stop();
  }
  console.log(`\nSeed ${options.seed}.\n${table(rows)}`);
  return rows.length < options.chosen.length || rows.some(({ outcome }) => outcome.faults.length > 0) ? 1 : 0;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        scenario: { type: 'string' },
        seed: { type: 'string', default: '1' },
        rooms: { type: 'string', default: '4' },
        peers: { type: 'string', default: '3' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const wanted = values.scenario?.split(',').map((name) => name.trim());
    const unknown = wanted?.find((name) => !scenarios.some((one) => one.name === name));
    if (unknown !== undefined) return `--scenario: there is no scenario ${unknown}.`;
    const [seed, rooms, peers] = [values.seed, values.rooms, values.peers].map(Number) as [
      number,
      number,
      number,
    ];
    if (!Number.isInteger(seed)) return '--seed must be a whole number.';
    if (!(Number.isInteger(rooms) && rooms >= 1 && rooms <= 50)) return '--rooms must be from 1 to 50.';
    if (!(Number.isInteger(peers) && peers >= 2 && peers <= 20)) return '--peers must be from 2 to 20.';
    const chosen = wanted === undefined ? scenarios : scenarios.filter(({ name }) => wanted.includes(name));
    return { seed, rooms, peers, chosen, help: values.help };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
