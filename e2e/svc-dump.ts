import { createSocket, type Socket } from 'node:dgram';

/** Takes an RTP stream apart with nothing but the RFCs, so that ffmpeg can decode what a viewer of layers got. */

export interface DumpedPacket {
  readonly sequence: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Uint8Array;
}

/** One moment as a file has it, with the highest layers in it. */
export interface DumpedPicture {
  readonly timestamp: number;
  readonly spatial: number;
  readonly temporal: number;
  readonly data: Uint8Array;
}

/** A UDP port that keeps the RTP packets of one payload type, in the order of their numbers. */
export class RtpDump {
  readonly packets: DumpedPacket[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static open(port: number, payloadType: number): Promise<RtpDump> {
    return new Promise((done, failed) => {
      const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
      const dump = new RtpDump(socket);
      socket.on('message', (packet: Uint8Array) => {
        if ((packet[1]! & 127) === payloadType && packet[0]! >> 6 === 2) dump.#keep(readRtp(packet));
      });
      socket.once('error', failed);
      socket.bind(port, '127.0.0.1', () => done(dump));
    });
  }

  /** What was lost on its way to the server and repaired comes late. */
  #keep(packet: DumpedPacket): void {
    const { packets } = this;
    let at = packets.length;
    while (at > 0 && ((packets[at - 1]!.sequence - packet.sequence) & 0xffff) < 0x8000) at--;
    packets.splice(at, 0, packet);
  }

  /** Numbers that are missing between the first and the last. */
  get holes(): number {
    return this.packets.filter(({ sequence }, i) => {
      const before = this.packets[i - 1];
      return before !== undefined && ((before.sequence + 1) & 0xffff) !== sequence;
    }).length;
  }

  close(): void {
    this.#socket.close();
  }
}

/** RFC 3550 §5.1, with the header extension of §5.3.1 and padding skipped. */
function readRtp(packet: Uint8Array): DumpedPacket {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  let at = 12 + 4 * (packet[0]! & 15);
  if ((packet[0]! & 16) !== 0) at += 4 + 4 * view.getUint16(at + 2);
  const end = packet.length - ((packet[0]! & 32) !== 0 ? packet.at(-1)! : 0);
  return {
    sequence: view.getUint16(2),
    timestamp: view.getUint32(4),
    marker: packet[1]! >= 128,
    payload: packet.slice(at, end),
  };
}

/** Pictures end with markers. What begins or ends in the middle of one is left out. */
export function pictures(codec: 'vp9' | 'av1', packets: readonly DumpedPacket[]): DumpedPicture[] {
  const all: DumpedPicture[] = [];
  let payloads: Uint8Array[] = [];
  packets.forEach(({ timestamp, marker, payload }, i) => {
    const before = packets[i - 1];
    if (before !== undefined && before.timestamp !== timestamp && !before.marker) {
      throw new Error(`the picture at ${before.timestamp} has no end`);
    }
    payloads.push(payload);
    if (!marker) return;
    const made = codec === 'vp9' ? vp9Picture(payloads) : av1Picture(payloads);
    all.push({ timestamp, ...made });
    payloads = [];
  });
  return all;
}

type Made = Omit<DumpedPicture, 'timestamp'>;

/** RFC 9628 §4.2. Several layer frames become a superframe (VP9 bitstream, annex B). */
function vp9Picture(payloads: readonly Uint8Array[]): Made {
  const frames: Uint8Array[][] = [];
  let spatial = 0;
  let temporal = 0;
  for (const payload of payloads) {
    const flags = payload[0]!;
    let at = 1;
    if ((flags & 0x80) !== 0) at += payload[at]! >= 128 ? 2 : 1;
    if ((flags & 0x20) !== 0) {
      temporal = Math.max(temporal, payload[at]! >> 5);
      spatial = Math.max(spatial, (payload[at]! >> 1) & 7);
      at += (flags & 0x10) !== 0 ? 1 : 2;
    }
    if ((flags & 0x50) === 0x50) while ((payload[at++]! & 1) !== 0);
    if ((flags & 0x02) !== 0) at = afterScalabilityStructure(payload, at);
    if ((flags & 0x08) !== 0) frames.push([]);
    frames.at(-1)?.push(payload.subarray(at));
  }
  const whole = frames.map((parts) => Buffer.concat(parts));
  if (whole.length < 2) return { spatial, temporal, data: whole[0] ?? new Uint8Array() };
  const mark = 0xc0 | (3 << 3) | (whole.length - 1);
  const index = Buffer.alloc(2 + 4 * whole.length, mark);
  whole.forEach((frame, i) => {
    index.writeUInt32LE(frame.length, 1 + 4 * i);
  });
  return { spatial, temporal, data: Buffer.concat([...whole, index]) };
}

function afterScalabilityStructure(payload: Uint8Array, from: number): number {
  let at = from;
  const head = payload[at++]!;
  if ((head & 0x10) !== 0) at += 4 * ((head >> 5) + 1);
  if ((head & 0x08) === 0) return at;
  for (let left = payload[at++]!; left > 0; left--) at += 1 + ((payload[at]! >> 2) & 3);
  return at;
}

const temporalDelimiter = [0x12, 0];
const hasSize = 0x02;

/** AV1 RTP specification §4.4; a temporal unit as files have it (AV1 §5.3), every OBU with its size. */
function av1Picture(payloads: readonly Uint8Array[]): Made {
  const units: Uint8Array[] = [];
  for (const payload of payloads) {
    const head = payload[0]!;
    const count = (head >> 4) & 3;
    let continues = head >= 128;
    for (let at = 1, element = 1; at < payload.length; element++) {
      let size = payload.length - at;
      if (count !== element) [size, at] = readLeb128(payload, at);
      const bytes = payload.subarray(at, at + size);
      if (continues && units.length > 0) units.push(Buffer.concat([units.pop()!, bytes]));
      else units.push(bytes);
      continues = false;
      at += size;
    }
  }
  let spatial = 0;
  let temporal = 0;
  const parts: Uint8Array[] = [Uint8Array.from(temporalDelimiter)];
  for (const unit of units) {
    const extended = (unit[0]! & 4) !== 0;
    if (extended) {
      temporal = Math.max(temporal, unit[1]! >> 5);
      spatial = Math.max(spatial, (unit[1]! >> 3) & 3);
    }
    if ((unit[0]! & hasSize) !== 0) {
      parts.push(unit);
      continue;
    }
    const start = extended ? 2 : 1;
    const header = Uint8Array.from(unit.subarray(0, start));
    header[0]! |= hasSize;
    parts.push(header, leb128(unit.length - start), unit.subarray(start));
  }
  return { spatial, temporal, data: Buffer.concat(parts) };
}

function readLeb128(bytes: Uint8Array, from: number): [value: number, at: number] {
  let value = 0;
  let at = from;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

function leb128(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Uint8Array.from(bytes);
}
