import { expect, test } from 'vitest';
import { extra } from './index.ts';

const fingerprints: [sdp: string, ours: string][] = [
  ['75:0B:63:CB:DC:1E:7F:AA:23:19:0D:E1:F8:32:5F:6A:A2:90:CD:0A', '750b63cbdc1e7faa23190de1f8325f6aa290cd0a'],
  [
    'A9:F4:E0:D2:74:D3:0F:D9:CA:A5:2F:9F:7F:47:FA:F0:C4:72:DD:73:49:D0:3B:14:90:20:51:30:1B:90:8E:71:' +
      'A9:F4:E0:D2:74:D3:0F:D9:CA:A5:2F:9F:7F:47:FA:F0:C4:72:DD:73:49:D0:3B:14:90:20:51:30:1B:90:8E:71',
    'a9f4e0d274d30fd9caa52f9f7f47faf0c472dd7349d03b14902051301b908e71' +
      'a9f4e0d274d30fd9caa52f9f7f47faf0c472dd7349d03b14902051301b908e71',
  ],
];

test('X1 extra.fingerprintFromSDP()', () => {
  for (const [sdp, ours] of fingerprints) expect(extra.fingerprintFromSDP(sdp)).toBe(ours);
});

test('X2 extra.fingerprintToSDP()', () => {
  for (const [sdp, ours] of fingerprints) expect(extra.fingerprintToSDP(ours)).toBe(sdp);
});

test.for([
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
] as const)('X3 extra.paramFromSDP(): %s is %s', ([sdp, ours]) => {
  expect(extra.paramFromSDP(sdp)).toBe(ours);
});

test.for([
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
] as const)('X4 extra.paramToSDP(): %s is %s', ([ours, sdp]) => {
  expect(extra.paramToSDP(ours)).toBe(sdp);
});

test('§9.1 anything but a non-empty string is a TypeError', () => {
  const functions = Object.values(extra) as ((value: unknown) => string)[];
  expect(functions).toHaveLength(4);
  for (const each of functions) {
    for (const value of ['', undefined, null, 1, {}, ['a']]) expect(() => each(value)).toThrow(TypeError);
  }
});
