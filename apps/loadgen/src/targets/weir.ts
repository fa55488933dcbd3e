import { execFileSync } from 'node:child_process';
import { root } from '../child.ts';
import { PodProcess } from '../pod-process.ts';
import { BenchRoom } from '../room.ts';
import { type Target, TargetMissing, type TargetRoom } from './target.ts';

/** A media pod with one worker, driven through its control API. */
export async function startWeir(engine: 'node' | 'native', profileFolder?: string): Promise<Target> {
  if (engine === 'native') {
    const { nativeEngineProblem } = await import('@weir/forwarding-native');
    const problem = nativeEngineProblem();
    if (problem !== undefined) throw new TargetMissing(`no native engine: ${problem}`);
  }
  const pod = await PodProcess.start(engine, profileFolder);
  let rooms = 0;
  return {
    name: `weir-${engine}`,
    title: `Weir ${commit()}, ${engine} engine`,
    cpuMicros: () => pod.cpuMicros(),
    residentBytes: () => pod.residentBytes(),
    async openRoom() {
      rooms += 1;
      return roomOf(new BenchRoom(pod.ref, pod.lease, pod.secrets, `bench-${rooms}`));
    },
    stop: () => pod.stop(),
  };
}

function roomOf(room: BenchRoom): TargetRoom {
  return {
    async publish({ fingerprint }, streams) {
      const ice = BenchRoom.credentials();
      await room.publish({ ice, fingerprint }, streams);
      return { ...room.remote(ice), role: 'client' };
    },
    async subscribe(joining) {
      const named = joining.map(({ local: { fingerprint }, except }) => ({
        ice: BenchRoom.credentials(),
        fingerprint,
        ...(except === undefined ? {} : { except }),
      }));
      await room.subscribe(named);
      return named.map(({ ice }) => ({ ...room.remote(ice), role: 'client' as const }));
    },
  };
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: root,
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  } catch {
    return 'of this folder';
  }
}
