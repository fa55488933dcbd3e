import {
  absSendTimeFromMs,
  buildRtcp,
  buildRtpPacket,
  ntpFromUnixMs,
  parseRtcp,
  type RtcpPacket,
  readU16,
  writeU24,
} from '@weir/rtp';
import type { Timer } from '@weir/testing';
import { wire } from './specs.ts';
import { type WorkerHost, wallClockOffsetMs } from './worker-host.ts';

type Send = { sendRtp(packet: Uint8Array): unknown; sendRtcp(packet: Uint8Array): unknown };

export interface StreamOptions {
  readonly ssrc: number;
  readonly rtxSsrc?: number;
  readonly mid?: string;
  readonly rid?: string;
  readonly firstSequence?: number;
  readonly firstTimestamp?: number;
  readonly fps?: number;
  readonly packetsPerFrame?: number;
  /** Milliseconds that the publisher's clock is ahead of the truth. */
  readonly clockErrorMs?: number;
  readonly firstPictureId?: number;
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * One video stream of a browser: VP8 frames of several packets, key frames when asked, RTX when NACKed, SR
 * every second. Each packet carries a number that never repeats, so that viewers know what they should have.
 */
export class VideoStream {
  readonly options: StreamOptions;
  readonly sent = new Map<number, Uint8Array>();
  /** Sequence number → the packet's number. */
  packets = 0;
  frames = 0;
  keyFrames = 0;
  plis = 0;
  firs = 0;
  nacked = 0;
  rembs: number[] = [];
  reports: RtcpPacket[] = [];
  /** Set: answer key frame requests. */
  obedient = true;
  active = true;
  sequence: number;
  timestamp: number;
  pictureId: number;
  tl0 = 200;
  readonly #host: WorkerHost;
  readonly #link: Send;
  #rtxSequence = 5000;
  #wantsKeyFrame = true;
  #timer: Timer | undefined;
  #reportTimer: Timer | undefined;

  constructor(host: WorkerHost, link: Send, options: StreamOptions) {
    this.#host = host;
    this.#link = link;
    this.options = options;
    this.sequence = options.firstSequence ?? 1000;
    this.timestamp = options.firstTimestamp ?? 100_000;
    this.pictureId = options.firstPictureId ?? 300;
  }

  get fps(): number {
    return this.options.fps ?? 30;
  }

  start(): void {
    this.stop();
    const tick = () => {
      if (this.active) this.sendFrame();
      this.timestamp = (this.timestamp + 90_000 / this.fps) >>> 0;
      this.#timer = this.#host.clock.at(this.#host.clock.now() + 1000 / this.fps, tick);
    };
    const report = () => {
      if (this.active && this.packets > 0) this.sendReport();
      this.#reportTimer = this.#host.clock.at(this.#host.clock.now() + 1000, report);
    };
    tick();
    this.#reportTimer = this.#host.clock.at(this.#host.clock.now() + 200, report);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#reportTimer?.cancel();
  }

  wantKeyFrame(): void {
    this.#wantsKeyFrame = true;
  }

  sendFrame(): void {
    const key = this.#wantsKeyFrame;
    this.#wantsKeyFrame = false;
    this.frames++;
    if (key) this.keyFrames++;
    this.pictureId = (this.pictureId + 1) & 0x7fff;
    this.tl0 = (this.tl0 + 1) & 0xff;
    const count = this.options.packetsPerFrame ?? 4;
    for (let i = 0; i < count; i++) this.sendPacket(key, i === 0, i === count - 1);
  }

  /** VP8 descriptor with 15-bit picture id and TL0 index, the frame's first byte, and the packet's number. */
  payload(key: boolean, first: boolean, number: number): Uint8Array {
    const bytes = new Uint8Array(40);
    bytes.set([
      0x80 | (first ? 0x10 : 0),
      0xe0,
      0x80 | (this.pictureId >> 8),
      this.pictureId & 255,
      this.tl0,
      0,
    ]);
    bytes[6] = key ? 0x10 : 0x11;
    new DataView(bytes.buffer).setUint32(7, number);
    return bytes;
  }

  sendPacket(key: boolean, first: boolean, marker: boolean): void {
    const number = this.packets++;
    const { ssrc, mid, rid } = this.options;
    const time = new Uint8Array(3);
    writeU24(time, 0, absSendTimeFromMs(this.#host.clock.now()));
    const packet = buildRtpPacket({
      payloadType: wire.vp8,
      sequenceNumber: this.sequence,
      timestamp: this.timestamp,
      ssrc,
      marker,
      extensions: [
        { id: 3, data: time },
        ...(mid === undefined ? [] : [{ id: 9, data: ascii(mid) }]),
        ...(rid === undefined ? [] : [{ id: 10, data: ascii(rid) }]),
      ],
      payload: this.payload(key, first, number),
    });
    this.sent.set(this.sequence, packet);
    // More than any NACK reaches back.
    this.sent.delete((this.sequence - 5000) & 0xffff);
    this.sequence = (this.sequence + 1) & 0xffff;
    this.#link.sendRtp(packet);
  }

  /** The true time on this publisher's clock. */
  sendReport(): void {
    const unixMs = wallClockOffsetMs + this.#host.clock.now() + (this.options.clockErrorMs ?? 0);
    const { seconds, fraction } = ntpFromUnixMs(unixMs);
    const report: RtcpPacket = {
      type: 'sr',
      ssrc: this.options.ssrc,
      ntpSeconds: seconds,
      ntpFraction: fraction,
      rtpTimestamp: this.timestampNow(),
      packetCount: this.packets,
      octetCount: this.packets * 40,
      reports: [],
    };
    this.#link.sendRtcp(buildRtcp([report]));
  }

  /** `timestamp` is that of the next frame, which is due at the next tick. */
  timestampNow(): number {
    return this.timestamp;
  }

  handleRtcp(data: Uint8Array): void {
    for (const packet of parseRtcp(data) ?? []) {
      switch (packet.type) {
        case 'pli':
          if (packet.mediaSsrc !== this.options.ssrc) break;
          this.plis++;
          if (this.obedient) this.#wantsKeyFrame = true;
          break;
        case 'fir':
          if (!packet.items.some((item) => item.ssrc === this.options.ssrc)) break;
          this.firs++;
          if (this.obedient) this.#wantsKeyFrame = true;
          break;
        case 'nack':
          if (packet.mediaSsrc !== this.options.ssrc) break;
          for (const { packetId, bitmask } of packet.items) {
            this.#resend(packetId);
            for (let bit = 0; bit < 16; bit++) {
              if ((bitmask >> bit) & 1) this.#resend((packetId + bit + 1) & 0xffff);
            }
          }
          break;
        case 'remb':
          this.rembs.push(packet.bitrateBps);
          break;
        case 'rr':
        case 'sr':
          this.reports.push(packet);
          break;
        default:
          break;
      }
    }
  }

  #resend(sequence: number): void {
    this.nacked++;
    const packet = this.sent.get(sequence);
    if (packet === undefined) return;
    const { rtxSsrc, rid, mid } = this.options;
    if (rtxSsrc === undefined) {
      this.#link.sendRtp(packet);
      return;
    }
    const headerLength = 12 + ((packet[0]! & 16) === 0 ? 0 : 4 + readU16(packet, 14) * 4);
    const payload = new Uint8Array(packet.length - headerLength + 2);
    payload.set([sequence >> 8, sequence & 255]);
    payload.set(packet.subarray(headerLength), 2);
    const view = new DataView(packet.buffer, packet.byteOffset);
    this.#link.sendRtp(
      buildRtpPacket({
        payloadType: wire.vp8Rtx,
        sequenceNumber: this.#rtxSequence++ & 0xffff,
        timestamp: view.getUint32(4),
        ssrc: rtxSsrc,
        marker: packet[1]! >= 128,
        extensions: [
          ...(mid === undefined ? [] : [{ id: 9, data: ascii(mid) }]),
          ...(rid === undefined ? [] : [{ id: 11, data: ascii(rid) }]),
        ],
        payload,
      }),
    );
  }
}
