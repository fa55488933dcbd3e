import { VirtualClock } from './clock.ts';
import type { LinkPolicy } from './link-shaper.ts';
import { VirtualNetwork, type VirtualSocket } from './virtual-network.ts';

export interface Pair {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly left: End;
  readonly right: End;
  runFor(milliseconds: number): void;
}

/** One end of a pair: sends to the other, and keeps what came. */
export interface End {
  readonly socket: VirtualSocket;
  readonly received: Uint8Array[];
  /** Instead of keeping it in `received`. */
  onMessage: ((data: Uint8Array) => void) | undefined;
  send(data: Uint8Array): void;
}

/** Two sockets on one virtual clock, with the same policy in both directions. */
export function pair(options: LinkPolicy & { readonly seed?: number } = {}): Pair {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock, seed: options.seed ?? 1, policy: options });
  const leftSocket = network.bind('192.0.2.1', 5000);
  const rightSocket = network.bind('192.0.2.2', 5000);
  return {
    clock,
    network,
    left: endOf(leftSocket, rightSocket),
    right: endOf(rightSocket, leftSocket),
    runFor: (milliseconds) => clock.runFor(milliseconds),
  };
}

function endOf(socket: VirtualSocket, other: VirtualSocket): End {
  const end: End = {
    socket,
    received: [],
    onMessage: undefined,
    send: (data) => socket.send(data, other.address.ip, other.address.port),
  };
  socket.onMessage = (data) => {
    if (end.onMessage) end.onMessage(data);
    else end.received.push(data);
  };
  return end;
}
