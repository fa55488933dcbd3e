import { CHANGE_CIPHER_SPEC, type FlightItem } from './handshake.ts';
import { HANDSHAKE_HEADER, writeFragment } from './reassembly.ts';
import { ContentType, GCM_OVERHEAD, plainRecord, RECORD_HEADER, type RecordCipher } from './record.ts';
import { concat } from './wire.ts';

/**
 * The sending half of an association: numbers records, packs a flight into datagrams, and repeats it with
 * new record numbers until the peer answers (RFC 6347 §4.2.4).
 */
export class FlightSender {
  /** The time of the call that is being worked on. */
  now = 0;
  readonly #transmit: (datagram: Uint8Array) => void;
  #cipher: RecordCipher | undefined;
  /** Epoch of records outside of flights: 1 once our ChangeCipherSpec is out. */
  #epoch: 0 | 1 = 0;
  /** Next record number per epoch. */
  readonly #sequence: [number, number] = [0, 0];
  #flight: readonly FlightItem[] = [];
  #sentAt = Number.NEGATIVE_INFINITY;
  #interval = FIRST_INTERVAL_MS;
  #repeatAt: number | undefined;

  constructor(transmit: (datagram: Uint8Array) => void) {
    this.#transmit = transmit;
  }

  get repeatAt(): number | undefined {
    return this.#repeatAt;
  }

  get hasSent(): boolean {
    return this.#sequence[0] > 0;
  }

  installKeys(cipher: RecordCipher): void {
    this.#cipher = cipher;
  }

  send(flight: readonly FlightItem[]): void {
    this.#flight = flight;
    this.#interval = FIRST_INTERVAL_MS;
    this.#sendFlight();
    this.#repeatAt = this.now + this.#interval;
  }

  /** A message that is not repeated by us. */
  sendOnce(item: FlightItem): void {
    this.#sendItems([item]);
  }

  /** The timer fired. */
  repeat(): void {
    this.#sendFlight();
    this.#interval = Math.min(this.#interval * 2, LAST_INTERVAL_MS);
    this.#repeatAt = this.now + this.#interval;
  }

  /** The peer repeated its flight. Rationed, or two ends could make each other repeat without end. */
  repeatForPeer(): void {
    if (this.now - this.#sentAt >= MIN_REPEAT_MS) this.#sendFlight();
  }

  /** Nothing is repeated by the timer any more; `keep` the last flight for a peer that asks again. */
  settle(keep: boolean): void {
    this.#repeatAt = undefined;
    if (!keep) this.#flight = [];
  }

  /** One record, protected if we have changed to the new keys. */
  sendRecord(type: number, plaintext: Uint8Array): void {
    this.#transmit(this.#record(type, this.#epoch, plaintext));
  }

  #sendFlight(): void {
    if (this.#flight.length === 0) return;
    this.#sentAt = this.now;
    this.#sendItems(this.#flight);
  }

  #sendItems(items: readonly FlightItem[]): void {
    let datagram: Uint8Array[] = [];
    let size = 0;
    for (const item of items) {
      for (const record of this.#recordsOf(item)) {
        if (size + record.length > MAX_DATAGRAM) {
          this.#transmit(concat(...datagram));
          datagram = [];
          size = 0;
        }
        datagram.push(record);
        size += record.length;
      }
    }
    if (size > 0) this.#transmit(concat(...datagram));
  }

  *#recordsOf(item: FlightItem): Generator<Uint8Array, void> {
    if (item === CHANGE_CIPHER_SPEC) {
      yield this.#record(ContentType.changeCipherSpec, 0, item.body);
      this.#epoch = 1;
      return;
    }
    let offset = 0;
    do {
      const size = Math.min(item.body.length - offset, MAX_FRAGMENT);
      const fragment = writeFragment(item.type, item.sequence, item.body, offset, size);
      yield this.#record(ContentType.handshake, item.epoch, fragment);
      offset += size;
    } while (offset < item.body.length);
  }

  #record(type: number, epoch: 0 | 1, plaintext: Uint8Array): Uint8Array {
    const sequence = this.#sequence[epoch]++;
    return epoch === 0
      ? plainRecord(type, sequence, plaintext)
      : this.#cipher!.seal(type, sequence, plaintext);
  }
}

/** Browsers start at 50 to 100 ms; the first repetition must not come before an answer across the world. */
const FIRST_INTERVAL_MS = 300;
const LAST_INTERVAL_MS = 3_000;
const MIN_REPEAT_MS = 40;
/** Fits any path; RFC 8831 and libwebrtc use the same. */
const MAX_DATAGRAM = 1_200;
const MAX_FRAGMENT = MAX_DATAGRAM - RECORD_HEADER - HANDSHAKE_HEADER - GCM_OVERHEAD;
