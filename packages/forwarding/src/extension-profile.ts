import type { ExtensionSpec } from '@weir/protocol';
import {
  type DependencyDescriptor,
  type ExtensionTable,
  type ExtensionWriter,
  extensionUri,
  type RtpHeader,
} from '@weir/rtp';
import type { WorkList } from './engine.ts';

/** What a built block may add to the source's own: abs-send-time, transport sequence, MID, heads, padding. */
const additions = 64;

/** Extensions of a source that never reach a viewer: they name the publisher's streams. */
const sourceOnly: readonly string[] = [extensionUri.mid, extensionUri.rid, extensionUri.repairedRid];

/**
 * How the header extensions of one receiver become those of a group of senders: same URI, the sender's id.
 * The block is built once per packet and profile and shared by all senders that have the profile.
 */
export class ExtensionProfile {
  /** Source id → outgoing id, 0 = leave out. */
  readonly idMap = new Uint8Array(256);
  readonly absSendTimeId: number;
  readonly transportSequenceId: number;
  readonly midId: number;
  readonly #mid: Uint8Array;
  readonly #alwaysTwoByte: boolean;

  /** Stamp of the packet for which the following fields are true. */
  builtFor = -1;
  offset = 0;
  length = 0;
  /** Relative to `offset`; 0 = none. */
  absSendTimeOffset = 0;
  transportSequenceOffset = 0;
  /** Of the dependency descriptor. */
  descriptorOffset = 0;
  /** The descriptor tells which decode targets are active, so that it can be told otherwise. */
  tellsTargets = false;
  readonly #descriptorSource: number;

  /** @param mid is put into every packet when given and negotiated by the sender. */
  constructor(
    source: readonly ExtensionSpec[],
    target: readonly ExtensionSpec[],
    transportCc: boolean,
    mid: string | undefined,
  ) {
    const idOf = (uri: string) => target.find((extension) => extension.uri === uri)?.id ?? 0;
    this.absSendTimeId = idOf(extensionUri.absSendTime);
    this.transportSequenceId = transportCc ? idOf(extensionUri.transportSequence) : 0;
    this.#descriptorSource = source.find(({ uri }) => uri === extensionUri.dependencyDescriptor)?.id ?? 0;
    this.#mid = new TextEncoder().encode(mid ?? '').subarray(0, 16);
    this.midId = this.#mid.length > 0 ? idOf(extensionUri.mid) : 0;
    for (const { uri, id } of source) {
      if (sourceOnly.includes(uri)) continue;
      if (uri === extensionUri.absSendTime || uri === extensionUri.transportSequence) continue;
      this.idMap[id] = idOf(uri);
    }
    this.#alwaysTwoByte =
      this.idMap.some((id) => id > 14) ||
      this.absSendTimeId > 14 ||
      this.transportSequenceId > 14 ||
      this.midId > 14;
  }

  /** Two profiles with the same key build the same block. */
  static key(target: readonly ExtensionSpec[], transportCc: boolean, mid: string | undefined): string {
    return JSON.stringify([target.map(({ uri, id }) => [uri, id]), transportCc, mid ?? null]);
  }

  /** Most bytes that build() needs for this packet. */
  static room(header: RtpHeader): number {
    // An element's head may grow by a byte when the block becomes two-byte.
    return 12 + header.extensionLength * 2 + additions;
  }

  /**
   * Writes header and extensions to the list's prefixes, which have room for them. `descriptor` is what was read of
   * the packet's dependency descriptor: where it has decode targets to choose from, it is written so that it tells
   * the active ones.
   */
  build(
    work: WorkList,
    bytes: Uint8Array,
    table: ExtensionTable,
    writer: ExtensionWriter,
    stamp: number,
    descriptor: DependencyDescriptor | undefined,
  ): void {
    const described = this.idMap[this.#descriptorSource]! > 0 && table.has(this.#descriptorSource);
    const told = described && descriptor !== undefined && descriptor.structure.decodeTargetCount > 1;
    this.descriptorOffset = 0;
    this.tellsTargets = false;
    const out = work.prefixes;
    const start = work.prefixesUsed;
    let twoByte = this.#alwaysTwoByte;
    for (let i = 0; i < table.count && !twoByte; i++) {
      const id = table.ids[i]!;
      if (this.idMap[id] === 0) continue;
      let length = table.length(id);
      if (told && id === this.#descriptorSource) length = descriptor.lengthWithActiveTargets(length);
      twoByte = length > 16 || length === 0;
    }
    writer.begin(out, start + 12, twoByte);
    for (let i = 0; i < table.count; i++) {
      const id = table.ids[i]!;
      const target = this.idMap[id]!;
      if (target === 0) continue;
      const length = table.length(id);
      if (id !== this.#descriptorSource) writer.add(target, bytes, table.offset(id), length);
      else if (!told)
        this.descriptorOffset = Math.max(0, writer.add(target, bytes, table.offset(id), length) - start);
      else this.#describe(writer, out, start, target, bytes, table.offset(id), length, descriptor);
    }
    if (this.midId !== 0) writer.add(this.midId, this.#mid, 0, this.#mid.length);
    this.absSendTimeOffset = relative(this.absSendTimeId, 3, writer, start);
    this.transportSequenceOffset = relative(this.transportSequenceId, 2, writer, start);
    const end = writer.end();
    // Sequence number, timestamp, SSRC and payload type are written per packet by the engine. CSRCs and
    // padding are not passed on.
    out[start] = end > start + 12 ? 0x90 : 0x80;
    out.fill(0, start + 1, start + 12);
    this.offset = start;
    this.length = end - start;
    this.builtFor = stamp;
    work.prefixesUsed = end;
  }

  #describe(
    writer: ExtensionWriter,
    out: Uint8Array,
    start: number,
    id: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    descriptor: DependencyDescriptor,
  ): void {
    const at = writer.reserve(id, descriptor.lengthWithActiveTargets(length));
    if (at < 0) return;
    descriptor.writeWithActiveTargets(bytes, offset, length, out, at, descriptor.activeDecodeTargets);
    this.descriptorOffset = at - start;
    this.tellsTargets = true;
  }
}

function relative(id: number, length: number, writer: ExtensionWriter, start: number): number {
  if (id === 0) return 0;
  const at = writer.reserve(id, length);
  return at < 0 ? 0 : at - start;
}
