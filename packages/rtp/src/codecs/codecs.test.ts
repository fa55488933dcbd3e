import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isKeyFrame, VideoCodec, videoCodecOf } from './key-frame.ts';
import { Vp8Descriptor } from './vp8.ts';
import { Vp9Descriptor } from './vp9.ts';

function key(codec: VideoCodec, ...bytes: number[]): boolean {
  return isKeyFrame(codec, Uint8Array.from(bytes), 0, bytes.length);
}

test('VP8 descriptor with all fields', () => {
  const vp8 = new Vp8Descriptor();
  const bytes = Uint8Array.of(0xff, 0x90, 0xf0, 0x81, 0x23, 0x45, 0xa3, 0x00);
  expect(vp8.parse(bytes, 1, 7)).toBe(true);
  expect(vp8).toMatchObject({
    length: 6,
    start: true,
    partition: 0,
    nonReference: false,
    pictureId: 0x123,
    pictureIdBits: 15,
    pictureIdOffset: 3,
    tl0PictureIndex: 0x45,
    tl0PictureIndexOffset: 5,
    temporalId: 2,
    layerSync: true,
    keyIndex: 3,
    isKeyFrame: true,
  });
});

test('VP8 descriptor with a short picture id, and without extension', () => {
  const vp8 = new Vp8Descriptor();
  expect(vp8.parse(Uint8Array.of(0x80, 0x80, 0x11, 0x01), 0, 4)).toBe(true);
  expect(vp8).toMatchObject({ length: 3, pictureId: 0x11, pictureIdBits: 7, isKeyFrame: false });
  expect(vp8.parse(Uint8Array.of(0x10, 0x01), 0, 2)).toBe(true);
  expect(vp8).toMatchObject({ length: 1, pictureId: -1, tl0PictureIndexOffset: -1, isKeyFrame: false });
});

test('VP8 descriptors cut anywhere are refused', () => {
  const vp8 = new Vp8Descriptor();
  const bytes = Uint8Array.of(0x90, 0xf0, 0x81, 0x23, 0x45, 0xa3);
  for (let length = 0; length < 6; length++) expect(vp8.parse(bytes, 0, length)).toBe(false);
  expect(vp8.parse(bytes, 0, 6)).toBe(true);
  expect(vp8.isKeyFrame).toBe(false);
});

test('key frames of VP8', () => {
  expect(key(VideoCodec.vp8, 0x10, 0x00)).toBe(true);
  expect(key(VideoCodec.vp8, 0x10, 0x01)).toBe(false);
  expect(key(VideoCodec.vp8, 0x00, 0x00)).toBe(false);
  expect(key(VideoCodec.vp8, 0x11, 0x00)).toBe(false);
});

test('VP9 descriptor, non-flexible and flexible', () => {
  const vp9 = new Vp9Descriptor();
  expect(vp9.parse(Uint8Array.of(0xea, 0x81, 0x02, 0x52, 0x07), 0, 5)).toBe(true);
  expect(vp9).toMatchObject({
    pictureId: 0x102,
    interPicturePredicted: true,
    flexible: false,
    startOfFrame: true,
    endOfFrame: false,
    hasScalabilityStructure: true,
    temporalId: 2,
    switchingUpPoint: true,
    spatialId: 1,
    interLayerDependency: false,
    tl0PictureIndex: 7,
    tl0PictureIndexOffset: 4,
  });
  expect(vp9.parse(Uint8Array.of(0xb8, 0x05, 0x00), 0, 3)).toBe(true);
  expect(vp9).toMatchObject({ pictureId: 5, flexible: true, tl0PictureIndexOffset: -1, isKeyFrame: true });
});

test('key frames of VP9: only the lowest spatial layer begins one', () => {
  expect(key(VideoCodec.vp9, 0xa8, 0x05, 0x00, 0x00)).toBe(true);
  expect(key(VideoCodec.vp9, 0xe8, 0x05, 0x00, 0x00)).toBe(false);
  expect(key(VideoCodec.vp9, 0xa8, 0x05, 0x03, 0x00)).toBe(false);
  expect(key(VideoCodec.vp9, 0xa0, 0x05, 0x00, 0x00)).toBe(false);
});

test('key frames of H264', () => {
  expect(key(VideoCodec.h264, 0x65)).toBe(true);
  expect(key(VideoCodec.h264, 0x67)).toBe(true);
  expect(key(VideoCodec.h264, 0x41)).toBe(false);
  expect(key(VideoCodec.h264, 0x78, 0, 2, 0x09, 0x10, 0, 2, 0x67, 0x42)).toBe(true);
  expect(key(VideoCodec.h264, 0x78, 0, 2, 0x09, 0x10, 0, 9, 0x67, 0x42)).toBe(false);
  expect(key(VideoCodec.h264, 0x7c, 0x85)).toBe(true);
  expect(key(VideoCodec.h264, 0x7c, 0x05)).toBe(false);
  expect(key(VideoCodec.h264, 0x7c, 0x81)).toBe(false);
});

test('key frames of H265', () => {
  expect(key(VideoCodec.h265, 0x40, 0x01)).toBe(true);
  expect(key(VideoCodec.h265, 0x26, 0x01)).toBe(true);
  expect(key(VideoCodec.h265, 0x02, 0x01)).toBe(false);
  expect(key(VideoCodec.h265, 0x62, 0x01, 0x93)).toBe(true);
  expect(key(VideoCodec.h265, 0x62, 0x01, 0x13)).toBe(false);
  expect(key(VideoCodec.h265, 0x60, 0x01, 0, 2, 0x42, 0x01)).toBe(true);
});

test('key frames of AV1', () => {
  expect(key(VideoCodec.av1, 0x08, 0x00)).toBe(true);
  expect(key(VideoCodec.av1, 0x88, 0x00)).toBe(false);
  expect(key(VideoCodec.av1, 0x10, 0x0a)).toBe(true);
  expect(key(VideoCodec.av1, 0x10, 0x32)).toBe(false);
  expect(key(VideoCodec.av1, 0x20, 0x0b, 0x0a)).toBe(true);
});

test('codecs are found by MIME type', () => {
  expect(videoCodecOf('video/VP8')).toBe(VideoCodec.vp8);
  expect(videoCodecOf('VIDEO/h264')).toBe(VideoCodec.h264);
  expect(videoCodecOf('audio/opus')).toBe(VideoCodec.none);
  expect(key(VideoCodec.none, 0x10, 0x00)).toBe(false);
});

test('no payload makes a parser throw or point outside', () => {
  const vp8 = new Vp8Descriptor();
  const vp9 = new Vp9Descriptor();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), fc.nat(40), (bytes, length) => {
      for (const codec of Object.values(VideoCodec)) {
        const answer = isKeyFrame(codec, bytes, 0, length);
        if (length > bytes.length || length === 0) expect(answer).toBe(false);
      }
      if (vp8.parse(bytes, 0, length)) {
        expect(vp8.length).toBeLessThanOrEqual(length);
        expect(vp8.pictureIdOffset).toBeLessThan(length);
        expect(vp8.tl0PictureIndexOffset).toBeLessThan(length);
      }
      if (vp9.parse(bytes, 0, length)) {
        expect(vp9.pictureIdOffset).toBeLessThan(length);
        expect(vp9.tl0PictureIndexOffset).toBeLessThan(length);
      }
    }),
    { seed: 11, numRuns: 1000 },
  );
});
