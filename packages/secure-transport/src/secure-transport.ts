import type { LocalCertificate } from './certificate.ts';
import { DtlsConnection } from './dtls/connection.ts';
import type { Remote, SecureOutput, SecureTransportOptions } from './endpoint.ts';
import { IceLite } from './ice/ice-lite.ts';
import { bindingSuccess } from './stun/builder.ts';
import type { StunView } from './stun/reader.ts';

/** What a transport needs of the endpoint it lives in. */
export interface TransportHost {
  readonly certificate: LocalCertificate;
  random(size: number): Uint8Array;
  emit(output: SecureOutput): void;
  /** The remote address belongs to this transport from now on, or no more. */
  claim(remote: Remote, transport: SecureTransport): void;
  release(remote: Remote, transport: SecureTransport): void;
  releaseUfrag(usernameFragment: string, transport: SecureTransport): void;
  /** The transport has died by itself. */
  forget(transport: SecureTransport): void;
}

/** One WebRTC transport: ICE-lite, and DTLS upon it (object-model.md §6.5, §6.6). */
export class SecureTransport {
  readonly id: string;
  readonly ice: IceLite;
  readonly #host: TransportHost;
  #options: SecureTransportOptions;
  #dtls: DtlsConnection | undefined;
  /** `connecting` was told. */
  #announced = false;
  #over = false;

  constructor(id: string, options: SecureTransportOptions, host: TransportHost) {
    this.id = id;
    this.#host = host;
    this.#options = options;
    this.ice = new IceLite(
      {
        tupleAdded: (remote) => {
          host.claim(remote, this);
          host.emit({ type: 'path-added', id, remote });
        },
        tupleRemoved: (remote) => {
          host.release(remote, this);
          host.emit({ type: 'path-removed', id, remote });
        },
        selected: (remote) => host.emit({ type: 'tuple', id, remote }),
        stateChanged: (state) => host.emit({ type: 'ice', id, state }),
        fragmentRetired: (ufrag) => host.releaseUfrag(ufrag, this),
      },
      options.ice,
      options.previousIce,
    );
  }

  get timeout(): { at: number; reason: string } | undefined {
    if (this.#over) return undefined;
    const consent = this.ice.consentEndsAt(consentTimeoutOf(this.#options));
    const dtls = this.#dtls?.timeout;
    if (dtls !== undefined && (consent === undefined || dtls <= consent)) {
      return { at: dtls, reason: 'dtls-handshake' };
    }
    return consent === undefined ? undefined : { at: consent, reason: 'ice-consent' };
  }

  update(options: SecureTransportOptions, now: number): void {
    const before = this.#options;
    // DTLS parameters once given stay: a later update without them does not take them back.
    this.#options = { ...options, dtls: options.dtls ?? before.dtls };
    this.ice.setCredentials(options.ice, options.previousIce);
    if (options.dtls && this.#dtls) this.#applyDtlsOptions(this.#dtls, options.dtls, now);
    this.#advance(now);
  }

  /** A request with one of our username fragments; false if its integrity is wrong. */
  handleRequest(request: StunView, ufrag: string, remote: Remote, now: number): boolean {
    const key = this.ice.authenticate(request, ufrag);
    if (!key) return false;
    const response = bindingSuccess(request.transactionId(), remote, key);
    if (!response) return true;
    this.ice.noteRequest(remote, now);
    this.#host.emit({ type: 'transmit', to: remote, data: response });
    this.ice.applyRequest(request, remote);
    this.#advance(now);
    return true;
  }

  /** From a remote whose tuple this transport knows. */
  handleDtls(datagram: Uint8Array, remoteKey: number, now: number): void {
    const dtls = this.#dtls;
    if (!dtls) return;
    // Once connected, only what is authentic may move the tuple.
    if (dtls.state !== 'connected') this.ice.select(remoteKey);
    if (dtls.handleDatagram(datagram, now)) this.ice.select(remoteKey);
    this.#drain(dtls);
  }

  noteRtp(remoteKey: number): void {
    if (this.#dtls?.state === 'connected') this.ice.select(remoteKey);
  }

  handleTcpClosed(remoteKey: number): void {
    const before = this.ice.state;
    this.ice.removeTuple(remoteKey);
    if (this.ice.state === 'disconnected' && before !== 'disconnected') {
      this.#die('the last TCP connection was closed');
    }
  }

  /** Another transport has authenticated this remote address. */
  loseTuple(remoteKey: number): void {
    this.ice.removeTuple(remoteKey);
  }

  handleTimeout(now: number): void {
    const dtls = this.#dtls;
    if (dtls?.timeout !== undefined && now >= dtls.timeout) {
      dtls.handleTimeout(now);
      this.#drain(dtls);
    }
    const consent = this.ice.consentEndsAt(consentTimeoutOf(this.#options));
    if (!this.#over && consent !== undefined && now >= consent) this.ice.expire();
  }

  /** Ends it on the owner's wish: no state output. */
  close(now: number): void {
    if (this.#dtls) {
      this.#dtls.close(now);
      this.#drain(this.#dtls);
    }
    this.#releasePaths();
    this.#over = true;
  }

  #applyDtlsOptions(
    dtls: DtlsConnection,
    options: NonNullable<SecureTransportOptions['dtls']>,
    now: number,
  ): void {
    if (options.localRole === dtls.role) {
      dtls.setRemoteFingerprint(options.remoteFingerprint, now);
      dtls.limit(now);
      this.#drain(dtls);
    } else if (dtls.state !== 'connected') {
      // We listened as `auto`, and turn out to be the other side (§6.6).
      this.#dtls = undefined;
    }
  }

  /** Starts DTLS as soon as ICE and role allow it. */
  #advance(now: number): void {
    const { state } = this.ice;
    if (this.#over || this.#dtls || (state !== 'connected' && state !== 'completed')) return;
    const options = this.#options.dtls;
    const role = options?.localRole ?? 'server';
    if (role === 'client' && state !== 'completed') return;
    const dtls = new DtlsConnection({
      role,
      certificate: this.#host.certificate,
      random: (size) => this.#host.random(size),
      remoteFingerprint: options?.remoteFingerprint,
    });
    this.#dtls = dtls;
    if (!this.#announced) this.#host.emit({ type: 'dtls', id: this.id, state: 'connecting' });
    this.#announced = true;
    dtls.start(now);
    if (options) dtls.limit(now);
    this.#drain(dtls);
  }

  #drain(dtls: DtlsConnection): void {
    for (let output = dtls.poll(); output; output = dtls.poll()) {
      switch (output.type) {
        case 'transmit':
          if (this.ice.selected) {
            this.#host.emit({ type: 'transmit', to: this.ice.selected, data: output.data });
          }
          break;
        case 'connected': {
          const { keys, remoteCert } = output;
          this.#host.emit({ type: 'dtls', id: this.id, state: 'connected', keys, remoteCert });
          break;
        }
        case 'failed':
        case 'closed':
          this.#host.emit({ type: 'dtls', id: this.id, state: output.type, reason: output.reason });
          this.#die(output.reason);
          break;
        case 'data':
          break; // no SCTP here
      }
    }
  }

  #die(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#releasePaths();
    this.#host.forget(this);
    this.#host.emit({ type: 'closed', id: this.id, reason });
  }

  #releasePaths(): void {
    for (const remote of this.ice.tuples) {
      this.#host.release(remote, this);
      this.#host.emit({ type: 'path-removed', id: this.id, remote });
    }
  }
}

function consentTimeoutOf({ consentTimeoutMs = 30_000 }: SecureTransportOptions): number {
  return consentTimeoutMs === 0 ? 0 : Math.min(60_000, Math.max(10_000, consentTimeoutMs));
}
