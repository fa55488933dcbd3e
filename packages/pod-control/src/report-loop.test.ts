import type { MediaHappening, PodReport, PodReportAnswer } from '@weir/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PodControlError } from './errors.ts';
import { ReportLoop, type ReportLoopChange } from './report-loop.ts';
import { Reporter } from './reporter.ts';

const closed = (transportId: number): MediaHappening => ({
  type: 'transport.closed',
  roomId: 'daily',
  transportId,
  reason: 'dtls',
});

describe('ReportLoop', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  function setUp(answer: (report: PodReport, calls: number) => PodReportAnswer | Error) {
    const reports: PodReport[] = [];
    const changes: ReportLoopChange[] = [];
    const reporter = new Reporter({ podId: 'pod-1', epoch: 1, random: () => 0 });
    const loop = new ReportLoop({
      reporter,
      client: {
        report: async (report) => {
          reports.push(report);
          const result = answer(report, reports.length);
          if (result instanceof Error) throw result;
          return result;
        },
      },
      now: () => Date.now(),
      onChange: (change) => changes.push(change),
    });
    return { loop, reporter, reports, changes };
  }

  const acknowledge = (report: PodReport) => ({ seq: report.seq, leaseSeconds: 15 });

  it('tries until signaling is back and says both, once', async () => {
    const { loop, reports, changes } = setUp((report, calls) =>
      calls <= 5 ? new PodControlError('unreachable', 'ECONNREFUSED') : acknowledge(report),
    );
    loop.push(closed(1));
    const settled = loop.settled(60_000);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await settled).toBe(true);
    expect(reports).toHaveLength(6);
    expect(new Set(reports).size).toBe(1);
    expect(changes.map((change) => change.type)).toEqual(['away', 'back']);
    expect(changes[1]).toEqual({ type: 'back', failures: 5 });
    loop.push(closed(2));
    await vi.advanceTimersByTimeAsync(1000);
    expect(changes).toHaveLength(2);
  });

  it('goes on when a report can never be taken', async () => {
    const refusal = new PodControlError('refused', 'happenings.0: bad', { status: 422 });
    const { loop, reporter, changes } = setUp((report) =>
      report.happenings.some((one) => one.type === 'transport.closed' && one.transportId === 1)
        ? refusal
        : acknowledge(report),
    );
    loop.push(closed(1));
    loop.push(closed(2));
    await vi.advanceTimersByTimeAsync(1000);
    expect(reporter.settled).toBe(true);
    expect(reporter.status).toMatchObject({ seq: 1, refused: 1 });
    expect(changes.filter((change) => change.type === 'refused')).toHaveLength(2);
  });

  it('waits out refusals that can pass, such as secrets that differ', async () => {
    const { loop, reporter } = setUp((report, calls) =>
      calls === 1
        ? new PodControlError('refused', 'no secret verifies', { status: 401 })
        : acknowledge(report),
    );
    loop.push(closed(1));
    await vi.advanceTimersByTimeAsync(2000);
    expect(reporter.status).toMatchObject({ seq: 1, refused: 0 });
  });

  it('stops when a later process has taken its name', async () => {
    const { loop, reports, changes } = setUp(
      () => new PodControlError('refused', 'newer epoch', { status: 409 }),
    );
    loop.push(closed(1));
    await vi.advanceTimersByTimeAsync(1000);
    loop.push(closed(2));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reports).toHaveLength(1);
    expect(changes.map((change) => change.type)).toEqual(['superseded']);
    expect(loop.stopped).toBe(true);
    expect(await loop.settled(1000)).toBe(false);
  });

  const refusal = (code: string, epoch: number) =>
    new PodControlError('refused', code, {
      status: 409,
      problem: { type: '', title: '', status: 409, detail: '', code, epoch },
    });

  it('takes a later epoch when its clock is behind that of an earlier start', async () => {
    const { loop, reports, changes } = setUp((report, calls) =>
      calls === 1 ? refusal('conflict', 90) : acknowledge(report),
    );
    loop.push(closed(1));
    await vi.advanceTimersByTimeAsync(1000);
    expect(changes).toEqual([expect.objectContaining({ type: 'restarted', epoch: 91, givenUp: false })]);
    // As the pod does when it hears of it.
    loop.push(closed(2));
    await vi.advanceTimersByTimeAsync(1000);
    expect(reports.map(({ epoch, seq }) => [epoch, seq])).toEqual([
      [expect.any(Number), 1],
      [91, 1],
    ]);
    // It has been heard now: whoever is ahead from here on is its successor.
    expect(loop.stopped).toBe(false);
  });

  it('starts over when it was given up, and stops for a successor once it was heard', async () => {
    let answer: PodControlError | undefined;
    const { loop, reports, changes } = setUp((report) => answer ?? acknowledge(report));
    loop.push(closed(1));
    await vi.advanceTimersByTimeAsync(1000);
    answer = refusal('pod-given-up', 2e12);
    loop.push(closed(2));
    await vi.advanceTimersByTimeAsync(1000);
    expect(changes.at(-1)).toMatchObject({ type: 'restarted', epoch: 2e12 + 1, givenUp: true });
    answer = undefined;
    loop.push(closed(3));
    await vi.advanceTimersByTimeAsync(1000);
    // What was to be told of the epoch before is not told.
    expect(reports.at(-1)).toMatchObject({ epoch: 2e12 + 1, seq: 1, happenings: [closed(3)] });
    answer = refusal('conflict', 3e12);
    loop.push(closed(4));
    await vi.advanceTimersByTimeAsync(1000);
    expect(changes.at(-1)?.type).toBe('superseded');
    expect(loop.stopped).toBe(true);
  });

  it('gives up waiting at the deadline', async () => {
    const { loop } = setUp(() => new PodControlError('unreachable', 'ECONNREFUSED'));
    loop.push(closed(1));
    const settled = loop.settled(2000);
    await vi.advanceTimersByTimeAsync(2001);
    expect(await settled).toBe(false);
  });
});
