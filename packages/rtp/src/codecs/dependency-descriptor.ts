import { BitReader } from '../bit-reader.ts';
import { BitWriter } from '../bit-writer.ts';
import { DependencyStructure, maxChains, maxDecodeTargets, maxFrameDiffs } from './dependency-structure.ts';

/** Bits before the flags of the extended part: start, end, template id, frame number. */
const mandatoryBits = 24;
const flagBits = 5;
const activeTargetsFlagBit = mandatoryBits + 1;

/**
 * Reads the dependency descriptor header extension of one stream (AV1 RTP specification, appendix A): which
 * layers a frame belongs to and what depends on it, also where the payload is encrypted end to end. The
 * structures that the last two key frames brought are kept, so that late and repeated packets are read by the
 * one they were written with. Allocates nothing per packet.
 */
export class DependencyDescriptor {
  startOfFrame = false;
  endOfFrame = false;
  templateId = 0;
  /** 16 bits, rises by one per frame. */
  frameNumber = 0;
  /** The frame number with its wraps counted, from 65536 on. */
  frame = -1;
  /** No packet of this or a later frame was read before. */
  isNewest = false;
  /** This packet brought a structure: it begins a coded video sequence. */
  hasStructure = false;
  spatialId = 0;
  temporalId = 0;
  /** Bit per decode target that is still produced, as far as was told up to this frame. */
  activeDecodeTargets = 0;
  /** A DecodeTargetIndication per decode target, for this frame. */
  readonly indications = new Uint8Array(maxDecodeTargets);
  /** Distance to the frame before in each chain; 0 = none. */
  readonly chainDiffs = new Uint8Array(maxChains);
  /** Distances to the frames that this one refers to; the first `frameDiffCount` count. */
  readonly frameDiffs = new Uint16Array(maxFrameDiffs);
  frameDiffCount = 0;
  /** Where active_decode_targets_bitmask is, or would be if the packet told it: bits from the beginning. */
  activeTargetsBit = mandatoryBits + flagBits;

  readonly #bits = new BitReader();
  readonly #writer = new BitWriter();
  #newest = new DependencyStructure();
  #older = new DependencyStructure();
  #structure = this.#newest;
  #newestFrame = -1;
  #activeTold = false;
  #activeNow = 0;

  /** @param firstFrame number of the first frame, as frameOf() of another reader of the stream gives it */
  constructor(firstFrame = -1) {
    if (firstFrame >= 0) this.#newestFrame = firstFrame - 1;
  }

  /** The number with its wraps counted of a frame near the newest one. */
  frameOf(frameNumber: number): number {
    const newest = this.#newestFrame;
    return newest < 0 ? 65_536 + frameNumber : newest + (((frameNumber - newest) << 16) >> 16);
  }

  /** That the packet read last was written with. */
  get structure(): DependencyStructure {
    return this.#structure;
  }

  /**
   * The packet ends a frame of one of several spatial layers. (A moment of a single one may have several frames, and
   * ends where its source says.)
   */
  get endsSpatialLayer(): boolean {
    return this.endOfFrame && this.structure.maxSpatialId > 0;
  }

  /**
   * Reads the extension's data. False when it is malformed or needs a structure that is not known; a
   * malformed structure is not replaced by the one before.
   */
  read(bytes: Uint8Array, offset: number, length: number): boolean {
    const bits = this.#bits;
    if (length < 3) return false;
    bits.start(bytes, offset, length);
    if (bits.overrun) return false;
    this.startOfFrame = bits.flag();
    this.endOfFrame = bits.flag();
    this.templateId = bits.read(6);
    this.frameNumber = bits.read(16);
    this.hasStructure = false;
    this.#activeTold = false;
    this.#countFrame();
    let customIndications = false;
    let customFrameDiffs = false;
    let customChains = false;
    if (length > 3) {
      this.hasStructure = bits.flag();
      this.#activeTold = bits.flag();
      customIndications = bits.flag();
      customFrameDiffs = bits.flag();
      customChains = bits.flag();
    }
    if (this.hasStructure) {
      this.#structure = this.#placeForStructure();
      if (!this.#structure.read(bits)) return false;
    } else {
      this.#structure = this.frame >= this.#newest.frame ? this.#newest : this.#older;
    }
    const structure = this.#structure;
    if (structure.decodeTargetCount === 0) return false;
    this.activeTargetsBit = length > 3 ? bits.position : mandatoryBits + flagBits;
    this.#readActiveTargets();
    const template = (this.templateId + 64 - structure.templateIdOffset) % 64;
    if (template >= structure.templateCount) return false;
    this.spatialId = structure.spatial[template]!;
    this.temporalId = structure.temporal[template]!;
    this.#readIndications(template, customIndications);
    this.#readFrameDiffs(template, customFrameDiffs);
    this.#readChains(template, customChains);
    return !bits.overrun;
  }

  /** Forgets the structures: the stream restarted. */
  reset(): void {
    this.#newest.decodeTargetCount = 0;
    this.#newest.frame = -1;
    this.#older.decodeTargetCount = 0;
    this.#older.frame = -1;
    this.#newestFrame = -1;
    this.#activeNow = 0;
    this.activeDecodeTargets = 0;
  }

  /** Bytes that the packet read last, of `length` bytes, has when it tells which decode targets are active. */
  lengthWithActiveTargets(length: number): number {
    if (this.#activeTold) return length;
    const added = this.#structure.decodeTargetCount + (length > 3 ? 0 : flagBits);
    return length + Math.ceil(added / 8);
  }

  /**
   * Writes the packet read last, which lies at `offset`, to `out` so that it tells which decode targets are
   * active: as the source says, or else `mask`. They are at bit `activeTargetsBit`, to be changed by
   * writeActiveTargets(). Takes lengthWithActiveTargets() bytes, which are zero before.
   */
  writeWithActiveTargets(
    bytes: Uint8Array,
    offset: number,
    length: number,
    out: Uint8Array,
    at: number,
    mask: number,
  ): void {
    const { decodeTargetCount } = this.#structure;
    if (this.#activeTold) {
      for (let i = 0; i < length; i++) out[at + i] = bytes[offset + i]!;
    } else {
      const head = length > 3 ? this.activeTargetsBit : mandatoryBits;
      this.#copy(bytes, offset, 0, head, out, at, 0);
      const rest = length * 8 - head;
      this.#copy(bytes, offset, head, rest, out, at, this.activeTargetsBit + decodeTargetCount);
      out[at + (activeTargetsFlagBit >> 3)]! |= 128 >> (activeTargetsFlagBit & 7);
    }
    this.writeActiveTargets(out, at, mask);
  }

  /** Puts another mask into what writeWithActiveTargets() wrote at `at`, or a copy of it. */
  writeActiveTargets(out: Uint8Array, at: number, mask: number): void {
    this.#writer.start(out, at, this.activeTargetsBit);
    this.#writer.write(mask, this.#structure.decodeTargetCount);
  }

  #copy(
    bytes: Uint8Array,
    offset: number,
    from: number,
    count: number,
    out: Uint8Array,
    at: number,
    to: number,
  ): void {
    const end = Math.ceil((from + count) / 8);
    this.#bits.start(bytes, offset, end, from);
    this.#writer.start(out, at, to);
    for (let left = count; left > 0; left -= 8) {
      const take = Math.min(8, left);
      this.#writer.write(this.#bits.read(take), take);
    }
  }

  #countFrame(): void {
    this.frame = this.frameOf(this.frameNumber);
    this.isNewest = this.frame > this.#newestFrame;
    if (this.isNewest) this.#newestFrame = this.frame;
  }

  #placeForStructure(): DependencyStructure {
    const { frame } = this;
    if (frame > this.#newest.frame) {
      const free = this.#older;
      this.#older = this.#newest;
      this.#newest = free;
    }
    const place = frame >= this.#newest.frame ? this.#newest : this.#older;
    place.frame = frame;
    return place;
  }

  #readActiveTargets(): void {
    const structure = this.#structure;
    const told = this.#activeTold ? this.#bits.read(structure.decodeTargetCount) : -1;
    if (this.frame === this.#newestFrame) {
      if (told >= 0) this.#activeNow = told;
      else if (this.hasStructure) this.#activeNow = structure.allTargets;
    }
    const now = structure === this.#newest && !this.hasStructure ? this.#activeNow : structure.allTargets;
    this.activeDecodeTargets = told >= 0 ? told : now;
  }

  #readIndications(template: number, custom: boolean): void {
    const { indications, decodeTargetCount } = this.#structure;
    for (let d = 0; d < decodeTargetCount; d++) {
      this.indications[d] = custom ? this.#bits.read(2) : indications[template * maxDecodeTargets + d]!;
    }
  }

  #readFrameDiffs(template: number, custom: boolean): void {
    const bits = this.#bits;
    this.frameDiffCount = 0;
    if (custom) {
      for (let size = bits.read(2); size > 0; size = bits.read(2)) {
        const diff = bits.read(size * 4) + 1;
        if (this.frameDiffCount < maxFrameDiffs) this.frameDiffs[this.frameDiffCount++] = diff;
      }
    } else {
      const { frameDiffs, frameDiffCounts } = this.#structure;
      this.frameDiffCount = frameDiffCounts[template]!;
      for (let i = 0; i < this.frameDiffCount; i++) {
        this.frameDiffs[i] = frameDiffs[template * maxFrameDiffs + i]!;
      }
    }
  }

  #readChains(template: number, custom: boolean): void {
    const { chainDiffs, chainCount } = this.#structure;
    for (let c = 0; c < chainCount; c++) {
      this.chainDiffs[c] = custom ? this.#bits.read(8) : chainDiffs[template * maxChains + c]!;
    }
  }
}
