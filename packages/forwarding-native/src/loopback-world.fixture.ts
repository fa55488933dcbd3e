import { type DatagramPort, NodeEngine, type PacketEngine } from '@weir/forwarding';
import { type EngineSizes, type EngineWorld, PortHub } from '@weir/forwarding/conformance';
import { openDgramSocket } from '@weir/udp';
import { type NativeEngine, openNativeEngine } from './native-engine.ts';

/** Turns of the event loop until the condition holds. */
export async function until(done: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error('it did not happen within 15 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const small = { slotCount: 1024 };

/** Peers on sockets of the kernel around an engine that listens on `port`. */
export function loopbackWorld(engine: PacketEngine, ip: string, port: number): EngineWorld {
  const opened: { close(): void }[] = [engine];
  return {
    engine,
    openPeer: async () => {
      const socket = await openDgramSocket({ ip });
      opened.push(socket);
      const received: Uint8Array[] = [];
      socket.onMessage = (data) => received.push(new Uint8Array(data));
      return {
        address: { ip, port: socket.address.port, protocol: 'udp' },
        received,
        send: (datagram) => socket.send(datagram, ip, port),
      };
    },
    run: until,
    close: () => {
      for (const item of opened) item.close();
    },
  };
}

export function nativeWorld(
  ip: string,
  prepare: (engine: NativeEngine) => void = () => {},
  gatherMicros = 0,
) {
  return async (sizes: EngineSizes = {}): Promise<EngineWorld> => {
    const engine = openNativeEngine({ ip, gatherMicros, ...small, ...sizes });
    prepare(engine);
    return loopbackWorld(engine, ip, engine.address.port);
  };
}

/** The native engine with peers on a TCP port, here one in memory. */
export async function nativeTcpWorld(sizes: EngineSizes = {}): Promise<EngineWorld> {
  const hub = new PortHub();
  const listener = hub.open('10.0.0.1', 7000);
  const engine = openNativeEngine({ ip: '127.0.0.1', tcp: listener, ...small, ...sizes });
  let peers = 0;
  return {
    engine,
    openPeer: async () => {
      const [ip, port] = [`10.0.1.${++peers}`, 6000 + peers];
      const socket: DatagramPort = hub.open(ip, port);
      const received: Uint8Array[] = [];
      socket.onMessage = (data) => received.push(new Uint8Array(data));
      return {
        address: { ip, port, protocol: 'tcp' },
        received,
        send: (datagram) => socket.send(datagram, '10.0.0.1', 7000),
      };
    },
    run: async (done) => {
      for (let turn = 0; !done(); turn++) {
        if (turn > 100) throw new Error('it did not happen within 100 turns');
        hub.turn();
      }
    },
    close: () => engine.close(),
  };
}

export function nodeWorld(ip: string) {
  return async (sizes: EngineSizes = {}): Promise<EngineWorld> => {
    const udp = await openDgramSocket({ ip });
    return loopbackWorld(new NodeEngine({ udp, ...small, ...sizes }), ip, udp.address.port);
  };
}
