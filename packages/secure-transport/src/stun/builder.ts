import { createHmac, type KeyObject } from 'node:crypto';
import { ipToBytes } from '../ip-address.ts';
import { crc32 } from './crc32.ts';
import { FINGERPRINT_XOR, MAGIC_COOKIE, STUN_BINDING, StunAttribute, StunClass } from './registry.ts';

/** Writes one STUN message, attribute after attribute; `finish()` gives its bytes. */
export class StunBuilder {
  readonly #bytes = new Uint8Array(MAX_MESSAGE);
  readonly #view = new DataView(this.#bytes.buffer);
  #length = 20;

  /** `transactionId` has 12 bytes; `messageClass` is one of `StunClass`. */
  constructor(messageClass: number, transactionId: Uint8Array, method: number = STUN_BINDING) {
    const type =
      (method & 0x000f) |
      ((method & 0x0070) << 1) |
      ((method & 0x0f80) << 2) |
      ((messageClass & 1) << 4) |
      ((messageClass & 2) << 7);
    this.#view.setUint16(0, type);
    this.#view.setUint32(4, MAGIC_COOKIE);
    this.#bytes.set(transactionId.subarray(0, 12), 8);
  }

  attribute(type: number, value: Uint8Array): this {
    this.#view.setUint16(this.#length, type);
    this.#view.setUint16(this.#length + 2, value.length);
    this.#bytes.set(value, this.#length + 4);
    this.#length += 4 + ((value.length + 3) & ~3);
    return this;
  }

  text(type: number, value: string): this {
    return this.attribute(type, Buffer.from(value, 'utf8'));
  }

  u32(type: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    return this.attribute(type, bytes);
  }

  errorCode(code: number, reason: string): this {
    const text = Buffer.from(reason, 'utf8');
    const value = new Uint8Array(4 + text.length);
    value[2] = Math.floor(code / 100);
    value[3] = code % 100;
    value.set(text, 4);
    return this.attribute(StunAttribute.errorCode, value);
  }

  /** RFC 8489 §14.2. Throws RangeError if `ip` is not an IP address. */
  xorMappedAddress(ip: string, port: number): this {
    const address = ipToBytes(ip);
    if (!address) throw new RangeError(`not an IP address: ${ip}`);
    const value = new Uint8Array(4 + address.length);
    value[1] = address.length === 4 ? 1 : 2;
    const xorPort = port ^ (MAGIC_COOKIE >>> 16);
    value[2] = xorPort >> 8;
    value[3] = xorPort & 0xff;
    // The mask is the magic cookie followed by the transaction id, as they stand in the header.
    for (let i = 0; i < address.length; i++) value[4 + i] = address[i]! ^ this.#bytes[4 + i]!;
    return this.attribute(StunAttribute.xorMappedAddress, value);
  }

  /** RFC 8489 §14.5 with the short-term credential's password as key. */
  integrity(key: KeyObject): this {
    this.#view.setUint16(2, this.#length + 24 - 20);
    const digest = createHmac('sha1', key).update(this.#bytes.subarray(0, this.#length)).digest();
    return this.attribute(StunAttribute.messageIntegrity, digest);
  }

  fingerprint(): this {
    this.#view.setUint16(2, this.#length + 8 - 20);
    return this.u32(StunAttribute.fingerprint, (crc32(this.#bytes, this.#length) ^ FINGERPRINT_XOR) >>> 0);
  }

  finish(): Uint8Array {
    this.#view.setUint16(2, this.#length - 20);
    return this.#bytes.slice(0, this.#length);
  }
}

/** A Binding success response (RFC 8445 §7.3.1.2), or undefined if `ip` is not an IP address. */
export function bindingSuccess(
  transactionId: Uint8Array,
  remote: { ip: string; port: number },
  key: KeyObject,
): Uint8Array | undefined {
  if (!ipToBytes(remote.ip)) return undefined;
  return new StunBuilder(StunClass.success, transactionId)
    .xorMappedAddress(remote.ip, remote.port)
    .integrity(key)
    .fingerprint()
    .finish();
}

/** An error response; without integrity, because it says that there are no agreed credentials. */
export function bindingError(
  transactionId: Uint8Array,
  method: number,
  code: number,
  reason: string,
): Uint8Array {
  return new StunBuilder(StunClass.error, transactionId, method)
    .errorCode(code, reason)
    .fingerprint()
    .finish();
}

const MAX_MESSAGE = 1024;
