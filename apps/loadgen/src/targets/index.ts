import { startFloor } from './floor.ts';
import { startJanus } from './janus.ts';
import { startNaive } from './naive.ts';
import type { Target, TargetName } from './target.ts';
import { startWeir } from './weir.ts';

/** @throws TargetMissing where it can't run; Error when it does not come up */
export async function startTarget(name: TargetName, profileFolder?: string): Promise<Target> {
  switch (name) {
    case 'weir-native':
      return await startWeir('native', profileFolder);
    case 'weir-node':
      return await startWeir('node', profileFolder);
    case 'janus-loops':
      return await startJanus(2);
    case 'janus':
      return await startJanus(undefined);
    case 'naive':
      return await startNaive();
    case 'floor':
      return await startFloor();
  }
}

/** Those that forward one publisher only. */
export const onePublisherOnly: readonly TargetName[] = ['naive', 'floor'];
