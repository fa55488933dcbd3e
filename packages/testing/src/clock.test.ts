import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from './clock.ts';

describe('virtual clock', () => {
  test('runs callbacks by time, then by the order they were asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 100 }), (times) => {
        const clock = new VirtualClock();
        const ran: [number, number][] = [];
        times.forEach((time, index) => {
          clock.at(time, () => ran.push([clock.now(), index]));
        });
        clock.runFor(50);
        const expected = times
          .map((time, index): [number, number] => [time, index])
          .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        expect(ran).toEqual(expected);
        expect(clock.now()).toBe(50);
      }),
      { seed: 1 },
    );
  });

  test('a cancelled callback does not run, and is not the next', () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    const first = clock.at(1, () => ran.push('first'));
    clock.at(2, () => ran.push('second'));
    first.cancel();
    expect(clock.next()).toBe(2);
    clock.runFor(5);
    expect(ran).toEqual(['second']);
  });

  test('callbacks may ask for more, also for what is past', () => {
    const clock = new VirtualClock(100);
    const ran: number[] = [];
    clock.at(110, () => {
      clock.at(105, () => ran.push(clock.now()));
      clock.at(111, () => ran.push(clock.now()));
    });
    clock.runFor(20);
    expect(ran).toEqual([110, 111]);
  });

  test('runWhile stops at the moment, or at the limit', () => {
    const clock = new VirtualClock();
    let done = false;
    clock.at(30, () => {
      done = true;
    });
    clock.at(40, () => {});
    expect(clock.runWhile(() => !done, 1_000)).toBe(true);
    expect(clock.now()).toBe(30);
    expect(clock.runWhile(() => true, 500)).toBe(false);
    expect(clock.now()).toBe(530);
  });
});
