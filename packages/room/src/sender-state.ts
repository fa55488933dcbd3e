import type { MediaKind, RtpParameters } from '@weir/ortc';
import type { SenderRecord } from './state.ts';

/** §8.4: available, bound and not disabled. ICE and DTLS play no part. */
export function isActive(sender: Pick<SenderRecord, 'available' | 'transportId' | 'disabled'>): boolean {
  return sender.available && sender.transportId !== null && !sender.disabled;
}

/** Sound has no key frames. */
export function hasKeyFrames(kind: MediaKind): boolean {
  return kind !== 'audio';
}

/** The CNAME for a peer that gave none: the same in all its media, so that they are played in step (§15.3). */
export function defaultCname(peerId: number): string {
  return `peer-${peerId}`;
}

/** Bound to no transport: without `mid`, which belongs to the binding (D-37). */
export function unbound(sender: SenderRecord): SenderRecord {
  const { mid: _mid, next: _next, ...rest } = sender;
  return { ...rest, transportId: null, rtpParameters: withMuxId(sender.rtpParameters, undefined) };
}

export function withMuxId(params: RtpParameters, muxId: string | undefined): RtpParameters {
  const { muxId: _muxId, ...rest } = params;
  return muxId === undefined ? rest : { muxId, ...rest };
}
