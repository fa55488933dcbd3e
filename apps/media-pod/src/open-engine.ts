import { NodeEngine, type PacketEngine } from '@weir/forwarding';
import { openDgramSocket } from '@weir/udp';
import type { Config } from './config.ts';
import type { LateTcpPort } from './late-tcp-port.ts';

/** An engine on its UDP port. */
export interface OpenedEngine {
  readonly engine: PacketEngine;
  readonly address: { readonly ip: string; readonly port: number; readonly family: 'ipv4' | 'ipv6' };
  readonly recvBufferBytes: number;
  readonly sendBufferBytes: number;
  /** Why it is this engine, for the log. */
  readonly reason: string;
}

interface Binding {
  readonly ip: string;
  readonly port: number;
  readonly recvBufferBytes: number;
  readonly sendBufferBytes: number;
  readonly tcp: LateTcpPort | undefined;
  readonly gatherMicros: number;
}

type Opener = (binding: Binding) => Promise<Omit<OpenedEngine, 'reason'>>;

/**
 * Binds the UDP port and opens the engine that the settings ask for; by default the native one where there
 * is one. Without an address in the settings it takes every one the host has.
 *
 * @throws Error when WEIR_ENGINE=native asks for what is not there; whatever binding throws
 */
export async function openEngine(
  config: Pick<Config, 'engine' | 'gatherMicros' | 'media'>,
  port: number,
  tcp: LateTcpPort | undefined,
  findNative: () => Promise<Opener | string> = nativeOpener,
): Promise<OpenedEngine> {
  const native = config.engine === 'node' ? undefined : await findNative();
  if (typeof native === 'string' && config.engine === 'native') {
    throw new Error(
      `WEIR_ENGINE=native: there is no native engine (${native}). Build it with \`npm run install --workspace packages/forwarding-native\`, or set WEIR_ENGINE=auto.`,
    );
  }
  const { ip, receiveBufferBytes: recvBufferBytes, sendBufferBytes } = config.media;
  const bind = async (open: Opener) => {
    const rest = { port, recvBufferBytes, sendBufferBytes, tcp, gatherMicros: config.gatherMicros };
    if (ip !== undefined) return await open({ ip, ...rest });
    try {
      return await open({ ip: '::', ...rest });
    } catch (error) {
      if (!hasNoIpv6(error)) throw error;
      return await open({ ip: '0.0.0.0', ...rest });
    }
  };
  const opened = await bind(typeof native === 'function' ? native : openNode);
  // The kernel gives pages at the first write: better now than one by one while packets come.
  opened.engine.arena.fill(0);
  const reason =
    config.engine !== 'auto'
      ? `WEIR_ENGINE=${config.engine}`
      : typeof native === 'string'
        ? `the native one is not there: ${native}`
        : 'it was built at install';
  return { ...opened, reason };
}

async function openNode({ tcp, ...options }: Binding) {
  const udp = await openDgramSocket(options);
  const { address, recvBufferBytes, sendBufferBytes } = udp;
  const engine = new NodeEngine(tcp === undefined ? { udp } : { udp, tcp });
  return { engine, address, recvBufferBytes, sendBufferBytes };
}

/** How to open the native engine, or why there is none. */
async function nativeOpener(): Promise<Opener | string> {
  const native = await import('@weir/forwarding-native').catch((error: unknown) => error as Error);
  if (native instanceof Error) return native.message.split('\n')[0]!;
  const problem = native.nativeEngineProblem();
  if (problem !== undefined) return problem;
  return async ({ tcp, ...options }) => {
    const engine = native.openNativeEngine(tcp === undefined ? options : { ...options, tcp });
    const { address, recvBufferBytes, sendBufferBytes } = engine;
    return { engine, address, recvBufferBytes, sendBufferBytes };
  };
}

/** A host without IPv6. The add-on tells by text what it has no code for. */
function hasNoIpv6(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(code) || error.message.includes('Address family not supported')
  );
}
