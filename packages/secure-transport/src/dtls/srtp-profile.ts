import type { ExportedKeys } from '../endpoint.ts';
import { prf, type Randoms } from './key-schedule.ts';
import { concat } from './wire.ts';

export interface SrtpProfile {
  readonly id: number;
  readonly name: ExportedKeys['profile'];
  readonly keyLength: number;
  readonly saltLength: number;
}

/** In our order of preference (RFC 7714 §14.2, RFC 5764 §4.1.2). */
export const SRTP_PROFILES: readonly SrtpProfile[] = [
  { id: 7, name: 'AEAD_AES_128_GCM', keyLength: 16, saltLength: 12 },
  { id: 1, name: 'AES_CM_128_HMAC_SHA1_80', keyLength: 16, saltLength: 14 },
];

/** SRTP master keys and salts of both directions (RFC 5764 §4.2, exporter of RFC 5705 §4). */
export function exportSrtpKeys(
  master: Uint8Array,
  randoms: Randoms,
  profile: SrtpProfile,
  side: 'client' | 'server',
): ExportedKeys {
  const { keyLength, saltLength } = profile;
  const length = 2 * (keyLength + saltLength);
  const block = prf(master, 'EXTRACTOR-dtls_srtp', concat(randoms.client, randoms.server), length);
  const clientKey = block.slice(0, keyLength);
  const serverKey = block.slice(keyLength, 2 * keyLength);
  const clientSalt = block.slice(2 * keyLength, 2 * keyLength + saltLength);
  const serverSalt = block.slice(2 * keyLength + saltLength);
  return side === 'client'
    ? {
        profile: profile.name,
        localKey: clientKey,
        localSalt: clientSalt,
        remoteKey: serverKey,
        remoteSalt: serverSalt,
      }
    : {
        profile: profile.name,
        localKey: serverKey,
        localSalt: serverSalt,
        remoteKey: clientKey,
        remoteSalt: clientSalt,
      };
}
