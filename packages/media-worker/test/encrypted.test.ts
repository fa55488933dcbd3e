import type { CodecSpec } from '@weir/protocol';
import { buildRtpPacket, extensionUri } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import { publish, watch } from './scene.ts';
import { publisherExtensions, room, videoFeedback, vp8Codecs, wire } from './specs.ts';
import type { Got, Viewer } from './viewer.ts';
import { WorkerHost } from './worker-host.ts';

const descriptorId = 12;
const headerExtensions = [
  ...publisherExtensions,
  { uri: extensionUri.dependencyDescriptor, id: descriptorId },
];

function codecs(side: typeof wire, mimeType: string): CodecSpec[] {
  const [media, rtx] = vp8Codecs(side, videoFeedback);
  return [{ ...media!, mimeType }, rtx!];
}

/** Fields of so many bits, put together. */
function bitsOf(...fields: [value: number, count: number][]): Uint8Array {
  const bits = fields
    .map(([value, count]) => (count === 0 ? '' : value.toString(2).padStart(count, '0')))
    .join('');
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0');
  return Uint8Array.from(padded.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
}

/**
 * A dependency descriptor (AV1 RTP specification, appendix A) with one template and one decode target per layer.
 * `structure` is sent along with key frames.
 */
function descriptor(
  frame: { start: boolean; end: boolean; spatial: number; temporal: number; number: number },
  layers: { spatial: number; temporal: number },
  structure: boolean,
): Uint8Array {
  const template = frame.spatial * layers.temporal + frame.temporal;
  const fields: [number, number][] = [
    [frame.start ? 1 : 0, 1],
    [frame.end ? 1 : 0, 1],
    [template, 6],
    [frame.number & 0xffff, 16],
  ];
  if (!structure) return bitsOf(...fields);
  const count = layers.spatial * layers.temporal;
  fields.push([0b10000, 5], [0, 6], [count - 1, 5]);
  for (let i = 1; i <= count; i++) {
    fields.push([i === count ? 3 : i % layers.temporal === 0 ? 2 : 1, 2]);
  }
  for (let template = 0; template < count; template++) {
    for (let target = 0; target < count; target++) {
      const [s, t] = [Math.floor(template / layers.temporal), template % layers.temporal];
      const [ds, dt] = [Math.floor(target / layers.temporal), target % layers.temporal];
      // Upper temporal layers may be joined at any picture, upper spatial ones at key frames only.
      fields.push([s > ds || t > dt ? 0 : template === target && t > 0 ? 2 : 3, 2]);
    }
  }
  for (let template = 0; template < count; template++) fields.push([0, 1]);
  // No chains: 0 of at most `count`, as ns() writes it; and no resolutions.
  fields.push(
    [0, (count + 1).toString(2).length - (2 ** (count + 1).toString(2).length > count + 1 ? 1 : 0)],
    [0, 1],
  );
  return bitsOf(...fields);
}

interface Mark {
  readonly stream: number;
  readonly picture: number;
  readonly spatial: number;
  readonly temporal: number;
  readonly key: boolean;
}

const secret = 0xa5;

/** Ciphertext to the worker; the viewers of this test know the key. */
function encrypted(mark: Mark, random: () => number): Uint8Array {
  const payload = Uint8Array.from({ length: 60 }, () => random());
  const plain = [
    mark.stream,
    mark.picture >> 8,
    mark.picture & 255,
    mark.spatial,
    mark.temporal,
    mark.key ? 1 : 0,
  ];
  payload.set(
    plain.map((byte) => byte ^ secret),
    20,
  );
  return payload;
}

function markOf({ payload }: Got): Mark {
  const [stream, high, low, spatial, temporal, key] = [...payload.subarray(20, 26)].map(
    (byte) => byte ^ secret,
  );
  return {
    stream: stream!,
    picture: high! * 256 + low!,
    spatial: spatial!,
    temporal: temporal!,
    key: key === 1,
  };
}

/** A publisher whose payloads nobody on the way can read. */
function source(
  host: WorkerHost,
  mimeType: string,
  layers: { streams: number; spatial: number; temporal: number },
) {
  const { receiver, endpoint } = publish(host, {
    streams: [],
    receiver: {
      codecs: codecs(wire, mimeType),
      headerExtensions,
      mid: '0',
      encodings: Array.from({ length: layers.streams }, (_, i) => ({ rid: `r${i}` })),
    },
  });
  for (let stream = 0; stream < layers.streams; stream++) {
    let sequence = 1000 + 9000 * stream;
    let number = 700 * stream;
    let picture = 0;
    const send = () => {
      // A key frame each second: nobody can ask for one in a way that this test would have to answer.
      const key = picture % 30 === 0;
      const temporal = key ? 0 : picture % layers.temporal;
      for (let spatial = 0; spatial < layers.spatial; spatial++) {
        number++;
        for (let k = 0; k < 2; k++) {
          const frame = { start: k === 0, end: k === 1, spatial, temporal, number };
          sequence = (sequence + 1) & 0xffff;
          endpoint.sendRtp(
            buildRtpPacket({
              payloadType: wire.vp8,
              sequenceNumber: sequence,
              timestamp: (picture * 3000 + stream * 1_000_000) >>> 0,
              ssrc: 5000 + stream,
              marker: k === 1 && spatial === layers.spatial - 1,
              extensions: [
                { id: 9, data: new TextEncoder().encode('0') },
                { id: 10, data: new TextEncoder().encode(`r${stream}`) },
                { id: descriptorId, data: descriptor(frame, layers, key && spatial === 0 && k === 0) },
              ],
              payload: encrypted(
                { stream, picture, spatial, temporal, key },
                () => host.random.uint32() & 255,
              ),
            }),
          );
        }
      }
      picture++;
      host.clock.at(host.clock.now() + 33, send);
    };
    send();
  }
  return receiver;
}

function expectContinuous(viewer: Viewer): void {
  expect(viewer.holes).toEqual([]);
  expect(viewer.duplicates).toBe(0);
  const { sorted } = viewer;
  for (let i = 1; i < sorted.length; i++) {
    const [before, now] = [markOf(sorted[i - 1]!), markOf(sorted[i]!)];
    // Another stream begins with its key frame, and each stream is whole in between.
    if (now.stream !== before.stream) expect(now.key).toBe(true);
    else expect([0, 1]).toContain(now.picture - before.picture);
  }
}

describe('media encrypted from end to end', () => {
  it('is switched between simulcast layers at key frames, and a late viewer starts from the cache', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const receiver = source(host, 'video/AV1', { streams: 3, spatial: 1, temporal: 1 });
    host.clock.runFor(700);
    const side = { codecs: codecs(room, 'video/AV1') };
    const { viewer, sender } = watch(host, receiver, { ...side, preferredLayers: { spatialLayer: 0 } });
    host.clock.runFor(1500);
    for (let i = 0; i < 9; i++) {
      host.update({ senders: [{ ...sender, preferredLayers: { spatialLayer: (i + 1) % 3 } }] });
      host.clock.runFor(1200);
    }
    expect(host.of('sender.layers').length).toBeGreaterThanOrEqual(9);
    expect(markOf(viewer.sorted[0]!)).toMatchObject({ stream: 0, key: true, picture: 0 });
    expect(new Set(viewer.sorted.map((got) => markOf(got).stream))).toEqual(new Set([0, 1, 2]));
    expectContinuous(viewer);
  });

  it('loses temporal layers of H.264 by descriptor alone, and gets them back', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 } });
    const receiver = source(host, 'video/H264', { streams: 1, spatial: 1, temporal: 2 });
    host.clock.runFor(300);
    const { viewer, sender } = watch(host, receiver, { codecs: codecs(room, 'video/H264') });
    host.clock.runFor(2000);
    const since = () => {
      const from = host.clock.now() + 200;
      host.clock.runFor(1500);
      return viewer.sorted.filter(({ at }) => at >= from).map(markOf);
    };
    expect(since().some(({ temporal }) => temporal === 1)).toBe(true);
    host.update({ senders: [{ ...sender, preferredLayers: { spatialLayer: 0, temporalLayer: 0 } }] });
    const lower = since();
    expect(lower.length).toBeGreaterThan(30);
    expect(lower.every(({ temporal }) => temporal === 0)).toBe(true);
    host.update({ senders: [sender] });
    expect(since().some(({ temporal }) => temporal === 1)).toBe(true);
    expect(viewer.holes).toEqual([]);
  });

  it('loses spatial layers of AV1 and VP9 at once and gets them back at key frames, each picture ending with a marker', () => {
    for (const mimeType of ['video/AV1', 'video/VP9']) {
      const host = new WorkerHost({ policy: { delayMs: 10 } });
      const receiver = source(host, mimeType, { streams: 1, spatial: 3, temporal: 2 });
      host.clock.runFor(300);
      const { viewer, sender } = watch(host, receiver, { codecs: codecs(room, mimeType) });
      host.clock.runFor(2500);
      for (const spatialLayer of [0, 2, 1]) {
        host.update({ senders: [{ ...sender, preferredLayers: { spatialLayer } }] });
        host.clock.runFor(1200);
        const from = host.clock.now();
        host.clock.runFor(1500);
        const got = viewer.sorted.filter(({ at }) => at >= from);
        expect(got.length).toBeGreaterThan(60);
        expect(Math.max(...got.map((one) => markOf(one).spatial))).toBe(spatialLayer);
        // The last packet of each picture as this viewer has it, and no other.
        got.slice(0, -1).forEach((one, i) => {
          expect(one.marker).toBe(markOf(got[i + 1]!).picture !== markOf(one).picture);
        });
      }
      expect(viewer.holes).toEqual([]);
    }
  });
});
