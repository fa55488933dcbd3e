import { absSendTimeFromMs, buildRtcp, buildRtpPacket, ntpFromUnixMs, parseRtcp, writeU24 } from '@weir/rtp';
import { createRandom, type Random, type TestEndpoint } from '@weir/testing';
import { wire } from '../specs.ts';
import { type WorkerHost, wallClockOffsetMs } from '../worker-host.ts';

export interface LayerPlan {
  readonly rid: string;
  readonly ssrc: number;
  readonly bitrateBps: number;
}

/** What a camera sends. */
export interface CameraPlan {
  readonly layers: readonly LayerPlan[];
  /** Of every layer. */
  readonly fps: number;
  /** Each layer's frames in three temporal layers, as Chromium's VP8 has them in simulcast. */
  readonly temporal?: boolean;
}

/** The three encodings of a camera in Chrome, roughly. */
export const threeLayers: readonly LayerPlan[] = [
  { rid: 'r0', ssrc: 5000, bitrateBps: 150_000 },
  { rid: 'r1', ssrc: 5001, bitrateBps: 500_000 },
  { rid: 'r2', ssrc: 5002, bitrateBps: 1_500_000 },
];

/** A camera whose encodings cost so many bits per second, from low to high. */
export function camera(bitratesBps: readonly number[], fps: number, temporal = false): CameraPlan {
  return {
    temporal,
    layers: bitratesBps.map((bitrateBps, i) => ({ rid: `r${i}`, ssrc: 5000 + i, bitrateBps })),
    fps,
  };
}

const defaultFps = 30;
const packetBytes = 1100;
/** A key frame is so many times bigger than others; the frames after it pay for it. */
const keyFrameRatio = 4;
/** Of four frames in a row, and what their sizes are beside the mean: 40, 20 and 40 % of the rate in all. */
const temporalIds = [0, 2, 1, 2];
const temporalShares = [1.6, 0.8, 0.8];
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What stands in the payload of each packet, for the viewer to judge what it got. */
export interface FrameMark {
  readonly layer: number;
  readonly frame: number;
  readonly packet: number;
  readonly packets: number;
  readonly key: boolean;
  /** Milliseconds of the virtual clock. */
  readonly capturedAt: number;
}

export const markOffset = 8;

/** Reads the mark of a payload that begins with a VP8 descriptor of six bytes. */
export function readMark(payload: Uint8Array): FrameMark {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return {
    layer: view.getUint8(markOffset),
    key: view.getUint8(markOffset + 1) === 1,
    frame: view.getUint32(markOffset + 2),
    packet: view.getUint16(markOffset + 6),
    packets: view.getUint16(markOffset + 8),
    capturedAt: view.getFloat64(markOffset + 10),
  };
}

/** Simulcast of constant bit rate: every layer `fps` frames a second that vary in size, key frames when asked. */
export class LayeredPublisher {
  readonly layers: EncodedLayer[];
  readonly #host: WorkerHost;
  readonly #frameMs: number;
  #stopped = false;

  constructor(
    host: WorkerHost,
    endpoint: TestEndpoint,
    plans: readonly LayerPlan[],
    seed: number,
    { fps, temporal = false }: Pick<CameraPlan, 'fps' | 'temporal'> = { fps: defaultFps },
  ) {
    this.#host = host;
    this.#frameMs = 1000 / fps;
    const random = createRandom(seed);
    this.layers = plans.map(
      (plan, i) => new EncodedLayer(host, endpoint, plan, i, random.fork(), fps, temporal),
    );
    endpoint.onRtcp = (data) => {
      for (const packet of parseRtcp(data) ?? []) {
        if (packet.type !== 'pli' && packet.type !== 'nack') continue;
        const layer = this.layers.find(({ plan }) => plan.ssrc === packet.mediaSsrc);
        if (packet.type === 'pli') layer?.wantKeyFrame();
        else for (const { packetId, bitmask } of packet.items) layer?.resend(packetId, bitmask);
      }
    };
  }

  start(): void {
    const { clock } = this.#host;
    const frame = () => {
      if (this.#stopped) return;
      for (const layer of this.layers) layer.sendFrame();
      clock.at(clock.now() + this.#frameMs, frame);
    };
    const report = () => {
      if (this.#stopped) return;
      for (const layer of this.layers) layer.sendReport();
      clock.at(clock.now() + 1000, report);
    };
    frame();
    clock.at(clock.now() + 100, report);
  }

  stop(): void {
    this.#stopped = true;
  }
}

class EncodedLayer {
  readonly plan: LayerPlan;
  readonly index: number;
  frames = 0;
  keyFrames = 0;
  /** The encoder can't keep up, whatever is asked of it. */
  broken = false;
  #enabled = true;
  readonly #fps: number;
  readonly #temporal: boolean;
  /** Frames since the last key frame, in rounds of four. */
  #round = 0;
  readonly #host: WorkerHost;
  readonly #endpoint: TestEndpoint;
  readonly #random: Random;
  readonly #time = new Uint8Array(3);
  #sequence: number;
  #timestamp: number;
  #pictureId = 0;
  #tl0 = 0;
  #debt = 0;
  #packets = 0;
  /** What may be asked for again, by sequence number. */
  readonly #sent = new Map<number, { payload: Uint8Array; timestamp: number; marker: boolean }>();
  #rtxSequence = 9000;
  #wantsKey = true;

  constructor(
    host: WorkerHost,
    endpoint: TestEndpoint,
    plan: LayerPlan,
    index: number,
    random: Random,
    fps: number,
    temporal: boolean,
  ) {
    this.#fps = fps;
    this.#temporal = temporal;
    this.#host = host;
    this.#endpoint = endpoint;
    this.plan = plan;
    this.index = index;
    this.#random = random;
    this.#sequence = 1000 + 20_000 * index;
    this.#timestamp = random.uint32();
  }

  wantKeyFrame(): void {
    this.#wantsKey = true;
  }

  /** Turns the encoding on or off; it comes back with a key frame, and its clock went on. */
  enable(enabled: boolean): void {
    if (enabled && !this.#enabled) this.#wantsKey = true;
    this.#enabled = enabled;
  }

  sendFrame(): void {
    if (!this.#enabled || this.broken) {
      this.#timestamp = (this.#timestamp + 90_000 / this.#fps) >>> 0;
      return;
    }
    const now = this.#host.clock.now();
    const key = this.#wantsKey;
    this.#wantsKey = false;
    this.frames++;
    if (key) this.keyFrames++;
    this.#timestamp = (this.#timestamp + 90_000 / this.#fps) >>> 0;
    this.#pictureId = (this.#pictureId + 1) & 0x7fff;
    this.#round = key || !this.#temporal ? 0 : (this.#round + 1) % 4;
    const temporalId = temporalIds[this.#round]!;
    if (temporalId === 0) this.#tl0 = (this.#tl0 + 1) & 255;
    const share = this.#temporal ? temporalShares[temporalId]! : 1;
    const mean = (this.plan.bitrateBps / 8 / this.#fps) * share;
    let size = mean * (0.8 + this.#random.next() * 0.4);
    if (key) {
      this.#debt += size * (keyFrameRatio - 1);
      size *= keyFrameRatio;
    } else {
      const paid = Math.min(this.#debt, size * 0.25);
      this.#debt -= paid;
      size -= paid;
    }
    const packets = Math.max(1, Math.ceil(size / packetBytes));
    const bytes = Math.max(40, Math.round(size / packets));
    for (let i = 0; i < packets; i++) this.#sendPacket(key, temporalId, i, packets, bytes, now);
  }

  /** Answers a NACK on the RTX stream. */
  resend(first: number, bitmask: number): void {
    for (let i = 0; i <= 16; i++) {
      if (i > 0 && ((bitmask >> (i - 1)) & 1) === 0) continue;
      const sequence = (first + i) & 0xffff;
      const sent = this.#sent.get(sequence);
      if (sent === undefined) continue;
      const payload = new Uint8Array(sent.payload.length + 2);
      payload.set([sequence >> 8, sequence & 255]);
      payload.set(sent.payload, 2);
      this.#rtxSequence = (this.#rtxSequence + 1) & 0xffff;
      this.#endpoint.sendRtp(
        buildRtpPacket({
          payloadType: wire.vp8Rtx,
          sequenceNumber: this.#rtxSequence,
          timestamp: sent.timestamp,
          ssrc: this.plan.ssrc + 1000,
          marker: sent.marker,
          extensions: [
            { id: 9, data: ascii('0') },
            { id: 11, data: ascii(this.plan.rid) },
          ],
          payload,
        }),
      );
    }
  }

  sendReport(): void {
    const { seconds, fraction } = ntpFromUnixMs(wallClockOffsetMs + this.#host.clock.now());
    this.#endpoint.sendRtcp(
      buildRtcp([
        {
          type: 'sr',
          ssrc: this.plan.ssrc,
          ntpSeconds: seconds,
          ntpFraction: fraction,
          rtpTimestamp: this.#timestamp,
          packetCount: this.#packets,
          octetCount: 0,
          reports: [],
        },
      ]),
    );
  }

  #sendPacket(
    key: boolean,
    temporalId: number,
    packet: number,
    packets: number,
    bytes: number,
    now: number,
  ): void {
    const payload = new Uint8Array(bytes);
    payload.set([
      0x80 | (packet === 0 ? 0x10 : 0),
      0xe0,
      0x80 | (this.#pictureId >> 8),
      this.#pictureId & 255,
      this.#tl0,
      // A frame of an upper layer refers to the lowest only, so that anybody may begin with it.
      (temporalId << 6) | (temporalId > 0 ? 0x20 : 0),
      key ? 0x10 : 0x11,
    ]);
    const view = new DataView(payload.buffer);
    view.setUint8(markOffset, this.index);
    view.setUint8(markOffset + 1, key ? 1 : 0);
    view.setUint32(markOffset + 2, this.frames);
    view.setUint16(markOffset + 6, packet);
    view.setUint16(markOffset + 8, packets);
    view.setFloat64(markOffset + 10, now);
    writeU24(this.#time, 0, absSendTimeFromMs(now));
    this.#packets++;
    const marker = packet === packets - 1;
    this.#sent.set(this.#sequence, { payload, timestamp: this.#timestamp, marker });
    this.#sent.delete((this.#sequence - 1000) & 0xffff);
    const built = buildRtpPacket({
      payloadType: wire.vp8,
      sequenceNumber: this.#sequence,
      timestamp: this.#timestamp,
      ssrc: this.plan.ssrc,
      marker,
      extensions: [
        { id: 3, data: this.#time },
        { id: 9, data: ascii('0') },
        { id: 10, data: ascii(this.plan.rid) },
      ],
      payload,
    });
    this.#endpoint.sendRtp(built);
    this.#sequence = (this.#sequence + 1) & 0xffff;
  }
}
