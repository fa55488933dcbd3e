import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader } from './frame-reader.ts';

function frame(data: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(data.length >> 8, data.length), data]);
}

test('frames come out whole however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 }),
      (frames, cuts) => {
        const stream = Buffer.concat(frames.map(frame));
        const got: Uint8Array[] = [];
        const reader = new FrameReader(40, (f) => got.push(f.slice()));
        let at = 0;
        for (let i = 0; at < stream.length; i++) {
          const next = at + cuts[i % cuts.length]!;
          expect(reader.push(stream.subarray(at, next))).toBe(true);
          at = next;
        }
        expect(got.map((f) => [...f])).toEqual(frames.filter((f) => f.length > 0).map((f) => [...f]));
      },
    ),
    { seed: 12, numRuns: 500 },
  );
});

test('too long a frame is refused as soon as its length is known', () => {
  for (const cut of [1, 2, 5]) {
    const reader = new FrameReader(10, () => expect.unreachable());
    const stream = frame(new Uint8Array(11));
    let ok = true;
    for (let at = 0; at < 4 && ok; at += cut) ok = reader.push(stream.subarray(at, at + cut));
    expect(ok).toBe(false);
  }
});
