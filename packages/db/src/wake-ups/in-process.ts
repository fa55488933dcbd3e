import { Listeners, type WakeUps } from './wake-ups.ts';

/** Wakes readers of this process at once; those of other processes find out by looking. */
export function inProcessWakeUps(options: { pollMs?: number } = {}): WakeUps {
  const listeners = new Listeners();
  return {
    pollMs: options.pollMs ?? 1000,
    wake: (roomId, peerIds) => listeners.call(roomId, peerIds),
    listen: (roomId, peerId, onWake) => listeners.add(roomId, peerId, onWake),
    close: async () => {},
  };
}
