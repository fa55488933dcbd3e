import type { X509Certificate } from 'node:crypto';
import { Alert, DtlsError } from './alert.ts';
import {
  CHANGE_CIPHER_SPEC,
  checkFinished,
  type FlightItem,
  type Handshake,
  type HandshakeLink,
  unexpected,
} from './handshake.ts';
import {
  readCertificate,
  readCertificateRequest,
  readServerKeyExchange,
  type ServerKeyExchange,
  writeCertificate,
  writeCertificateVerify,
  writeClientKeyExchange,
} from './handshake-messages.ts';
import {
  CipherSuite,
  readHelloVerifyRequest,
  readServerHello,
  type ServerHello,
  writeClientHello,
} from './hello.ts';
import { EphemeralKey } from './key-exchange.ts';
import { finishedData, masterSecret, type Randoms, recordKeys } from './key-schedule.ts';
import { type HandshakeMessage, HandshakeType } from './reassembly.ts';
import { RecordCipher } from './record.ts';
import { chooseScheme, signWith, verifyWith } from './signature.ts';
import { SRTP_PROFILES, type SrtpProfile } from './srtp-profile.ts';
import { concat } from './wire.ts';

/** DTLS 1.2 as client (RFC 6347, RFC 5246 §7.4). */
export class ClientHandshake implements Handshake {
  readonly awaitsHello = false;
  readonly #link: HandshakeLink;
  #expect: 'hello' | 'certificate' | 'keyExchange' | 'requestOrDone' | 'done' | 'finished' | 'nothing' =
    'hello';
  #clientRandom = new Uint8Array(0);
  #verifyRequests = 0;
  #hello: ServerHello | undefined;
  #profile: SrtpProfile | undefined;
  #certificate: X509Certificate | undefined;
  #exchange: ServerKeyExchange | undefined;
  /** Undefined = the server asked for no certificate. */
  #requestedSchemes: number[] | undefined;
  #master: Uint8Array | undefined;

  constructor(link: HandshakeLink) {
    this.#link = link;
  }

  start(): void {
    this.#clientRandom = Uint8Array.from(this.#link.random(32));
    this.#sendHello(new Uint8Array(0));
  }

  handle(message: HandshakeMessage): void {
    switch (this.#expect) {
      case 'hello':
        if (message.type === HandshakeType.helloVerifyRequest) this.#onVerifyRequest(message);
        else this.#onHello(message);
        break;
      case 'certificate':
        this.#onCertificate(message);
        break;
      case 'keyExchange':
        this.#onKeyExchange(message);
        break;
      case 'requestOrDone':
        if (message.type === HandshakeType.certificateRequest) this.#onRequest(message);
        else this.#onDone(message);
        break;
      case 'done':
        this.#onDone(message);
        break;
      case 'finished':
        this.#onFinished(message);
        break;
      case 'nothing':
        throw unexpected(message, 'nothing');
    }
  }

  #sendHello(cookie: Uint8Array): void {
    const { transcript } = this.#link;
    transcript.reset(); // the first hello and the request don't count (RFC 6347 §4.2.1)
    const hello = writeClientHello(this.#clientRandom, cookie);
    this.#link.sendFlight([this.#link.compose(HandshakeType.clientHello, hello)]);
  }

  #onVerifyRequest(message: HandshakeMessage): void {
    this.#verifyRequests++;
    if (this.#verifyRequests > MAX_VERIFY_REQUESTS) throw unexpected(message, 'ServerHello');
    this.#sendHello(readHelloVerifyRequest(message.body));
  }

  #onHello(message: HandshakeMessage): void {
    if (message.type !== HandshakeType.serverHello) throw unexpected(message, 'ServerHello');
    const hello = readServerHello(message.body);
    const suites: readonly number[] = Object.values(CipherSuite);
    if (!suites.includes(hello.cipherSuite)) {
      throw new DtlsError(Alert.illegalParameter, 'the server chose a cipher suite that was not offered');
    }
    this.#profile = SRTP_PROFILES.find(({ id }) => id === hello.srtpProfile);
    if (!this.#profile) throw new DtlsError(Alert.handshakeFailure, 'the server agreed to no SRTP profile');
    if (!hello.extendedMasterSecret) {
      throw new DtlsError(
        Alert.handshakeFailure,
        'the server agreed to no extended master secret (RFC 7627)',
      );
    }
    this.#hello = hello;
    this.#record(message);
    this.#expect = 'certificate';
  }

  #onCertificate(message: HandshakeMessage): void {
    if (message.type !== HandshakeType.certificate) throw unexpected(message, 'Certificate');
    this.#certificate = readCertificate(message.body);
    if (!this.#certificate) throw new DtlsError(Alert.badCertificate, 'the server sent no certificate');
    this.#link.acceptCertificate(this.#certificate);
    this.#record(message);
    this.#expect = 'keyExchange';
  }

  #onKeyExchange(message: HandshakeMessage): void {
    if (message.type !== HandshakeType.serverKeyExchange) throw unexpected(message, 'ServerKeyExchange');
    const exchange = readServerKeyExchange(message.body);
    const { client, server } = this.#randoms();
    const signed = concat(client, server, exchange.params);
    if (!verifyWith(exchange.scheme, this.#certificate!.publicKey, signed, exchange.signature)) {
      throw new DtlsError(Alert.decryptError, 'the server does not hold the key of its certificate');
    }
    this.#exchange = exchange;
    this.#record(message);
    this.#expect = 'requestOrDone';
  }

  #onRequest(message: HandshakeMessage): void {
    this.#requestedSchemes = readCertificateRequest(message.body);
    this.#record(message);
    this.#expect = 'done';
  }

  #onDone(message: HandshakeMessage): void {
    if (message.type !== HandshakeType.serverHelloDone) throw unexpected(message, 'ServerHelloDone');
    this.#record(message);
    this.#expect = 'finished';
    this.#sendFlight5();
  }

  #sendFlight5(): void {
    const link = this.#link;
    const { certificate, transcript } = link;
    const exchange = this.#exchange!;
    const randoms = this.#randoms();
    const flight: FlightItem[] = [];
    let scheme: number | undefined;
    if (this.#requestedSchemes) {
      scheme = chooseScheme(certificate.keyType, this.#requestedSchemes);
      if (!scheme)
        throw new DtlsError(Alert.handshakeFailure, 'the server takes no signature that we can make');
      flight.push(link.compose(HandshakeType.certificate, writeCertificate(certificate.der)));
    }
    const ephemeral = new EphemeralKey(exchange.group);
    const preMaster = ephemeral.agree(exchange.publicBytes);
    flight.push(link.compose(HandshakeType.clientKeyExchange, writeClientKeyExchange(ephemeral.publicBytes)));
    const master = masterSecret(preMaster, transcript.bytes());
    this.#master = master;
    if (scheme) {
      const signature = signWith(scheme, certificate.privateKey, transcript.bytes());
      flight.push(link.compose(HandshakeType.certificateVerify, writeCertificateVerify(scheme, signature)));
    }
    flight.push(CHANGE_CIPHER_SPEC);
    flight.push(link.compose(HandshakeType.finished, finishedData(master, 'client', transcript.bytes())));
    const keys = recordKeys(master, randoms);
    link.installKeys(
      new RecordCipher(keys.serverKey, keys.serverSalt),
      new RecordCipher(keys.clientKey, keys.clientSalt),
    );
    link.sendFlight(flight);
  }

  #onFinished(message: HandshakeMessage): void {
    if (message.type !== HandshakeType.finished) throw unexpected(message, 'Finished');
    checkFinished(message, this.#master!, 'server', this.#link.transcript);
    this.#expect = 'nothing';
    this.#link.complete({ master: this.#master!, randoms: this.#randoms(), profile: this.#profile! });
  }

  #randoms(): Randoms {
    return { client: this.#clientRandom, server: this.#hello!.random };
  }

  #record(message: HandshakeMessage): void {
    this.#link.transcript.add(message.type, message.sequence, message.body);
  }
}

/** A server may change its secret between two requests; more often than this it is no server. */
const MAX_VERIFY_REQUESTS = 3;
