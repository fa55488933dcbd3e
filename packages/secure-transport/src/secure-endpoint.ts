import { randomBytes } from 'node:crypto';
import { type LocalCertificate, openCertificate } from './certificate.ts';
import type { Remote, SecureEndpoint, SecureOutput, SecureTransportOptions } from './endpoint.ts';
import { SecureTransport, type TransportHost } from './secure-transport.ts';
import { bindingError } from './stun/builder.ts';
import { StunView } from './stun/reader.ts';
import { STUN_BINDING, StunClass } from './stun/registry.ts';

export interface SecureEndpointOptions {
  /** Of all transports; from `createCertificate()` or `loadCertificate()`. */
  readonly certificate: { readonly certPem: string; readonly keyPem: string };
  /** Cryptographically strong random bytes; the default is those of node:crypto. */
  readonly random?: (size: number) => Uint8Array;
}

/** Makes the transports of one port. Throws Error if the certificate can't be used. */
export function createSecureEndpoint(options: SecureEndpointOptions): SecureEndpoint {
  return new Endpoint(openCertificate(options.certificate), options.random ?? ((size) => randomBytes(size)));
}

class Endpoint implements SecureEndpoint, TransportHost {
  readonly certificate: LocalCertificate;
  readonly #random: (size: number) => Uint8Array;
  readonly #transports = new Map<string, SecureTransport>();
  readonly #byUfrag = new Map<string, SecureTransport>();
  readonly #byRemote = new Map<number, SecureTransport>();
  readonly #request = new StunView();
  #outputs: SecureOutput[] = [];
  #polled = 0;
  /** Not later than the first timeout of any transport. */
  #wake: { at: number; reason: string } | undefined;

  constructor(certificate: LocalCertificate, random: (size: number) => Uint8Array) {
    this.certificate = certificate;
    this.#random = random;
  }

  put(id: string, options: SecureTransportOptions, now: number): void {
    this.#checkCredentials(id, options);
    let transport = this.#transports.get(id);
    if (transport) {
      this.#unmapUfrags(transport);
      transport.update(options, now);
      // What the update says may have ended it.
      if (this.#transports.get(id) !== transport) return;
    } else {
      transport = new SecureTransport(id, options, this);
      this.#transports.set(id, transport);
    }
    this.#mapUfrags(transport);
    this.#noteTimeout(transport);
  }

  remove(id: string, now: number): void {
    const transport = this.#transports.get(id);
    if (!transport) return;
    transport.close(now);
    this.forget(transport);
  }

  handleDatagram(data: Uint8Array, remote: Remote, now: number): void {
    const first = data[0];
    if (first === undefined) return;
    // RFC 7983 §7
    if (first <= 3) {
      this.#handleStun(data, remote, now);
    } else if (first >= 20 && first <= 63) {
      const transport = this.#byRemote.get(remote.key);
      if (!transport) return;
      transport.handleDtls(data, remote.key, now);
      this.#noteTimeout(transport);
    }
  }

  transportOf(remoteKey: number): string | undefined {
    return this.#byRemote.get(remoteKey)?.id;
  }

  noteRtp(remoteKey: number, _now: number): void {
    this.#byRemote.get(remoteKey)?.noteRtp(remoteKey);
  }

  handleTcpClosed(remoteKey: number, _now: number): void {
    this.#byRemote.get(remoteKey)?.handleTcpClosed(remoteKey);
  }

  handleTimeout(now: number): void {
    if (!this.#wake || now < this.#wake.at) return;
    this.#wake = undefined;
    for (const transport of [...this.#transports.values()]) {
      const due = transport.timeout;
      if (due && now >= due.at) transport.handleTimeout(now);
      if (this.#transports.get(transport.id) === transport) this.#noteTimeout(transport);
    }
  }

  nextTimeout(): { at: number; reason: string } | undefined {
    return this.#wake;
  }

  poll(): SecureOutput | undefined {
    const output = this.#outputs[this.#polled];
    if (output) {
      this.#polled++;
    } else if (this.#polled > 0) {
      this.#outputs = [];
      this.#polled = 0;
    }
    return output;
  }

  random(size: number): Uint8Array {
    return this.#random(size);
  }

  emit(output: SecureOutput): void {
    this.#outputs.push(output);
  }

  claim(remote: Remote, transport: SecureTransport): void {
    const other = this.#byRemote.get(remote.key);
    this.#byRemote.set(remote.key, transport);
    // The last one who proved to be there has the address: a port may be used again by another peer.
    if (other && other !== transport) other.loseTuple(remote.key);
  }

  release(remote: Remote, transport: SecureTransport): void {
    if (this.#byRemote.get(remote.key) === transport) this.#byRemote.delete(remote.key);
  }

  releaseUfrag(usernameFragment: string, transport: SecureTransport): void {
    if (this.#byUfrag.get(usernameFragment) === transport) this.#byUfrag.delete(usernameFragment);
  }

  forget(transport: SecureTransport): void {
    this.#unmapUfrags(transport);
    this.#transports.delete(transport.id);
    if (this.#transports.size === 0) this.#wake = undefined;
  }

  /** The table of object-model.md §6.5. */
  #handleStun(data: Uint8Array, remote: Remote, now: number): void {
    const request = this.#request;
    if (!request.read(data) || request.messageClass !== StunClass.request) return;
    if (
      request.method !== STUN_BINDING ||
      !request.hasFingerprint ||
      request.integrityOffset < 0 ||
      request.priority === 0 ||
      request.usernameOffset < 0
    ) {
      this.#refuse(remote, 400, 'Bad Request');
      return;
    }
    const ufrag = request.localUfrag();
    const transport = ufrag === undefined ? undefined : this.#byUfrag.get(ufrag);
    if (!transport?.handleRequest(request, ufrag!, remote, now)) {
      this.#refuse(remote, 401, 'Unauthorized');
      return;
    }
    this.#noteTimeout(transport);
  }

  #refuse(remote: Remote, code: number, reason: string): void {
    const { method, data } = this.#request;
    const transactionId = this.#request.transactionId();
    let response = bindingError(transactionId, method, code, reason);
    // Nobody shall gain by a forged sender address: what is short gets a short answer.
    if (response.length > data.length) response = bindingError(transactionId, method, code, '');
    this.emit({ type: 'transmit', to: remote, data: response });
  }

  #noteTimeout(transport: SecureTransport): void {
    const due = transport.timeout;
    if (due && (!this.#wake || due.at < this.#wake.at)) this.#wake = due;
  }

  #checkCredentials(id: string, { ice, previousIce }: SecureTransportOptions): void {
    for (const { usernameFragment, password } of previousIce ? [ice, previousIce] : [ice]) {
      if (usernameFragment === '' || password === '') {
        throw new RangeError(`transport ${id}: ICE usernameFragment and password must not be empty`);
      }
    }
    const owner = this.#byUfrag.get(ice.usernameFragment);
    if (owner && owner.id !== id) {
      throw new Error(`transport ${id}: usernameFragment is that of transport ${owner.id}, choose another`);
    }
  }

  #mapUfrags(transport: SecureTransport): void {
    for (const ufrag of transport.ice.usernameFragments()) {
      if (!this.#byUfrag.has(ufrag)) this.#byUfrag.set(ufrag, transport);
    }
  }

  #unmapUfrags(transport: SecureTransport): void {
    for (const ufrag of transport.ice.usernameFragments()) this.releaseUfrag(ufrag, transport);
  }
}
