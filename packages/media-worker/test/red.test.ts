import { describe, expect, it } from 'vitest';
import { Listener, Speaker } from './speaker.ts';
import { noFeedback, opusCodecs, redCodecs, room, wire } from './specs.ts';
import { WorkerHost } from './worker-host.ts';

/** RED of one older frame and the newest (RFC 2198 §3). */
function redPayload(payloadType: number, older: Uint8Array, newest: Uint8Array): Uint8Array {
  const offset = 960;
  return Uint8Array.from([
    128 | payloadType,
    offset >> 6,
    ((offset & 63) << 2) | (older.length >> 8),
    older.length & 255,
    payloadType,
    ...older,
    ...newest,
  ]);
}

const frame = (number: number) => {
  const bytes = new Uint8Array(50).fill(number * 7);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
};

/** Comparable, whatever kind of bytes. */
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

const nack = { ...noFeedback, nack: true };

/** Sends `count` packets of RED, 20 ms apart. */
function speak(host: WorkerHost, speaker: Speaker, count: number, payloadType = wire.opus): void {
  for (let i = 0; i < count; i++) {
    const { number } = speaker;
    speaker.send({
      payloadType: wire.red,
      payload: redPayload(payloadType, frame(number - 1), frame(number)),
    });
    host.clock.runFor(20);
  }
}

describe('RED', () => {
  it('reaches who knows it with the payload types of the room, inside too', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const speaker = new Speaker(host, { codecs: redCodecs(wire) });
    const listener = new Listener(host, [speaker], { codecs: redCodecs(room) });
    speak(host, speaker, 30);
    // Without redundancy it is Opus as such, as browsers send it when there is nothing to repeat.
    speaker.send();
    host.clock.runFor(50);
    const [ear] = listener.ears;
    const got = ear!.sorted;
    expect(got).toHaveLength(31);
    expect(ear!.holes).toEqual([]);
    got.slice(0, 30).forEach(({ payload, payloadType }, number) => {
      expect(payloadType).toBe(room.red);
      expect(hex(payload)).toBe(hex(redPayload(room.opus, frame(number - 1), frame(number))));
    });
    expect(got[30]!.payloadType).toBe(room.opus);
  });

  it('is unpacked for who does not', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const speaker = new Speaker(host, { codecs: redCodecs(wire) });
    const listener = new Listener(host, [speaker], { codecs: opusCodecs(room) });
    speak(host, speaker, 30);
    const [ear] = listener.ears;
    expect(ear!.holes).toEqual([]);
    ear!.sorted.forEach(({ payload, payloadType, timestamp }, number) => {
      expect(payloadType).toBe(room.opus);
      expect(hex(payload)).toBe(hex(frame(number)));
      expect(timestamp).toBe(speaker.timestampOf(number));
    });
    expect(ear!.got.size).toBe(30);
    expect(host.stats('senders', listener.senders[0]!.id)[0]).toMatchObject({ packetCount: 30 });
  });

  it('is not touched, encrypted or not, where payload types are those of the room', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const same = { ...wire, opus: room.opus, red: room.red };
    const speaker = new Speaker(host, { codecs: redCodecs(same) });
    const listener = new Listener(host, [speaker], { codecs: redCodecs(room) });
    const sent = Array.from({ length: 500 }, () =>
      Uint8Array.from({ length: 40 }, () => host.random.uint32() & 255),
    );
    for (const payload of sent) {
      speaker.send({ payloadType: room.red, payload });
      host.clock.runFor(20);
    }
    expect(listener.ears[0]!.sorted.map(({ payload }) => hex(payload))).toEqual(sent.map(hex));
  });

  it.for([
    ['RED', redCodecs],
    ['Opus', opusCodecs],
  ] as const)('is sent again as %s, byte for byte', ([, codecs]) => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const speaker = new Speaker(host, { codecs: redCodecs(wire, nack) });
    const accepted = codecs(room).map((codec) => ({ ...codec, feedback: nack }));
    const listener = new Listener(host, [speaker], { codecs: accepted });
    speak(host, speaker, 10);
    const [ear] = listener.ears;
    const lost = [3, 4, 8].map((index) => ear!.sorted[index]!);
    for (const { extended } of lost) ear!.got.delete(extended);
    ear!.send([
      {
        type: 'nack',
        senderSsrc: 1,
        mediaSsrc: listener.senders[0]!.ssrc,
        items: lost.map(({ sequence }) => ({ packetId: sequence, bitmask: 0 })),
      },
    ]);
    host.clock.runFor(100);
    for (const { extended, payload, payloadType, timestamp } of lost) {
      expect(ear!.got.get(extended)).toMatchObject({ payload, payloadType, timestamp });
    }
    expect(host.stats('senders', listener.senders[0]!.id)[0]).toMatchObject({ packetsRetransmitted: 3 });
  });

  it('takes part in the choice of the loudest, and its first syllable comes whole', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    host.maxLoudestAudio = 1;
    const other = new Speaker(host);
    const speaker = new Speaker(host, { codecs: redCodecs(wire) });
    const knows = new Listener(host, [other, speaker], { codecs: redCodecs(room) });
    const knowsNot = new Listener(host, [other, speaker], { codecs: opusCodecs(room) });
    other.start();
    host.clock.runFor(500);
    speak(host, speaker, 20);
    expect(knows.ears[1]!.got.size).toBe(0);
    const first = speaker.number;
    speaker.level = -25;
    speak(host, speaker, 20);
    const heard = knowsNot.heard(1);
    expect(heard[0]).toBeLessThan(first - 10);
    expect(heard).toEqual(heard.map((_, i) => heard[0]! + i));
    expect(knows.ears[1]!.sorted.map(({ payload }) => hex(payload))).toEqual(
      heard.map((number) => hex(redPayload(room.opus, frame(number - 1), frame(number)))),
    );
  });
});
