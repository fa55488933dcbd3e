import type { CodecSpec } from '@weir/protocol';
import { buildRtpPacket } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import {
  decode,
  depacketize,
  type EncodedCodec,
  type EncodedFrame,
  encode,
  hasFfmpeg,
  packetize,
  writeIvf,
} from './encoded-video.ts';
import { publish, watch } from './scene.ts';
import { room, videoFeedback, vp8Codecs, vp9Codecs, wire } from './specs.ts';
import { WorkerHost } from './worker-host.ts';

if (!hasFfmpeg) {
  if (process.env.CI === 'true') throw new Error('ffmpeg is needed: install it');
  console.warn('ffmpeg is missing: what viewers get is not decoded here');
}

const seconds = 24;
const sizes = [
  { width: 160, height: 90, kbps: 100 },
  { width: 320, height: 180, kbps: 250 },
  { width: 640, height: 360, kbps: 600 },
];

function codecs(codec: EncodedCodec, side: typeof wire): CodecSpec[] {
  if (codec === 'vp8') return vp8Codecs(side);
  if (codec === 'vp9') return vp9Codecs(side);
  const [media] = vp8Codecs(side, videoFeedback);
  return [{ ...media!, payloadType: side.h264, roomPayloadType: room.h264, mimeType: 'video/H264' }];
}

/** Sends what an encoder made, 30 frames a second, each layer with numbers and a clock of its own. */
function stream(
  host: WorkerHost,
  send: (packet: Uint8Array) => unknown,
  codec: EncodedCodec,
  layer: number,
  frames: readonly EncodedFrame[],
): void {
  let sequence = 65_000 + 7000 * layer;
  let timestamp = 0xfff0_0000 + 1_000_000_000 * layer;
  let picture = 100 + 5000 * layer;
  frames.forEach((frame, i) => {
    // Layers of a camera don't come out of their encoders at the same instant.
    host.clock.at(host.clock.now() + i * (1000 / 30) + layer, () => {
      picture = (picture + 1) & 0x7fff;
      timestamp = (timestamp + 3000) >>> 0;
      const payloads = packetize(codec, frame, picture, picture & 255);
      payloads.forEach((payload, k) => {
        sequence = (sequence + 1) & 0xffff;
        send(
          buildRtpPacket({
            payloadType: codec === 'h264' ? wire.h264 : wire.vp8,
            sequenceNumber: sequence,
            timestamp,
            ssrc: 5000 + layer,
            marker: k === payloads.length - 1,
            extensions: [
              { id: 9, data: new TextEncoder().encode('0') },
              { id: 10, data: new TextEncoder().encode(`r${layer}`) },
            ],
            payload,
          }),
        );
      });
    });
  });
}

describe.skipIf(!hasFfmpeg)('what a viewer got', () => {
  it.each(['vp8', 'vp9', 'h264'] as const)(
    'is decoded by ffmpeg without a word, through 50 switches of layers and a late start: %s',
    (codec) => {
      const layers = sizes.map((size) => encode(codec, { ...size, seconds, keyEvery: 8 }));
      const host = new WorkerHost({ policy: { delayMs: 10 } });
      const { receiver, endpoint } = publish(host, {
        streams: [],
        receiver: {
          mid: '0',
          encodings: sizes.map((_, i) => ({ rid: `r${i}` })),
          codecs: codecs(codec, wire),
        },
      });
      layers.forEach((frames, i) => {
        stream(host, (packet) => endpoint.sendRtp(packet), codec, i, frames);
      });
      host.clock.runFor(1100);
      const preferred = (spatialLayer: number) => ({ preferredLayers: { spatialLayer } });
      const { viewer, sender } = watch(host, receiver, { codecs: codecs(codec, room), ...preferred(1) });
      host.clock.runFor(600);
      expect(host.stats('senders', sender.id)[0]!.cachedKeyFrameCount).toBe(1);
      for (let i = 0; i < 54; i++) {
        host.update({ senders: [{ ...sender, ...preferred([2, 0, 1, 0, 2, 1][i % 6]!) }] });
        host.clock.runFor(400);
      }
      const switches = host.of('sender.layers').length - 1;
      expect(switches).toBeGreaterThanOrEqual(50);
      expect(viewer.holes).toEqual([]);

      const frames: { timestamp: number; data: Uint8Array }[] = [];
      let payloads: Uint8Array[] = [];
      for (const { payload, timestamp, marker } of viewer.sorted) {
        payloads.push(payload);
        if (!marker) continue;
        frames.push({ timestamp, data: depacketize(codec, payloads) });
        payloads = [];
      }
      for (let i = 1; i < frames.length; i++) {
        expect((frames[i]!.timestamp - frames[i - 1]!.timestamp) | 0).toBeGreaterThan(0);
      }
      const base = frames[0]!.timestamp;
      const shifted = frames.map(({ timestamp, data }) => ({ timestamp: timestamp - base, data }));
      const file =
        codec === 'h264' ? Buffer.concat(shifted.map(({ data }) => data)) : writeIvf(codec, shifted);
      const decoded = decode(codec === 'h264' ? 'h264' : 'ivf', file);
      expect(decoded.errors).toBe('');
      expect(decoded.frames).toBe(frames.length);
      expect(frames.length).toBeGreaterThan(600);
      // A damaged stream would not go unnoticed.
      const damaged = Buffer.from(file);
      for (let at = 3000; at + 300 < damaged.length; at += 5000) damaged.fill(0x5a, at, at + 300);
      expect(decode(codec === 'h264' ? 'h264' : 'ivf', damaged)).not.toEqual(decoded);
    },
    120_000,
  );
});
