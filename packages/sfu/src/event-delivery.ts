import type { RoomEvent } from '@weir/room';
import { children, fire, markClosed } from './internal.ts';
import { Peer } from './peer.ts';
import { PlainTransport } from './plain-transport.ts';
import { type RoomMember, type RoomObjects, type Target, targetOf } from './room-objects.ts';
import { RtpReceiver } from './rtp-receiver.ts';
import { RtpSender } from './rtp-sender.ts';
import { Transport } from './transport.ts';

/**
 * Emits the events of decisions on the objects, in the order the pure room gave them. What is here is about
 * listeners: they may close anything at any time, and a closed object is silent.
 */
export class EventDelivery {
  readonly #objects: RoomObjects;
  /** Called right before an object's `close` is emitted. */
  readonly #onClose: (member: RoomMember) => void;
  readonly #errors = new WeakMap<RoomMember, Error>();
  /** Closes of senders whose receiver is in the cascade of somebody else (D-5). */
  readonly #deferred: RoomEvent[] = [];

  constructor(objects: RoomObjects, onClose: (member: RoomMember) => void) {
    this.#objects = objects;
    this.#onClose = onClose;
  }

  emit(events: readonly RoomEvent[]): void {
    const closingPeers = new Set(events.filter(isPeerClose).map(({ target }) => target.id));
    const isDeferred = ({ type, target, peerId }: RoomEvent) =>
      type === 'close' && target.kind === 'rtpsender' && !closingPeers.has(peerId!);
    // All of them before the first listener runs, which may close more.
    this.#deferred.push(...events.filter(isDeferred));
    for (const event of events) {
      if (isDeferred(event)) continue;
      const owner = event.peerId === null ? undefined : this.#objects.peers.get(event.peerId);
      if (owner !== undefined && !owner.closed && closingPeers.has(owner.id)) owner[markClosed]();
      this.#emitOne(event);
    }
  }

  /** When the outermost `close()` is through: senders that lost their receiver. */
  emitDeferred(): void {
    for (let event = this.#deferred.shift(); event !== undefined; event = this.#deferred.shift()) {
      this.#emitOne(event);
    }
  }

  /** What the `close` event of this object will carry. */
  setError(member: RoomMember, error: Error): void {
    this.#errors.set(member, error);
  }

  /**
   * The events of a closing, completed by objects that the pure room no longer knows, or not yet: when a
   * listener closes something inside a cascade that has already taken it, it must still be closed when its
   * own `close()` returns.
   */
  wholeCascade(member: RoomMember, decided: readonly RoomEvent[]): RoomEvent[] {
    const events = [...decided];
    const indexOf = (target: Target) =>
      events.findIndex(
        (event) =>
          event.type === 'close' && event.target.kind === target.kind && event.target.id === target.id,
      );
    const closingPeers =
      member instanceof Peer
        ? [member]
        : [...this.#objects.peers.values()].filter((peer) => indexOf(targetOf(peer)) >= 0);
    for (const peer of closingPeers) {
      const { transports, rtpReceivers, rtpSenders } = peer[children];
      const tree = [...transports, ...rtpReceivers, ...rtpSenders, peer].map(targetOf);
      // Backwards, so that each missing one can go right before the next of the tree.
      for (let i = tree.length - 1; i >= 0; i--) {
        const target = tree[i]!;
        if (indexOf(target) >= 0) continue;
        const next = tree[i + 1];
        const at = next === undefined ? events.length : indexOf(next);
        events.splice(at, 0, { type: 'close', target, peerId: peer.id });
      }
    }
    const own = targetOf(member);
    if (indexOf(own) < 0) events.push({ type: 'close', target: own, peerId: null });
    return events;
  }

  #emitOne(event: RoomEvent): void {
    if (event.type === 'close') this.#emitClose(event.target);
    else if (event.target.kind === 'room') this.#emitOnRoom(event);
    else if (event.target.kind === 'peer') this.#emitOnPeer(event);
    else if (event.target.kind === 'transport') this.#emitOnTransport(event);
    else if (event.target.kind === 'rtpreceiver') this.#emitOnReceiver(event);
    else this.#emitOnSender(event);
  }

  #emitOnRoom(event: RoomEvent): void {
    const { room, peers } = this.#objects;
    if (event.type !== 'newpeer' || room.closed) return;
    const peer = peers.get(event.peer.id);
    if (peer?.closed === false) room[fire]('newpeer', peer);
  }

  #emitOnPeer(event: RoomEvent): void {
    const { peers, transports, receivers, senders } = this.#objects;
    const peer = peers.get(event.target.id);
    if (peer?.closed !== false) return;
    if (event.type === 'capabilities') {
      peer[fire]('capabilities', event.capabilities);
    } else if (event.type === 'newtransport') {
      const transport = transports.get(event.transport.id);
      if (transport?.closed === false) peer[fire]('newtransport', transport);
    } else if (event.type === 'newrtpreceiver') {
      const receiver = receivers.get(event.receiver.id);
      if (receiver?.closed === false) peer[fire]('newrtpreceiver', receiver);
    } else if (event.type === 'newrtpsender') {
      const sender = senders.get(event.sender.id);
      if (sender?.closed === false) peer[fire]('newrtpsender', sender);
    }
  }

  #emitOnTransport(event: RoomEvent): void {
    const transport = this.#objects.transports.get(event.target.id);
    if (transport?.closed !== false) return;
    if (event.type === 'icestatechange') transport[fire]('icestatechange', event.state);
    else if (event.type === 'dtlsstatechange') transport[fire]('dtlsstatechange', event.state);
    else if (event.type === 'iceselectedtuplechange') {
      const name = transport instanceof PlainTransport ? 'tuple' : 'iceselectedtuplechange';
      transport[fire](name, event.tuple);
    }
  }

  #emitOnReceiver(event: RoomEvent): void {
    const receiver = this.#objects.receivers.get(event.target.id);
    if (receiver?.closed !== false) return;
    if (event.type === 'parameters') receiver[fire]('parameters', event.rtpParameters);
    else if (event.type === 'parameterschange') receiver[fire]('parameterschange', event.rtpParameters);
    else if (event.type === 'transport') {
      const transport = this.#objects.openTransport(event.transportId);
      if (transport !== undefined) receiver[fire]('transport', transport);
    }
  }

  #emitOnSender(event: RoomEvent): void {
    const sender = this.#objects.senders.get(event.target.id);
    if (sender?.closed !== false) return;
    switch (event.type) {
      case 'parameterschange':
        sender[fire]('parameterschange', event.rtpParameters, event.active ?? sender.active);
        return;
      case 'activechange':
        sender[fire]('activechange', event.active);
        return;
      case 'transport': {
        const transport = this.#objects.openTransport(event.transportId);
        if (transport !== undefined) sender[fire]('transport', transport);
        return;
      }
      case 'receiverpause':
      case 'receiverresume':
        sender[fire](event.type);
        return;
      case 'layerschange':
        sender[fire]('layerschange', event.layers ?? undefined);
    }
  }

  #emitClose(target: Target): void {
    const object = this.#objects.find(target);
    if (object === undefined) return;
    if (!object.closed) object[markClosed]();
    this.#objects.remove(target);
    this.#onClose(object);
    const error = this.#errors.get(object);
    if (object instanceof RtpSender) object[fire]('close');
    else if (object instanceof RtpReceiver) object[fire]('close', error);
    else if (object instanceof Transport) object[fire]('close', error);
    else if (object instanceof Peer) object[fire]('close', error);
    else object[fire]('close', error);
  }
}

function isPeerClose({ type, target }: RoomEvent): boolean {
  return type === 'close' && target.kind === 'peer';
}
