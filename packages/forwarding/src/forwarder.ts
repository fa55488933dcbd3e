import type { MediaHappening } from '@weir/protocol';
import { type DatagramBatch, type PacketEngine, PacketKind, PacketStatus, type WorkList } from './engine.ts';
import { FanOut } from './fan-out.ts';
import { defaultReplayLimits, type ReplayLimits } from './key-frame-cache.ts';
import { KeyFrameReplay } from './key-frame-replay.ts';
import { LayerReader } from './layer-reader.ts';
import { JoinLatencies, MediaTotals, observeLatency } from './media-totals.ts';
import { PreRoll } from './pre-roll.ts';
import type { ReceiveStream } from './receive-stream.ts';
import type { Receiver } from './receiver.ts';
import { RepeatQueue } from './repeat-queue.ts';
import { ForwardingRoom } from './room.ts';
import { RtcpInput } from './rtcp-input.ts';
import { RtcpOutput } from './rtcp-output.ts';
import { RtpInput } from './rtp-input.ts';
import { defaultPaceFactor } from './send-pace.ts';
import type { Sender } from './sender.ts';
import type { Transport } from './transport.ts';

/** Levels, scores, activity and bit rates. */
const tickIntervalMs = 500;
/** So many ticks after the last stream fell silent, rates and levels have come to rest. */
const idleTicks = 3;
/** Viewers that are given a cached key frame get packets so often. */
const replayStepMs = 5;
/** Listeners of a source that is heard again get what came before so often. */
const preRollStepMs = 5;
/** Packets that wait for their path are looked at so often. */
const paceStepMs = 5;
/** Deadlines are rounded up to this, so that many transports wake together. */
const granularityMs = 5;
/** Happenings that nobody drained: beyond this the oldest go. */
const maxHappenings = 10_000;

export interface ForwarderOptions {
  readonly engine: PacketEngine;
  readonly workList: WorkList;
  /** 32 random bits. */
  readonly random: () => number;
  /** Milliseconds since 1970 at `now` = 0. */
  readonly wallClockOffsetMs: number;
  /** What viewers that come late are given from the cache; what is left out is as in `defaultReplayLimits`. */
  readonly replay?: Partial<ReplayLimits> | undefined;
  /** Pictures leave at up to so many times what the viewer's path is believed to carry; 0 = as they come. Default 2. */
  readonly paceFactor?: number | undefined;
}

/**
 * The packet path of one media worker: routes decrypted packets to receivers, fans them out to senders, and
 * keeps both sides' RTCP. Sans-IO: batches and time in, work lists to the engine, happenings out.
 */
export class Forwarder {
  readonly engine: PacketEngine;
  readonly random: () => number;
  readonly transports = new Set<Transport>();
  readonly rooms = new Map<string, ForwardingRoom>();
  readonly fanOut: FanOut;
  readonly totals = new MediaTotals();
  readonly latencies = new JoinLatencies();
  readonly layerReader: LayerReader;
  readonly replayLimits: ReplayLimits;
  readonly paceFactor: number;
  /** RTP and RTCP from addresses that belong to no transport, or before its keys. */
  strayPackets = 0;
  /** Of the batch or timeout at hand. */
  now = 0;

  readonly #wallClockOffsetMs: number;
  readonly #rtpInput: RtpInput;
  readonly #rtcpInput: RtcpInput;
  readonly #rtcpOutput: RtcpOutput;
  readonly #remotes = new Map<number, Transport>();
  /** Transport of each packet of the batch at hand. */
  readonly #owners: (Transport | undefined)[] = [];
  /** Streams that miss packets or wait for a key frame. */
  readonly #repairing = new Map<ReceiveStream, Receiver>();
  /** A ring of up to `maxHappenings` places; it grows only as far as it is ever filled. */
  readonly #happenings: (MediaHappening | undefined)[] = [];
  /** Senders that are to begin, or have begun, with a cached key frame. */
  readonly #replays = new Map<Sender, KeyFrameReplay | undefined>();
  readonly #repeats = new RepeatQueue();
  readonly #preRolls = new Set<PreRoll>();
  #happeningsRead = 0;
  #happeningsPending = 0;
  #associations = 0;
  #nextAt = Number.POSITIVE_INFINITY;
  #nextTickAt = Number.POSITIVE_INFINITY;
  #idle = 0;

  constructor(options: ForwarderOptions) {
    this.engine = options.engine;
    this.random = options.random;
    this.#wallClockOffsetMs = options.wallClockOffsetMs;
    this.fanOut = new FanOut(options.engine, options.workList);
    this.layerReader = new LayerReader(this.fanOut, options.engine.arena);
    this.replayLimits = { ...defaultReplayLimits, ...options.replay };
    this.paceFactor = options.paceFactor ?? defaultPaceFactor;
    this.#rtpInput = new RtpInput(this);
    this.#rtcpInput = new RtcpInput(this);
    this.#rtcpOutput = new RtcpOutput(this);
  }

  /** Milliseconds since 1970. */
  unixMs(now: number): number {
    return now + this.#wallClockOffsetMs;
  }

  /** A number for new keys of a transport, given out once. */
  newAssociation(): number {
    return ++this.#associations;
  }

  /** The room of that id, made if need be. */
  room(id: string): ForwardingRoom {
    let room = this.rooms.get(id);
    if (room === undefined) {
      room = new ForwardingRoom(this, id);
      this.rooms.set(id, room);
    }
    return room;
  }

  removeRoom(id: string, now: number): void {
    const room = this.rooms.get(id);
    if (room === undefined) return;
    for (const sender of [...room.senders.keys()]) room.removeSender(sender, now);
    for (const receiver of [...room.receivers.keys()]) room.removeReceiver(receiver);
    for (const transport of [...room.transports.keys()]) room.removeTransport(transport, now);
    this.rooms.delete(id);
  }

  /** Packets from this remote address (as batches name it) belong to the transport from now on. */
  bindRemote(remote: number, transport: Transport): void {
    this.#remotes.set(remote, transport);
  }

  unbindRemote(remote: number): void {
    this.#remotes.delete(remote);
  }

  unbindTransport(transport: Transport): void {
    for (const [remote, owner] of this.#remotes) if (owner === transport) this.#remotes.delete(remote);
  }

  transportOf(remote: number): Transport | undefined {
    return this.#remotes.get(remote);
  }

  /** Fills `batch.session`; then comes engine.unprotect(), then process(). */
  prepare(batch: DatagramBatch): void {
    let lastRemote = Number.NaN;
    let last: Transport | undefined;
    for (let i = 0; i < batch.count; i++) {
      batch.session[i] = -1;
      this.#owners[i] = undefined;
      const kind = batch.kind[i]!;
      if (kind !== PacketKind.rtp && kind !== PacketKind.rtcp) continue;
      const remote = batch.remote[i]!;
      if (remote !== lastRemote) {
        last = this.#remotes.get(remote);
        lastRemote = remote;
      }
      if (last === undefined || (!last.plain && last.session < 0)) {
        this.strayPackets++;
        continue;
      }
      this.#owners[i] = last;
      batch.session[i] = last.session;
    }
  }

  /** The transport of packet `i` of the prepared batch, if its keys accepted the packet. */
  acceptedBy(batch: DatagramBatch, i: number): Transport | undefined {
    const transport = this.#owners[i];
    if (transport === undefined) return undefined;
    return transport.plain || batch.status[i] === PacketStatus.ok ? transport : undefined;
  }

  /** Works off all accepted RTP and RTCP of the batch, sends what comes of it, and gives prompt feedback. */
  process(batch: DatagramBatch, now: number): void {
    const { slotCount, slotSize } = this.engine;
    this.now = now;
    this.fanOut.setTime(now);
    for (let i = 0; i < batch.count; i++) {
      const transport = this.acceptedBy(batch, i);
      if (transport === undefined) continue;
      const serial = batch.serial[i]!;
      const offset = (serial % slotCount) * slotSize;
      const length = batch.length[i]!;
      transport.receivedPackets++;
      transport.receivedBytes += length;
      if (batch.kind[i] === PacketKind.rtp) this.#rtpInput.handle(transport, serial, offset, length, now);
      else this.#rtcpInput.handle(transport, this.engine.arena, offset, length, now);
    }
    this.fanOut.flush();
    if (this.fanOut.held.lines.size > 0) this.schedule(now + paceStepMs);
    if (this.#repairing.size > 0) this.#repair(now);
  }

  handleTimeout(now: number): void {
    this.now = now;
    if (now < this.#nextAt) return;
    this.#nextAt = Number.POSITIVE_INFINITY;
    this.fanOut.setTime(now);
    this.fanOut.releaseHeld(now);
    if (this.#repairing.size > 0) this.#repair(now);
    if (this.#replays.size > 0) this.#replay(now);
    if (this.#preRolls.size > 0) {
      for (const preRoll of this.#preRolls) this.stepPreRoll(preRoll, now);
      if (this.#preRolls.size > 0) this.schedule(now + preRollStepMs);
    }
    if (now >= this.#repeats.nextAt) this.#repeats.run(this.fanOut, now);
    this.schedule(this.#repeats.nextAt);
    if (now >= this.#nextTickAt) this.#tick(now);
    for (const transport of this.transports) {
      if (!transport.ready) continue;
      if (now >= transport.nextFeedbackAt) {
        transport.nextFeedbackAt = Number.POSITIVE_INFINITY;
        this.#rtcpOutput.sendTransportFeedback(transport);
      }
      if (now >= transport.nextRembAt) this.#rtcpOutput.sendRemb(transport, now);
      if (now >= transport.nextReportAt) this.#rtcpOutput.sendReports(transport, now);
      if (now >= transport.outgoing.nextAt) transport.outgoing.handleTimeout(now);
      this.schedule(transport.outgoing.nextAt);
      this.schedule(Math.min(transport.nextFeedbackAt, transport.nextRembAt, transport.nextReportAt));
    }
    this.schedule(this.#nextTickAt);
    if (this.fanOut.held.lines.size > 0) this.schedule(now + paceStepMs);
    this.fanOut.flush();
  }

  nextTimeout(): { at: number; reason: string } | undefined {
    return this.#nextAt === Number.POSITIVE_INFINITY ? undefined : { at: this.#nextAt, reason: 'forwarding' };
  }

  /** Wakes handleTimeout() at `at` or a little later. */
  schedule(at: number): void {
    if (at >= this.#nextAt) return;
    this.#nextAt = Math.min(this.#nextAt, Math.ceil(at / granularityMs) * granularityMs);
  }

  emit(happening: MediaHappening): void {
    if (this.#happeningsPending === maxHappenings) this.poll();
    const place = (this.#happeningsRead + this.#happeningsPending++) % maxHappenings;
    this.#happenings[place] = happening;
  }

  poll(): MediaHappening | undefined {
    if (this.#happeningsPending === 0) return undefined;
    const happening = this.#happenings[this.#happeningsRead];
    this.#happenings[this.#happeningsRead] = undefined;
    this.#happeningsRead = (this.#happeningsRead + 1) % maxHappenings;
    // Drained: the ring begins again at its start, so that it stays as short as its bursts.
    if (--this.#happeningsPending === 0) this.#happeningsRead = 0;
    return happening;
  }

  /** A stream waits for a key frame: its request goes out with the next feedback. */
  noteKeyFrameWish(stream: ReceiveStream, receiver: Receiver): void {
    this.#repairing.set(stream, receiver);
    this.schedule(stream.keyFrames.nextTimeout());
  }

  /** A sender is to begin with a cached key frame. */
  noteReplay(sender: Sender): void {
    if (this.#replays.get(sender)?.current) return;
    this.#replays.set(sender, undefined);
    this.schedule(this.now);
  }

  /**
   * A source of sound is among the loudest again: its listeners are to get what came lately, but nothing up to number
   * `after`. It begins when the packet at hand is through.
   */
  letIn(receiver: Receiver, stream: ReceiveStream, after: number, now: number): void {
    receiver.heldBack = false;
    receiver.preRoll = new PreRoll(receiver, stream, after, this.fanOut, now);
    this.totals.loudestSwitches++;
    this.#preRolls.add(receiver.preRoll);
    this.schedule(now + preRollStepMs);
  }

  stepPreRoll(preRoll: PreRoll, now: number): void {
    if (preRoll.receiver.paused || !preRoll.step(this.fanOut, now)) this.endPreRoll(preRoll.receiver);
  }

  endPreRoll(receiver: Receiver): void {
    if (receiver.preRoll === undefined) return;
    this.#preRolls.delete(receiver.preRoll);
    receiver.preRoll = undefined;
  }

  /** A packet goes out again at `at`, as another copy of a repair. */
  repeat(sender: Sender, out: number, maxAgeMs: number, at: number): void {
    this.#repeats.add(sender, out, maxAgeMs, at);
    this.schedule(at);
  }

  /** A stream misses packets: they are asked for after the batch. */
  noteRepair(stream: ReceiveStream, receiver: Receiver): void {
    this.#repairing.set(stream, receiver);
  }

  /** The first packet of a stream, or the first after a silence. */
  cameAlive(stream: ReceiveStream, receiver: Receiver, isKey: boolean, now: number): void {
    stream.live = true;
    const { transport } = receiver;
    if (transport !== undefined && !transport.heardRtp) {
      transport.heardRtp = true;
      observeLatency(this.latencies.firstRtp, now - transport.connectedAt);
    }
    if (stream.score.reset(10)) this.#tellReceiverScore(receiver);
    receiver.chooseLayers();
    if (receiver.video && !isKey && !receiver.paused) {
      stream.keyFrames.want(now);
      this.noteKeyFrameWish(stream, receiver);
    }
    this.#idle = 0;
    if (this.#nextTickAt !== Number.POSITIVE_INFINITY) return;
    this.#nextTickAt = now + tickIntervalMs;
    this.schedule(this.#nextTickAt);
  }

  /** Sends what replays are due to send. */
  #replay(now: number): void {
    for (const [sender, begun] of this.#replays) {
      let replay = begun;
      if (replay === undefined) {
        // Since it was asked for, anything may have changed.
        const stream =
          sender.forwards && !sender.receiver?.paused ? sender.keyFrames.replayFrom(now) : undefined;
        if (stream === undefined) {
          this.#replays.delete(sender);
          if (sender.openStream !== sender.targetStream) sender.keyFrames.ask();
          continue;
        }
        sender.keyFrames.beginReplay(stream, now);
        replay = new KeyFrameReplay(sender, stream, this.replayLimits.maxCatchUpMs, now);
        this.#replays.set(sender, replay);
      }
      if (replay.step(this.fanOut, this.layerReader, now)) continue;
      sender.keyFrames.endReplay(replay.stream);
      this.#replays.delete(sender);
    }
    if (this.#replays.size > 0) this.schedule(now + replayStepMs);
  }

  /** Sends NACKs and key frame requests that are due, and forgets streams that need nothing. */
  #repair(now: number): void {
    for (const [stream, receiver] of this.#repairing) {
      const transport = receiver.transport;
      if (transport === undefined || !transport.ready || receiver.paused) {
        stream.nack?.reset();
        stream.keyFrames.cancel();
        this.#repairing.delete(stream);
        continue;
      }
      const { nack, keyFrames } = stream;
      if (nack?.keyFrameNeeded) {
        nack.keyFrameNeeded = false;
        if (receiver.video) keyFrames.want(now);
      }
      if (nack !== undefined && nack.missingCount > 0) {
        nack.rttMs = transport.rttMs;
        this.#rtcpOutput.sendNack(transport, stream, now);
      }
      if (keyFrames.take(now)) this.#rtcpOutput.sendKeyFrameRequest(transport, stream);
      const again = nack?.nextTimeout(now);
      if (again !== undefined) this.schedule(again);
      else if (!keyFrames.wanted) this.#repairing.delete(stream);
      this.schedule(keyFrames.nextTimeout());
    }
  }

  /** Every 500 ms while anything is alive: levels, activity, scores, bit rates. */
  #tick(now: number): void {
    let alive = false;
    for (const room of this.rooms.values()) {
      room.reportLevels();
      room.reportSpeaker(now);
      for (const receiver of room.receivers.values()) {
        let changed = false;
        let fell = false;
        for (const stream of receiver.streams) {
          const was = stream.live;
          changed = stream.tick(now) || changed;
          fell ||= was && !stream.live;
          alive ||= stream.live;
        }
        if (changed) this.#tellReceiverScore(receiver);
        if (fell) {
          receiver.chooseLayers();
          receiver.rest();
        }
        if (receiver.video) receiver.tickWanted(now);
      }
      for (const sender of room.senders.values()) {
        sender.tick(now);
        this.#tellSenderScore(sender);
      }
    }
    for (const transport of this.transports) {
      transport.tick(now);
      transport.outgoing.tick(now);
    }
    this.#idle = alive ? 0 : this.#idle + 1;
    this.#nextTickAt = this.#idle < idleTicks ? now + tickIntervalMs : Number.POSITIVE_INFINITY;
  }

  #tellReceiverScore(receiver: Receiver): void {
    this.emit({
      type: 'receiver.score',
      roomId: receiver.room.id,
      receiverId: receiver.id,
      scores: receiver.streams.map((stream) => ({
        encodingIdx: stream.encodingIdx,
        ssrc: stream.ssrc,
        ...(stream.rid === undefined ? {} : { rid: stream.rid }),
        score: stream.score.value,
      })),
    });
  }

  #tellSenderScore(sender: Sender): void {
    const { receiver } = sender;
    if (receiver === undefined || !sender.forwards) return;
    const source = sender.openStream ?? sender.targetStream;
    const receiverScore = source?.score.value ?? 0;
    const score = sender.score.value;
    if (score === sender.announcedScore && receiverScore === sender.announcedReceiverScore) return;
    sender.announcedScore = score;
    sender.announcedReceiverScore = receiverScore;
    this.emit({ type: 'sender.score', roomId: receiver.room.id, senderId: sender.id, score, receiverScore });
  }
}
