import { timingSafeEqual, type X509Certificate } from 'node:crypto';
import type { LocalCertificate } from '../certificate.ts';
import { Alert, DtlsError } from './alert.ts';
import { finishedData, type Randoms } from './key-schedule.ts';
import { type HandshakeMessage, writeFragment } from './reassembly.ts';
import type { RecordCipher } from './record.ts';
import type { SrtpProfile } from './srtp-profile.ts';
import { concat } from './wire.ts';

/** One side of the handshake: fed with whole messages in order, it speaks through its link. */
export interface Handshake {
  /** True while a ClientHello is answered without keeping anything (RFC 6347 §4.2.1); server only. */
  readonly awaitsHello: boolean;
  start(): void;
  /** Throws DtlsError when the handshake has failed. */
  handle(message: HandshakeMessage): void;
}

/** What a handshake may do to its connection. */
export interface HandshakeLink {
  readonly certificate: LocalCertificate;
  random(size: number): Uint8Array;
  /** Secret of this connection; proof that the peer hears us. */
  cookie(): Uint8Array;
  /** Sends a message once, outside of any flight, with the number it answers. */
  answer(type: number, sequence: number, body: Uint8Array): void;
  /** The hello with this number is the one that counts: numbering goes on from it in both directions. */
  begin(helloSequence: number): void;
  /** Gives the next message its number and enters it in the transcript. */
  compose(type: number, body: Uint8Array): FlightItem;
  /** Replaces the last flight, and repeats it until the peer answers. */
  sendFlight(items: readonly FlightItem[]): void;
  /** Throws DtlsError if the fingerprint is known and is another one. */
  acceptCertificate(certificate: X509Certificate): void;
  installKeys(read: RecordCipher, write: RecordCipher): void;
  /** Both Finished are exchanged and right. */
  complete(result: HandshakeResult): void;
  readonly transcript: Transcript;
}

export interface HandshakeResult {
  readonly master: Uint8Array;
  readonly randoms: Randoms;
  readonly profile: SrtpProfile;
}

export interface FlightItem {
  /** 0 = ChangeCipherSpec, which is no handshake message. */
  readonly type: number;
  readonly sequence: number;
  readonly body: Uint8Array;
  readonly epoch: 0 | 1;
}

export const CHANGE_CIPHER_SPEC: FlightItem = {
  type: 0,
  sequence: 0,
  body: Uint8Array.of(1),
  epoch: 0,
};

/** All handshake messages so far, as if each had come in one fragment (RFC 6347 §4.2.6). */
export class Transcript {
  #messages: Uint8Array[] = [];

  add(type: number, sequence: number, body: Uint8Array): void {
    this.#messages.push(writeFragment(type, sequence, body));
  }

  bytes(): Uint8Array {
    return concat(...this.#messages);
  }

  reset(): void {
    this.#messages = [];
  }
}

/** Compares the peer's Finished with the transcript up to it; throws DtlsError(decrypt_error). */
export function checkFinished(
  message: HandshakeMessage,
  master: Uint8Array,
  side: 'client' | 'server',
  transcript: Transcript,
): void {
  const expected = finishedData(master, side, transcript.bytes());
  const right = expected.length === message.body.length && timingSafeEqual(expected, message.body);
  if (!right) throw new DtlsError(Alert.decryptError, `the ${side}'s Finished does not match the handshake`);
}

export function unexpected(message: HandshakeMessage, expected: string): DtlsError {
  return new DtlsError(
    Alert.unexpectedMessage,
    `handshake message ${message.type} came instead of ${expected}`,
  );
}
