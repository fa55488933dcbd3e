import { type KeyObject, timingSafeEqual } from 'node:crypto';
import { Alert, DtlsError } from './alert.ts';
import {
  CHANGE_CIPHER_SPEC,
  checkFinished,
  type Handshake,
  type HandshakeLink,
  unexpected,
} from './handshake.ts';
import {
  readCertificate,
  readCertificateVerify,
  readClientKeyExchange,
  serverKeyExchangeParams,
  writeCertificate,
  writeCertificateRequest,
  writeServerKeyExchange,
} from './handshake-messages.ts';
import {
  CipherSuite,
  type ClientHello,
  readClientHello,
  writeHelloVerifyRequest,
  writeServerHello,
} from './hello.ts';
import { EphemeralKey, GROUPS } from './key-exchange.ts';
import { finishedData, masterSecret, type Randoms, recordKeys } from './key-schedule.ts';
import { type HandshakeMessage, HandshakeType } from './reassembly.ts';
import { RecordCipher } from './record.ts';
import { chooseScheme, signWith, verifyWith } from './signature.ts';
import { SRTP_PROFILES, type SrtpProfile } from './srtp-profile.ts';
import { concat } from './wire.ts';

/** DTLS 1.2 as server with mandatory client certificate (RFC 6347, RFC 5246 §7.4). */
export class ServerHandshake implements Handshake {
  readonly #link: HandshakeLink;
  #expect: 'hello' | 'certificate' | 'keyExchange' | 'certificateVerify' | 'finished' | 'nothing' = 'hello';
  /** All of these exist from a ClientHello with the right cookie on. */
  #randoms: Randoms | undefined;
  #profile: SrtpProfile | undefined;
  #ephemeral: EphemeralKey | undefined;
  #peerKey: KeyObject | undefined;
  #master: Uint8Array | undefined;

  constructor(link: HandshakeLink) {
    this.#link = link;
  }

  get awaitsHello(): boolean {
    return this.#expect === 'hello';
  }

  /** The client speaks first. */
  start(): void {}

  handle(message: HandshakeMessage): void {
    switch (this.#expect) {
      case 'hello':
        this.#onHello(message);
        break;
      case 'certificate':
        this.#onCertificate(message);
        break;
      case 'keyExchange':
        this.#onKeyExchange(message);
        break;
      case 'certificateVerify':
        this.#onCertificateVerify(message);
        break;
      case 'finished':
        this.#onFinished(message);
        break;
      case 'nothing':
        throw unexpected(message, 'nothing');
    }
  }

  #onHello(message: HandshakeMessage): void {
    const hello = readClientHello(message.body);
    const cookie = this.#link.cookie();
    if (hello.cookie.length !== cookie.length || !timingSafeEqual(hello.cookie, cookie)) {
      // No keys and no state for a client that has not shown that it hears us. Only a first hello is
      // answered: a request with another number would come to a client that expects our ServerHello.
      if (message.sequence === 0) {
        this.#link.answer(HandshakeType.helloVerifyRequest, 0, writeHelloVerifyRequest(cookie));
      }
      return;
    }
    this.#link.begin(message.sequence);
    this.#link.transcript.add(message.type, message.sequence, message.body);
    this.#expect = 'certificate';
    this.#sendFlight4(hello);
  }

  #sendFlight4(hello: ClientHello): void {
    const link = this.#link;
    const { certificate } = link;
    const suite =
      certificate.keyType === 'ecdsa' ? CipherSuite.ecdheEcdsaAes128Gcm : CipherSuite.ecdheRsaAes128Gcm;
    if (!hello.cipherSuites.includes(suite)) throw refused('cipher suite');
    const profile = SRTP_PROFILES.find(({ id }) => hello.srtpProfiles.includes(id));
    if (!profile) throw refused('SRTP profile');
    if (!hello.extendedMasterSecret) throw refused('extended master secret (RFC 7627)');
    const group = GROUPS.find((id) => hello.groups.includes(id));
    if (!group) throw refused('key exchange group');
    const scheme = chooseScheme(certificate.keyType, hello.signatureSchemes);
    if (!scheme) throw refused('signature scheme');

    const randoms: Randoms = { client: hello.random, server: link.random(32) };
    const ephemeral = new EphemeralKey(group);
    const params = serverKeyExchangeParams(group, ephemeral.publicBytes);
    const signature = signWith(
      scheme,
      certificate.privateKey,
      concat(randoms.client, randoms.server, params),
    );
    this.#randoms = randoms;
    this.#profile = profile;
    this.#ephemeral = ephemeral;
    link.sendFlight([
      link.compose(HandshakeType.serverHello, writeServerHello(randoms.server, suite, profile.id, hello)),
      link.compose(HandshakeType.certificate, writeCertificate(certificate.der)),
      link.compose(HandshakeType.serverKeyExchange, writeServerKeyExchange(params, scheme, signature)),
      link.compose(HandshakeType.certificateRequest, writeCertificateRequest()),
      link.compose(HandshakeType.serverHelloDone, new Uint8Array(0)),
    ]);
  }

  #onCertificate(message: HandshakeMessage): void {
    if (message.type !== HandshakeType.certificate) throw unexpected(message, 'Certificate');
    const certificate = readCertificate(message.body);
    if (!certificate) throw new DtlsError(Alert.handshakeFailure, 'the client sent no certificate');
    this.#link.acceptCertificate(certificate);
    this.#peerKey = certificate.publicKey;
    this.#record(message);
    this.#expect = 'keyExchange';
  }

  #onKeyExchange(message: HandshakeMessage): void {
    if (message.type !== HandshakeType.clientKeyExchange) throw unexpected(message, 'ClientKeyExchange');
    const preMaster = this.#ephemeral!.agree(readClientKeyExchange(message.body));
    this.#ephemeral = undefined;
    this.#record(message);
    const { transcript } = this.#link;
    this.#master = masterSecret(preMaster, transcript.bytes());
    const keys = recordKeys(this.#master, this.#randoms!);
    this.#expect = 'certificateVerify';
    this.#link.installKeys(
      new RecordCipher(keys.clientKey, keys.clientSalt),
      new RecordCipher(keys.serverKey, keys.serverSalt),
    );
  }

  #onCertificateVerify(message: HandshakeMessage): void {
    if (message.type !== HandshakeType.certificateVerify) throw unexpected(message, 'CertificateVerify');
    const { scheme, signature } = readCertificateVerify(message.body);
    if (!verifyWith(scheme, this.#peerKey!, this.#link.transcript.bytes(), signature)) {
      throw new DtlsError(Alert.decryptError, 'the client does not hold the key of its certificate');
    }
    this.#record(message);
    this.#expect = 'finished';
  }

  #onFinished(message: HandshakeMessage): void {
    if (message.type !== HandshakeType.finished) throw unexpected(message, 'Finished');
    const link = this.#link;
    const master = this.#master!;
    checkFinished(message, master, 'client', link.transcript);
    this.#record(message);
    const verifyData = finishedData(master, 'server', link.transcript.bytes());
    this.#expect = 'nothing';
    link.sendFlight([CHANGE_CIPHER_SPEC, link.compose(HandshakeType.finished, verifyData)]);
    link.complete({ master, randoms: this.#randoms!, profile: this.#profile! });
  }

  #record(message: HandshakeMessage): void {
    this.#link.transcript.add(message.type, message.sequence, message.body);
  }
}

function refused(what: string): DtlsError {
  return new DtlsError(Alert.handshakeFailure, `the client offers no ${what} that we have`);
}
