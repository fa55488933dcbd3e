import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ConnectionInfo, describeConnection } from './connection.ts';
import { ConnectionMonitor } from './connection-monitor.ts';

describe('describeConnection', () => {
  const fine = { closed: undefined, eventsUp: true, mediaInterrupted: false, downForMs: 0 };

  it.each([
    ['connected', 'Connected', {}],
    ['reconnecting', 'The server does not answer. Reconnecting…', { eventsUp: false, downForMs: 1 }],
    [
      'reconnecting',
      'Audio and video are interrupted. Reconnecting…',
      { mediaInterrupted: true, downForMs: 1 },
    ],
    [
      'disconnected',
      'The connection is interrupted. Still trying; please check the network.',
      { mediaInterrupted: true, eventsUp: false, downForMs: 20_000 },
    ],
    ['closed', 'The room was closed', { closed: 'room-closed' as const, eventsUp: false }],
  ])('%s: %s', (state, sentence, facts) => {
    expect(describeConnection({ ...fine, ...facts })).toMatchObject({ state, sentence });
  });
});

describe('ConnectionMonitor', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('counts an outage from its first failure to the last repair', () => {
    let media = false;
    const told: ConnectionInfo[] = [];
    const monitor = new ConnectionMonitor(
      () => media,
      (info) => told.push(info),
    );
    monitor.setEventsUp(false);
    vi.advanceTimersByTime(15_000);
    media = true;
    monitor.refresh();
    monitor.setEventsUp(true);
    vi.advanceTimersByTime(5_000);
    expect(told.map(({ state }) => state)).toEqual([
      'reconnecting',
      'reconnecting',
      'reconnecting',
      'disconnected',
    ]);
    media = false;
    monitor.refresh();
    expect(monitor.info.state).toBe('connected');
    monitor.close('left');
    expect(monitor.info).toEqual({ state: 'closed', sentence: 'You have left', reason: 'left' });
    expect(vi.getTimerCount()).toBe(0);
  });
});
