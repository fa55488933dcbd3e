import { buildRtpPacket } from '../../packages/rtp/src/index.ts';

interface Wire {
  readonly ssrc: number;
  readonly payloadType: number;
  readonly send: (packet: Uint8Array) => boolean;
  sequenceNumber: number;
  begun: boolean;
}

/** Pictures that say whose they are and count up, on as many transports as want them. */
export class Camera {
  readonly source: number;
  readonly #wires = new Set<Wire>();
  readonly #timer: NodeJS.Timeout;
  #picture = 0;
  #key = true;

  /** @param source a number that pictures carry */
  constructor(source: number, picturesPerSecond = 20) {
    this.source = source;
    this.#timer = setInterval(() => this.#shoot(), 1000 / picturesPerSecond);
  }

  /** Sends there, too, beginning with a key frame. @returns how to end it */
  send(ssrc: number, payloadType: number, send: (packet: Uint8Array) => boolean): () => void {
    const wire: Wire = { ssrc, payloadType, send, sequenceNumber: 0, begun: false };
    this.#wires.add(wire);
    return () => this.#wires.delete(wire);
  }

  wantKeyFrame(): void {
    this.#key = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #shoot(): void {
    this.#picture += 1;
    const isKey = this.#key || [...this.#wires].some(({ begun }) => !begun);
    this.#key = false;
    const payload = vp8(isKey, this.source, this.#picture);
    for (const wire of this.#wires) {
      const sent = wire.send(
        buildRtpPacket({
          payloadType: wire.payloadType,
          ssrc: wire.ssrc,
          sequenceNumber: wire.sequenceNumber & 0xffff,
          timestamp: (this.#picture * 4_500) >>> 0,
          marker: true,
          payload,
        }),
      );
      if (!sent) continue;
      wire.sequenceNumber += 1;
      wire.begun = true;
    }
  }
}

/** One picture in one packet: the descriptor of RFC 7741 §4.2, the frame header of RFC 6386 §9.1, our numbers. */
function vp8(isKey: boolean, source: number, picture: number): Uint8Array {
  const payload = new Uint8Array(descriptorLength + headerLength + 8);
  const view = new DataView(payload.buffer);
  payload.set([0x90, 0x80, 0x80 | ((picture >> 8) & 0x7f), picture & 0xff]);
  payload.set([isKey ? 0x10 : 0x11, 0x02, 0x00], descriptorLength);
  if (isKey) payload.set([0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00], descriptorLength + 3);
  view.setUint32(descriptorLength + headerLength, source);
  view.setUint32(descriptorLength + headerLength + 4, picture);
  return payload;
}

/** Reads what vp8() wrote, whatever became of its descriptor on the way. */
export function readPicture(payload: Uint8Array): { source: number; picture: number } {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return { source: view.getUint32(payload.length - 8), picture: view.getUint32(payload.length - 4) };
}

const descriptorLength = 4;
const headerLength = 10;
