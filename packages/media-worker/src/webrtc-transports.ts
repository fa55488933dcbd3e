import {
  type Forwarder,
  type ForwardingTransport,
  observeLatency,
  type PacketEngine,
  type SessionHandle,
} from '@weir/forwarding';
import type { TransportTuple, WebRtcTransportSpec } from '@weir/protocol';
import type { Remote, SecureEndpoint, SecureOutput, SecureTransportOptions } from '@weir/secure-transport';
import type { PathBook } from './path-book.ts';

/** One WebRTC transport: what the endpoint says of it, joined to the packet path. */
export interface WebRtcTransport {
  readonly key: string;
  readonly roomId: string;
  spec: WebRtcTransportSpec;
  readonly forwarding: ForwardingTransport;
  /** Known tuples by the number of their remote address. */
  readonly remotes: Map<number, Remote>;
  selected: Remote | undefined;
  session: SessionHandle;
  readonly createdAt: number;
  /** When it first had a path, and first had keys; NaN = not yet. */
  pathAt: number;
  keyedAt: number;
  iceState: 'new' | 'connected' | 'completed' | 'disconnected';
  dtlsState: 'new' | 'connecting' | 'connected' | 'failed' | 'closed';
}

export interface WebRtcTransportsOptions {
  readonly engine: PacketEngine;
  readonly endpoint: SecureEndpoint;
  readonly forwarder: Forwarder;
  readonly paths: PathBook;
  readonly localAddress: { readonly ip: string; readonly port: number };
  readonly consentTimeoutMs: number | undefined;
  /** A transport died by itself: it must not come back by repeating the same wanted state. */
  readonly onDead: (roomId: string, transportId: number) => void;
}

/** Wires the transports of the secure endpoint to sessions and paths of the engine. */
export class WebRtcTransports {
  readonly #options: WebRtcTransportsOptions;
  readonly #byKey = new Map<string, WebRtcTransport>();

  constructor(options: WebRtcTransportsOptions) {
    this.#options = options;
  }

  get(roomId: string, id: number): WebRtcTransport | undefined {
    return this.#byKey.get(`${roomId}/${id}`);
  }

  put(roomId: string, spec: WebRtcTransportSpec, now: number): void {
    const { endpoint, forwarder, consentTimeoutMs } = this.#options;
    const key = `${roomId}/${spec.id}`;
    const options: SecureTransportOptions = {
      ice: spec.ice,
      previousIce: spec.previousIce,
      dtls: spec.dtls,
      ...(consentTimeoutMs === undefined ? {} : { consentTimeoutMs }),
    };
    // First the call that may refuse.
    endpoint.put(key, options, now);
    const forwarding = forwarder.room(roomId).putTransport(
      {
        id: spec.id,
        peerId: spec.peerId,
        plain: false,
        maxIncomingBitrate: spec.maxIncomingBitrate,
        maxOutgoingBitrate: spec.maxOutgoingBitrate,
        minOutgoingBitrate: spec.minOutgoingBitrate,
        initialOutgoingBitrate: spec.initialOutgoingBitrate,
      },
      now,
    );
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.spec = spec;
      return;
    }
    this.#byKey.set(key, {
      key,
      roomId,
      spec,
      forwarding,
      remotes: new Map(),
      selected: undefined,
      session: -1,
      createdAt: now,
      pathAt: Number.NaN,
      keyedAt: Number.NaN,
      iceState: 'new',
      dtlsState: 'new',
    });
  }

  /** Ends it with a close_notify; nothing is told of it any more. */
  remove(roomId: string, id: number, now: number): void {
    const transport = this.get(roomId, id);
    if (transport === undefined) return;
    this.#options.endpoint.remove(transport.key, now);
    this.drain(now);
    this.#forget(transport, now);
  }

  /** Works off everything the endpoint has to say. Call after every call to it. */
  drain(now: number): void {
    const { endpoint } = this.#options;
    for (let output = endpoint.poll(); output !== undefined; output = endpoint.poll()) {
      if (output.type === 'transmit') {
        this.#options.paths.sendRaw(output.to.key, output.to, output.data);
        continue;
      }
      const transport = this.#byKey.get(output.id);
      if (transport !== undefined) this.#handle(transport, output, now);
    }
  }

  /** The far side closed its TCP connection. */
  handleTcpClosed(ip: string, port: number, now: number): void {
    for (const transport of this.#byKey.values()) {
      for (const remote of transport.remotes.values()) {
        if (remote.protocol !== 'tcp' || remote.ip !== ip || remote.port !== port) continue;
        this.#options.endpoint.handleTcpClosed(remote.key, now);
        this.drain(now);
        return;
      }
    }
  }

  tuple(remote: Remote): TransportTuple {
    const { localAddress } = this.#options;
    return {
      localIP: localAddress.ip,
      localPort: localAddress.port,
      remoteIP: remote.ip,
      remotePort: remote.port,
      protocol: remote.protocol,
    };
  }

  #handle(
    transport: WebRtcTransport,
    output: Exclude<SecureOutput, { type: 'transmit' }>,
    now: number,
  ): void {
    const { forwarder, engine } = this.#options;
    const { roomId, forwarding } = transport;
    const transportId = transport.spec.id;
    switch (output.type) {
      case 'path-added':
        this.#addRemote(transport, output.remote);
        break;
      case 'path-removed':
        this.#removeRemote(transport, output.remote.key, now);
        break;
      case 'tuple':
        this.#addRemote(transport, output.remote);
        transport.selected = output.remote;
        if (Number.isNaN(transport.pathAt)) {
          transport.pathAt = now;
          observeLatency(forwarder.latencies.ice, now - transport.createdAt);
        }
        forwarding.selectedRemote = output.remote.key;
        forwarding.setPath(this.#options.paths.path(output.remote.key), now);
        forwarder.emit({ type: 'transport.tuple', roomId, transportId, tuple: this.tuple(output.remote) });
        break;
      case 'ice':
        transport.iceState = output.state;
        forwarder.emit({ type: 'transport.ice', roomId, transportId, state: output.state });
        break;
      case 'dtls':
        transport.dtlsState = output.state;
        this.#closeSession(transport);
        if (output.state === 'connected' && output.keys !== undefined) {
          transport.session = engine.openSession(output.keys);
          forwarding.connect(transport.session, now);
          if (Number.isNaN(transport.keyedAt)) {
            transport.keyedAt = now;
            observeLatency(forwarder.latencies.dtls, now - transport.pathAt);
          }
        } else {
          forwarding.unkey(now);
        }
        forwarder.emit({
          type: 'transport.dtls',
          roomId,
          transportId,
          state: output.state,
          ...(output.remoteCert === undefined ? {} : { remoteCert: output.remoteCert }),
          ...(output.reason === undefined ? {} : { reason: output.reason }),
        });
        break;
      case 'closed':
        this.#forget(transport, now);
        this.#options.onDead(roomId, transportId);
        forwarder.emit({ type: 'transport.closed', roomId, transportId, reason: output.reason });
        break;
    }
  }

  #addRemote(transport: WebRtcTransport, remote: Remote): void {
    if (transport.remotes.has(remote.key)) return;
    const { paths, forwarder } = this.#options;
    transport.remotes.set(remote.key, remote);
    paths.hold(remote.key, remote);
    forwarder.bindRemote(remote.key, transport.forwarding);
  }

  #removeRemote(transport: WebRtcTransport, key: number, now: number): void {
    if (!transport.remotes.delete(key)) return;
    const { paths, forwarder } = this.#options;
    if (transport.selected?.key === key) {
      transport.selected = undefined;
      transport.forwarding.setPath(-1, now);
    }
    // The address may be another transport's by now.
    if (forwarder.transportOf(key) === transport.forwarding) forwarder.unbindRemote(key);
    paths.release(key);
  }

  #forget(transport: WebRtcTransport, now: number): void {
    if (!this.#byKey.delete(transport.key)) return;
    for (const key of [...transport.remotes.keys()]) this.#removeRemote(transport, key, now);
    this.#options.forwarder.rooms.get(transport.roomId)?.removeTransport(transport.spec.id, now);
    this.#closeSession(transport);
  }

  #closeSession(transport: WebRtcTransport): void {
    if (transport.session < 0) return;
    this.#options.engine.closeSession(transport.session);
    transport.session = -1;
  }
}
