import type { WakeUps } from './wake-ups.ts';

/** For D1, where nothing tells one instance of another's writes: readers look again and again. */
export function pollingWakeUps(options: { pollMs?: number } = {}): WakeUps {
  return {
    pollMs: options.pollMs ?? 500,
    wake: () => {},
    listen: () => () => {},
    close: async () => {},
  };
}
