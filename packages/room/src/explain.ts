import { parseScalabilityMode } from '@weir/ortc';
import {
  hysteresisOf,
  type LayersSpec,
  type MediaExplanation,
  type SenderExplanation,
  type SenderId,
  type SenderLimit,
  type SourceLayer,
} from '@weir/protocol';
import type { ReceiverRecord, RoomState, SenderRecord } from './state.ts';

type Limit = SenderExplanation['limit'];

interface AllLayers {
  readonly spatialLayer: number;
  readonly temporalLayer: number;
}

/**
 * Why a sender forwards what it forwards: what the room wants, what the media side knows, and the one limit that
 * decides. `media` is undefined where no worker could be asked. Throws RangeError if there is no such sender.
 */
export function explainSender(
  state: RoomState,
  senderId: number,
  media: MediaExplanation | undefined,
): SenderExplanation {
  const sender = state.senders.get(senderId);
  const receiver = sender === undefined ? undefined : state.receivers.get(sender.receiverId);
  if (sender === undefined || receiver === undefined) throw new RangeError(`there is no sender ${senderId}`);
  const limit = limitOf(state, sender, receiver, media);
  return {
    senderId: String(sender.id) as SenderId,
    kind: receiver.kind,
    limit,
    forwarding: media !== undefined && flows(receiver, limit.code, media),
    ...(sender.preferredLayers === undefined ? {} : { preferredLayers: sender.preferredLayers }),
    wantedLayers: receiver.kind === 'audio' ? null : wantedLayers(receiver, sender.preferredLayers),
    allocatedLayers: media?.allocated ?? null,
    currentLayers: media?.current ?? null,
    allocatedBps: media?.allocatedBps ?? 0,
    candidates: media?.candidates ?? [],
    source: media === undefined ? [] : announcedSource(receiver, media),
    priority: sender.priority,
    hysteresis: hysteresisOf(sender.hysteresis),
    ...(media === undefined ? {} : { transport: media.transport }),
  };
}

/** Highest layers that the publisher announced, both counted from 0. */
export function announcedLayers(receiver: ReceiverRecord): AllLayers {
  const encodings = receiver.rtpParameters?.encodings ?? [];
  const modes = encodings.map(({ scalabilityMode }) => parseScalabilityMode(scalabilityMode));
  const temporal = Math.max(1, ...modes.map(({ temporalLayers }) => temporalLayers));
  const spatial = encodings.length > 1 ? encodings.length : (modes[0]?.spatialLayers ?? 1);
  return { spatialLayer: spatial - 1, temporalLayer: temporal - 1 };
}

/** With the layers that were announced but never came. */
function announcedSource(receiver: ReceiverRecord, media: MediaExplanation): SourceLayer[] {
  if (receiver.kind === 'audio') return media.source;
  const missing = announcedLayers(receiver).spatialLayer + 1 - media.source.length;
  return [
    ...media.source,
    ...Array.from({ length: Math.max(0, missing) }, (_, i) => ({
      spatialLayer: media.source.length + i,
      live: false,
      bitrateBps: 0,
    })),
  ];
}

function wantedLayers(receiver: ReceiverRecord, preferred: LayersSpec | undefined): LayersSpec {
  const best = announcedLayers(receiver);
  if (preferred === undefined) return best;
  const spatialLayer = Math.min(best.spatialLayer, preferred.spatialLayer);
  const temporalLayer =
    spatialLayer < preferred.spatialLayer || preferred.temporalLayer === undefined
      ? best.temporalLayer
      : Math.min(best.temporalLayer, preferred.temporalLayer);
  return { spatialLayer, temporalLayer };
}

/** States in which nothing goes out whatever the bitrate. */
const still: ReadonlySet<SenderLimit> = new Set([
  'unsupported',
  'unbound',
  'disabled',
  'receiver-paused',
  'receiver-unbound',
  'pod-silent',
  'not-connected',
  'source-silent',
  'not-loudest',
]);

function flows(receiver: ReceiverRecord, code: SenderLimit, media: MediaExplanation): boolean {
  if (still.has(code)) return false;
  return receiver.kind === 'audio' || media.current !== null;
}

function limitOf(
  state: RoomState,
  sender: SenderRecord,
  receiver: ReceiverRecord,
  media: MediaExplanation | undefined,
): Limit {
  const told = (code: SenderLimit, sentence: string): Limit => ({ code, sentence });
  if (receiver.rtpParameters === undefined) {
    return told('receiver-unbound', 'The publisher has not said yet what it sends.');
  }
  if (!sender.available) return told('unsupported', 'The viewer has no codec for it.');
  if (sender.transportId === null) {
    return told('unbound', 'It is bound to no transport: PATCH the sender with a transportId.');
  }
  if (sender.disabled) return told('disabled', 'The viewer has paused it.');
  if (receiver.paused) return told('receiver-paused', 'The receiver is paused by its publisher.');
  if (receiver.transportId === null) {
    return told('receiver-unbound', 'The publisher has no transport at present.');
  }
  if (media === undefined) {
    return told('pod-silent', 'The media pod does not answer, or has not heard of it yet.');
  }
  if (!media.connected) {
    const transport = state.transports.get(sender.transportId);
    const states =
      transport?.type === 'webrtc' ? ` (ICE: ${transport.iceState}, DTLS: ${transport.dtlsState})` : '';
    return told('not-connected', `The viewer’s transport is not connected${states}.`);
  }
  if (!media.source.some(({ live }) => live)) {
    return told('source-silent', 'The publisher sends no packets at present.');
  }
  if (media.heldBack) {
    return told(
      'not-loudest',
      'Only the loudest of the room are forwarded, and the publisher is not among them.',
    );
  }
  if (receiver.kind === 'audio') return told('none', 'Sound is forwarded as it comes.');
  return layerLimit(sender, receiver, media);
}

function layerLimit(sender: SenderRecord, receiver: ReceiverRecord, media: MediaExplanation): Limit {
  if (media.awaitsKeyFrame) {
    const { keyFrameWantedForMs: forMs } = media;
    const since = forMs === undefined ? '' : ` since ${(forMs / 1000).toFixed(1)} s`;
    return {
      code: 'key-frame',
      sentence:
        media.current === null
          ? `Waiting for a key frame${since}.`
          : `Waiting for a key frame of layer ${media.allocated?.spatialLayer}${since}.`,
    };
  }
  const next = media.allocated === null ? 'even the lowest layer needs' : 'the next layer needs';
  const needs =
    media.neededBps === undefined ? `${next} more` : `${next} ${megabits(media.neededBps)} in all`;
  switch (media.limit) {
    case 'bandwidth':
      return { code: 'bandwidth', sentence: `${carries(media)}; ${needs}.` };
    case 'maximum': {
      const most = megabits(media.transport.availableBps ?? 0);
      return { code: 'maximum', sentence: `The application limits the transport to ${most}; ${needs}.` };
    }
    case 'priority':
      return {
        code: 'priority',
        sentence: `Senders of greater priority than ${sender.priority} come first; ${needs}.`,
      };
    case 'hysteresis': {
      const { retryInMs = 0 } = media;
      const again = retryInMs > 0 ? ` It is tried again in ${Math.ceil(retryInMs / 1000)} s.` : '';
      return {
        code: 'hysteresis',
        sentence: `The next layer would fit by now but was too much a short while ago.${again}`,
      };
    }
    default:
      return bestLimit(sender, receiver, media);
  }
}

/** It has the best of what is sent and wanted: which of the two is it? */
function bestLimit(sender: SenderRecord, receiver: ReceiverRecord, media: MediaExplanation): Limit {
  const announced = announcedLayers(receiver);
  const wanted = wantedLayers(receiver, sender.preferredLayers);
  const { allocated, current } = media;
  // A layer that was switched off may be allocated already, and still has to come.
  const behind = current !== null && allocated !== null && current.spatialLayer < allocated.spatialLayer;
  const highest = behind ? current : (allocated ?? current);
  if (highest !== null && highest.spatialLayer < wanted.spatialLayer) {
    const missing = highest.spatialLayer + 1;
    return { code: 'source', sentence: `The publisher does not send layer ${missing} at present.` };
  }
  const fewer =
    wanted.spatialLayer < announced.spatialLayer ||
    (wanted.temporalLayer !== undefined && wanted.temporalLayer < announced.temporalLayer);
  if (fewer) {
    const frames = wanted.spatialLayer < announced.spatialLayer ? '' : ' with fewer frames';
    return { code: 'preference', sentence: `The viewer prefers layer ${wanted.spatialLayer}${frames}.` };
  }
  return { code: 'none', sentence: 'It gets the best that the publisher sends.' };
}

function carries({ transport }: MediaExplanation): string {
  const { availableBps, limit } = transport;
  if (availableBps === undefined) return 'The network carries no more';
  const rate = megabits(availableBps);
  if (limit === 'silence') return `The viewer has not been heard for a while, so only ${rate} are risked`;
  if (limit === 'initial') return `Nothing is known of the network yet, so ${rate} are assumed`;
  if (limit === 'remb') return `The viewer says that ${rate} reach it`;
  return `The network carries ${rate}`;
}

/** `1.2 Mbit/s`, `0.15 Mbit/s`. */
function megabits(bps: number): string {
  const digits = bps < 995_000 ? 2 : 1;
  return `${(bps / 1e6).toFixed(digits)} Mbit/s`;
}
