import type { X509Certificate } from 'node:crypto';
import { fingerprintOf, type LocalCertificate } from '../certificate.ts';
import type { ExportedKeys, RemoteFingerprint } from '../endpoint.ts';
import { Alert, AlertLevel, alertName, DtlsError } from './alert.ts';
import { ClientHandshake } from './client-handshake.ts';
import { FlightSender } from './flight-sender.ts';
import {
  type FlightItem,
  type Handshake,
  type HandshakeLink,
  type HandshakeResult,
  Transcript,
} from './handshake.ts';
import {
  HANDSHAKE_HEADER,
  type HandshakeFragment,
  HandshakeType,
  Reassembler,
  readFragments,
} from './reassembly.ts';
import { ContentType, type DtlsRecord, type RecordCipher, ReplayWindow, readRecords } from './record.ts';
import { ServerHandshake } from './server-handshake.ts';
import { exportSrtpKeys } from './srtp-profile.ts';

export interface DtlsOptions {
  readonly role: 'client' | 'server';
  readonly certificate: LocalCertificate;
  readonly random: (size: number) => Uint8Array;
  /** May come later, by `setRemoteFingerprint`; nothing is connected without it. */
  readonly remoteFingerprint?: RemoteFingerprint | undefined;
  /**
   * Replaces the body of a handshake message before it is sent. For endpoints that misbehave on purpose,
   * to test the other side.
   */
  readonly craft?: ((type: number, body: Uint8Array) => Uint8Array) | undefined;
}

export type DtlsState = 'new' | 'handshaking' | 'unverified' | 'connected' | 'failed' | 'closed';

export type DtlsOutput =
  | { readonly type: 'transmit'; readonly data: Uint8Array }
  | { readonly type: 'connected'; readonly keys: ExportedKeys; readonly remoteCert: string }
  | { readonly type: 'failed' | 'closed'; readonly reason: string }
  /** Application data (SCTP). */
  | { readonly type: 'data'; readonly data: Uint8Array };

/**
 * One DTLS 1.2 association with SRTP (RFC 6347, RFC 5764), sans-IO. Before `connected` any record is looked
 * at, within bounds; from then on only authentic records of epoch 1 have any effect. Methods never throw
 * for what the peer sends.
 */
export class DtlsConnection {
  readonly role: 'client' | 'server';
  readonly #options: DtlsOptions;
  readonly #outputs: DtlsOutput[] = [];
  readonly #flights: FlightSender;
  readonly #replays = new ReplayWindow();
  #state: DtlsState = 'new';
  #deadline: number | undefined;
  #fingerprint: RemoteFingerprint | undefined;
  #remoteCertificate: X509Certificate | undefined;
  #result: HandshakeResult | undefined;
  #readCipher: RecordCipher | undefined;
  /** Number of the next message we expect, and of the next one we send. */
  #nextReceive = 0;
  #nextSend = 0;
  /** The rest exists only during the handshake. */
  #handshake: Handshake | undefined;
  #reassembler: Reassembler | undefined = new Reassembler();
  #transcript: Transcript | undefined = new Transcript();
  #cookie: Uint8Array | undefined;
  #early: DtlsRecord[] = [];
  /** What was wrong with the last ClientHello without a cookie. */
  #refusal: string | undefined;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: DtlsOptions) {
    this.role = options.role;
    this.#options = options;
    this.#fingerprint = options.remoteFingerprint;
    this.#flights = new FlightSender((data) => this.#outputs.push({ type: 'transmit', data }));
    this.#handshake =
      options.role === 'client' ? new ClientHandshake(this.#link()) : new ServerHandshake(this.#link());
  }

  get state(): DtlsState {
    return this.#state;
  }

  /** Milliseconds on the clock of `now`; undefined = nothing to wait for. */
  get timeout(): number | undefined {
    const repeat = this.#flights.repeatAt;
    if (repeat === undefined || this.#deadline === undefined) return repeat ?? this.#deadline;
    return Math.min(repeat, this.#deadline);
  }

  /** As client, sends the first flight; as server, begins to listen. */
  start(now: number): void {
    if (this.#state !== 'new') return;
    this.#state = 'handshaking';
    this.#flights.now = now;
    if (this.role === 'client') this.limit(now);
    this.#attempt(() => this.#handshake!.start());
  }

  /** From now on the handshake has 30 seconds; a first call counts. */
  limit(now: number): void {
    if (this.#state === 'handshaking') this.#deadline ??= now + HANDSHAKE_LIMIT_MS;
  }

  poll(): DtlsOutput | undefined {
    return this.#outputs.shift();
  }

  /** True if an authentic record of epoch 1 was in the datagram. */
  handleDatagram(datagram: Uint8Array, now: number): boolean {
    this.#flights.now = now;
    let authentic = false;
    for (const record of readRecords(datagram)) {
      if (!this.#isOpen()) break;
      if (record.epoch === 1) authentic = this.#handleSealed(record) || authentic;
      else if (record.epoch === 0 && this.#state === 'handshaking') this.#handlePlain(record);
    }
    return authentic;
  }

  handleTimeout(now: number): void {
    this.#flights.now = now;
    if (this.#deadline !== undefined && now >= this.#deadline && this.#state === 'handshaking') {
      const why = this.#refusal ? `: ${this.#refusal}` : '';
      this.#fail(new DtlsError(Alert.handshakeFailure, `the handshake took longer than 30 s${why}`));
    } else if (this.#flights.repeatAt !== undefined && now >= this.#flights.repeatAt) {
      this.#flights.repeat();
    }
  }

  /** Compares it with the certificate if that is here already. */
  setRemoteFingerprint(fingerprint: RemoteFingerprint, now: number): void {
    if (this.#state === 'connected' || !this.#isOpen()) return;
    this.#flights.now = now;
    this.#fingerprint = fingerprint;
    this.#attempt(() => {
      this.#verifyFingerprint();
      if (this.#state === 'unverified') this.#connect();
    });
  }

  /** Application data; false unless connected. */
  send(data: Uint8Array, now: number): boolean {
    if (this.#state !== 'connected') return false;
    this.#flights.now = now;
    this.#flights.sendRecord(ContentType.applicationData, data);
    return true;
  }

  /** Says close_notify if anything was said before, and ends without an output of its own. */
  close(now: number): void {
    if (!this.#isOpen()) return;
    this.#flights.now = now;
    if (this.#flights.hasSent) this.#alert(AlertLevel.warning, Alert.closeNotify);
    this.#end('closed');
  }

  #isOpen(): boolean {
    return this.#state !== 'failed' && this.#state !== 'closed';
  }

  #handlePlain(record: DtlsRecord): void {
    if (record.type === ContentType.handshake) {
      this.#handleFragments(record.fragment, 0);
    } else if (record.type === ContentType.alert && !this.#handshake?.awaitsHello) {
      this.#handleAlert(record.fragment);
    }
    // ChangeCipherSpec says nothing that the epoch of the next record does not say.
  }

  #handleSealed(record: DtlsRecord): boolean {
    if (!this.#readCipher) {
      this.#keepEarly(record);
      return false;
    }
    if (!this.#replays.isNew(record.sequence)) return false;
    const plaintext = this.#readCipher.open(record);
    if (!plaintext) return false;
    this.#replays.accept(record.sequence);
    if (record.type === ContentType.handshake) {
      if (this.#state === 'handshaking') this.#handleFragments(plaintext, 1);
      else this.#handleLateHandshake(plaintext);
    } else if (record.type === ContentType.alert) {
      this.#handleAlert(plaintext);
    } else if (record.type === ContentType.applicationData && this.#state === 'connected') {
      this.#outputs.push({ type: 'data', data: plaintext });
    }
    return true;
  }

  /** A Finished that overtook the messages its key is made of. */
  #keepEarly(record: DtlsRecord): void {
    if (this.#state !== 'handshaking' || this.#handshake?.awaitsHello) return;
    if (this.#early.length >= MAX_EARLY_RECORDS || record.fragment.length > MAX_EARLY_BYTES) return;
    const { header, fragment } = record;
    this.#early.push({ ...record, header: Uint8Array.from(header), fragment: Uint8Array.from(fragment) });
  }

  #handleFragments(bytes: Uint8Array, epoch: 0 | 1): void {
    for (const fragment of readFragments(bytes)) {
      if (this.#state !== 'handshaking') return;
      // Finished is the one message that is protected, and the only one.
      if ((fragment.type === HandshakeType.finished) !== (epoch === 1)) continue;
      if (this.#handshake!.awaitsHello) this.#handleHelloFragment(fragment);
      else this.#handleFragment(fragment, epoch);
    }
  }

  /** Before the cookie: no order, and the newest fragment is right, so that nobody can block a client. */
  #handleHelloFragment(fragment: HandshakeFragment): void {
    if (fragment.type !== HandshakeType.clientHello || fragment.sequence > MAX_HELLO_SEQUENCE) return;
    const reassembler = this.#reassembler!;
    if (!reassembler.add(fragment, 0, 0)) {
      reassembler.drop(fragment.sequence);
      if (!reassembler.add(fragment, 0, 0)) return;
    }
    const message = reassembler.take(fragment.sequence);
    if (!message) return;
    try {
      this.#handshake!.handle(message);
    } catch (error) {
      // Until the cookie came back anybody could have sent it: it harms nobody, but is remembered.
      if (error instanceof DtlsError && this.#handshake!.awaitsHello) this.#refusal = error.message;
      else this.#fail(error);
    }
  }

  #handleFragment(fragment: HandshakeFragment, epoch: 0 | 1): void {
    if (fragment.sequence < this.#nextReceive) {
      this.#noteRepetition(fragment);
      return;
    }
    if (!this.#reassembler!.add(fragment, epoch, this.#nextReceive)) return;
    this.#attempt(() => {
      while (this.#state === 'handshaking') {
        const message = this.#reassembler!.take(this.#nextReceive);
        if (!message) return;
        this.#nextReceive++;
        this.#handshake!.handle(message);
      }
    });
  }

  /** The end of the peer's last flight again: it has not heard our answer (RFC 6347 §4.2.4). */
  #noteRepetition(fragment: HandshakeFragment): void {
    const isEnd = fragment.offset + fragment.bytes.length === fragment.length;
    if (fragment.sequence === this.#nextReceive - 1 && isEnd) this.#flights.repeatForPeer();
  }

  /** Authentic handshake messages after the end: a lost Finished is repeated, all else refused. */
  #handleLateHandshake(plaintext: Uint8Array): void {
    for (const fragment of readFragments(plaintext)) {
      if (fragment.type === HandshakeType.finished) {
        if (this.role === 'server') this.#noteRepetition(fragment);
      } else if (
        fragment.type === HandshakeType.clientHello ||
        fragment.type === HandshakeType.helloRequest
      ) {
        if (this.#flights.now - this.#warnedAt < WARNING_INTERVAL_MS) continue;
        this.#warnedAt = this.#flights.now;
        this.#alert(AlertLevel.warning, Alert.noRenegotiation);
      }
    }
  }

  #handleAlert(bytes: Uint8Array): void {
    if (bytes.length !== 2) return;
    const [level, description] = bytes as unknown as [number, number];
    const closes = description === Alert.closeNotify;
    if (level !== AlertLevel.fatal && !closes) return;
    const before = this.#state !== 'connected';
    if (closes && !before) this.#alert(AlertLevel.warning, Alert.closeNotify);
    const state = before ? 'failed' : 'closed';
    this.#end(state);
    const when = before ? ' before the handshake was done' : '';
    this.#outputs.push({ type: state, reason: `the peer sent ${alertName(description)}${when}` });
  }

  #verifyFingerprint(): void {
    const expected = this.#fingerprint;
    if (!expected || !this.#remoteCertificate) return;
    if (fingerprintOf(this.#remoteCertificate.raw, expected.algorithm) !== expected.value) {
      throw new DtlsError(Alert.badCertificate, 'the certificate of the peer has another fingerprint');
    }
  }

  #connect(): void {
    const { master, randoms, profile } = this.#result!;
    this.#state = 'connected';
    this.#outputs.push({
      type: 'connected',
      keys: exportSrtpKeys(master, randoms, profile, this.role),
      remoteCert: this.#remoteCertificate!.toString(),
    });
    this.#result = undefined;
    this.#remoteCertificate = undefined;
  }

  #complete(result: HandshakeResult): void {
    this.#result = result;
    this.#state = 'unverified';
    this.#deadline = undefined;
    this.#flights.settle(this.role === 'server');
    this.#forgetHandshake();
    if (this.#fingerprint) this.#connect(); // it was compared when the certificate came
  }

  #forgetHandshake(): void {
    this.#handshake = undefined;
    this.#reassembler = undefined;
    this.#transcript = undefined;
    this.#cookie = undefined;
    this.#early = [];
  }

  /** Runs a step of the handshake; a DtlsError, or a defect of ours, ends the association. */
  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const known = error instanceof DtlsError;
    this.#alert(AlertLevel.fatal, known ? error.alert : Alert.internalError);
    this.#end('failed');
    this.#outputs.push({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
  }

  #end(state: 'failed' | 'closed'): void {
    this.#state = state;
    this.#deadline = undefined;
    this.#flights.settle(false);
    this.#forgetHandshake();
  }

  #alert(level: number, description: number): void {
    this.#flights.sendRecord(ContentType.alert, Uint8Array.of(level, description));
  }

  #link(): HandshakeLink {
    const connection = this;
    return {
      certificate: this.#options.certificate,
      random: this.#options.random,
      get transcript() {
        return connection.#transcript!;
      },
      cookie: () => {
        this.#cookie ??= this.#options.random(COOKIE_BYTES);
        return this.#cookie;
      },
      answer: (type, sequence, body) => this.#flights.sendOnce({ type, sequence, body, epoch: 0 }),
      begin: (helloSequence) => {
        this.#nextReceive = helloSequence + 1;
        this.#nextSend = helloSequence;
        this.limit(this.#flights.now);
      },
      compose: (type, body) => this.#compose(type, body),
      sendFlight: (items) => this.#flights.send(items),
      acceptCertificate: (certificate) => {
        this.#remoteCertificate = certificate;
        this.#verifyFingerprint();
      },
      installKeys: (read, write) => {
        this.#readCipher = read;
        this.#flights.installKeys(write);
        const early = this.#early;
        this.#early = [];
        for (const record of early) this.#handleEarly(record);
      },
      complete: (result) => this.#complete(result),
    };
  }

  /** Only puts it into the reassembler: the caller is in the middle of the message before. */
  #handleEarly(record: DtlsRecord): void {
    if (record.type !== ContentType.handshake || !this.#replays.isNew(record.sequence)) return;
    const plaintext = this.#readCipher!.open(record);
    if (!plaintext) return;
    this.#replays.accept(record.sequence);
    for (const fragment of readFragments(plaintext)) {
      if (fragment.type === HandshakeType.finished) this.#reassembler!.add(fragment, 1, this.#nextReceive);
    }
  }

  #compose(type: number, body: Uint8Array): FlightItem {
    const item: FlightItem = {
      type,
      sequence: this.#nextSend++,
      body: this.#options.craft?.(type, body) ?? body,
      epoch: type === HandshakeType.finished ? 1 : 0,
    };
    this.#transcript!.add(type, item.sequence, item.body);
    return item;
  }
}

const HANDSHAKE_LIMIT_MS = 30_000;
const WARNING_INTERVAL_MS = 1_000;
const COOKIE_BYTES = 20;
/** A first hello, and one after each HelloVerifyRequest. */
const MAX_HELLO_SEQUENCE = 3;
const MAX_EARLY_RECORDS = 4;
/** A Finished has 12 + 12 bytes; some peers send more in one record. */
const MAX_EARLY_BYTES = HANDSHAKE_HEADER + 500;
