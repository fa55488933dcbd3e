import { describe, expect, it, vi } from 'vitest';
import { rates, readCounters, readPath, readPicture } from './stats.ts';
import { StatsSampler } from './stats-sampler.ts';

function report(...stats: Record<string, unknown>[]): RTCStatsReport {
  return new Map(stats.map((stat, n) => [String(stat.id ?? n), stat])) as unknown as RTCStatsReport;
}

describe('statistics', () => {
  it('sums what goes out, and takes the loss from the other side', () => {
    const counters = readCounters(
      report(
        { type: 'outbound-rtp', bytesSent: 1000, headerBytesSent: 100, packetsSent: 10 },
        { type: 'outbound-rtp', bytesSent: 2000, packetsSent: 20 },
        { type: 'remote-inbound-rtp', packetsLost: 3 },
        { type: 'inbound-rtp', bytesReceived: 99, packetsReceived: 99 },
      ),
      'up',
      5,
    );
    expect(counters).toEqual({ timeMs: 5, bytes: 3100, packets: 30, lost: 3 });
  });

  it('makes rates of two looks', () => {
    const before = { timeMs: 1000, bytes: 10_000, packets: 100, lost: 10 };
    const after = { timeMs: 3000, bytes: 260_000, packets: 190, lost: 20 };
    expect(rates(before, after)).toEqual({ bitrateBps: 1_000_000, loss: 0.1, packets: 90, lost: 10 });
  });

  it.each([
    ['there was no look before', undefined],
    ['counters went back', { timeMs: 1000, bytes: 99_999, packets: 1, lost: 0 }],
    ['no time passed', { timeMs: 2000, bytes: 0, packets: 0, lost: 0 }],
  ])('says nothing when %s', (_why, before) => {
    const after = { timeMs: 2000, bytes: 10, packets: 1, lost: 0 };
    expect(rates(before, after)).toEqual({ bitrateBps: 0, loss: 0, packets: 0, lost: 0 });
  });

  it('does not count packets that came late as a negative loss', () => {
    const before = { timeMs: 0, bytes: 0, packets: 0, lost: 5 };
    expect(rates(before, { timeMs: 1000, bytes: 10, packets: 10, lost: 2 }).loss).toBe(0);
  });

  it.each([
    ['by the transport (Chrome, Safari)', { type: 'transport', selectedCandidatePairId: 'P2' }, {}],
    ['by the pair (Firefox)', { type: 'x' }, { selected: true }],
  ])('finds the chosen path %s', (_who, transport, mark) => {
    const path = readPath(
      report(
        { id: 'T', ...transport },
        { id: 'P1', type: 'candidate-pair', state: 'failed', currentRoundTripTime: 9 },
        {
          id: 'P2',
          type: 'candidate-pair',
          state: 'succeeded',
          currentRoundTripTime: 0.0123,
          availableOutgoingBitrate: 3e6,
          localCandidateId: 'L',
          ...mark,
        },
        { id: 'L', type: 'local-candidate', protocol: 'udp' },
      ),
    );
    expect(path).toEqual({ rttMs: 12, protocol: 'udp', availableBps: 3e6 });
  });

  it('shows the largest layer', () => {
    const picture = readPicture(
      report(
        { type: 'outbound-rtp', frameWidth: 320, frameHeight: 180, codecId: 'C' },
        { type: 'outbound-rtp', frameWidth: 1280, frameHeight: 720, framesPerSecond: 30, codecId: 'C' },
        { id: 'C', type: 'codec', mimeType: 'video/VP8' },
      ),
    );
    expect(picture).toEqual({ width: 1280, height: 720, framesPerSecond: 30, codec: 'video/VP8' });
  });

  it('samples: first zero, then the rate since the last look, and nothing for the dead', async () => {
    vi.useFakeTimers();
    let bytes = 0;
    const sampler = new StatsSampler({
      up: async () => report({ type: 'outbound-rtp', bytesSent: bytes, packetsSent: bytes / 1000 }),
      down: async () => undefined,
      publications: () => [
        { id: 'a', kind: 'audio', getStats: async () => report({ type: 'outbound-rtp', bytesSent: bytes }) },
        { id: 'b', kind: 'video', getStats: () => Promise.reject(new Error('closed')) },
      ],
      subscriptions: () => [],
    });
    expect((await sampler.look()).up.bitrateBps).toBe(0);
    bytes = 125_000;
    vi.advanceTimersByTime(1000);
    const second = await sampler.look();
    expect(second.up.bitrateBps).toBe(1_000_000);
    expect(second.down.bitrateBps).toBe(0);
    expect(second.publications).toMatchObject([{ id: 'a', bitrateBps: 1_000_000 }]);
    bytes = 999_999;
    vi.advanceTimersByTime(100);
    expect(await sampler.look()).toBe(second);
    vi.useRealTimers();
  });
});
