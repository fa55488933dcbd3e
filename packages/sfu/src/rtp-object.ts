import { RtpHeader } from '@weir/rtp';

/** An RTP packet, parsed. */
export interface RtpObject {
  payloadType: number;
  marker: boolean;
  sequenceNumber: number;
  timestamp: number;
  ssrc: number;
  /** Without header, extensions and padding. */
  payload: Buffer;
}

const header = new RtpHeader();

/** undefined if the bytes are no RTP packet. The payload shares their memory. */
export function parseRtpObject(packet: Buffer): RtpObject | undefined {
  if (!header.parse(packet, 0, packet.length)) return undefined;
  const { payloadType, marker, sequenceNumber, timestamp, ssrc, payloadOffset, payloadLength } = header;
  return {
    payloadType,
    marker,
    sequenceNumber,
    timestamp,
    ssrc,
    payload: packet.subarray(payloadOffset, payloadOffset + payloadLength),
  };
}
