import {
  type DatagramBatch,
  type Forwarder,
  type ForwardingTransport,
  type PacketEngine,
  PacketKind,
} from '@weir/forwarding';
import type { PlainTransportSpec } from '@weir/protocol';
import { readU32, rtpPayloadType, rtpSsrc } from '@weir/rtp';

/** One transport without ICE and DTLS. */
export interface PlainTransport {
  readonly roomId: string;
  spec: PlainTransportSpec;
  readonly forwarding: ForwardingTransport;
  rtp: PlainRemote | undefined;
  /** Only when RTCP is not muxed. */
  rtcp: PlainRemote | undefined;
}

interface PlainRemote {
  readonly ip: string;
  readonly port: number;
  readonly path: number;
  /** As batches number it; NaN until the first packet from there. */
  key: number;
}

export interface PlainTransportsOptions {
  readonly engine: PacketEngine;
  readonly forwarder: Forwarder;
  readonly localAddress: { readonly ip: string; readonly port: number };
}

/**
 * Finds the transport of packets from addresses nobody knows yet: by the address that was told, or, with
 * comedia, by the SSRC or payload type that only one waiting transport takes. All share one port.
 */
export class PlainTransports {
  readonly #options: PlainTransportsOptions;
  readonly #byKey = new Map<string, PlainTransport>();
  /** Transports that still wait for a packet to learn an address or its number. */
  readonly #waiting = new Set<PlainTransport>();

  constructor(options: PlainTransportsOptions) {
    this.#options = options;
  }

  get(roomId: string, id: number): PlainTransport | undefined {
    return this.#byKey.get(`${roomId}/${id}`);
  }

  put(roomId: string, spec: PlainTransportSpec, now: number): void {
    const forwarding = this.#options.forwarder
      .room(roomId)
      .putTransport(
        { id: spec.id, peerId: spec.peerId, plain: true, maxIncomingBitrate: spec.maxIncomingBitrate },
        now,
      );
    const key = `${roomId}/${spec.id}`;
    let transport = this.#byKey.get(key);
    if (transport === undefined) {
      transport = { roomId, spec, forwarding, rtp: undefined, rtcp: undefined };
      this.#byKey.set(key, transport);
    }
    transport.spec = spec;
    const { remote } = spec;
    if (remote !== undefined && !spec.comedia) {
      this.#setRtp(transport, remote.ip, remote.port, Number.NaN, now);
      const rtcpPort = spec.rtcpMux ? undefined : (remote.rtcpPort ?? remote.port + 1);
      if (rtcpPort !== undefined) this.#setRtcp(transport, remote.ip, rtcpPort, Number.NaN);
    }
    this.#noteWaiting(transport);
  }

  remove(roomId: string, id: number, now: number): void {
    const transport = this.get(roomId, id);
    if (transport === undefined) return;
    this.#byKey.delete(`${roomId}/${id}`);
    this.#waiting.delete(transport);
    this.#options.forwarder.rooms.get(roomId)?.removeTransport(id, now);
    for (const remote of [transport.rtp, transport.rtcp]) {
      if (remote !== undefined) this.#options.engine.closePath(remote.path);
    }
  }

  /** True when a packet of the prepared batch told an address: then prepare again. */
  adopt(batch: DatagramBatch, now: number): boolean {
    if (this.#waiting.size === 0) return false;
    let adopted = false;
    for (let i = 0; i < batch.count; i++) {
      const kind = batch.kind[i]!;
      if (kind !== PacketKind.rtp && kind !== PacketKind.rtcp) continue;
      if (batch.length[i]! < 12 && kind === PacketKind.rtp) continue;
      if (batch.length[i]! < 8 || this.#options.forwarder.transportOf(batch.remote[i]!) !== undefined)
        continue;
      if (this.#adoptOne(batch, i, kind === PacketKind.rtcp, now)) adopted = true;
    }
    return adopted;
  }

  #adoptOne(batch: DatagramBatch, i: number, rtcp: boolean, now: number): boolean {
    const { ip, port, protocol } = batch.remoteOf(i);
    if (protocol !== 'udp') return false;
    const key = batch.remote[i]!;
    for (const transport of this.#waiting) {
      for (const remote of [transport.rtp, transport.rtcp]) {
        if (remote === undefined || !Number.isNaN(remote.key)) continue;
        if (remote.ip !== ip || remote.port !== port) continue;
        remote.key = key;
        this.#bind(transport, key, remote === transport.rtp);
        this.#noteWaiting(transport);
        return true;
      }
    }
    const { engine } = this.#options;
    const offset = (batch.serial[i]! % engine.slotCount) * engine.slotSize;
    for (const transport of this.#waiting) {
      const { spec, forwarding } = transport;
      if (!spec.comedia) continue;
      if (rtcp) {
        if (spec.rtcpMux || transport.rtcp !== undefined) continue;
        if (forwarding.listener.known(readU32(engine.arena, offset + 4)) === undefined) continue;
        this.#setRtcp(transport, ip, port, key);
      } else {
        if (transport.rtp !== undefined) continue;
        const ssrc = rtpSsrc(engine.arena, offset);
        if (!forwarding.listener.wouldTake(ssrc, rtpPayloadType(engine.arena, offset))) continue;
        this.#setRtp(transport, ip, port, key, now);
      }
      this.#bind(transport, key, !rtcp);
      this.#noteWaiting(transport);
      return true;
    }
    return false;
  }

  #bind(transport: PlainTransport, key: number, rtp: boolean): void {
    this.#options.forwarder.bindRemote(key, transport.forwarding);
    if (rtp) transport.forwarding.selectedRemote = key;
  }

  #setRtp(transport: PlainTransport, ip: string, port: number, key: number, now: number): void {
    if (transport.rtp?.ip === ip && transport.rtp.port === port) return;
    const { engine, forwarder, localAddress } = this.#options;
    const old = transport.rtp;
    transport.rtp = { ip, port, key, path: engine.openPath({ ip, port, protocol: 'udp' }) };
    if (old !== undefined) this.#drop(old);
    transport.forwarding.setPath(transport.rtp.path, now);
    forwarder.emit({
      type: 'transport.tuple',
      roomId: transport.roomId,
      transportId: transport.spec.id,
      tuple: {
        localIP: localAddress.ip,
        localPort: localAddress.port,
        remoteIP: ip,
        remotePort: port,
        protocol: 'udp',
      },
    });
  }

  #setRtcp(transport: PlainTransport, ip: string, port: number, key: number): void {
    if (transport.rtcp?.ip === ip && transport.rtcp.port === port) return;
    const old = transport.rtcp;
    const path = this.#options.engine.openPath({ ip, port, protocol: 'udp' });
    transport.rtcp = { ip, port, key, path };
    if (old !== undefined) this.#drop(old);
    transport.forwarding.rtcpPath = path;
  }

  #drop(remote: PlainRemote): void {
    if (!Number.isNaN(remote.key)) this.#options.forwarder.unbindRemote(remote.key);
    this.#options.engine.closePath(remote.path);
  }

  #noteWaiting(transport: PlainTransport): void {
    const { spec, rtp, rtcp } = transport;
    const unnumbered = (remote: PlainRemote | undefined) => remote !== undefined && Number.isNaN(remote.key);
    const waits =
      unnumbered(rtp) ||
      unnumbered(rtcp) ||
      (spec.comedia && (rtp === undefined || (!spec.rtcpMux && rtcp === undefined)));
    if (waits) this.#waiting.add(transport);
    else this.#waiting.delete(transport);
  }
}
