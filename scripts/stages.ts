import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

/** The repository's root folder. */
export const root = resolve(import.meta.dirname, '..');

/** One step of a larger command, run as a child process. */
export interface Stage {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a stage with its output shown, and says how long it took. Tools come from node_modules/.bin, so
 * that they run on the pinned Node.
 *
 * @returns whether it exited with 0
 */
export async function runStage(stage: Stage): Promise<boolean> {
  const started = performance.now();
  console.log(`\n── ${stage.name}: ${stage.command.join(' ')}`);
  const [program, ...args] = stage.command;
  const code = await new Promise<number>((done) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        PATH: `${resolve(root, 'node_modules/.bin')}:${process.env.PATH ?? ''}`,
        TURBO_TELEMETRY_DISABLED: '1',
        ...stage.env,
      },
    });
    child.on('error', (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      done(127);
    });
    child.on('exit', (exitCode) => done(exitCode ?? 1));
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(code === 0 ? `── ${stage.name}: ok (${seconds} s)` : `── ${stage.name}: FAILED (${seconds} s)`);
  return code === 0;
}

/** What must hold before any test is worth running. */
export const staticStages: readonly Stage[] = [
  { name: 'format and lint', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'types', command: ['turbo', 'run', 'types', '--output-logs=errors-only'] },
  { name: 'types of scripts', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
  { name: 'import directions', command: ['node', 'scripts/directions.ts'] },
];
