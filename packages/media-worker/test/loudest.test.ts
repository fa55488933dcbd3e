import { describe, expect, it } from 'vitest';
import { Listener, Speaker } from './speaker.ts';
import { WorkerHost } from './worker-host.ts';

const speech = -30;
const noise = -75;

/** Speakers whose packets flow, and one who hears them all. */
function room(count: number, places: number) {
  const host = new WorkerHost({ policy: { delayMs: 5 } });
  host.maxLoudestAudio = places;
  const speakers = Array.from({ length: count }, () => new Speaker(host));
  const listener = new Listener(host, speakers);
  for (const speaker of speakers) {
    speaker.start();
    // Not all in the same millisecond.
    host.clock.runFor(7);
  }
  /** Whom the listener heard in the last 100 ms. */
  const audible = () => listener.audible(host.clock.now(), 100);
  return { host, speakers, listener, audible };
}

/** Everything that the listener has of a speaker is whole: numbers without gaps, timestamps of the source. */
function expectSound(listener: Listener, speakers: readonly Speaker[], index: number): void {
  const ear = listener.ears[index]!;
  expect(ear.holes).toEqual([]);
  expect(ear.duplicates).toBe(0);
  const heard = listener.heard(index);
  expect(heard).toEqual([...new Set(heard)].sort((a, b) => a - b));
  expect(ear.sorted.map(({ timestamp }) => timestamp)).toEqual(
    heard.map((number) => speakers[index]!.timestampOf(number)),
  );
}

describe('only the loudest of a room are forwarded', () => {
  it('ten speak in turn, three at a time: from the first packet of speech on, never more than three', () => {
    const { host, speakers, listener, audible } = room(10, 3);
    expect(audible()).toEqual([0, 1, 2]);
    for (let turn = 0; turn < 30; turn++) {
      const who = (turn * 7) % 10;
      const speaker = speakers[who]!;
      const first = speaker.number;
      speaker.level = speech;
      host.clock.runFor(600);
      expect(listener.heard(who)).toEqual(expect.arrayContaining([first, first + 10, first + 20]));
      expect(audible()).toContain(who);
      // Two go on while the next begins.
      speakers[((turn - 2 + 30) * 7) % 10]!.level = noise;
      for (let slice = 0; slice < 20; slice++) {
        host.clock.runFor(100);
        expect(audible().length).toBeLessThanOrEqual(3);
      }
    }
    speakers.forEach((_, index) => {
      expectSound(listener, speakers, index);
    });
    // Quiet ones were sent for a small part of the time only.
    const sent = listener.ears.reduce((sum, ear) => sum + ear.got.size, 0);
    expect(sent).toBeLessThan(speakers[0]!.number * 3.3);
  });

  it('a new speaker’s first syllable comes whole, with what was before it, within the bounds of the pre-roll', () => {
    const { host, speakers, listener } = room(4, 3);
    host.clock.runFor(2000);
    for (const speaker of speakers.slice(0, 2)) speaker.level = speech;
    host.clock.runFor(1000);
    expect(listener.heard(3)).toEqual([]);
    // A voiceless beginning is hardly louder than noise.
    const first = speakers[3]!.number;
    speakers[3]!.level = -62;
    host.clock.runFor(120);
    speakers[3]!.level = speech;
    const began = host.clock.now();
    host.clock.runFor(500);
    const heard = listener.heard(3);
    expect(heard[0]).toBeLessThanOrEqual(first);
    expect(speakers[3]!.number - heard[0]!).toBeLessThanOrEqual(25 + 15 + 1);
    expectSound(listener, speakers, 3);
    // All of it was there within a few packets: a listener's buffer never runs dry.
    const [at] = listener.ears[3]!.arrivals.map((got) => got.at);
    expect(at! - began).toBeLessThan(100);
    const arrivals = listener.ears[3]!.arrivals;
    arrivals.forEach((got, i) => {
      expect(got.at - at!).toBeLessThanOrEqual(i * 20 + 5);
    });
  });

  it('pauses of speech and noise change nothing', () => {
    const { host, speakers, listener } = room(6, 3);
    const talk = (ms: number) => {
      for (let t = 0; t < ms; t += 100) {
        speakers.slice(0, 3).forEach((speaker, i) => {
          speaker.level = (t + i * 500) % 1700 < 900 ? speech - i * 4 : noise;
        });
        for (const speaker of speakers.slice(3)) speaker.level = noise + ((t / 100) % 9);
        host.clock.runFor(100);
      }
    };
    talk(1000);
    const before = listener.ears.map((ear) => ear.got.size);
    talk(20_000);
    listener.ears.forEach((ear, i) => {
      expect(ear.got.size - before[i]!).toBe(i < 3 ? 1000 : 0);
    });
    expect(host.worker.overview().totals.loudestSwitches).toBe(0);
  });

  it('who comes late hears those who are loudest from its first packet on', () => {
    const { host, speakers, audible } = room(5, 2);
    speakers[3]!.level = speech;
    speakers[4]!.level = speech;
    host.clock.runFor(1000);
    expect(audible()).toEqual([3, 4]);
    const late = new Listener(host, speakers);
    host.clock.runFor(1000);
    expect(late.audible(host.clock.now(), 100)).toEqual([3, 4]);
    speakers[3]!.level = noise;
    host.clock.runFor(3000);
    speakers[0]!.level = speech;
    host.clock.runFor(1000);
    expect(late.audible(host.clock.now(), 100)).toEqual([0, 4]);
    for (const index of [0, 3, 4]) expectSound(late, speakers, index);
  });

  it('the number may change at any time, without a gap for who is heard throughout', () => {
    const { host, speakers, listener, audible } = room(5, 0);
    host.clock.runFor(500);
    expect(audible()).toEqual([0, 1, 2, 3, 4]);
    speakers.forEach((speaker, i) => {
      speaker.level = speech - i * 5;
    });
    const set = (places: number) => {
      host.maxLoudestAudio = places;
      host.update({});
      host.clock.runFor(1000);
      return audible();
    };
    expect(set(2)).toHaveLength(2);
    expect(set(4)).toHaveLength(4);
    expect(set(1)).toEqual([0]);
    expect(set(0)).toEqual([0, 1, 2, 3, 4]);
    speakers.forEach((_, index) => {
      expectSound(listener, speakers, index);
    });
    expect(listener.heard(0)).toHaveLength(speakers[0]!.number - listener.heard(0)[0]!);
  });

  it('who leaves, pauses, or sends nothing more makes room', () => {
    const { host, speakers, listener, audible } = room(4, 1);
    expect(audible()).toEqual([0]);
    host.update({ remove: { senders: [listener.senders[0]!.id], receivers: [speakers[0]!.receiver.id] } });
    speakers[0]!.stop();
    host.clock.runFor(200);
    const [second] = audible();
    expect(second).toBeDefined();
    host.update({ receivers: [{ ...speakers[second!]!.receiver, paused: true }] });
    host.clock.runFor(200);
    const [third] = audible();
    expect(third).not.toBe(second);
    speakers[third!]!.stop();
    host.clock.runFor(2500);
    const [fourth] = audible();
    expect([1, 2, 3]).toContain(fourth);
    expect([second, third]).not.toContain(fourth);
    for (const index of [second!, third!, fourth!]) expectSound(listener, speakers, index);
  });

  it('who comes back soon is not heard twice', () => {
    const { host, speakers, listener } = room(3, 1);
    host.clock.runFor(1000);
    const swap = (to: number) => {
      speakers.forEach((speaker, i) => {
        speaker.level = i === to ? -5 : -127;
      });
      // A quiet one that was loud just now counts for some time: the next must be louder still.
      host.clock.runFor(260);
    };
    speakers[0]!.level = -60;
    host.clock.runFor(1000);
    for (const [index, level] of [-50, -40, -30, -20, -10, 0].entries()) {
      speakers[1 - (index % 2)]!.level = level;
      speakers[index % 2]!.level = -127;
      host.clock.runFor(140);
    }
    swap(2);
    expect(host.worker.overview().totals.loudestSwitches).toBeGreaterThanOrEqual(5);
    expectSound(listener, speakers, 0);
    expectSound(listener, speakers, 1);
  });

  it('what was said while paused is for nobody', () => {
    const { host, speakers, listener } = room(3, 1);
    speakers[0]!.level = -40;
    host.clock.runFor(500);
    const quiet = speakers[2]!;
    host.update({ receivers: [{ ...quiet.receiver, paused: true }] });
    quiet.level = -10;
    host.clock.runFor(400);
    const resumed = quiet.number;
    host.update({ receivers: [quiet.receiver] });
    host.clock.runFor(400);
    const [first] = listener.heard(2);
    expect(first).toBeGreaterThanOrEqual(resumed - 1);
    expectSound(listener, speakers, 2);
  });

  it('who sends no levels, or is to be forwarded always, is, and takes nobody’s place', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    host.maxLoudestAudio = 2;
    const mute = new Speaker(host, { headerExtensions: [] });
    const screen = new Speaker(host, { alwaysForward: true });
    const speakers = [mute, screen, ...Array.from({ length: 4 }, () => new Speaker(host))];
    const listener = new Listener(host, speakers);
    mute.level = undefined;
    screen.level = -127;
    for (const speaker of speakers) speaker.start();
    host.clock.runFor(1000);
    expect(listener.audible(host.clock.now(), 100)).toEqual([0, 1, 2, 3]);
    speakers[5]!.level = speech;
    host.clock.runFor(1000);
    expect(listener.audible(host.clock.now(), 100)).toHaveLength(4);
    expect(listener.audible(host.clock.now(), 100)).toEqual(expect.arrayContaining([0, 1, 5]));
  });

  it('explains, counts and goes on reporting for who is held back', () => {
    const { host, speakers, listener } = room(3, 1);
    speakers[0]!.level = speech;
    host.clock.runFor(2000);
    speakers[0]!.level = noise;
    speakers[1]!.level = speech;
    host.clock.runFor(5000);
    const explain = (index: number) =>
      host.worker.inspect(
        'room-1',
        { what: 'explain', transports: [], receivers: [], senders: [listener.senders[index]!.id] },
        host.clock.now(),
      ).senders[listener.senders[index]!.id]![0]!;
    expect(explain(0).heldBack).toBe(true);
    expect(explain(1).heldBack).toBeUndefined();
    expect(host.stats('receivers', speakers[0]!.receiver.id)[0]).toMatchObject({ amongLoudest: false });
    expect(host.stats('receivers', speakers[0]!.receiver.id)[0]!.packetsHeldBack).toBeGreaterThan(150);
    expect(host.stats('receivers', speakers[1]!.receiver.id)[0]).toMatchObject({ amongLoudest: true });
    // Lips stay in sync over the gap, and the path is known to be alive.
    const reports = listener.ears[0]!.senderReports.filter(({ at }) => at > host.clock.now() - 3000);
    expect(reports.length).toBeGreaterThanOrEqual(1);
    const [last] = reports.slice(-1);
    const expected = speakers[0]!.timestampOf(speakers[0]!.number) - 48 * (host.clock.now() - last!.at);
    expect(Math.abs((last!.report.rtpTimestamp - expected) | 0)).toBeLessThan(48 * 40);
  });

  it('in a crowd of listeners the pre-roll is spread over some milliseconds, in order', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    host.maxLoudestAudio = 1;
    const speakers = [new Speaker(host), new Speaker(host)];
    const crowd = Array.from({ length: 300 }, () => speakers[1]!);
    const listener = new Listener(host, crowd);
    for (const ear of listener.ears) ear.close();
    for (const speaker of speakers) speaker.start();
    host.clock.runFor(1000);
    speakers[1]!.level = -20;
    host.clock.runFor(600);
    const [one] = listener.ears;
    expect(one!.arrivals.length).toBeGreaterThan(30);
    const spread = new Set(one!.arrivals.slice(0, 15).map(({ at }) => at));
    expect(spread.size).toBeGreaterThan(5);
    const everybody = listener.ears.map((_, index) => listener.heard(index).join());
    expect(new Set(everybody).size).toBe(1);
    const numbers = listener.heard(0);
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
  });

  it('what was lost on the way to us stays a gap in what was before, too', () => {
    const { host, speakers, listener } = room(3, 1);
    host.clock.runFor(1000);
    speakers[2]!.stop();
    speakers[2]!.level = -20;
    for (let i = 0; i < 10; i++) {
      speakers[2]!.send({ lost: i === 1 });
      host.clock.runFor(20);
    }
    host.clock.runFor(100);
    // It is not to be hidden: who hears it conceals it, or asks for a repair.
    expect(listener.ears[2]!.holes).toHaveLength(1);
    const heard = listener.heard(2);
    expect(heard.at(-1)! - heard[0]!).toBe(heard.length);
  });
});
