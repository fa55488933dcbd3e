import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, root } from '../child.ts';
import { offerOf, remoteOf } from './sdp.ts';
import type { RemoteSide, Target, TargetRoom } from './target.ts';

/** bench/naive-sfu.ts. One publisher. */
export async function startNaive(): Promise<Target> {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/werift/package.json'), 'utf8')) as {
    version: string;
  };
  const child = new Child({ command: process.execPath, args: ['apps/loadgen/bench/naive-sfu.ts'] });
  const port = await child.until(() => /^port (\d+)$/m.exec(child.output)?.[1]);
  const ask = async (path: string, offer: string): Promise<RemoteSide> => {
    const answer = await fetch(`http://127.0.0.1:${port}/${path}`, { method: 'POST', body: offer });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`naive SFU: ${text}`);
    return remoteOf(text);
  };
  const room: TargetRoom = {
    publish: (local, streams) => ask('publish', offerOf(local, '127.0.0.1', streams)),
    async subscribe(joining) {
      const remotes: RemoteSide[] = [];
      for (const { local } of joining)
        remotes.push(await ask('subscribe', offerOf(local, '127.0.0.1', undefined)));
      return remotes;
    },
  };
  return {
    name: 'naive',
    title: `naive SFU on werift ${version}`,
    cpuMicros: () => child.cpuMicros(),
    residentBytes: () => child.residentBytes(),
    openRoom: async () => room,
    stop: () => child.stop(),
  };
}
