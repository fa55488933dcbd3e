import { describe, expect, it } from 'vitest';
import { SilenceWatch } from './silence-watch.ts';

/** Looks every 200 ms; `received` by time. Answers when it was alarmed. */
function alarms(
  received: (ms: number) => number,
  untilMs: number,
  expected = (_ms: number) => true,
  { answersOnly = false, sent = (ms: number) => ms } = {},
): number[] {
  const watch = new SilenceWatch(answersOnly);
  const told: number[] = [];
  for (let now = 0; now <= untilMs; now += 200) {
    if (watch.look({ sent: sent(now), received: received(now) }, expected(now), now)) told.push(now);
  }
  return told;
}

describe('silence of a media server', () => {
  it('is noticed in less than a second, told again soon, and then less and less often', () => {
    expect(alarms((ms) => Math.min(ms, 5_000), 60_000)).toEqual([
      5_800, 6_400, 7_000, 7_600, 8_800, 11_200, 16_000, 25_600, 40_600, 55_600,
    ]);
  });

  it('is none while anything comes, such as the packets of a silent microphone', () => {
    expect(alarms((ms) => Math.floor(ms / 500), 60_000)).toEqual([]);
  });

  it('is none when nothing should come, and counts from when something should', () => {
    const silent = (ms: number) => Math.min(ms, 5_000);
    expect(alarms(silent, 60_000, (ms) => ms <= 5_000)).toEqual([]);
    expect(alarms(silent, 21_000, (ms) => ms <= 5_000 || ms >= 20_000)).toEqual([20_600]);
  });

  it('is none before the first packet', () => {
    expect(alarms(() => 0, 60_000)).toEqual([]);
  });

  it('is none when only answers come and nothing is sent', () => {
    const until5 = (ms: number) => Math.min(ms, 5_000);
    const always = () => true;
    expect(alarms(until5, 60_000, always, { answersOnly: true, sent: until5 })).toEqual([]);
    expect(alarms(until5, 6_500, always, { answersOnly: true })).toEqual([5_800, 6_400]);
  });

  it('is none after a pause of our own, but seldom looks notice it too', () => {
    const look = (times: number[], received: (ms: number) => number) => {
      const watch = new SilenceWatch(false);
      return times.filter((now) => watch.look({ sent: now, received: received(now) }, true, now));
    };
    const often = Array.from({ length: 10 }, (_, i) => 200 * i);
    // The first look after the pause comes before what waited is read.
    const waiting = (ms: number) => (ms >= 1_900 && ms < 5_000 ? 1_800 : ms);
    expect(look([...often, 4_800, 5_000, 5_200], waiting)).toEqual([]);
    expect(look([...often, 4_800, 4_801, 5_000, 5_200], waiting)).toEqual([]);
    expect(look([...often, 2_000, 4_800, 5_000, 5_200], waiting)).toEqual([]);
    // As timers of hidden pages come.
    const seldom = Array.from({ length: 20 }, (_, i) => 1_000 * i);
    expect(look(seldom, (ms) => Math.min(ms, 10_000))[0]).toBe(12_000);
  });

  it('takes longer where little comes in the best of times', () => {
    // Reports once a second, as for one who only speaks.
    const slow = (ms: number) => Math.floor(Math.min(ms, 30_000) / 1_000);
    expect(alarms(slow, 32_000)).toEqual([31_600]);
  });

  it('begins anew when media came again', () => {
    const twice = (ms: number) => (ms < 10_000 ? Math.min(ms, 5_000) : Math.min(ms, 12_000));
    // Not as quick as the first time: networks that come and go do so again.
    expect(alarms(twice, 17_000)).toEqual([5_800, 6_400, 7_000, 7_600, 8_800, 15_000]);
  });
});
