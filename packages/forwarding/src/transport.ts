import { extensionUri, TransportFeedbackRecorder } from '@weir/rtp';
import type { PathHandle, SessionHandle } from './engine.ts';
import { IncomingBitrate } from './incoming-bitrate.ts';
import { OutgoingBandwidth } from './outgoing-bandwidth.ts';
import type { Receiver } from './receiver.ts';
import type { ForwardingRoom } from './room.ts';
import { RtpListener } from './rtp-listener.ts';
import { SendPace } from './send-pace.ts';
import type { Sender } from './sender.ts';
import { SentNumbers } from './sent-numbers.ts';

/** First RTCP report after this (object-model.md §11.8). */
export const firstReportMs = 500;
const defaultRttMs = 100;

/** One connection of a peer as the packet path sees it: keys, path, and what arrives or leaves over it. */
export class Transport {
  readonly room: ForwardingRoom;
  readonly id: number;
  readonly peerId: number;
  /** Without SRTP. */
  readonly plain: boolean;
  /** SSRC of our own RTCP packets. */
  readonly rtcpSsrc: number;
  readonly listener = new RtpListener();
  readonly receivers = new Set<Receiver>();
  readonly senders = new Set<Sender>();
  /** Media and RTX SSRCs of the senders. */
  readonly senderOfSsrc = new Map<number, Sender>();
  readonly incomingBitrate = new IncomingBitrate();
  readonly outgoing = new OutgoingBandwidth(this);
  readonly pace = new SendPace();

  /** -1 = none yet, or plain. */
  session: SessionHandle = -1;
  /** -1 = unknown. */
  path: PathHandle = -1;
  /** Where RTCP goes when it is not muxed; -1 = over `path`. */
  rtcpPath: PathHandle = -1;
  /** Number of the remote address that `path` leads to, as batches name it; NaN = none yet. */
  selectedRemote = Number.NaN;
  /** When the present keys came; NaN = none yet, or plain. */
  connectedAt = Number.NaN;
  /** A receiver took a packet of it. */
  heardRtp = false;
  /** Packets may flow both ways. */
  ready = false;
  /** No other keys of any transport have this number: what was sent under others must not be continued. */
  association: number;
  /** Where senders stopped that left the present association. */
  readonly sentNumbers = new SentNumbers();

  /** Last transport-wide sequence number given out. */
  transportSequence = 0;
  /** Id of that extension in packets that arrive; 0 = none. */
  transportSequenceId = 0;
  feedback: TransportFeedbackRecorder | undefined = undefined;
  nextFeedbackAt = Number.POSITIVE_INFINITY;
  nextReportAt = Number.POSITIVE_INFINITY;
  nextRembAt = Number.POSITIVE_INFINITY;
  /** REMB is on: never turned off again. */
  useRemb = false;
  /** Value in the last REMB, and value and time of the last check for an abrupt fall. */
  toldRembBps = 0;
  lastRembBps = 0;
  lastRembAt = Number.NEGATIVE_INFINITY;
  rttMs = defaultRttMs;

  receivedPackets = 0;
  receivedBytes = 0;
  /** Packets that no stream took: unknown SSRC, wrong payload type, malformed. */
  unmatchedPackets = 0;
  sentPackets = 0;
  sentBytes = 0;
  rtxSentBytes = 0;
  /** Sent again only to learn what the path carries. */
  probeSentBytes = 0;
  rtxReceivedBytes = 0;
  receivedBps = 0;
  sentBps = 0;
  rtxReceivedBps = 0;
  rtxSentBps = 0;
  /** What the endpoint estimates for itself; 0 = it said nothing. */
  remoteRembBps = 0;
  /** Loss that its transport-wide feedback told last, 0…1. */
  remoteLossFraction = 0;
  #receivedAtRate = 0;
  #sentAtRate = 0;
  #rtxReceivedAtRate = 0;
  #rtxSentAtRate = 0;
  #rateAt = 0;
  #expectedAtLoss = 0;
  #countedAtLoss = 0;

  constructor(room: ForwardingRoom, id: number, peerId: number, plain: boolean, rtcpSsrc: number) {
    this.room = room;
    this.id = id;
    this.peerId = peerId;
    this.plain = plain;
    this.rtcpSsrc = rtcpSsrc;
    this.association = room.forwarder.newAssociation();
  }

  /** How long a repair takes of a stream that comes in here; NaN = not known yet. */
  noteRepair(ms: number): void {
    // Who only sends has nothing of ours to report on: this is all that is known of its path.
    if (this.senders.size === 0 && !Number.isNaN(ms)) this.rttMs = ms;
  }

  /** Keys are there (or none are needed). Senders start with fresh numbers, as SRTP wants. */
  connect(session: SessionHandle, now: number): void {
    this.session = session;
    this.connectedAt = now;
    this.association = this.room.forwarder.newAssociation();
    this.sentNumbers.clear();
    this.room.forwarder.fanOut.held.drop(this);
    this.outgoing.pathChanged();
    this.#refresh(now);
  }

  /** The keys are void. */
  unkey(now: number): void {
    if (this.session < 0) return;
    this.session = -1;
    this.#refresh(now);
  }

  setPath(path: PathHandle, now: number): void {
    if (path !== this.path) this.outgoing.pathChanged();
    this.path = path;
    if (path < 0) this.selectedRemote = Number.NaN;
    this.#refresh(now);
  }

  disconnect(now: number): void {
    this.session = -1;
    this.path = -1;
    this.rtcpPath = -1;
    this.#refresh(now);
  }

  /** Ceiling of what the endpoint sends, bits per second; 0 = none. */
  limitIncoming(maxBps: number, now: number): void {
    if (this.incomingBitrate.maxBps === maxBps) return;
    this.incomingBitrate.maxBps = maxBps;
    this.nextRembAt = Number.POSITIVE_INFINITY;
    this.#startTimers(now);
  }

  addReceiver(receiver: Receiver, now: number): void {
    this.receivers.add(receiver);
    this.listener.add(receiver);
    this.#readExtensions();
    for (const codec of receiver.spec.codecs) if (codec.feedback.remb) this.useRemb = true;
    this.#startTimers(now);
  }

  removeReceiver(receiver: Receiver): void {
    this.receivers.delete(receiver);
    this.listener.remove(receiver);
    this.#readExtensions();
  }

  addSender(sender: Sender, now: number): void {
    this.senders.add(sender);
    this.senderOfSsrc.set(sender.spec.ssrc, sender);
    if (sender.spec.rtxSsrc !== undefined) this.senderOfSsrc.set(sender.spec.rtxSsrc, sender);
    this.outgoing.addSender(sender, now);
    // Its first report is not to wait until those of the others are due.
    if (this.ready) this.nextReportAt = Math.min(this.nextReportAt, now + firstReportMs);
    this.#startTimers(now);
  }

  removeSender(sender: Sender): void {
    this.senders.delete(sender);
    this.outgoing.removeSender(sender);
    for (const [ssrc, owner] of this.senderOfSsrc) if (owner === sender) this.senderOfSsrc.delete(ssrc);
  }

  /** Bit rates since the last call, about twice a second. */
  tick(now: number): void {
    if (now <= this.#rateAt) return;
    const elapsed = now - this.#rateAt;
    this.receivedBps = Math.round(((this.receivedBytes - this.#receivedAtRate) * 8000) / elapsed);
    this.sentBps = Math.round(((this.sentBytes - this.#sentAtRate) * 8000) / elapsed);
    this.rtxReceivedBps = Math.round(((this.rtxReceivedBytes - this.#rtxReceivedAtRate) * 8000) / elapsed);
    this.rtxSentBps = Math.round(((this.rtxSentBytes - this.#rtxSentAtRate) * 8000) / elapsed);
    this.#rtxReceivedAtRate = this.rtxReceivedBytes;
    this.#rtxSentAtRate = this.rtxSentBytes;
    this.#receivedAtRate = this.receivedBytes;
    this.#sentAtRate = this.sentBytes;
    this.#rateAt = now;
  }

  /** Loss since the last call, 0…1, from the totals of all its streams. */
  takeLossFraction(expected: number, counted: number): number {
    const wanted = expected - this.#expectedAtLoss;
    const lost = wanted - (counted - this.#countedAtLoss);
    this.#expectedAtLoss = expected;
    this.#countedAtLoss = counted;
    return wanted > 0 ? Math.max(0, Math.min(1, lost / wanted)) : 0;
  }

  /** Transport-wide feedback towards the endpoint was negotiated. */
  get givesTransportFeedback(): boolean {
    return this.feedback !== undefined;
  }

  #refresh(now: number): void {
    const ready = this.path >= 0 && (this.plain || this.session >= 0);
    const became = ready && !this.ready;
    this.ready = ready;
    if (!ready) {
      this.room.forwarder.fanOut.held.drop(this);
      this.nextReportAt = Number.POSITIVE_INFINITY;
      this.nextFeedbackAt = Number.POSITIVE_INFINITY;
      this.nextRembAt = Number.POSITIVE_INFINITY;
    }
    for (const sender of this.senders) sender.transportChanged();
    if (!became) return;
    this.#startTimers(now);
    for (const sender of this.senders) sender.keyFrames.request();
  }

  #startTimers(now: number): void {
    if (!this.ready) return;
    if (this.nextReportAt === Number.POSITIVE_INFINITY && this.receivers.size + this.senders.size > 0) {
      this.nextReportAt = now + firstReportMs;
    }
    if (this.receivers.size === 0) return;
    const wanted = (this.useRemb && this.feedback === undefined) || this.incomingBitrate.maxBps > 0;
    if (wanted && this.nextRembAt === Number.POSITIVE_INFINITY) this.nextRembAt = now;
    this.room.forwarder.schedule(Math.min(this.nextReportAt, this.nextRembAt));
  }

  /** Ids are the same for all receivers of a transport (one BUNDLE); a receiver may lack some of them. */
  #readExtensions(): void {
    const { ids } = this.listener;
    ids.mid = 0;
    ids.rid = 0;
    ids.repairedRid = 0;
    this.transportSequenceId = 0;
    for (const receiver of this.receivers) {
      const transportCc = receiver.spec.codecs.some((codec) => codec.feedback.transportCc);
      for (const { uri, id } of receiver.spec.headerExtensions) {
        if (uri === extensionUri.mid) ids.mid = id;
        else if (uri === extensionUri.rid) ids.rid = id;
        else if (uri === extensionUri.repairedRid) ids.repairedRid = id;
        else if (uri === extensionUri.transportSequence && transportCc) this.transportSequenceId = id;
      }
    }
    if (this.transportSequenceId !== 0) this.feedback ??= new TransportFeedbackRecorder();
    else this.feedback = undefined;
  }
}
