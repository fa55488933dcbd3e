import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RtcpCursor } from './cursor.ts';
import { TransportFeedback, TransportFeedbackRecorder } from './transport-feedback.ts';

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

/** Writes everything that is pending; maps sequence number -> arrival as the other side reads it. */
function deliver(recorder: TransportFeedbackRecorder, limit = 1200): Map<number, number> {
  const arrivals = new Map<number, number>();
  const out = new Uint8Array(1500);
  const cursor = new RtcpCursor();
  const feedback = new TransportFeedback();
  let count = 0;
  for (let packets = 0; recorder.pending; packets++) {
    expect(packets).toBeLessThan(2000);
    const end = recorder.write(out, 0, limit, 1, 2);
    if (end === 0) break;
    expect(end).toBeLessThanOrEqual(limit);
    cursor.start(out, 0, end);
    expect(cursor.next()).toBe(true);
    expect(cursor.isTransportWideFeedback).toBe(true);
    expect([cursor.senderSsrc, cursor.mediaSsrc]).toEqual([1, 2]);
    expect(feedback.parse(out, cursor.bodyOffset + 8, cursor.bodyLength - 8)).toBe(true);
    if (packets > 0) expect(feedback.feedbackCount).toBe((count + 1) & 255);
    count = feedback.feedbackCount;
    for (let i = 0; i < feedback.count; i++) {
      if (feedback.received[i] === 1) {
        arrivals.set((feedback.baseSequence + i) & 0xffff, feedback.arrivalMs[i]!);
      }
    }
  }
  return arrivals;
}

test('reads run-length chunks and both vector chunks', () => {
  const feedback = new TransportFeedback();
  // 3 × small (run), not received ×2, then two-bit vector: small, large, none, small …; then one-bit vector.
  const bytes = hex(`
    0010 000f 000001 05
    2003 0002 d900 a800
    04 08 0c
    10 fff8
    14 18 1c`);
  // 3 run + 2 run + 7 of vector (01 10 01 00 00 00 00) + 3 of one-bit (1 0 1)
  expect(feedback.parse(bytes, 0, bytes.length)).toBe(true);
  expect(feedback.baseSequence).toBe(16);
  expect(feedback.feedbackCount).toBe(5);
  expect([...feedback.received.subarray(0, 15)]).toEqual([1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 1]);
  const at = (i: number) => feedback.arrivalMs[i];
  expect([at(0), at(1), at(2)]).toEqual([65, 67, 70]);
  expect([at(5), at(6), at(7)]).toEqual([74, 72, 77]);
  expect([at(12), at(14)]).toEqual([83, 90]);
  expect(feedback.receivedCount).toBe(8);
});

test('cut or contradicting feedback is refused', () => {
  const feedback = new TransportFeedback();
  for (const text of [
    '0010 0003 000001',
    '0010 0000 000001 05 2003',
    '0010 0003 000001 05',
    '0010 0003 000001 05 2003 0408',
    '0010 0003 000001 05 6003 040808',
    '0010 0003 000001 05 2000 040808',
    '0010 0003 000001 05 f000 040808',
  ]) {
    const bytes = hex(text);
    expect(feedback.parse(bytes, 0, bytes.length), text).toBe(false);
  }
});

test('65535 statuses in ten bytes stay linear', () => {
  const feedback = new TransportFeedback();
  const bytes = hex(`0000 ffff 000000 00 ${'1fff'.repeat(8)} 0007`);
  expect(feedback.parse(bytes, 0, bytes.length)).toBe(true);
  expect(feedback.count).toBe(65535);
  expect(feedback.receivedCount).toBe(0);
});

test('what is recorded is what the sender reads', () => {
  fc.assert(
    fc.property(
      fc.nat(65535),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: -40, max: 4000 })), {
        minLength: 1,
        maxLength: 300,
      }),
      fc.integer({ min: 60, max: 1200 }),
      (start, steps, limit) => {
        const recorder = new TransportFeedbackRecorder(32_768);
        const sent = new Map<number, number>();
        let seq = start;
        let now = 10_000;
        for (const [gap, quarterMs] of steps) {
          sent.set(seq & 0xffff, now);
          recorder.record(seq & 0xffff, now);
          seq += gap;
          now += quarterMs / 4;
        }
        expect(deliver(recorder, limit)).toEqual(sent);
        expect(recorder.pending).toBe(false);
      },
    ),
    { seed: 10, numRuns: 200 },
  );
});

test('a pause longer than a delta can say begins a new packet', () => {
  const recorder = new TransportFeedbackRecorder();
  recorder.record(1, 0);
  recorder.record(2, 60_000);
  recorder.record(3, 60_001);
  expect(deliver(recorder)).toEqual(
    new Map([
      [1, 0],
      [2, 60_000],
      [3, 60_001],
    ]),
  );
});

test('reordered and late packets are reported', () => {
  const recorder = new TransportFeedbackRecorder();
  for (const [seq, now] of [
    [10, 100],
    [12, 102],
    [11, 103],
  ] as const) {
    recorder.record(seq, now);
  }
  expect(deliver(recorder)).toEqual(
    new Map([
      [10, 100],
      [11, 103],
      [12, 102],
    ]),
  );
  // Both have been passed over by a report that is sent already.
  recorder.record(14, 110);
  recorder.record(9, 111);
  expect(deliver(recorder)).toEqual(
    new Map([
      [9, 111],
      [14, 110],
    ]),
  );
});

test('a jump of half the number space keeps memory and work bounded', () => {
  const recorder = new TransportFeedbackRecorder(64);
  recorder.record(0, 0);
  recorder.record(30_000, 1);
  recorder.record(60_000, 2);
  expect(deliver(recorder)).toEqual(new Map([[60_000, 2]]));
});

test('duplicates keep their first arrival', () => {
  const recorder = new TransportFeedbackRecorder();
  recorder.record(1, 5);
  recorder.record(1, 9);
  recorder.record(2, 10);
  recorder.record(1, 11);
  expect(deliver(recorder).get(1)).toBe(5);
});
