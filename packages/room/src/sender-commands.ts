import { HysteresisSpec, type LayersSpec } from '@weir/protocol';
import type { Draft } from './draft.ts';
import { typeError } from './errors.ts';
import { type Handlers, ownTransportOf, senderOf, transportOf } from './handlers.ts';
import { hasKeyFrames, isActive, unbound, withMuxId } from './sender-state.ts';
import type { SenderRecord, TransportRecord } from './state.ts';

type SenderCommand =
  | 'sender.setTransport'
  | 'sender.enable'
  | 'sender.disable'
  | 'sender.setPreferredLayers'
  | 'sender.setPriority'
  | 'sender.setHysteresis'
  | 'sender.requestKeyFrame';

export const senderHandlers: Pick<Handlers, SenderCommand> = {
  /** §8.2: `activechange` if it changes, then `transport`. A new binding has a new mid (D-37, D-41). */
  'sender.setTransport'(draft, { senderId, transportId, rebind, mid }) {
    const before = senderOf(draft, senderId);
    // Whoever says where it goes ends a move.
    const { next, ...rest } = before;
    const sender: SenderRecord = rest;
    if (next !== undefined) draft.put('sender', sender);
    if (transportId === null) {
      if (sender.transportId === null) return;
      draft.put('sender', unbound(sender));
      return tellActive(draft, sender);
    }
    const transport = ownTransportOf(
      draft,
      transportId,
      sender.peerId,
      'Transport does not exist: it belongs to another peer',
    );
    if (sender.transportId !== transportId || rebind || (mid !== undefined && mid !== sender.mid)) {
      const newMid =
        mid === undefined ? nextMid(draft, transport) : requireMid(draft, transport, sender, mid);
      draft.put('sender', {
        ...sender,
        transportId,
        mid: newMid,
        bindings: sender.bindings + 1,
        rtpParameters: withMuxId(sender.rtpParameters, newMid),
      });
      tellActive(draft, sender);
      wantKeyFrame(draft, senderId);
    }
    draft.emit({
      target: { kind: 'rtpsender', id: senderId },
      peerId: sender.peerId,
      type: 'transport',
      transportId,
    });
  },

  'sender.enable'(draft, { senderId, emit }) {
    setDisabled(draft, senderOf(draft, senderId), false, emit !== false);
  },

  'sender.disable'(draft, { senderId, emit }) {
    setDisabled(draft, senderOf(draft, senderId), true, emit !== false);
  },

  'sender.setPreferredLayers'(draft, { senderId, layers }) {
    const { preferredLayers: _, ...rest } = senderOf(draft, senderId);
    draft.put('sender', layers === null ? rest : { ...rest, preferredLayers: readLayers(layers) });
  },

  'sender.setPriority'(draft, { senderId, priority }) {
    const sender = senderOf(draft, senderId);
    if (!Number.isInteger(priority) || priority < 1 || priority > 255) {
      throw typeError('priority', 'must be an integer of 1…255');
    }
    draft.put('sender', { ...sender, priority });
  },

  'sender.setHysteresis'(draft, { senderId, hysteresis }) {
    const { hysteresis: _, ...rest } = senderOf(draft, senderId);
    draft.put('sender', hysteresis === null ? rest : { ...rest, hysteresis: readHysteresis(hysteresis) });
  },

  'sender.requestKeyFrame'(draft, { senderId }) {
    senderOf(draft, senderId);
    wantKeyFrame(draft, senderId);
  },
};

function setDisabled(draft: Draft, sender: SenderRecord, disabled: boolean, emit: boolean): void {
  if (sender.disabled === disabled) return;
  draft.put('sender', { ...sender, disabled });
  if (emit) tellActive(draft, sender);
  if (!disabled) wantKeyFrame(draft, sender.id);
}

/** `activechange` if the sender is not as active as it was. */
function tellActive(draft: Draft, before: SenderRecord): void {
  const active = isActive(senderOf(draft, before.id));
  if (active === isActive(before)) return;
  draft.emit({
    target: { kind: 'rtpsender', id: before.id },
    peerId: before.peerId,
    type: 'activechange',
    active,
  });
}

/** D-23; a sender that forwards nothing needs none. */
export function wantKeyFrame(draft: Draft, senderId: number): void {
  const sender = senderOf(draft, senderId);
  const receiver = draft.get('receiver', sender.receiverId)!;
  if (isActive(sender) && hasKeyFrames(receiver.kind)) draft.wantKeyFrame(senderId);
}

/** The transport's counter, past what its endpoint uses for its own media or chose for ours. */
export function nextMid(draft: Draft, transport: TransportRecord): string {
  const taken = midsOf(draft, transport.id);
  let counter = transport.nextMid;
  while (taken.has(String(counter))) counter++;
  draft.put('transport', { ...transport, nextMid: counter + 1 }, { quiet: true });
  return String(counter);
}

function requireMid(draft: Draft, transport: TransportRecord, sender: SenderRecord, mid: string): string {
  if (mid === '' || mid === 'probator' || mid === 'datachannel') {
    throw typeError('mid', `"${mid}" cannot be a mid; choose another`);
  }
  const others = midsOf(draft, transport.id);
  if (sender.transportId === transport.id && sender.mid !== undefined) others.delete(sender.mid);
  if (others.has(mid)) throw typeError('mid', `"${mid}" is in use on this transport; choose another`);
  return mid;
}

function midsOf(draft: Draft, transportId: number): Set<string> {
  const mids = new Set<string>();
  const { peerId } = transportOf(draft, transportId);
  for (const { rtpParameters, next, ...receiver } of draft.of('receiver', 'peerId', peerId)) {
    if (receiver.transportId === transportId && rtpParameters?.muxId !== undefined) {
      mids.add(rtpParameters.muxId);
    }
    if (next?.transportId === transportId && next.rtpParameters.muxId !== undefined) {
      mids.add(next.rtpParameters.muxId);
    }
  }
  for (const { mid, next, ...sender } of draft.of('sender', 'peerId', peerId)) {
    if (sender.transportId === transportId && mid !== undefined) mids.add(mid);
    if (next?.transportId === transportId) mids.add(next.mid);
  }
  return mids;
}

function readLayers({ spatialLayer, temporalLayer }: LayersSpec): LayersSpec {
  requireLayer('spatialLayer', spatialLayer);
  if (temporalLayer === undefined) return { spatialLayer };
  requireLayer('temporalLayer', temporalLayer);
  return { spatialLayer, temporalLayer };
}

function readHysteresis(hysteresis: HysteresisSpec): HysteresisSpec {
  const read = HysteresisSpec.safeParse(hysteresis);
  if (read.success) return read.data;
  const { path, message } = read.error.issues[0]!;
  throw typeError(['hysteresis', ...path].join('.'), message);
}

function requireLayer(name: string, value: unknown): void {
  if (!Number.isInteger(value) || (value as number) < 0) {
    throw typeError(`layers.${name}`, 'must be a non-negative integer');
  }
}
