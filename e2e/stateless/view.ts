import type { LogEvent, PeerInfo, ReceiverView, SenderView, Snapshot, TransportView } from '@weir/protocol';

/** What a client knows of a room by its snapshot and the events after it, nothing else. */
export class View {
  readonly #peers = new Map<string, PeerInfo>();
  readonly #transports = new Map<string, Partial<TransportView>>();
  readonly #receivers = new Map<string, Partial<ReceiverView>>();
  readonly #senders = new Map<string, Partial<SenderView>>();

  constructor(snapshot: Snapshot) {
    for (const peer of snapshot.peers) this.#peers.set(peer.id, peer);
    for (const transport of snapshot.transports) this.#transports.set(transport.id, transport);
    for (const receiver of snapshot.receivers) this.#receivers.set(receiver.id, receiver);
    for (const sender of snapshot.senders) this.#senders.set(sender.id, sender);
  }

  /** @throws Error if the event makes no sense after those before it */
  apply({ type, target, data }: LogEvent): void {
    switch (type) {
      case 'newpeer':
        put(this.#peers, data as unknown as PeerInfo);
        return;
      case 'peerclose':
        remove(this.#peers, String(data.id));
        return;
      case 'newtransport':
        put(this.#transports, { iceState: 'new', dtlsState: 'new', ...data } as Partial<TransportView>);
        return;
      case 'newrtpreceiver':
        put(this.#receivers, data as Partial<ReceiverView>);
        return;
      case 'newrtpsender':
        put(this.#senders, data as Partial<SenderView>);
        return;
      case 'icestatechange':
        change(this.#transports, target.id, { iceState: data.state as TransportView['iceState'] });
        return;
      case 'dtlsstatechange':
        change(this.#transports, target.id, { dtlsState: data.state as TransportView['dtlsState'] });
        return;
      case 'iceselectedtuplechange':
        change(this.#transports, target.id, {
          iceSelectedTuple: data as TransportView['iceSelectedTuple'] & object,
        });
        return;
      case 'transport':
        if (target.kind === 'rtpsender') change(this.#senders, target.id, data as Partial<SenderView>);
        else change(this.#receivers, target.id, data as Partial<ReceiverView>);
        return;
      case 'activechange':
        change(this.#senders, target.id, { active: data.active as boolean });
        return;
      case 'parameters':
        change(this.#receivers, target.id, data as Partial<ReceiverView>);
        return;
      case 'parameterschange':
        change(this.#senders, target.id, data as Partial<SenderView>);
        return;
      case 'receiverpause':
      case 'receiverresume':
        change(this.#senders, target.id, { receiverPaused: type === 'receiverpause' });
        return;
      case 'close':
        if (target.kind === 'transport') remove(this.#transports, target.id);
        else if (target.kind === 'rtpreceiver') remove(this.#receivers, target.id);
        else if (target.kind === 'rtpsender') remove(this.#senders, target.id);
        return;
      default:
    }
  }

  /** What events tell of, in an order that does not depend on how it came to be. */
  get known(): object {
    return essence({
      peers: [...this.#peers.values()],
      transports: [...this.#transports.values()],
      receivers: [...this.#receivers.values()],
      senders: [...this.#senders.values()],
    });
  }
}

interface Parts {
  readonly peers: readonly PeerInfo[];
  readonly transports: readonly Partial<TransportView>[];
  readonly receivers: readonly Partial<ReceiverView>[];
  readonly senders: readonly Partial<SenderView>[];
}

/** Of a snapshot what events tell of: own orders, such as `enabled`, come without one. */
export function essence({ peers, transports, receivers, senders }: Parts): object {
  return {
    peers: sorted(peers.map(({ id, name }) => ({ id, name }))),
    transports: sorted(
      transports.map(({ id, iceState, dtlsState, iceSelectedTuple }) => ({
        id,
        iceState,
        dtlsState,
        iceSelectedTuple,
      })),
    ),
    receivers: sorted(
      receivers.map(({ id, kind, transportId, rtpParameters }) => ({ id, kind, transportId, rtpParameters })),
    ),
    senders: sorted(
      senders.map((sender) => {
        const { id, receiverId, sourcePeerId, kind, transportId, active, receiverPaused } = sender;
        // The mid is made by binding, which is an order too.
        const rtpParameters = { ...sender.rtpParameters, mid: undefined };
        return { id, receiverId, sourcePeerId, kind, transportId, active, receiverPaused, rtpParameters };
      }),
    ),
  };
}

function sorted<T extends { readonly id?: string | undefined }>(list: readonly T[]): T[] {
  return list.toSorted((a, b) => Number(a.id) - Number(b.id));
}

function put<T extends { readonly id?: string }>(map: Map<string, T>, value: T): void {
  const { id } = value;
  if (id === undefined) throw new Error('an object without id');
  if (map.has(id)) throw new Error(`${id} came twice`);
  map.set(id, value);
}

function remove(map: Map<string, unknown>, id: string): void {
  if (!map.delete(id)) throw new Error(`${id} went, but was not there`);
}

function change<T extends object>(map: Map<string, T>, id: string, values: Partial<T>): void {
  const before = map.get(id);
  if (before === undefined) throw new Error(`${id} changed, but is not there`);
  map.set(id, { ...before, ...values });
}
