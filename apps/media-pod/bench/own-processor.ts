import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * Gives the pod's media worker a processor of its own, as it has one where a pod has as many workers as processors but
 * one, and leaves the others to all the rest; whoever measures goes first there. False where that can't be done:
 * one processor only, no util-linux, or not root.
 */
export function giveOwnProcessor(pod: number, others: readonly number[]): boolean {
  const processors = availableParallelism();
  if (processors < 2) return false;
  try {
    for (const process of [pod, ...others]) {
      for (const thread of readdirSync(`/proc/${process}/task`)) {
        const name = readFileSync(`/proc/${process}/task/${thread}/comm`, 'utf8');
        const set = name.startsWith('media worker') ? '0' : `1-${processors - 1}`;
        execFileSync('taskset', ['-pc', set, thread], { stdio: 'ignore' });
      }
    }
    for (const thread of readdirSync('/proc/self/task')) {
      execFileSync('renice', ['-n', '-15', '-p', thread], { stdio: 'ignore' });
    }
    return true;
  } catch {
    return false;
  }
}
