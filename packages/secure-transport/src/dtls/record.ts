import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';

/** RFC 6347 §4.1 */
export const ContentType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

export const DTLS_1_2 = 0xfefd;
export const RECORD_HEADER = 13;
/** Explicit nonce and tag of AES-GCM (RFC 5288 §3). */
export const GCM_OVERHEAD = 8 + 16;
export const MAX_SEQUENCE = 2 ** 48 - 1;

/** One record as it lies in a datagram. */
export interface DtlsRecord {
  readonly type: number;
  readonly version: number;
  readonly epoch: number;
  readonly sequence: number;
  /** The 13 bytes before the fragment. */
  readonly header: Uint8Array;
  readonly fragment: Uint8Array;
}

/** The records of a datagram; stops at the first one that is malformed or cut short. Never throws. */
export function* readRecords(datagram: Uint8Array): Generator<DtlsRecord, void> {
  let at = 0;
  while (at + RECORD_HEADER <= datagram.length) {
    const version = (datagram[at + 1]! << 8) | datagram[at + 2]!;
    const length = (datagram[at + 11]! << 8) | datagram[at + 12]!;
    const end = at + RECORD_HEADER + length;
    if (version >> 8 !== 0xfe || end > datagram.length) return;
    yield {
      type: datagram[at]!,
      version,
      epoch: (datagram[at + 3]! << 8) | datagram[at + 4]!,
      sequence: readUint48(datagram, at + 5),
      header: datagram.subarray(at, at + RECORD_HEADER),
      fragment: datagram.subarray(at + RECORD_HEADER, end),
    };
    at = end;
  }
}

/** A record without protection (epoch 0). */
export function plainRecord(type: number, sequence: number, fragment: Uint8Array): Uint8Array {
  const record = new Uint8Array(RECORD_HEADER + fragment.length);
  writeHeader(record, type, 0, sequence, fragment.length);
  record.set(fragment, RECORD_HEADER);
  return record;
}

/** One direction of AES_128_GCM (RFC 5288 §3, RFC 6347 §4.1.2.1) in epoch 1, the only one there ever is. */
export class RecordCipher {
  readonly #key: KeyObject;
  readonly #nonce = new Uint8Array(12);
  readonly #aad = new Uint8Array(13);

  /** `key` of 16 and `salt` of 4 bytes. */
  constructor(key: Uint8Array, salt: Uint8Array) {
    this.#key = createSecretKey(key);
    this.#nonce.set(salt, 0);
  }

  seal(type: number, sequence: number, plaintext: Uint8Array): Uint8Array {
    const record = new Uint8Array(RECORD_HEADER + GCM_OVERHEAD + plaintext.length);
    writeHeader(record, type, 1, sequence, GCM_OVERHEAD + plaintext.length);
    const explicit = record.subarray(3, 11); // epoch and sequence never repeat under one key
    record.set(explicit, RECORD_HEADER);
    const cipher = createCipheriv('aes-128-gcm', this.#key, this.#nonceFor(explicit));
    cipher.setAAD(this.#aadFor(record, plaintext.length));
    record.set(cipher.update(plaintext), RECORD_HEADER + 8);
    cipher.final();
    record.set(cipher.getAuthTag(), record.length - 16);
    return record;
  }

  /** The plaintext, or undefined if the record is not authentic. */
  open(record: DtlsRecord): Uint8Array | undefined {
    const { fragment } = record;
    if (fragment.length < GCM_OVERHEAD) return undefined;
    const decipher = createDecipheriv('aes-128-gcm', this.#key, this.#nonceFor(fragment.subarray(0, 8)), {
      authTagLength: 16,
    });
    decipher.setAAD(this.#aadFor(record.header, fragment.length - GCM_OVERHEAD));
    decipher.setAuthTag(fragment.subarray(fragment.length - 16));
    const plaintext = decipher.update(fragment.subarray(8, fragment.length - 16));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plaintext;
  }

  #nonceFor(explicit: Uint8Array): Uint8Array {
    this.#nonce.set(explicit, 4);
    return this.#nonce;
  }

  #aadFor(header: Uint8Array, plaintextLength: number): Uint8Array {
    this.#aad.set(header.subarray(3, 11), 0); // epoch and sequence
    this.#aad.set(header.subarray(0, 3), 8); // type and version
    this.#aad[11] = plaintextLength >> 8;
    this.#aad[12] = plaintextLength;
    return this.#aad;
  }
}

/** The 64-record window of RFC 6347 §4.1.2.6. */
export class ReplayWindow {
  #highest = -1;
  /** Bit i: `#highest - i` was received. Two words of 32. */
  #recent = 0;
  #older = 0;

  isNew(sequence: number): boolean {
    const age = this.#highest - sequence;
    if (age < 0) return true;
    if (age >= 64) return false;
    return age < 32 ? ((this.#recent >>> age) & 1) === 0 : ((this.#older >>> (age - 32)) & 1) === 0;
  }

  /** Only for authentic records. */
  accept(sequence: number): void {
    const ahead = sequence - this.#highest;
    if (ahead > 0) {
      this.#shift(ahead);
      this.#highest = sequence;
      this.#recent |= 1;
    } else if (-ahead < 32) {
      this.#recent |= 1 << -ahead;
    } else if (-ahead < 64) {
      this.#older |= 1 << (-ahead - 32);
    }
  }

  #shift(by: number): void {
    if (by >= 64) {
      this.#older = 0;
      this.#recent = 0;
    } else if (by >= 32) {
      this.#older = by === 32 ? this.#recent : this.#recent << (by - 32);
      this.#recent = 0;
    } else {
      this.#older = (this.#older << by) | (this.#recent >>> (32 - by));
      this.#recent <<= by;
    }
  }
}

function readUint48(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 6; i++) value = value * 256 + bytes[at + i]!;
  return value;
}

function writeHeader(
  record: Uint8Array,
  type: number,
  epoch: number,
  sequence: number,
  length: number,
): void {
  record[0] = type;
  record[1] = DTLS_1_2 >> 8;
  record[2] = DTLS_1_2 & 0xff;
  record[3] = epoch >> 8;
  record[4] = epoch;
  const high = Math.floor(sequence / 2 ** 32);
  record[5] = high >> 8;
  record[6] = high;
  record[7] = sequence >>> 24;
  record[8] = sequence >>> 16;
  record[9] = sequence >>> 8;
  record[10] = sequence;
  record[11] = length >> 8;
  record[12] = length;
}
