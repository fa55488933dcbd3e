import {
  compactNtpFromUnixMs,
  PayloadFeedbackFormat,
  RtcpCursor,
  RtcpType,
  readRembBitrate,
  readU16,
  readU24,
  readU32,
  TransportFeedback,
} from '@weir/rtp';
import type { Forwarder } from './forwarder.ts';
import type { Sender } from './sender.ts';
import type { Transport } from './transport.ts';

const rembIdentifier = 0x52454d42;
/** Retransmissions stay useful so long (object-model.md §11.8); far viewers get some round trips. */
const minResendAgeMs = 500;
const maxResendAgeMs = 2000;
/** Between copies of a repair. */
const repeatDistanceMs = 15;
/** Packets that one transport-wide feedback may speak of. */
const maxFeedbackPackets = 4096;

/** Reads RTCP of endpoints: reports and clocks of publishers; reports, NACK and key frame wishes of viewers. */
export class RtcpInput {
  readonly #forwarder: Forwarder;
  readonly #cursor = new RtcpCursor();
  readonly #transportFeedback = new TransportFeedback();

  constructor(forwarder: Forwarder) {
    this.#forwarder = forwarder;
  }

  /** Works off one compound. What comes after a malformed packet is ignored. */
  handle(transport: Transport, bytes: Uint8Array, offset: number, length: number, now: number): void {
    const cursor = this.#cursor;
    cursor.start(bytes, offset, length);
    while (cursor.next()) {
      switch (cursor.packetType) {
        case RtcpType.senderReport:
          this.#handleSenderReport(transport, now);
          this.#handleReports(transport, now);
          break;
        case RtcpType.receiverReport:
          this.#handleReports(transport, now);
          break;
        case RtcpType.transportFeedback:
          if (cursor.isNack) this.#handleNack(transport, now);
          else if (cursor.isTransportWideFeedback) this.#handleTransportFeedback(transport, now);
          break;
        case RtcpType.payloadFeedback:
          this.#handlePayloadFeedback(transport, now);
          break;
        default:
          // SDES, BYE, APP and XR change nothing here.
          break;
      }
    }
  }

  #handleSenderReport(transport: Transport, now: number): void {
    const { bytes, bodyOffset: at, bodyLength } = this.#cursor;
    if (bodyLength < 24) return;
    const entry = transport.listener.known(readU32(bytes, at));
    if (entry === undefined || entry.rtx) return;
    entry.stream.handleSenderReport(
      readU32(bytes, at + 4),
      readU32(bytes, at + 8),
      readU32(bytes, at + 12),
      now,
      this.#forwarder.unixMs(now),
    );
  }

  #handleReports(transport: Transport, now: number): void {
    const cursor = this.#cursor;
    const { bytes } = cursor;
    if (cursor.count === 0) return;
    const compactNow = compactNtpFromUnixMs(this.#forwarder.unixMs(now));
    for (let i = 0; i < cursor.count; i++) {
      const at = cursor.reportOffset(i);
      if (at < 0) return;
      const ssrc = readU32(bytes, at);
      const sender = transport.senderOfSsrc.get(ssrc);
      if (sender === undefined || ssrc !== sender.spec.ssrc) continue;
      sender.handleReport(
        bytes[at + 4]!,
        (readU24(bytes, at + 5) << 8) >> 8,
        readU32(bytes, at + 12),
        compactNow,
        readU32(bytes, at + 16),
        readU32(bytes, at + 20),
      );
    }
  }

  /** Lost packets go out again at once, in the work list of this batch. */
  #handleNack(transport: Transport, now: number): void {
    const cursor = this.#cursor;
    const sender = transport.senderOfSsrc.get(cursor.mediaSsrc);
    if (sender === undefined || !sender.forwards || !sender.codecs.nack) return;
    sender.nackCount++;
    this.#forwarder.totals.nacksReceived++;
    const maxAge = Math.max(minResendAgeMs, Math.min(maxResendAgeMs, sender.rttMs * 4));
    for (let i = 0; i < cursor.nackCount; i++) {
      const first = cursor.nackPacketId(i);
      this.#resend(sender, first, maxAge, now);
      const mask = cursor.nackBitmask(i);
      for (let bit = 0; mask >>> bit !== 0; bit++) {
        if (((mask >>> bit) & 1) !== 0) this.#resend(sender, (first + bit + 1) & 0xffff, maxAge, now);
      }
    }
  }

  #resend(sender: Sender, sequenceNumber: number, maxAge: number, now: number): void {
    sender.nackedPackets++;
    const { totals } = this.#forwarder;
    totals.packetsAskedFor++;
    const last = sender.lastOut;
    const out = last + (((sequenceNumber - last) << 16) >> 16);
    const { fanOut } = this.#forwarder;
    if (!fanOut.resend(sender, out, maxAge, now)) {
      sender.resendMisses++;
      totals.packetsNotSentAgain++;
      return;
    }
    totals.packetsSentAgain++;
    // Only where they are told from replays by numbers of their own.
    const copies = sender.canProbe ? (sender.transport?.outgoing.repairCopies ?? 1) : 1;
    for (let k = 1; k < copies; k++) this.#forwarder.repeat(sender, out, maxAge, now + k * repeatDistanceMs);
  }

  #handlePayloadFeedback(transport: Transport, now: number): void {
    const cursor = this.#cursor;
    const { bytes, bodyOffset: at, bodyLength } = cursor;
    if (bodyLength < 8) return;
    switch (cursor.count) {
      case PayloadFeedbackFormat.pli:
      case PayloadFeedbackFormat.sli:
      case PayloadFeedbackFormat.rpsi: {
        const sender = transport.senderOfSsrc.get(cursor.mediaSsrc);
        if (sender === undefined) return;
        sender.pliCount++;
        this.#forwarder.totals.plisReceived++;
        sender.keyFrames.handleRequest(now);
        return;
      }
      case PayloadFeedbackFormat.fir:
        for (let item = at + 8; item + 8 <= at + bodyLength; item += 8) {
          const sender = transport.senderOfSsrc.get(readU32(bytes, item));
          if (sender === undefined) continue;
          sender.firCount++;
          this.#forwarder.totals.firsReceived++;
          sender.keyFrames.handleRequest(now);
        }
        return;
      case PayloadFeedbackFormat.afb:
        if (bodyLength >= 16 && readU32(bytes, at + 8) === rembIdentifier) {
          transport.remoteRembBps = readRembBitrate(bytes, at + 13);
          transport.outgoing.handleRemb(transport.remoteRembBps, now);
        }
        return;
      default:
        return;
    }
  }

  #handleTransportFeedback(transport: Transport, now: number): void {
    const { bytes, bodyOffset, bodyLength } = this.#cursor;
    const feedback = this.#transportFeedback;
    // The count is checked before it is believed: a few bytes can claim far more than was ever sent.
    if (bodyLength < 16) return;
    if (readU16(bytes, bodyOffset + 10) > Math.min(maxFeedbackPackets, transport.sentPackets)) return;
    if (!feedback.parse(bytes, bodyOffset + 8, bodyLength - 8)) return;
    transport.remoteLossFraction = 1 - feedback.receivedCount / feedback.count;
    transport.outgoing.handleFeedback(feedback, now);
  }
}
