import type { SenderSpec } from '@weir/protocol';
import {
  buildRtcp,
  compactNtp,
  dlsrFromMs,
  ExtensionTable,
  NackGenerator,
  nackItems,
  parseRtcp,
  type RtcpPacket,
  RtpHeader,
  seqDiff,
  TransportFeedbackRecorder,
} from '@weir/rtp';
import type { TestEndpoint } from '@weir/testing';
import type { WorkerHost } from '../worker-host.ts';
import { readMark } from './layered-publisher.ts';

/** Longest gap between two shown frames that nobody notices. */
export const freezeMs = 200;
const feedbackIntervalMs = 100;
const repairIntervalMs = 20;
/** Without a decodable frame for so long a browser asks for a key frame. */
const stuckMs = 400;
const minPliDistanceMs = 400;
export const transportSequenceId = 5;

interface Frame {
  readonly layer: number;
  /** The picture id as the worker wrote it, unwrapped. */
  readonly picture: number;
  readonly key: boolean;
  readonly packets: number;
  readonly got: Set<number>;
}

/** A frame that could be decoded, and when. */
export interface Shown {
  readonly at: number;
  readonly layer: number;
}

/**
 * The receiving half of a browser for one video: transport-wide feedback, NACK, PLI, reports, and a decoder that
 * needs every packet of a frame and the frame before it.
 */
export class QualityViewer {
  readonly shown: Shown[] = [];
  /** Of packets sent for the first time: arrival and how long they took from the camera. */
  readonly delays: { at: number; delayMs: number }[] = [];
  /** Media bytes that arrived for the first time, by time. */
  readonly media: { at: number; bytes: number; layer: number }[] = [];
  rtxPackets = 0;
  plis = 0;
  /** Frames of the layer being watched that were never decoded. */
  lostFrames = 0;
  readonly #host: WorkerHost;
  readonly #endpoint: TestEndpoint;
  readonly #spec: SenderSpec;
  readonly #recorder = new TransportFeedbackRecorder();
  readonly #nack = new NackGenerator();
  readonly #header = new RtpHeader();
  readonly #table = new ExtensionTable();
  readonly #seen = new Set<number>();
  readonly #lost = new Uint16Array(250);
  readonly #feedback = new Uint8Array(1400);
  readonly #frames = new Map<number, Frame>();
  #highest = -1;
  #layer = -1;
  #decoded = -1;
  #lastPli = 0;
  #lastPacketAt = 0;
  #stopped = false;
  #expectedAtReport = 0;
  #receivedAtReport = 0;
  #received = 0;
  #first = -1;
  #lastReport = 0;
  #lastReportAt = 0;
  #toDrop = 0;

  /**
   * @param rttMs as browsers measure it; a repair is asked for again after so long
   * @param feedback it is the one of its endpoint that gives feedback on all packets
   */
  constructor(host: WorkerHost, endpoint: TestEndpoint, spec: SenderSpec, rttMs: number, feedback: boolean) {
    this.#host = host;
    this.#endpoint = endpoint;
    this.#spec = spec;
    this.#nack.rttMs = rttMs;
    // The moments of different viewers don't fall together.
    const phase = spec.id % 50;
    if (feedback) this.#every(feedbackIntervalMs, phase, () => this.#sendFeedback());
    this.#every(repairIntervalMs, phase, () => this.#repair());
    this.#every(1000, phase, () => this.#report());
  }

  stop(): void {
    this.#stopped = true;
  }

  handleRtp(packet: Uint8Array): void {
    const now = this.#host.clock.now();
    const header = this.#header;
    if (!header.parse(packet, 0, packet.length)) throw new Error('the worker sent no RTP');
    this.#table.read(packet, header);
    const at = this.#table.offset(transportSequenceId);
    if (at >= 0) this.#recorder.record((packet[at]! << 8) | packet[at + 1]!, now);
    const rtx = header.ssrc === this.#spec.rtxSsrc;
    if (!rtx && header.ssrc !== this.#spec.ssrc) return;
    if (!rtx && this.#toDrop > 0) {
      this.#toDrop--;
      return;
    }
    this.#lastPacketAt = now;
    const start = header.payloadOffset;
    const sequence = rtx ? (packet[start]! << 8) | packet[start + 1]! : header.sequenceNumber;
    const extended =
      this.#highest < 0 ? sequence + 65_536 : this.#highest + seqDiff(sequence, this.#highest & 0xffff);
    if (rtx) this.rtxPackets++;
    if (this.#seen.has(extended)) return;
    this.#seen.add(extended);
    if (this.#first < 0) this.#first = extended;
    if (!rtx) this.#received++;
    this.#highest = Math.max(this.#highest, extended);
    this.#nack.receive(sequence, false, rtx, now);
    const payload = packet.subarray(start + (rtx ? 2 : 0), start + header.payloadLength);
    const mark = readMark(payload);
    this.media.push({ at: now, bytes: packet.length, layer: mark.layer });
    if (!rtx) this.delays.push({ at: now, delayMs: now - mark.capturedAt });
    this.#collect(mark, ((payload[2]! & 0x7f) << 8) | payload[3]!);
    this.#decode(now);
    this.#repair();
  }

  #collect(mark: ReturnType<typeof readMark>, pictureId: number): void {
    const picture =
      this.#decoded < 0 ? pictureId + 0x8000 : this.#decoded + (((pictureId - this.#decoded) << 17) >> 17);
    if (picture <= this.#decoded) return;
    let frame = this.#frames.get(picture);
    if (frame === undefined) {
      frame = { layer: mark.layer, picture, key: mark.key, packets: mark.packets, got: new Set() };
      this.#frames.set(picture, frame);
    }
    frame.got.add(mark.packet);
  }

  handleRtcp(data: Uint8Array): void {
    for (const packet of parseRtcp(data) ?? []) {
      if (packet.type !== 'sr' || packet.ssrc !== this.#spec.ssrc) continue;
      this.#lastReport = compactNtp(packet.ntpSeconds, packet.ntpFraction);
      this.#lastReportAt = this.#host.clock.now();
    }
  }

  /** Shows everything that can be shown now. */
  #decode(now: number): void {
    for (let again = true; again; ) {
      again = false;
      for (const frame of this.#frames.values()) {
        if (frame.got.size < frame.packets) continue;
        const next = frame.layer === this.#layer && frame.picture === this.#decoded + 1;
        if (!next && !frame.key) continue;
        if (this.#decoded >= 0) this.lostFrames += frame.picture - this.#decoded - 1;
        this.#layer = frame.layer;
        this.#decoded = frame.picture;
        this.shown.push({ at: now, layer: frame.layer });
        for (const old of this.#frames.keys()) if (old <= this.#decoded) this.#frames.delete(old);
        again = true;
        break;
      }
    }
  }

  #repair(): void {
    const now = this.#host.clock.now();
    const count = this.#nack.collect(now, this.#lost);
    if (count > 0) {
      this.#send([
        { type: 'nack', senderSsrc: 1, mediaSsrc: this.#spec.ssrc, items: nackItems(this.#lost, count) },
      ]);
    }
    const last = this.shown.at(-1)?.at ?? 0;
    const stuck = now - last > stuckMs && now - this.#lastPacketAt < stuckMs;
    if ((stuck || this.#nack.keyFrameNeeded) && now - this.#lastPli > minPliDistanceMs) {
      this.#nack.keyFrameNeeded = false;
      this.askForKeyFrame();
    }
  }

  askForKeyFrame(): void {
    this.#lastPli = this.#host.clock.now();
    this.plis++;
    this.#send([{ type: 'pli', senderSsrc: 1, mediaSsrc: this.#spec.ssrc }]);
  }

  /** As if the next packets were lost. */
  dropNext(packets: number): void {
    this.#toDrop = packets;
  }

  #sendFeedback(): void {
    while (this.#recorder.pending) {
      const end = this.#recorder.write(this.#feedback, 0, 1180, 1, this.#spec.ssrc);
      if (end === 0) return;
      this.#endpoint.sendRtcp(this.#feedback.slice(0, end));
    }
  }

  #report(): void {
    if (this.#first < 0) return;
    const now = this.#host.clock.now();
    const expected = this.#highest - this.#first + 1;
    const wanted = expected - this.#expectedAtReport;
    const lost = Math.max(0, wanted - (this.#received - this.#receivedAtReport));
    this.#expectedAtReport = expected;
    this.#receivedAtReport = this.#received;
    this.#send([
      {
        type: 'rr',
        ssrc: 1,
        reports: [
          {
            ssrc: this.#spec.ssrc,
            fractionLost: wanted > 0 ? Math.min(255, Math.floor((lost * 256) / wanted)) : 0,
            totalLost: Math.max(0, expected - this.#received),
            extendedHighestSequence: this.#highest,
            jitter: 0,
            lastSenderReport: this.#lastReport,
            delaySinceLastSenderReport: this.#lastReport === 0 ? 0 : dlsrFromMs(now - this.#lastReportAt),
          },
        ],
      },
    ]);
  }

  #send(packets: RtcpPacket[]): void {
    this.#endpoint.sendRtcp(buildRtcp(packets));
  }

  #every(milliseconds: number, phase: number, action: () => void): void {
    const { clock } = this.#host;
    const again = () => {
      if (this.#stopped) return;
      action();
      clock.at(clock.now() + milliseconds, again);
    };
    clock.at(clock.now() + phase, again);
  }
}
