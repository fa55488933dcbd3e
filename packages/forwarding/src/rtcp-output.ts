import {
  nackItems,
  ntpFromUnixMs,
  type ReportBlock,
  type RtcpPacket,
  rtcpLength,
  writeRtcpPacket,
} from '@weir/rtp';
import type { Forwarder } from './forwarder.ts';
import type { ReceiveStream } from './receive-stream.ts';
import type { Sender } from './sender.ts';
import type { Transport } from './transport.ts';

/** Room in one datagram for RTCP, with the tag and index of SRTCP left free. */
const maxCompound = 1180;
const maxReportIntervalMs = 1000;
/** Reports leave at multiples of this, so that those of many transports leave together. */
const reportGridMs = 100;
const audioSpacingMs = 5000;
const videoSpacingMs = 1000;
const rembIntervalMs = 1000;
/** A bit rate told to publishers that falls by so much leaves broken pictures behind. */
const abruptRembRatio = 0.6;
const abruptRembCheckMs = 2000;
const cnameItem = 1;

/** Writes all RTCP that Weir sends, into one buffer that is used again and again. */
export class RtcpOutput {
  readonly #forwarder: Forwarder;
  readonly #buffer = new Uint8Array(1500);
  readonly #lost = new Uint16Array(253);
  #used = 0;

  constructor(forwarder: Forwarder) {
    this.#forwarder = forwarder;
  }

  /** SR and SDES of senders, RR of receiving streams, as far as they are due; sets the next time. */
  sendReports(transport: Transport, now: number): void {
    const kbps = transport.sentBps / 1000;
    const interval = kbps > 0 ? Math.min(maxReportIntervalMs, 360_000 / kbps) : maxReportIntervalMs;
    const jitter = (this.#forwarder.random() >>> 0) / 0x1_0000_0000;
    let due = Number.POSITIVE_INFINITY;

    this.#begin();
    for (const sender of transport.senders) {
      const spacing = sender.video ? videoSpacingMs : audioSpacingMs;
      if (now - sender.lastReportAt >= spacing) this.#addSenderReport(transport, sender, now);
      if (sender.forwards) due = Math.min(due, sender.lastReportAt + spacing);
    }
    const reports: ReportBlock[] = [];
    for (const receiver of transport.receivers) {
      const spacing = receiver.video ? videoSpacingMs : audioSpacingMs;
      for (const stream of receiver.streams) {
        if (!stream.started) continue;
        if (now - stream.lastReportSentAt >= spacing) {
          stream.lastReportSentAt = now;
          reports.push(stream.takeReport(now));
        }
        due = Math.min(due, stream.lastReportSentAt + spacing);
      }
    }
    // Before anything is due there is nothing to look for: with many transports each look would be a wake-up.
    const next = due === Number.POSITIVE_INFINITY ? now : Math.max(now, due - interval / 2);
    transport.nextReportAt = Math.ceil((next + interval * (0.5 + jitter)) / reportGridMs) * reportGridMs;
    for (let i = 0; i < reports.length; i += 31) {
      this.#add(transport, { type: 'rr', ssrc: transport.rtcpSsrc, reports: reports.slice(i, i + 31) });
    }
    this.#send(transport);
  }

  sendNack(transport: Transport, stream: ReceiveStream, now: number): void {
    const count = stream.nack!.collect(now, this.#lost);
    if (count === 0 || stream.ssrc === 0) return;
    stream.nackCount++;
    stream.nackPackets += count;
    this.#forwarder.totals.nacksSent++;
    this.#forwarder.totals.packetsAskedOfPublishers += count;
    this.#begin();
    this.#add(transport, {
      type: 'nack',
      senderSsrc: transport.rtcpSsrc,
      mediaSsrc: stream.ssrc,
      items: nackItems(this.#lost, count),
    });
    this.#send(transport);
  }

  /** PLI, or FIR where only that was agreed on; nothing where neither was. */
  sendKeyFrameRequest(transport: Transport, stream: ReceiveStream): void {
    if (stream.ssrc === 0) return;
    this.#begin();
    if (stream.feedback.pli) {
      stream.pliCount++;
      this.#forwarder.totals.plisSent++;
      this.#add(transport, { type: 'pli', senderSsrc: transport.rtcpSsrc, mediaSsrc: stream.ssrc });
    } else if (stream.feedback.fir) {
      stream.firCount++;
      this.#forwarder.totals.firsSent++;
      stream.firSequence = (stream.firSequence + 1) & 255;
      this.#add(transport, {
        type: 'fir',
        senderSsrc: transport.rtcpSsrc,
        mediaSsrc: 0,
        items: [{ ssrc: stream.ssrc, sequenceNumber: stream.firSequence }],
      });
    }
    this.#send(transport);
  }

  sendTransportFeedback(transport: Transport): void {
    const recorder = transport.feedback;
    if (recorder === undefined) return;
    let media = 0;
    for (const receiver of transport.receivers) {
      for (const stream of receiver.streams) media ||= stream.ssrc;
    }
    while (recorder.pending) {
      this.#begin();
      const end = recorder.write(this.#buffer, 0, maxCompound, transport.rtcpSsrc, media);
      if (end === 0) return;
      this.#used = end;
      this.#send(transport);
    }
  }

  /** Tells the endpoint how much it may send (object-model.md §11.8), and sets the next time. */
  sendRemb(transport: Transport, now: number): void {
    transport.nextRembAt = now + rembIntervalMs;
    const ssrcs: number[] = [];
    let expected = 0;
    let counted = 0;
    for (const receiver of transport.receivers) {
      for (const stream of receiver.streams) {
        if (!stream.started) continue;
        ssrcs.push(stream.ssrc);
        expected += stream.expectedPackets;
        counted += stream.countedPackets;
      }
    }
    if (ssrcs.length === 0) return;
    const feedback = transport.givesTransportFeedback;
    if (!feedback) {
      transport.incomingBitrate.update(transport.takeLossFraction(expected, counted), transport.receivedBps);
    } else if (transport.incomingBitrate.maxBps === 0) {
      transport.nextRembAt = Number.POSITIVE_INFINITY;
      return;
    }
    const bitrateBps = feedback ? transport.incomingBitrate.maxBps : transport.incomingBitrate.bps;
    if (now - transport.lastRembAt >= abruptRembCheckMs) {
      if (bitrateBps / transport.lastRembBps < abruptRembRatio) this.#wantKeyFrames(transport);
      transport.lastRembAt = now;
      transport.lastRembBps = bitrateBps;
    }
    transport.toldRembBps = bitrateBps;
    this.#begin();
    this.#add(transport, {
      type: 'remb',
      senderSsrc: transport.rtcpSsrc,
      mediaSsrc: 0,
      bitrateBps,
      ssrcs: ssrcs.slice(0, 255),
    });
    this.#send(transport);
  }

  #wantKeyFrames(transport: Transport): void {
    for (const receiver of transport.receivers) if (receiver.video) receiver.requestKeyFrames();
  }

  #addSenderReport(transport: Transport, sender: Sender, now: number): void {
    // While a source is not among the loudest, reports say that its path is alive and what time it is there.
    const stream = sender.openStream ?? sender.heldStream;
    if (stream === undefined || sender.packets === 0 || !sender.forwards) return;
    sender.lastReportAt = now;
    const unixMs = this.#forwarder.unixMs(now);
    const ntp = ntpFromUnixMs(unixMs);
    const timestamp = stream.timestampAt(unixMs, now) + sender.segment.timestampOffset;
    const report: RtcpPacket = {
      type: 'sr',
      ssrc: sender.spec.ssrc,
      ntpSeconds: ntp.seconds,
      ntpFraction: ntp.fraction,
      rtpTimestamp: Math.round(timestamp) >>> 0,
      packetCount: sender.packets >>> 0,
      octetCount: sender.payloadBytes >>> 0,
      reports: [],
    };
    const description: RtcpPacket = {
      type: 'sdes',
      chunks: [{ ssrc: sender.spec.ssrc, items: [{ type: cnameItem, value: sender.cname }] }],
    };
    // Both in one datagram: a compound begins with a report and names its source (RFC 3550 §6.1).
    if (this.#used + rtcpLength(report) + rtcpLength(description) > maxCompound) this.#send(transport);
    this.#add(transport, report);
    this.#add(transport, description);
  }

  #begin(): void {
    this.#used = 0;
  }

  #add(transport: Transport, packet: RtcpPacket): void {
    if (this.#used > 0 && this.#used + rtcpLength(packet) > maxCompound) this.#send(transport);
    this.#used = writeRtcpPacket(this.#buffer, this.#used, packet);
  }

  #send(transport: Transport): void {
    const length = this.#used;
    this.#used = 0;
    if (length === 0) return;
    const { engine } = this.#forwarder;
    const packet = this.#buffer.subarray(0, length);
    const path = transport.rtcpPath >= 0 ? transport.rtcpPath : transport.path;
    if (transport.plain) engine.sendRaw(path, packet);
    else engine.sendRtcp(transport.session, path, packet);
    transport.sentPackets++;
    transport.sentBytes += length;
  }
}
