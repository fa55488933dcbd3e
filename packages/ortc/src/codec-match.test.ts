import { expect, test } from 'vitest';
import { codecMatches, kindMatches, parseScalabilityMode } from './index.ts';

const h264 = (parameters: Record<string, string | number>) => ({
  name: 'video/H264',
  clockRate: 90000,
  parameters,
});
const codec = (name: string, clockRate: number, more: object = {}) => ({
  name,
  clockRate,
  parameters: {},
  ...more,
});

test.for([
  ['same codec, other case', codec('AUDIO/OPUS', 48000), codec('audio/opus', 48000), true],
  ['other name', codec('audio/PCMU', 8000), codec('audio/PCMA', 8000), false],
  ['other clock rate', codec('audio/ISAC', 16000), codec('audio/ISAC', 32000), false],
  ['other channels', codec('audio/opus', 48000, { numChannels: 2 }), codec('audio/opus', 48000), false],
  [
    'one channel is the default',
    codec('audio/PCMU', 8000, { numChannels: 1 }),
    codec('audio/PCMU', 8000),
    true,
  ],
  [
    'channels of a video codec',
    codec('video/VP8', 90000, { numChannels: 2 }),
    codec('video/VP8', 90000, { kind: 'video' }),
    true,
  ],
  ['H264: other packetization mode', h264({ packetizationMode: 1 }), h264({}), false],
  ['H264: the mode as text', h264({ packetizationMode: '1' }), h264({ packetizationMode: 1 }), true],
  ['H264: other level', h264({ profileLevelId: '42e01f' }), h264({ profileLevelId: '42e034' }), true],
  ['H264: other profile', h264({ profileLevelId: '42e01f' }), h264({ profileLevelId: '640032' }), false],
  ['H264: no profile is constrained baseline', h264({}), h264({ profileLevelId: '42e01f' }), true],
  ['H264: no such profile', h264({ profileLevelId: 'zzz' }), h264({ profileLevelId: 'zzz' }), false],
  [
    'VP9: profile 0 is the default',
    codec('video/VP9', 90000),
    codec('video/VP9', 90000, { parameters: { profileId: 0 } }),
    true,
  ],
  [
    'VP9: other profile',
    codec('video/VP9', 90000, { parameters: { profileId: '2' } }),
    codec('video/VP9', 90000),
    false,
  ],
  [
    'AV1: other profile',
    codec('video/AV1', 90000, { parameters: { profile: 1 } }),
    codec('video/AV1', 90000),
    false,
  ],
] as const)('§11.1 %s', ([, a, b, expected]) => {
  expect(codecMatches(a, b)).toBe(expected);
});

test('§11.1 the profile can be left open', () => {
  const [a, b] = [h264({ profileLevelId: '42e01f' }), h264({ profileLevelId: '640032' })];
  expect(codecMatches(a, b, { profiles: false })).toBe(true);
  expect(codecMatches(h264({ packetizationMode: 1 }), b, { profiles: false })).toBe(false);
});

test('D-27 kinds differ only if both are given', () => {
  expect(kindMatches('audio', 'audio')).toBe(true);
  expect(kindMatches('video', 'depth')).toBe(false);
  expect(kindMatches('', 'depth')).toBe(true);
  expect(kindMatches('video', undefined)).toBe(true);
});

test.for([
  ['L1T3', 1, 3, false, false],
  ['L3T3_KEY', 3, 3, true, false],
  ['L2T2_KEY_SHIFT', 2, 2, true, false],
  ['L2T1h', 2, 1, false, false],
  ['S3T2', 3, 2, false, true],
  ['L0T1', 1, 1, false, false],
  ['chicken', 1, 1, false, false],
  [undefined, 1, 1, false, false],
] as const)('§16 scalabilityMode %s', ([mode, spatialLayers, temporalLayers, ksvc, independent]) => {
  expect(parseScalabilityMode(mode)).toEqual({ spatialLayers, temporalLayers, ksvc, independent });
});
