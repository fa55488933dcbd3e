import { describe, expect, it } from 'vitest';
import { Listener, Speaker } from './speaker.ts';
import { noFeedback, opusCodecs, room, wire } from './specs.ts';
import { WorkerHost } from './worker-host.ts';

const nack = { ...noFeedback, nack: true };
const speech = -30;

/** Opus with discontinuous transmission and NACKs, as browsers do it: between words a packet each 400 ms. */
function setUp(options: { dtx?: boolean; places?: number } = {}) {
  const host = new WorkerHost({ policy: { delayMs: 5 } });
  host.maxLoudestAudio = options.places ?? 0;
  const withNack = (side: typeof wire) => opusCodecs(side).map((codec) => ({ ...codec, feedback: nack }));
  const speaker = new Speaker(host, {
    codecs: withNack(wire),
    encodings: [{ ssrc: 2222, dtx: options.dtx ?? true }],
  });
  const listener = new Listener(host, [speaker], { codecs: withNack(room) });
  return { host, speaker, listener };
}

function talk(host: WorkerHost, speaker: Speaker, ms: number): void {
  speaker.level = speech;
  for (let t = 0; t < ms; t += 20) {
    speaker.send();
    host.clock.runFor(20);
  }
}

/** Nothing but comfort noise: sequence numbers go on, timestamps tell the time that passed. */
function pause(host: WorkerHost, speaker: Speaker, ms: number): void {
  speaker.level = -127;
  for (let t = 0; t < ms; t += 400) {
    const { timestamp } = speaker;
    speaker.send();
    speaker.timestamp = (timestamp + 400 * 48) >>> 0;
    host.clock.runFor(400);
  }
}

describe('discontinuous transmission', () => {
  it('is no loss and no death of the source; nothing is asked for again, and time goes on', () => {
    const { host, speaker, listener } = setUp();
    const sent: number[] = [];
    const note = () => sent.push(speaker.timestamp);
    for (let round = 0; round < 5; round++) {
      speaker.report();
      talk(host, speaker, 1000);
      note();
      pause(host, speaker, 4000);
      note();
    }
    host.clock.runFor(100);
    const [ear] = listener.ears;
    expect(ear!.got.size).toBe(speaker.number);
    expect(ear!.holes).toEqual([]);
    // All that was sent has the time of the source, also right after a pause.
    const times = new Set(ear!.sorted.map(({ timestamp }) => timestamp));
    for (const timestamp of sent.slice(0, -1)) expect(times).toContain(timestamp);
    const [inbound] = host.stats('receivers', speaker.receiver.id);
    expect(inbound).toMatchObject({
      packetsLost: 0,
      nackCount: 0,
      nackPacketCount: 0,
      packetsDiscarded: 0,
      score: 10,
    });
    expect(inbound!.jitter).toBeLessThan(48);
    // Told once, when it began.
    expect(host.of('receiver.score').map(({ scores }) => scores[0]!.score)).toEqual([10]);
  });

  it('keeps lips in sync: reports made within a pause tell the time of the source', () => {
    const { host, speaker, listener } = setUp();
    speaker.report();
    talk(host, speaker, 1000);
    pause(host, speaker, 8000);
    const [ear] = listener.ears;
    expect(ear!.senderReports.length).toBeGreaterThan(1);
    for (const { at, report } of ear!.senderReports) {
      const truth = speaker.timestamp - 48 * (host.clock.now() - at);
      expect(Math.abs((report.rtpTimestamp - truth) | 0)).toBeLessThan(48 * 15);
    }
  });

  it('levels of a pause are those of the packets there are', () => {
    const { host, speaker } = setUp();
    talk(host, speaker, 2000);
    const before = host.of('audio.levels').length;
    pause(host, speaker, 4000);
    const levels = host.of('audio.levels').slice(before + 1);
    const id = speaker.receiver.id;
    for (const happening of levels) {
      // A window of half a second may lie between two packets; that is told once, as silence.
      expect([[], [{ receiverId: id, audioLevel: -127 }]]).toContainEqual(happening.levels);
    }
    talk(host, speaker, 1500);
    expect(host.of('audio.levels').at(-1)!.levels).toEqual([{ receiverId: id, audioLevel: speech }]);
  });

  it('a source without any packet is dead after 5 s where DTX was announced, else after 1.5 s', () => {
    for (const [dtx, ms] of [
      [true, 5000],
      [false, 1500],
    ] as const) {
      const { host, speaker } = setUp({ dtx });
      talk(host, speaker, 1000);
      const scores = () => host.of('receiver.score').map(({ scores }) => scores[0]!.score);
      host.clock.runFor(ms - 500);
      expect(scores()).not.toContain(0);
      host.clock.runFor(1500);
      expect(scores().at(-1)).toBe(0);
    }
  });

  it('who pauses so keeps its place among the loudest, loses it to who speaks, and comes back whole', () => {
    const { host, speaker, listener } = setUp({ places: 1 });
    const other = new Speaker(host);
    const both = new Listener(host, [other]);
    other.level = -127;
    talk(host, speaker, 500);
    other.start();
    for (let i = 0; i < 3; i++) {
      talk(host, speaker, 1000);
      pause(host, speaker, 1200);
    }
    expect(both.ears[0]!.got.size).toBe(0);
    pause(host, speaker, 4000);
    other.level = speech;
    pause(host, speaker, 2000);
    expect(both.audible(host.clock.now(), 100)).toEqual([0]);
    other.level = -127;
    pause(host, speaker, 4000);
    const first = speaker.number;
    talk(host, speaker, 1000);
    const [ear] = listener.ears;
    expect(listener.heard(0)).toEqual(expect.arrayContaining([first, first + 1, speaker.number - 2]));
    expect(ear!.holes).toEqual([]);
    expect(ear!.duplicates).toBe(0);
  });
});
