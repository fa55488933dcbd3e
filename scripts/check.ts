import { runStage, staticStages } from './stages.ts';

/** `npm run check`: format, lint, types, import directions, fast tests. Stops at nothing, reports all. */
const stages = [...staticStages, { name: 'fast tests', command: ['vitest', 'run'] as const }];

const failed: string[] = [];
for (const stage of stages) if (!(await runStage(stage))) failed.push(stage.name);

if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join(', ')}. \`npm run format\` mends most of format and lint.`);
  process.exitCode = 1;
} else {
  console.log('\nAll checks passed.');
}
