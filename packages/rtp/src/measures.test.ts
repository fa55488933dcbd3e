import { expect, test } from 'vitest';
import { absSendTimeDiffMs, absSendTimeFromMs, absSendTimeToMs, readSdesText } from './extensions.ts';
import { JitterEstimator } from './jitter.ts';
import {
  compactNtp,
  compactNtpFromUnixMs,
  dlsrFromMs,
  ntpFromUnixMs,
  roundTripMs,
  unixMsFromNtp,
} from './ntp.ts';

test('NTP fractions are 2^-32 s', () => {
  expect(ntpFromUnixMs(0)).toEqual({ seconds: 2_208_988_800, fraction: 0 });
  expect(ntpFromUnixMs(1500)).toEqual({ seconds: 2_208_988_801, fraction: 0x80000000 });
  expect(ntpFromUnixMs(250)).toEqual({ seconds: 2_208_988_800, fraction: 0x40000000 });
  const { seconds, fraction } = ntpFromUnixMs(1_700_000_000_123.5);
  expect(unixMsFromNtp(seconds, fraction)).toBeCloseTo(1_700_000_000_123.5, 3);
  expect(compactNtp(0x12345678, 0x9abcdef0)).toBe(0x56789abc);
});

test('a round trip is what is left after the delay', () => {
  const lsr = compactNtpFromUnixMs(1_000_000);
  const now = compactNtpFromUnixMs(1_000_180);
  expect(roundTripMs(now, lsr, dlsrFromMs(100))).toBeCloseTo(80, 1);
  expect(roundTripMs(now, lsr, dlsrFromMs(500))).toBe(0);
  expect(roundTripMs(now, 0, 0)).toBeUndefined();
});

test('jitter rises by a sixteenth of each deviation (RFC 3550 A.8)', () => {
  const jitter = new JitterEstimator(8000);
  jitter.update(0, 0);
  jitter.update(160, 20);
  expect(jitter.value).toBe(0);
  jitter.update(320, 60);
  expect(jitter.milliseconds).toBeCloseTo(20 / 16, 6);
  expect(jitter.value).toBe(10);
  jitter.update(320, 500);
  expect(jitter.value).toBe(10);
});

test('jitter survives the wrap of timestamps', () => {
  const jitter = new JitterEstimator(90_000);
  jitter.update(0xffffffff - 899, 0);
  jitter.update(900, 20);
  expect(jitter.milliseconds).toBeCloseTo(0, 6);
});

test('abs-send-time has 18 bits of fraction and wraps at 64 s', () => {
  expect(absSendTimeFromMs(1000)).toBe(1 << 18);
  expect(absSendTimeFromMs(64_000)).toBe(0);
  expect(absSendTimeFromMs(1_700_000_000_500)).toBe(absSendTimeFromMs(1_700_000_000_500 % 64_000));
  expect(absSendTimeToMs(1 << 17)).toBe(500);
  expect(absSendTimeDiffMs(absSendTimeFromMs(64_010), absSendTimeFromMs(63_990))).toBeCloseTo(20, 1);
});

test('MID and RID are printable ASCII', () => {
  const bytes = Buffer.from('hi\0\0');
  expect(readSdesText(bytes, 0, 2)).toBe('hi');
  expect(readSdesText(bytes, 0, 4)).toBe('hi');
  expect(readSdesText(bytes, 2, 2)).toBeUndefined();
  expect(readSdesText(bytes, -1, -1)).toBeUndefined();
  expect(readSdesText(Buffer.from('ä'), 0, 2)).toBeUndefined();
});
