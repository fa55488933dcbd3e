import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { concat } from './wire.ts';

/** The PRF of TLS 1.2 with SHA-256 (RFC 5246 §5). */
export function prf(secret: Uint8Array, label: string, seed: Uint8Array, length: number): Uint8Array {
  const key = createSecretKey(secret); // an HMAC keyed with bytes costs Node five times as much
  const labelAndSeed = concat(Buffer.from(label, 'latin1'), seed);
  const output = new Uint8Array(length);
  let a: Uint8Array = labelAndSeed;
  for (let at = 0; at < length; at += 32) {
    a = hmac(key, a);
    output.set(hmac(key, concat(a, labelAndSeed)).subarray(0, length - at), at);
  }
  return output;
}

/** The extended master secret, bound to the whole handshake (RFC 7627 §4). There is no other. */
export function masterSecret(preMasterSecret: Uint8Array, transcript: Uint8Array): Uint8Array {
  return prf(preMasterSecret, 'extended master secret', sha256(transcript), 48);
}

export interface Randoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

export interface RecordKeys {
  readonly clientKey: Uint8Array;
  readonly serverKey: Uint8Array;
  readonly clientSalt: Uint8Array;
  readonly serverSalt: Uint8Array;
}

/** Record keys of AES_128_GCM_SHA256 (RFC 5246 §6.3, RFC 5288 §3). */
export function recordKeys(master: Uint8Array, randoms: Randoms): RecordKeys {
  const block = prf(master, 'key expansion', concat(randoms.server, randoms.client), 40);
  return {
    clientKey: block.subarray(0, 16),
    serverKey: block.subarray(16, 32),
    clientSalt: block.subarray(32, 36),
    serverSalt: block.subarray(36, 40),
  };
}

/** verify_data of Finished (RFC 5246 §7.4.9). */
export function finishedData(
  master: Uint8Array,
  side: 'client' | 'server',
  transcript: Uint8Array,
): Uint8Array {
  return prf(master, `${side} finished`, sha256(transcript), 12);
}

export function sha256(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}

function hmac(key: KeyObject, data: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(data).digest();
}
