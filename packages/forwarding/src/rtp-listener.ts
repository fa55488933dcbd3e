import { type ExtensionTable, type RtpHeader, readSdesText } from '@weir/rtp';
import type { ReceiveStream } from './receive-stream.ts';
import type { Receiver } from './receiver.ts';

/** A stream that had packets this lately is not taken over by another SSRC. */
const takeoverSilenceMs = 500;

/** What an SSRC stands for. */
export class SsrcEntry {
  readonly receiver: Receiver;
  readonly stream: ReceiveStream;
  readonly rtx: boolean;

  constructor(receiver: Receiver, stream: ReceiveStream, rtx: boolean) {
    this.receiver = receiver;
    this.stream = stream;
    this.rtx = rtx;
  }
}

/** Ids of the extensions that name a stream; 0 = not negotiated. */
export interface StreamNameIds {
  mid: number;
  rid: number;
  repairedRid: number;
}

/**
 * Whose packet is this? The tables of one transport (object-model.md §11.6): SSRC, then (MID, RID or RRID),
 * then MID, then payload type. Each success learns the SSRC. A stream has one SSRC and one RTX SSRC at a
 * time, so the tables can't grow beyond twice the number of encodings, whatever the endpoint sends.
 */
export class RtpListener {
  readonly ids: StreamNameIds = { mid: 0, rid: 0, repairedRid: 0 };
  readonly #receivers = new Set<Receiver>();
  readonly #ssrcs = new Map<number, SsrcEntry>();
  readonly #mids = new Map<string, Receiver>();
  readonly #payloadTypes: (Receiver | undefined)[] = new Array<Receiver | undefined>(128).fill(undefined);
  #lastSsrc = -1;
  #lastEntry: SsrcEntry | undefined = undefined;

  /** The room has refused collisions already; should one come nevertheless, the first owner keeps its key. */
  add(receiver: Receiver): void {
    this.#receivers.add(receiver);
    const { spec, streams, codecs } = receiver;
    for (const stream of streams) {
      if (stream.ssrc !== 0 && !this.#ssrcs.has(stream.ssrc)) {
        this.#ssrcs.set(stream.ssrc, new SsrcEntry(receiver, stream, false));
      }
      if (stream.rtxSsrc !== 0 && !this.#ssrcs.has(stream.rtxSsrc)) {
        this.#ssrcs.set(stream.rtxSsrc, new SsrcEntry(receiver, stream, true));
      }
    }
    if (spec.mid !== undefined && !this.#mids.has(spec.mid)) this.#mids.set(spec.mid, receiver);
    const needsPayloadType = streams.some(
      (stream) => stream.declaredSsrc === undefined && !(stream.rid !== undefined && spec.mid !== undefined),
    );
    if (needsPayloadType) {
      for (const pt of codecs.payloadTypes) this.#payloadTypes[pt] ??= receiver;
    }
    this.#forgetLast();
  }

  remove(receiver: Receiver): void {
    this.#receivers.delete(receiver);
    for (const [ssrc, entry] of this.#ssrcs) if (entry.receiver === receiver) this.#ssrcs.delete(ssrc);
    for (const [mid, owner] of this.#mids) if (owner === receiver) this.#mids.delete(mid);
    for (let pt = 0; pt < 128; pt++) {
      if (this.#payloadTypes[pt] === receiver) this.#payloadTypes[pt] = undefined;
    }
    this.#forgetLast();
  }

  /** What an SSRC stands for, learning nothing. */
  known(ssrc: number): SsrcEntry | undefined {
    return this.#ssrcs.get(ssrc);
  }

  /** The owner of a packet; undefined when there is none or its payload type is not one of the owner's. */
  find(header: RtpHeader, bytes: Uint8Array, extensions: ExtensionTable, now: number): SsrcEntry | undefined {
    const { ssrc, payloadType } = header;
    let entry = ssrc === this.#lastSsrc ? this.#lastEntry : this.#ssrcs.get(ssrc);
    if (entry === undefined) {
      entry = this.#identify(header, bytes, extensions, now);
      if (entry === undefined) return undefined;
    }
    this.#lastSsrc = ssrc;
    this.#lastEntry = entry;
    const { codecs } = entry.receiver;
    if (!codecs.has(payloadType) || codecs.isRtx(payloadType) !== entry.rtx) return undefined;
    return entry;
  }

  /** Which of the receivers here would take a packet with this SSRC or payload type; for comedia. */
  wouldTake(ssrc: number, payloadType: number): boolean {
    return this.#ssrcs.has(ssrc) || this.#payloadTypes[payloadType] !== undefined;
  }

  /** The tables of object-model.md §11.6 and D-34: key → receiver id. */
  dump(): Record<'ssrcTable' | 'muxIdTable' | 'ptTable' | 'ridTable', Record<string, number>> {
    const ssrcTable: Record<string, number> = {};
    for (const [ssrc, entry] of this.#ssrcs) ssrcTable[ssrc] = entry.receiver.id;
    const muxIdTable: Record<string, number> = {};
    for (const [mid, receiver] of this.#mids) muxIdTable[mid] = receiver.id;
    const ptTable: Record<string, number> = {};
    this.#payloadTypes.forEach((receiver, pt) => {
      if (receiver !== undefined) ptTable[pt] = receiver.id;
    });
    const ridTable: Record<string, number> = {};
    for (const receiver of this.#receivers) {
      if (receiver.spec.mid === undefined) continue;
      for (const { rid } of receiver.streams) {
        if (rid !== undefined) ridTable[`${receiver.spec.mid}:${rid}`] = receiver.id;
      }
    }
    return { ssrcTable, muxIdTable, ptTable, ridTable };
  }

  #identify(
    header: RtpHeader,
    bytes: Uint8Array,
    extensions: ExtensionTable,
    now: number,
  ): SsrcEntry | undefined {
    const text = (id: number) =>
      id === 0 ? undefined : readSdesText(bytes, extensions.offset(id), extensions.length(id));
    const { payloadType, ssrc } = header;
    const mid = text(this.ids.mid);
    const rid = text(this.ids.rid);
    const repairedRid = text(this.ids.repairedRid);
    const byMid = mid === undefined ? undefined : this.#mids.get(mid);
    // A MID that nobody has belongs to something not told yet: nothing else may claim its packets.
    if (mid !== undefined && byMid === undefined) return undefined;
    const layer = repairedRid ?? rid;
    if (layer !== undefined) {
      const owner = byMid ?? this.#ownerOfRid(layer, payloadType);
      const stream = owner?.streams.find((candidate) => candidate.rid === layer);
      if (owner === undefined || stream === undefined) return undefined;
      const rtx = owner.codecs.isRtx(payloadType);
      return owner.codecs.has(payloadType) ? this.#learn(owner, stream, ssrc, rtx, now) : undefined;
    }
    const receiver = byMid ?? this.#payloadTypes[payloadType];
    if (receiver === undefined || !receiver.codecs.has(payloadType)) return undefined;
    const rtx = receiver.codecs.isRtx(payloadType);
    const stream = rtx
      ? receiver.streams.length === 1
        ? receiver.streams[0]
        : undefined
      : receiver.streams.find((one) => one.declaredSsrc === undefined && one.rid === undefined);
    return stream === undefined ? undefined : this.#learn(receiver, stream, ssrc, rtx, now);
  }

  #ownerOfRid(rid: string, payloadType: number): Receiver | undefined {
    let owner: Receiver | undefined;
    for (const receiver of this.#receivers) {
      if (!receiver.codecs.has(payloadType)) continue;
      if (!receiver.streams.some((stream) => stream.rid === rid)) continue;
      if (owner !== undefined) return undefined;
      owner = receiver;
    }
    return owner;
  }

  #learn(
    receiver: Receiver,
    stream: ReceiveStream,
    ssrc: number,
    rtx: boolean,
    now: number,
  ): SsrcEntry | undefined {
    if (ssrc === 0) return undefined;
    const current = rtx ? stream.rtxSsrc : stream.ssrc;
    if (current !== 0) {
      if (!rtx && (stream.declaredSsrc !== undefined || now - stream.lastPacketAt < takeoverSilenceMs)) {
        return undefined;
      }
      this.#ssrcs.delete(current);
      this.#forgetLast();
      if (!rtx) stream.restart();
    }
    if (rtx) stream.rtxSsrc = ssrc;
    else stream.ssrc = ssrc;
    const entry = new SsrcEntry(receiver, stream, rtx);
    this.#ssrcs.set(ssrc, entry);
    return entry;
  }

  #forgetLast(): void {
    this.#lastSsrc = -1;
    this.#lastEntry = undefined;
  }
}
