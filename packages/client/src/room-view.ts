import type { LayersSpec, LogEvent, PeerInfo, SenderView, Snapshot } from '@weir/protocol';

/** What a step in the log means for somebody who looks at the room. */
export type ViewChange =
  | { type: 'peerjoined'; peer: PeerInfo }
  | { type: 'peerleft'; peer: PeerInfo; reason: string | undefined }
  | { type: 'senderadded'; sender: SenderView }
  | { type: 'senderremoved'; sender: SenderView }
  /** Its RTP parameters differ from those before. */
  | { type: 'senderparameters'; sender: SenderView }
  | { type: 'senderpaused' | 'senderresumed'; sender: SenderView }
  | { type: 'senderlayers'; sender: SenderView };

/**
 * The others and their media, as this peer's log tells it. Pure: events and snapshots in, changes out, in
 * the order in which they should be told. Whether a room is followed event by event or caught up with by a
 * snapshot, the view ends the same.
 */
export class RoomView {
  readonly selfId: string;
  readonly peers = new Map<string, PeerInfo>();
  readonly senders = new Map<string, SenderView>();

  constructor(selfId: string) {
    this.selfId = selfId;
  }

  apply(event: LogEvent): ViewChange[] {
    const { data, target } = event;
    switch (event.type) {
      case 'newpeer':
        return this.#addPeer(data as unknown as PeerInfo);
      case 'peerclose':
        return this.#removePeer((data as unknown as PeerInfo).id, text(data.reason));
      case 'newrtpsender':
        return this.#addSender(data as unknown as SenderView);
      case 'close':
        return target.kind === 'rtpsender' ? this.#removeSender(target.id) : [];
      case 'reset':
        return this.reset(data as unknown as Snapshot);
      default:
        return target.kind === 'rtpsender' ? this.#changeSender(target.id, event) : [];
    }
  }

  /** Makes the view equal to `snapshot`; the answer is the difference. */
  reset(snapshot: Snapshot): ViewChange[] {
    const changes: ViewChange[] = [];
    const senders = new Map(snapshot.senders.map((sender) => [sender.id as string, sender]));
    const peers = new Set(snapshot.peers.map((peer) => peer.id as string));
    for (const id of [...this.senders.keys()]) if (!senders.has(id)) changes.push(...this.#removeSender(id));
    for (const id of [...this.peers.keys()]) if (!peers.has(id)) changes.push(...this.#removePeer(id));
    for (const peer of snapshot.peers) changes.push(...this.#addPeer(peer));
    for (const sender of senders.values()) {
      const known = this.senders.get(sender.id);
      if (known) changes.push(...this.#replaceSender(known, sender));
      else changes.push(...this.#addSender(sender));
    }
    return changes;
  }

  #addPeer(peer: PeerInfo): ViewChange[] {
    if (peer.id === this.selfId) return [];
    const known = this.peers.has(peer.id);
    this.peers.set(peer.id, peer);
    return known ? [] : [{ type: 'peerjoined', peer }];
  }

  #removePeer(id: string, reason?: string): ViewChange[] {
    const peer = this.peers.get(id);
    if (!peer) return [];
    const changes: ViewChange[] = [];
    // Its senders' own `close` comes after this (D-5); whoever looks at the room needs not wait for it.
    for (const sender of [...this.senders.values()]) {
      if (sender.sourcePeerId === id) changes.push(...this.#removeSender(sender.id));
    }
    this.peers.delete(id);
    changes.push({ type: 'peerleft', peer, reason });
    return changes;
  }

  #addSender(sender: SenderView): ViewChange[] {
    const known = this.senders.get(sender.id);
    if (known) return this.#replaceSender(known, sender);
    const changes: ViewChange[] = [];
    if (!this.peers.has(sender.sourcePeerId)) {
      changes.push(
        ...this.#addPeer({ id: sender.sourcePeerId, name: sender.sourcePeerName, appData: {} } as PeerInfo),
      );
    }
    this.senders.set(sender.id, sender);
    changes.push({ type: 'senderadded', sender });
    return changes;
  }

  #removeSender(id: string): ViewChange[] {
    const sender = this.senders.get(id);
    if (!sender) return [];
    this.senders.delete(id);
    return [{ type: 'senderremoved', sender }];
  }

  #replaceSender(known: SenderView, next: SenderView): ViewChange[] {
    this.senders.set(next.id, next);
    const changes: ViewChange[] = [];
    if (!sameParameters(known.rtpParameters, next.rtpParameters)) {
      changes.push({ type: 'senderparameters', sender: next });
    }
    if (known.receiverPaused !== next.receiverPaused) {
      changes.push({ type: next.receiverPaused ? 'senderpaused' : 'senderresumed', sender: next });
    }
    if (!sameLayers(known.currentLayers, next.currentLayers)) {
      changes.push({ type: 'senderlayers', sender: next });
    }
    return changes;
  }

  #changeSender(id: string, event: LogEvent): ViewChange[] {
    const known = this.senders.get(id);
    if (!known) return [];
    const { data } = event;
    switch (event.type) {
      case 'receiverpause':
        return this.#replaceSender(known, { ...known, receiverPaused: true });
      case 'receiverresume':
        return this.#replaceSender(known, { ...known, receiverPaused: false });
      case 'activechange':
        return this.#replaceSender(known, { ...known, active: data.active === true });
      case 'transport':
        return this.#replaceSender(known, {
          ...known,
          transportId: (data.transportId ?? null) as SenderView['transportId'],
        });
      case 'parameterschange':
        return this.#replaceSender(known, {
          ...known,
          rtpParameters: data.rtpParameters as SenderView['rtpParameters'],
          ...(typeof data.active === 'boolean' && { active: data.active }),
        });
      case 'layerschange': {
        const { currentLayers: _, ...rest } = known;
        const layers = data.layers as LayersSpec | null | undefined;
        return this.#replaceSender(known, layers ? { ...rest, currentLayers: layers } : rest);
      }
      default:
        return [];
    }
  }
}

/**
 * Whether a consumer made with `a` also serves `b`: mid and msid are left out, since each binding gets a
 * fresh mid (D-41) and neither is looked at after negotiation (object-model.md §15.3, parameter changes).
 */
export function sameParameters(a: SenderView['rtpParameters'], b: SenderView['rtpParameters']): boolean {
  return essence(a) === essence(b);
}

function essence(parameters: SenderView['rtpParameters']): string {
  const { codecs, headerExtensions = [], encodings = [] } = parameters;
  return canonical([codecs, headerExtensions, encodings[0]?.ssrc, encodings[0]?.rtx?.ssrc]);
}

/** JSON with sorted keys, so that two databases' orders of fields mean the same. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}

function sameLayers(a: LayersSpec | undefined, b: LayersSpec | undefined): boolean {
  return a?.spatialLayer === b?.spatialLayer && a?.temporalLayer === b?.temporalLayer;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
