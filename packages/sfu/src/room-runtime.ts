import { createIceCredentials, iceCandidates, type MediaKind } from '@weir/ortc';
import type { InspectAnswer, InspectRequest, MediaHappening } from '@weir/protocol';
import {
  type CreateTransportOptions,
  createRoomState,
  type Decision,
  decide,
  evolve,
  fullMediaState,
  isEmptyUpdate,
  type RoomChange,
  type RoomCommand,
  type RoomEnvironment,
  type RoomEvent,
  type RoomState,
  toMediaUpdate,
} from '@weir/room';
import { CommandQueue } from './command-queue.ts';
import { InvalidStateError, publicError } from './errors.ts';
import { EventDelivery } from './event-delivery.ts';
import { reportCommand } from './happenings.ts';
import { children, fire, markClosed, measured, putRecord, wanted } from './internal.ts';
import type { Log } from './log.ts';
import { PacketTaps } from './packet-taps.ts';
import { Peer } from './peer.ts';
import { PlainTransport, type PlainTransportOptions } from './plain-transport.ts';
import { isIdTaken, newProcessId, releaseId, takeId } from './process-ids.ts';
import { random32 } from './random.ts';
import type { Room } from './room.ts';
import { readAppData } from './room-object.ts';
import { type RoomMember, RoomObjects } from './room-objects.ts';
import { RtpReceiver } from './rtp-receiver.ts';
import { RtpSender } from './rtp-sender.ts';
import { isObject } from './settings.ts';
import { type DtlsLocalParameters, Transport, type TransportOptions } from './transport.ts';
import type { AppData } from './types.ts';
import type { Worker } from './worker.ts';

type CloseCommand = Extract<
  RoomCommand,
  { type: 'room.close' | 'peer.close' | 'transport.close' | 'transport.died' | 'receiver.close' }
>;

/**
 * Runs one room: gives its commands to the pure room one after the other, the resulting media orders to the
 * worker, and the resulting events to the objects.
 */
export class RoomRuntime {
  readonly id = newProcessId();
  readonly log: Log;
  readonly taps: PacketTaps;
  readonly state: RoomState;
  readonly objects: RoomObjects;
  /** Open observers. */
  readonly observers = new Set<{ close(): void }>();
  /** Hears of new receivers, before the application. */
  onReceiver: ((receiver: RtpReceiver) => void) | undefined;

  readonly #worker: Worker;
  readonly #delivery: EventDelivery;
  readonly #queue = new CommandQueue();
  readonly #environment: RoomEnvironment = { random: random32, idTaken: isIdTaken };
  readonly #happenings: MediaHappening[] = [];
  #mediaVersion = 0;
  #turnDepth = 0;
  #closeDepth = 0;

  /** @throws Error on wrong media codecs, TypeError on a wrong number of voices. */
  constructor(room: Room, worker: Worker, log: Log, mediaCodecs: unknown, maxLoudestAudio: unknown) {
    this.#worker = worker;
    this.log = log;
    this.objects = new RoomObjects(room);
    this.#delivery = new EventDelivery(this.objects, (member) => {
      releaseId(member.id);
      if (member instanceof RtpReceiver) this.taps.close(member);
    });
    try {
      this.state = createRoomState({
        id: String(this.id),
        mediaCodecs,
        maxLoudestAudio,
        onSkipped: (name) => log.warn(`the room can't carry ${name}`),
      });
    } catch (error) {
      releaseId(this.id);
      throw publicError(error);
    }
    this.taps = new PacketTaps(worker, this.state.id);
  }

  // ---- commands

  /**
   * Runs `work` when its turn has come, and settles the promise after the events it caused. Rejects with
   * InvalidStateError if the object is closed by then.
   */
  call<T>(member: RoomMember, work: () => T | Promise<T>): Promise<T> {
    const whileOpen = <V>(value: V): V => {
      if (member.closed) throw new InvalidStateError(`the ${member.constructor.name} is closed`);
      return value;
    };
    try {
      whileOpen(undefined);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#queue.push(() => {
      whileOpen(undefined);
      const result = work();
      return result instanceof Promise ? result.then(whileOpen) : whileOpen(result);
    });
  }

  /** Decides a command, carries it out and emits its events. Throws the refusal; then nothing has changed. */
  execute(command: RoomCommand): void {
    this.#turn(() => this.#delivery.emit(this.#commit(command)));
  }

  joinPeer(name: string, appData: AppData): Peer {
    const peerId = newProcessId();
    const events = this.#commitNew(peerId, { type: 'peer.join', peerId, name, appData });
    const peer = new Peer(this, this.state.peers.get(peerId)!);
    this.objects.peers.set(peerId, peer);
    void this.#queue.push(() => this.#turn(() => this.#delivery.emit(events)));
    return peer;
  }

  createTransport(peer: Peer, options: TransportOptions | undefined): Transport {
    const given: TransportOptions = isObject(options) ? options : {};
    const candidates = iceCandidates(this.#worker.addresses, given);
    if (candidates.length === 0) throw new Error('could not open any IP:port');
    return this.#addTransport(
      peer,
      {
        type: 'webrtc',
        udp: given.udp !== false,
        tcp: given.tcp !== false,
        ...(given.initialAvailableOutgoingBitrate !== undefined && {
          initialOutgoingBitrate: readBitrate(given.initialAvailableOutgoingBitrate),
        }),
        appData: readAppData(given.appData),
      },
      (id) => new Transport(this, this.state.transports.get(id)!, peer, candidates),
    );
  }

  createPlainTransport(peer: Peer, options: PlainTransportOptions | undefined): PlainTransport {
    const given: PlainTransportOptions = isObject(options) ? options : {};
    this.plainAddress();
    return this.#addTransport(
      peer,
      {
        type: 'plain',
        udp: true,
        tcp: false,
        plain: { rtcpMux: given.rtcpMux !== false, comedia: given.comedia === true },
        appData: readAppData(given.appData),
      },
      (id) => new PlainTransport(this, this.state.transports.get(id)!, peer, []),
    );
  }

  createReceiver(
    peer: Peer,
    kind: MediaKind,
    transport: Transport,
    options: { paused: boolean; keyFrameRequestDelayMs: number; alwaysForward: boolean; appData: AppData },
  ): RtpReceiver {
    const receiverId = newProcessId();
    const create = (): RoomCommand => ({
      type: 'receiver.create',
      peerId: peer.id,
      receiverId,
      kind,
      transportId: transport.closed ? null : transport.id,
      ...options,
    });
    // The room can take it at once, unless the capabilities it needs are still queued, or an older one is.
    const waits =
      peer.capabilities === undefined || peer.rtpReceivers.some(({ id }) => !this.state.receivers.has(id));
    const events = waits ? undefined : this.#commitNew(receiverId, create());
    const record = this.state.receivers.get(receiverId) ?? {
      id: receiverId,
      peerId: peer.id,
      kind,
      transportId: transport.id,
      payloadTypes: {},
      extensionIds: {},
      type: 'simple',
      ...options,
    };
    const receiver = new RtpReceiver(this, record, peer);
    this.objects.receivers.set(receiverId, receiver);
    peer[children].rtpReceivers.add(receiver);
    this.onReceiver?.(receiver);
    void this.#queue.push(() => {
      if (receiver.closed) return;
      try {
        this.#turn(() => this.#delivery.emit(events ?? this.#commit(create())));
      } catch (error) {
        this.close(receiver, { type: 'receiver.close', receiverId }, error as Error);
      }
    });
    return receiver;
  }

  /** Closes now, whatever is queued; events of the cascade included (§1.6). */
  close(member: Exclude<RoomMember, RtpSender>, command: CloseCommand, error?: Error): void {
    if (member.closed) return;
    this.#turn(() => {
      this.#closeDepth++;
      try {
        member[markClosed]();
        if (error !== undefined) this.#delivery.setError(member, error);
        const decided = this.#isKnown(member) ? this.#commit(command) : [];
        this.#delivery.emit(this.#delivery.wholeCascade(member, decided));
        if (this.#closeDepth === 1) this.#delivery.emitDeferred();
      } finally {
        this.#closeDepth--;
      }
    });
  }

  // ---- questions

  /** Of the worker's certificate, by algorithm. */
  fingerprints(): DtlsLocalParameters['fingerprints'] {
    return Object.fromEntries(
      this.#worker.fingerprints.map(({ algorithm, value }) => [algorithm, value]),
    ) as DtlsLocalParameters['fingerprints'];
  }

  /** Where plain transports receive. @throws Error if the worker has no UDP address. */
  plainAddress(): { ip: string; port: number } {
    const address = this.#worker.addresses.find(({ protocol }) => protocol === 'udp');
    if (address === undefined) throw new Error('could not open any IP:port');
    return address;
  }

  inspect(what: InspectRequest['what'], ids: Partial<Omit<InspectRequest, 'what'>>): Promise<InspectAnswer> {
    return this.#worker.inspect(this.state.id, { transports: [], receivers: [], senders: [], ...ids, what });
  }

  // ---- the media side

  /** Something happened at the worker. Listeners hear of it after what they are just hearing. */
  handleHappening(happening: MediaHappening): void {
    this.#happenings.push(happening);
    if (this.#turnDepth === 0) this.#turn(() => undefined);
  }

  #handle(happening: MediaHappening): void {
    const { transports, receivers, senders } = this.objects;
    switch (happening.type) {
      case 'transport.tuple':
      case 'transport.ice':
      case 'transport.dtls':
        if (transports.get(happening.transportId)?.closed === false) this.execute(reportCommand(happening));
        return;
      case 'transport.closed': {
        const { transportId, reason } = happening;
        const transport = transports.get(transportId);
        this.log.debug('ice', 'transport died', { transportId, reason });
        if (transport !== undefined) this.close(transport, { type: 'transport.died', transportId, reason });
        return;
      }
      case 'sender.layers':
        if (senders.get(happening.senderId)?.closed === false) this.execute(reportCommand(happening));
        return;
      case 'sender.score': {
        const sender = senders.get(happening.senderId);
        if (sender?.closed === false) sender[measured](happening.score, happening.receiverScore);
        return;
      }
      case 'receiver.score': {
        const receiver = receivers.get(happening.receiverId);
        if (receiver?.closed === false) receiver[measured](happening.scores);
        return;
      }
      case 'receiver.wantedlayers': {
        const receiver = receivers.get(happening.receiverId);
        if (receiver?.closed === false) receiver[wanted](happening.spatialLayers);
        return;
      }
      case 'receiver.videoorientation': {
        const receiver = receivers.get(happening.receiverId);
        const { camera, flip, rotation } = happening;
        if (receiver?.closed === false) receiver[fire]('videoorientationchange', { camera, flip, rotation });
        return;
      }
      case 'audio.levels':
      case 'audio.speaker':
        // Taken from the packets themselves, see AudioLevels and RtpObserver: their window starts with the listener.
        return;
    }
  }

  // ---- carrying out

  /** Decides and stores; the objects show the new state and the media side has its orders. No event yet. */
  #commit(command: RoomCommand): readonly RoomEvent[] {
    let decision: Decision;
    try {
      decision = decide(this.state, command, this.#environment);
    } catch (error) {
      throw publicError(error);
    }
    evolve(this.state, decision.changes);
    for (const change of decision.changes) this.#mirror(change);
    this.#tellMedia(decision);
    return decision.events;
  }

  /** Orders are numbered apart from the room's state: asking a key frame changes no state and is one, too. */
  #tellMedia(decision: Decision): void {
    const base = this.#mediaVersion;
    const update = toMediaUpdate(this.state, decision, { base, version: base + 1 });
    if (isEmptyUpdate(update, decision.changes)) return;
    const version = ++this.#mediaVersion;
    this.#worker.apply(update, () => fullMediaState(this.state, { version }));
  }

  /** A command that makes an object with an id drawn for it. */
  #commitNew(id: number, command: RoomCommand): readonly RoomEvent[] {
    try {
      return this.#commit(command);
    } catch (error) {
      releaseId(id);
      throw error;
    }
  }

  #mirror(change: RoomChange): void {
    if (!('put' in change)) return;
    const { peers, transports, receivers, senders } = this.objects;
    switch (change.put) {
      case 'peer':
        peers.get(change.record.id)?.[putRecord](change.record);
        return;
      case 'transport':
        transports.get(change.record.id)?.[putRecord](change.record);
        return;
      case 'receiver':
        receivers.get(change.record.id)?.[putRecord](change.record);
        return;
      case 'sender': {
        const { record } = change;
        const known = senders.get(record.id);
        if (known !== undefined) {
          known[putRecord](record);
          return;
        }
        takeId(record.id);
        const peer = peers.get(record.peerId)!;
        const sender = new RtpSender(this, record, peer, receivers.get(record.receiverId)!);
        senders.set(record.id, sender);
        peer[children].rtpSenders.add(sender);
      }
    }
  }

  #addTransport<T extends Transport>(
    peer: Peer,
    options: Omit<CreateTransportOptions, 'podId' | 'ice'>,
    make: (id: number) => T,
  ): T {
    const transportId = newProcessId();
    return this.#turn(() => {
      const events = this.#commitNew(transportId, {
        type: 'transport.create',
        peerId: peer.id,
        transportId,
        options: { ...options, podId: '', ice: createIceCredentials(random32) },
      });
      const transport = make(transportId);
      this.objects.transports.set(transportId, transport);
      peer[children].transports.add(transport);
      this.#delivery.emit(events);
      return transport;
    });
  }

  /** What happens at the media side meanwhile is heard when the outermost turn is over. */
  #turn<T>(work: () => T): T {
    this.#turnDepth++;
    try {
      return work();
    } finally {
      if (this.#turnDepth === 1) {
        for (let next = this.#happenings.shift(); next !== undefined; next = this.#happenings.shift()) {
          this.#handle(next);
        }
      }
      this.#turnDepth--;
    }
  }

  #isKnown(member: RoomMember): boolean {
    const { peers, transports, receivers, closed } = this.state;
    if (member instanceof Peer) return peers.has(member.id);
    if (member instanceof Transport) return transports.has(member.id);
    if (member instanceof RtpReceiver) return receivers.has(member.id);
    return !closed;
  }
}

function readBitrate(value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 0) {
    throw new TypeError('initialAvailableOutgoingBitrate must be a non-negative integer of bits per second');
  }
  return value as number;
}
