import { createCipheriv, createSecretKey } from 'node:crypto';
import type { SrtpProfile } from '../engine.ts';

/** Session keys of one direction. */
export interface SrtpSessionKeys {
  readonly profile: SrtpProfile;
  readonly rtpKey: Uint8Array;
  readonly rtpSalt: Uint8Array;
  /** HMAC-SHA1 key; empty for AEAD. */
  readonly rtpAuthKey: Uint8Array;
  readonly rtcpKey: Uint8Array;
  readonly rtcpSalt: Uint8Array;
  readonly rtcpAuthKey: Uint8Array;
}

interface ProfileLengths {
  readonly key: number;
  readonly salt: number;
  readonly authKey: number;
}

/** Bytes of the master key and salt, and of the derived authentication key (RFC 3711 §8.2, RFC 7714 §12). */
export const srtpLengths: Readonly<Record<SrtpProfile, ProfileLengths>> = {
  AEAD_AES_128_GCM: { key: 16, salt: 12, authKey: 0 },
  AES_CM_128_HMAC_SHA1_80: { key: 16, salt: 14, authKey: 20 },
};

/**
 * Derives the session keys with AES-CM as the pseudo-random function and a key derivation rate of zero
 * (RFC 3711 §4.3; RFC 7714 §11 pads its shorter salt with zeros). Throws RangeError on wrong lengths.
 */
export function deriveSessionKeys(
  profile: SrtpProfile,
  masterKey: Uint8Array,
  masterSalt: Uint8Array,
): SrtpSessionKeys {
  const lengths = srtpLengths[profile];
  if (lengths === undefined) throw new RangeError(`profile: ${String(profile)} is not supported`);
  if (masterKey.length !== lengths.key) {
    throw new RangeError(`key: ${profile} needs ${lengths.key} bytes, not ${masterKey.length}`);
  }
  if (masterSalt.length !== lengths.salt) {
    throw new RangeError(`salt: ${profile} needs ${lengths.salt} bytes, not ${masterSalt.length}`);
  }
  const derive = (label: number, length: number) => prf(masterKey, masterSalt, label, length);
  return {
    profile,
    rtpKey: derive(0, lengths.key),
    rtpAuthKey: derive(1, lengths.authKey),
    rtpSalt: derive(2, lengths.salt),
    rtcpKey: derive(3, lengths.key),
    rtcpAuthKey: derive(4, lengths.authKey),
    rtcpSalt: derive(5, lengths.salt),
  };
}

/** AES-CM keystream at x = (label || 48 zero bits) XOR salt, times 2^16. */
function prf(masterKey: Uint8Array, masterSalt: Uint8Array, label: number, length: number): Uint8Array {
  const iv = new Uint8Array(16);
  iv.set(masterSalt);
  iv[7] = iv[7]! ^ label;
  const cipher = createCipheriv('aes-128-ctr', createSecretKey(masterKey), iv);
  return new Uint8Array(cipher.update(new Uint8Array(length)));
}
