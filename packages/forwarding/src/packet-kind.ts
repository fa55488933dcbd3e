import { PacketKind } from './engine.ts';

/** Tells STUN, DTLS, RTP and RTCP apart by the first bytes (RFC 7983 §7, RFC 5761 §4). */
export function packetKind(bytes: Uint8Array, offset: number, length: number): PacketKind {
  if (length < 4) return PacketKind.unknown;
  const first = bytes[offset]!;
  if (first < 4) return PacketKind.stun;
  if (first >= 128 && first < 192) {
    const second = bytes[offset + 1]!;
    return second >= 192 && second <= 223 ? PacketKind.rtcp : PacketKind.rtp;
  }
  if (first >= 20 && first < 64) return PacketKind.dtls;
  return PacketKind.unknown;
}
