import { createCipheriv, randomBytes } from 'node:crypto';
import type { ExportedKeys } from '@weir/secure-transport';
import { Child } from '../child.ts';
import { compile } from '../compile.ts';
import { type PlainRemote, type Target, TargetMissing, type TargetRoom } from './target.ts';

/** native/floor.c: what forwarding costs when nothing else is done. One publisher. */
export async function startFloor(): Promise<Target> {
  const program = compile('floor', ['crypto']);
  if ('why' in program) throw new TargetMissing(`the floor was not compiled: ${program.why}`);
  const child = new Child({ command: program.path, args: [] });
  const port = Number(await child.until(() => /^port (\d+)$/m.exec(child.output)?.[1]));
  let lines = 0;
  const tell = async (line: string) => {
    child.write(`${line}\n`);
    lines += 1;
    await child.until(() => ((child.output.match(/^ok$/gm) ?? []).length >= lines ? true : undefined));
  };
  const room: TargetRoom = {
    async publish() {
      const keys = makeKeys();
      await tell(`source ${derived(keys.localKey, keys.localSalt)}`);
      return { port, keys } satisfies PlainRemote;
    },
    async subscribe(joining) {
      const remotes: PlainRemote[] = [];
      for (const { local } of joining) {
        const keys = makeKeys();
        await tell(`sink ${local.port} ${derived(keys.remoteKey, keys.remoteSalt)}`);
        remotes.push({ port, keys });
      }
      return remotes;
    },
  };
  return {
    name: 'floor',
    title: 'bare floor: recvmmsg, AES-GCM with reused contexts, sendmmsg',
    cpuMicros: () => child.cpuMicros(),
    residentBytes: () => child.residentBytes(),
    openRoom: async () => room,
    stop: () => child.stop(),
  };
}

function makeKeys(): ExportedKeys {
  return {
    profile: 'AEAD_AES_128_GCM',
    localKey: randomBytes(16),
    localSalt: randomBytes(12),
    remoteKey: randomBytes(16),
    remoteSalt: randomBytes(12),
  };
}

/** Session key and salt of RTP in hex (RFC 3711 §4.3.1, labels 0 and 2). */
function derived(key: Uint8Array, salt: Uint8Array): string {
  const derive = (label: number, length: number) => {
    const iv = Buffer.alloc(16);
    iv.set(salt);
    iv[7]! ^= label;
    return createCipheriv('aes-128-ctr', key, iv).update(Buffer.alloc(length)).toString('hex');
  };
  return `${derive(0, 16)} ${derive(2, 12)}`;
}
