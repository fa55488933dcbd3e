import { describe, expect, it } from 'vitest';
import { extra } from '../src/index.ts';

const fingerprints = [
  ['75:1b:81:93:B7:ED:27:7E:42:BE:D6:C4:8E:F7:04:3A:49:CE:3F:AA', '751b8193b7ed277e42bed6c48ef7043a49ce3faa'],
  [
    '33:EC:C6:03:AC:24:EA:79:9E:2A:C2:DE:19:7B:F5:CF:60:A4:C4:D3:41:9B:9B:10:6C:B0:14:1A:9F:4D:F0:C3:' +
      '33:EC:C6:03:AC:24:EA:79:9E:2A:C2:DE:19:7B:F5:CF:60:A4:C4:D3:41:9B:9B:10:6C:B0:14:1A:9F:4D:F0:C3',
    '33ecc603ac24ea799e2ac2de197bf5cf60a4c4d3419b9b106cb0141a9f4df0c333ecc603ac24ea799e2ac2de197bf5cf60a4c4d3419b9b106cb0141a9f4df0c3',
  ],
] as const;

describe('object-model.md §14.7, extra', () => {
  it('X1 extra.fingerprintFromSDP()', () => {
    for (const [sdp, ours] of fingerprints) expect(extra.fingerprintFromSDP(sdp)).toBe(ours);
  });

  it('X2 extra.fingerprintToSDP()', () => {
    for (const [sdp, ours] of fingerprints) expect(extra.fingerprintToSDP(ours)).toBe(sdp.toUpperCase());
  });

  it.each([
    ['profile-level-id', 'profileLevelId'],
    ['packetization-mode', 'packetizationMode'],
    ['Packetization-MODE', 'packetizationMode'],
    ['foo', 'foo'],
    ['wrong-param-', 'wrongParam'],
    ['maxplaybackrate', 'maxPlaybackRate'],
    ['MAXPLAYBACKRATE', 'maxPlaybackRate'],
    ['sprop-maxcapturerate', 'spropMaxCaptureRate'],
    ['maxaveragebitrate', 'maxAverageBitrate'],
    ['useinbandfec', 'useInbandFec'],
    ['usedtx', 'useDtx'],
    ['L', 'l'],
    ['l', 'l'],
    ['D', 'd'],
    ['ToP', 'toP'],
  ])('X3 extra.paramFromSDP() %s', (sdp, ours) => {
    expect(extra.paramFromSDP(sdp)).toBe(ours);
  });

  it.each([
    ['profileLevelId', 'profile-level-id'],
    ['packetizationMode', 'packetization-mode'],
    ['foo', 'foo'],
    ['Foo', 'foo'],
    ['WrongParam', 'wrong-param'],
    ['maxPlaybackRate', 'maxplaybackrate'],
    ['MAXPLAYBACKRATE', 'maxplaybackrate'],
    ['spropMaxCaptureRate', 'sprop-maxcapturerate'],
    ['maxAverageBitrate', 'maxaveragebitrate'],
    ['useInbandFec', 'useinbandfec'],
    ['useDtx', 'usedtx'],
    ['l', 'L'],
    ['L', 'L'],
    ['d', 'D'],
    ['toP', 'ToP'],
  ])('X4 extra.paramToSDP() %s', (ours, sdp) => {
    expect(extra.paramToSDP(ours)).toBe(sdp);
  });

  it.each(['fingerprintFromSDP', 'fingerprintToSDP', 'paramFromSDP', 'paramToSDP'] as const)(
    '%s throws TypeError unless given a non-empty string',
    (name) => {
      for (const wrong of [undefined, null, 1, {}, '']) {
        expect(() => extra[name](wrong as string)).toThrow(TypeError);
      }
    },
  );
});
