/** Seconds between 1900 (NTP) and 1970 (Unix). */
const ntpEpochOffset = 2_208_988_800;
const twoTo32 = 4_294_967_296;

export interface NtpTime {
  /** Seconds since 1900, modulo 2^32. */
  readonly seconds: number;
  /** Fraction of a second in units of 2^-32. */
  readonly fraction: number;
}

/** Milliseconds since 1970, fractions allowed, as an NTP time (RFC 5905 §6). */
export function ntpFromUnixMs(unixMs: number): NtpTime {
  let seconds = Math.floor(unixMs / 1000);
  let fraction = Math.round(((unixMs - seconds * 1000) / 1000) * twoTo32);
  if (fraction >= twoTo32) {
    fraction = 0;
    seconds++;
  }
  return { seconds: (seconds + ntpEpochOffset) % twoTo32, fraction };
}

/** Milliseconds since 1970. Right until 2036, when NTP's seconds wrap. */
export function unixMsFromNtp(seconds: number, fraction: number): number {
  return (seconds - ntpEpochOffset) * 1000 + (fraction / twoTo32) * 1000;
}

/** The middle 32 bits: LSR of report blocks, in units of 1/65536 s. */
export function compactNtp(seconds: number, fraction: number): number {
  return (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
}

export function compactNtpFromUnixMs(unixMs: number): number {
  const { seconds, fraction } = ntpFromUnixMs(unixMs);
  return compactNtp(seconds, fraction);
}

/** DLSR of a report block from a delay; saturates after 18 hours. */
export function dlsrFromMs(delayMs: number): number {
  return Math.max(0, Math.min(0xffffffff, Math.round((delayMs * 65536) / 1000)));
}

/**
 * Round-trip time in milliseconds from a report block (RFC 3550 §6.4.1); undefined when the block answers no
 * sender report (`lsr` is 0). Never negative.
 */
export function roundTripMs(nowCompactNtp: number, lsr: number, dlsr: number): number | undefined {
  if (lsr === 0) return undefined;
  const rtt = (nowCompactNtp - lsr - dlsr) | 0;
  return rtt <= 0 ? 0 : (rtt * 1000) / 65536;
}
