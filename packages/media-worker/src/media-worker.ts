import {
  createWorkList,
  type DatagramBatch,
  Forwarder,
  type PacketEngine,
  PacketKind,
  type RemoteAddress,
} from '@weir/forwarding';
import type {
  InspectAnswer,
  InspectRequest,
  MediaHappening,
  MediaUpdateAnswer,
  RoomMediaUpdate,
  TransportSpec,
} from '@weir/protocol';
import { createSecureEndpoint, type Remote, type SecureEndpoint } from '@weir/secure-transport';
import type { MediaOverview, MediaWorkerContract, MediaWorkerOptions } from './contract.ts';
import { HandshakeQueue } from './handshake-queue.ts';
import { inspectRoom } from './inspect.ts';
import { overviewOf } from './overview.ts';
import { PathBook } from './path-book.ts';
import { PlainTransports } from './plain-transports.ts';
import { WantedState } from './wanted-state.ts';
import { WebRtcTransports } from './webrtc-transports.ts';

/** Packets per work list; longer fan-outs go in several. */
const workListCapacity = 2048;

/** What is worked off per call: together about two milliseconds, which a packet may have to wait. */
const handshakesPerTurn = 2;
const strangersPerTurn = 24;
/** A flight of a handshake with large certificates, in fragments and sent twice, fits. */
const waitingHandshakes = 16;
const waitingStrangers = 1024;

/** Joins ICE, DTLS, SRTP and forwarding of one port into one machine. Throws if the certificate is unusable. */
export function createMediaWorker(options: MediaWorkerOptions): MediaWorkerContract {
  return new MediaWorker(options);
}

class MediaWorker implements MediaWorkerContract {
  readonly #engine: PacketEngine;
  readonly #endpoint: SecureEndpoint;
  readonly #forwarder: Forwarder;
  readonly #webrtc: WebRtcTransports;
  readonly #plain: PlainTransports;
  readonly #wanted = new WantedState();
  readonly #certificate: MediaWorkerOptions['certificate'];
  /** Transports that died by themselves, until they are no longer wanted. */
  readonly #dead = new Set<string>();
  /** DTLS of addresses that have passed ICE. */
  readonly #handshakes = new HandshakeQueue(waitingHandshakes);
  /** STUN of addresses that have not, or not yet. */
  readonly #strangers = new HandshakeQueue(waitingStrangers);
  /** When the rest of both is due: at once, but after what else has come. */
  #waitingSince = 0;
  readonly #taps = new Map<string, (packet: Uint8Array) => void>();
  #closed = false;

  constructor(options: MediaWorkerOptions) {
    const { engine, certificate, localAddress } = options;
    this.#engine = engine;
    this.#certificate = certificate;
    this.#endpoint = createSecureEndpoint({ certificate });
    this.#forwarder = new Forwarder({
      engine,
      workList: createWorkList(workListCapacity),
      random: options.random,
      wallClockOffsetMs: options.wallClockOffsetMs,
      replay: options.replay,
      paceFactor: options.paceFactor,
    });
    const paths = new PathBook(engine);
    this.#webrtc = new WebRtcTransports({
      engine,
      endpoint: this.#endpoint,
      forwarder: this.#forwarder,
      paths,
      localAddress,
      consentTimeoutMs: options.consentTimeoutMs,
      onDead: (roomId, transportId) => this.#dead.add(`${roomId}/${transportId}`),
    });
    this.#plain = new PlainTransports({ engine, forwarder: this.#forwarder, localAddress });
  }

  apply(update: RoomMediaUpdate, now: number): MediaUpdateAnswer {
    const { roomId } = update;
    const verdict = this.#closed ? 'mismatch' : this.#wanted.judge(update);
    if (verdict !== 'apply') {
      return { applied: verdict === 'ignore', version: this.#wanted.version(roomId) };
    }
    this.#forwarder.now = now;
    const { remove, put } = this.#wanted.take(update);
    const room = this.#forwarder.room(roomId);
    room.setMaxLoudestAudio(update.maxLoudestAudio ?? 0, now);
    for (const id of remove.senders) room.removeSender(id, now);
    for (const id of remove.receivers) {
      room.removeReceiver(id);
      this.#taps.delete(`${roomId}/${id}`);
    }
    for (const id of remove.transports) this.#removeTransport(roomId, id, now);
    for (const spec of put.transports) this.#putTransport(roomId, spec, now);
    for (const spec of put.receivers) {
      room.putReceiver(spec, now);
      const listener = this.#taps.get(`${roomId}/${spec.id}`);
      if (listener !== undefined) room.tap(spec.id, listener);
    }
    for (const spec of put.senders) room.putSender(spec, now);
    for (const id of update.keyFrames) room.requestKeyFrame(id);
    if (this.#wanted.get(roomId) === undefined) this.#forwarder.removeRoom(roomId, now);
    this.#webrtc.drain(now);
    return { applied: true, version: update.version };
  }

  rooms(): Record<string, number> {
    return this.#wanted.versions();
  }

  inspect(roomId: string, request: InspectRequest, now: number): InspectAnswer {
    return inspectRoom(request, now, {
      room: this.#forwarder.rooms.get(roomId),
      webrtc: (id) => this.#webrtc.get(roomId, id),
      plain: (id) => this.#plain.get(roomId, id),
      tuple: (remote) => this.#webrtc.tuple(remote),
      fingerprints: this.#certificate.fingerprints,
    });
  }

  overview(): MediaOverview {
    return overviewOf(this.#forwarder);
  }

  tap(roomId: string, receiverId: number, listener: ((packet: Uint8Array) => void) | undefined): void {
    const key = `${roomId}/${receiverId}`;
    if (listener === undefined) this.#taps.delete(key);
    else this.#taps.set(key, listener);
    this.#forwarder.rooms.get(roomId)?.tap(receiverId, listener);
  }

  handleBatch(batch: DatagramBatch, now: number): void {
    if (this.#closed) return;
    const forwarder = this.#forwarder;
    forwarder.prepare(batch);
    if (this.#plain.adopt(batch, now)) forwarder.prepare(batch);
    this.#engine.unprotect(batch);
    let handshakes = false;
    for (let i = 0; i < batch.count; i++) {
      const kind = batch.kind[i];
      if (kind === PacketKind.rtp) {
        // Only what the keys accepted may move a transport to another address.
        const transport = forwarder.acceptedBy(batch, i);
        if (transport === undefined || transport.plain) continue;
        if (transport.selectedRemote !== batch.remote[i]) this.#endpoint.noteRtp(batch.remote[i]!, now);
      } else if (kind === PacketKind.stun || kind === PacketKind.dtls) {
        handshakes = true;
      }
    }
    forwarder.process(batch, now);
    // Handshakes come last: they cost the most and can wait.
    if (handshakes) this.#handleHandshakes(batch, now);
    this.#workHandshakes(now);
    this.#webrtc.drain(now);
  }

  handleTcpClosed(remote: RemoteAddress, now: number): void {
    if (remote.protocol === 'tcp') this.#webrtc.handleTcpClosed(remote.ip, remote.port, now);
  }

  handleTimeout(now: number): void {
    if (this.#closed) return;
    this.#workHandshakes(now);
    this.#endpoint.handleTimeout(now);
    this.#webrtc.drain(now);
    this.#forwarder.handleTimeout(now);
  }

  nextTimeout(): { at: number; reason: string } | undefined {
    if (this.#closed) return undefined;
    const waiting = this.#handshakes.size + this.#strangers.size > 0;
    let first = waiting ? { at: this.#waitingSince, reason: 'handshakes' } : undefined;
    for (const next of [this.#endpoint.nextTimeout(), this.#forwarder.nextTimeout()]) {
      if (next !== undefined && (first === undefined || next.at < first.at)) first = next;
    }
    return first;
  }

  poll(): MediaHappening | undefined {
    return this.#forwarder.poll();
  }

  close(now: number): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const roomId of Object.keys(this.rooms())) {
      for (const id of this.#wanted.get(roomId)!.transports.keys()) this.#removeTransport(roomId, id, now);
      this.#forwarder.removeRoom(roomId, now);
    }
    this.#taps.clear();
    this.#engine.close();
  }

  #putTransport(roomId: string, spec: TransportSpec, now: number): void {
    if (this.#dead.has(`${roomId}/${spec.id}`)) return;
    if (spec.type === 'plain') {
      this.#plain.put(roomId, spec, now);
      return;
    }
    try {
      this.#webrtc.put(roomId, spec, now);
    } catch (error) {
      // The endpoint refuses credentials it can't use; the rest of the update is not to suffer.
      this.#removeTransport(roomId, spec.id, now);
      this.#dead.add(`${roomId}/${spec.id}`);
      const reason = error instanceof Error ? error.message : String(error);
      this.#forwarder.emit({ type: 'transport.closed', roomId, transportId: spec.id, reason });
    }
  }

  #removeTransport(roomId: string, id: number, now: number): void {
    this.#dead.delete(`${roomId}/${id}`);
    this.#webrtc.remove(roomId, id, now);
    this.#plain.remove(roomId, id, now);
  }

  /** Those we know are answered at once: their consent is not to suffer from the crowd at the door. */
  #handleHandshakes(batch: DatagramBatch, now: number): void {
    const { arena, slotCount, slotSize } = this.#engine;
    for (let i = 0; i < batch.count; i++) {
      const kind = batch.kind[i];
      if (kind !== PacketKind.stun && kind !== PacketKind.dtls) continue;
      const key = batch.remote[i]!;
      const transport = this.#endpoint.transportOf(key);
      if (kind === PacketKind.dtls && transport === undefined) continue;
      const offset = (batch.serial[i]! % slotCount) * slotSize;
      const data = arena.subarray(offset, offset + batch.length[i]!);
      const { ip, port, protocol } = batch.remoteOf(i);
      const remote = { key, ip, port, protocol };
      if (kind === PacketKind.dtls) this.#handshakes.push(transport, data, remote);
      else if (transport === undefined) this.#strangers.push(undefined, data, remote);
      else this.#handleDatagram(data, remote, now);
    }
  }

  #workHandshakes(now: number): void {
    for (let left = strangersPerTurn; left > 0; left--) {
      const next = this.#strangers.take();
      if (next === undefined) break;
      this.#handleDatagram(next.data, next.remote, now);
    }
    for (let left = handshakesPerTurn; left > 0; left--) {
      const next = this.#handshakes.take();
      if (next === undefined) break;
      // The address may be another transport's by now.
      if (this.#endpoint.transportOf(next.remote.key) !== next.transport) continue;
      this.#handleDatagram(next.data, next.remote, now);
    }
    this.#waitingSince = now;
  }

  #handleDatagram(data: Uint8Array, remote: Remote, now: number): void {
    this.#endpoint.handleDatagram(data, remote, now);
    // Outputs are worked off at once: an address must be held before the next flood of others.
    this.#webrtc.drain(now);
  }
}
