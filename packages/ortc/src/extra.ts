/**
 * v1's `extra` helpers (object-model.md §9.1): fingerprints and codec parameter names between SDP form and
 * the form of this model.
 */

/** SDP name and ours, where the general rule does not give the established spelling. */
const wellKnown: readonly (readonly [sdp: string, ours: string])[] = [
  ['maxplaybackrate', 'maxPlaybackRate'],
  ['sprop-maxcapturerate', 'spropMaxCaptureRate'],
  ['maxaveragebitrate', 'maxAverageBitrate'],
  ['useinbandfec', 'useInbandFec'],
  ['usedtx', 'useDtx'],
  ['L', 'l'],
  ['D', 'd'],
  ['ToP', 'toP'],
];
const oursBySdp = new Map(wellKnown.map(([sdp, ours]) => [sdp.toLowerCase(), ours]));
const sdpByOurs = new Map(wellKnown.map(([sdp, ours]) => [ours.toLowerCase(), sdp]));

/** `AB:CD` becomes `abcd`. @throws TypeError unless given a non-empty string. */
export function fingerprintFromSDP(fingerprint: string): string {
  return text(fingerprint, 'fingerprint').replaceAll(':', '').toLowerCase();
}

/** `abcd` becomes `AB:CD`. @throws TypeError unless given a non-empty string. */
export function fingerprintToSDP(fingerprint: string): string {
  return (text(fingerprint, 'fingerprint').match(/.{1,2}/gs) ?? []).join(':').toUpperCase();
}

/** `profile-level-id` becomes `profileLevelId`. @throws TypeError unless given a non-empty string. */
export function paramFromSDP(name: string): string {
  const known = oursBySdp.get(text(name, 'parameter name').toLowerCase());
  if (known !== undefined) return known;
  return name.toLowerCase().replace(/-(.?)/gs, (_, letter: string) => letter.toUpperCase());
}

/** `profileLevelId` becomes `profile-level-id`. @throws TypeError unless given a non-empty string. */
export function paramToSDP(name: string): string {
  const known = sdpByOurs.get(text(name, 'parameter name').toLowerCase());
  if (known !== undefined) return known;
  return name.replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '-'}${letter.toLowerCase()}`);
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw new TypeError(`${what} must be a non-empty string`);
  return value;
}
