import { buildRtpPacket } from '@weir/rtp';
import type { Streams } from './targets/target.ts';

/** What a publisher sends unless told otherwise: 30 frames of 10 packets and 50 packets of speech per second. */
export const videoPps = 300;
export const audioPps = 50;
export const framesPerSecond = 30;
export const videoPayloadBytes = 1200;
const audioPayloadBytes = 120;

/** SSRCs of a publisher, by its index. */
export function streamsOf(publisher: number): Streams {
  return { video: 1111 + 10 * publisher, rtx: 1112 + 10 * publisher, audio: 1113 + 10 * publisher };
}

/** Payload types of the publisher, and those of the room. */
export const publisherTypes = { vp8: 96, rtx: 97, opus: 111 } as const;
export const roomTypes = { vp8: 101, rtx: 102, opus: 100 } as const;

/**
 * One packet of VP8 (RFC 7741) whose last 8 bytes are the time of sending, so that a receiver in this process
 * can tell how long it was on its way.
 */
export function videoPacket(
  index: number,
  packetsPerFrame: number,
  keyFrame: boolean,
  sentAtMs: number,
  ssrc: number,
): Uint8Array {
  const frame = Math.floor(index / packetsPerFrame);
  const inFrame = index % packetsPerFrame;
  const payload = new Uint8Array(videoPayloadBytes);
  // Descriptor: X, S at the frame's first packet; I with a 15-bit picture id.
  payload[0] = inFrame === 0 ? 0x90 : 0x80;
  payload[1] = 0x80;
  payload[2] = 0x80 | ((frame >> 8) & 0x7f);
  payload[3] = frame & 0xff;
  if (inFrame === 0) {
    // Frame tag: P = 0 is a key frame, followed by start code and 640 x 480.
    payload[4] = keyFrame ? 0x10 : 0x11;
    if (keyFrame) payload.set([0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01], 7);
  }
  stamp(payload, sentAtMs);
  return buildRtpPacket({
    payloadType: publisherTypes.vp8,
    sequenceNumber: index & 0xffff,
    timestamp: (frame * 3000) >>> 0,
    ssrc,
    marker: inFrame === packetsPerFrame - 1,
    payload,
  });
}

/** One packet of opus, 20 ms, stamped likewise. */
export function audioPacket(index: number, sentAtMs: number, ssrc: number): Uint8Array {
  const payload = new Uint8Array(audioPayloadBytes);
  payload[0] = 0x78;
  stamp(payload, sentAtMs);
  return buildRtpPacket({
    payloadType: publisherTypes.opus,
    sequenceNumber: index & 0xffff,
    timestamp: (index * 960) >>> 0,
    ssrc,
    payload,
  });
}

/** Time of sending of a packet made here, however its header and descriptor were rewritten on the way. */
export function sentAt(packet: Uint8Array): number {
  return new DataView(packet.buffer, packet.byteOffset + packet.length - 8, 8).getFloat64(0);
}

function stamp(payload: Uint8Array, sentAtMs: number): void {
  new DataView(payload.buffer, payload.length - 8, 8).setFloat64(0, sentAtMs);
}
