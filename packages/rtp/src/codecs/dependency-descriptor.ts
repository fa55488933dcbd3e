import { BitReader } from '../bit-reader.ts';

/** What a frame is to a decode target (AV1 RTP specification, A.8.3.4). */
export const DecodeTargetIndication = { notPresent: 0, discardable: 1, switch: 2, required: 3 } as const;

const maxTemplates = 64;
const maxDecodeTargets = 32;
const maxChains = 32;
const maxSpatialLayers = 4;
/** Frame differences of one frame that are kept; more are legal but used by nobody. */
const maxFrameDiffs = 16;

/**
 * Reads the dependency descriptor header extension of one stream (AV1 RTP specification, appendix A): which
 * layers a frame belongs to and what depends on it, also where the payload is encrypted end to end. The
 * structure that key frames bring is kept for the frames after it. Allocates nothing per packet.
 */
export class DependencyDescriptor {
  startOfFrame = false;
  endOfFrame = false;
  templateId = 0;
  /** 16 bits, rises by one per frame. */
  frameNumber = 0;
  /** This packet brought a structure: it begins a coded video sequence. */
  hasStructure = false;
  spatialId = 0;
  temporalId = 0;
  /** Bit per decode target that is still produced; as of the last packet that told. */
  activeDecodeTargets = 0;
  /** A DecodeTargetIndication per decode target, for this frame. */
  readonly indications = new Uint8Array(maxDecodeTargets);
  /** Distance to the frame before in each chain; 0 = none. */
  readonly chainDiffs = new Uint8Array(maxChains);
  /** Distances to the frames that this one refers to; the first `frameDiffCount` count. */
  readonly frameDiffs = new Uint16Array(maxFrameDiffs);
  frameDiffCount = 0;

  /** Of the structure. 0 = none was received yet. */
  decodeTargetCount = 0;
  chainCount = 0;
  templateCount = 0;
  maxSpatialId = 0;
  maxTemporalId = 0;
  /** Highest layers that a decode target contains. */
  readonly targetSpatialId = new Uint8Array(maxDecodeTargets);
  readonly targetTemporalId = new Uint8Array(maxDecodeTargets);
  /** Chain whose completeness makes a decode target decodable. */
  readonly targetChain = new Uint8Array(maxDecodeTargets);
  /** Pixels per spatial layer; 0 when not told. */
  readonly widths = new Uint16Array(maxSpatialLayers);
  readonly heights = new Uint16Array(maxSpatialLayers);

  readonly #bits = new BitReader();
  #templateIdOffset = 0;
  readonly #spatial = new Uint8Array(maxTemplates);
  readonly #temporal = new Uint8Array(maxTemplates);
  readonly #indications = new Uint8Array(maxTemplates * maxDecodeTargets);
  readonly #chainDiffs = new Uint8Array(maxTemplates * maxChains);
  readonly #frameDiffs = new Uint16Array(maxTemplates * maxFrameDiffs);
  readonly #frameDiffCounts = new Uint8Array(maxTemplates);

  /**
   * Reads the extension's data. False when it is malformed or needs a structure that is not known; a
   * malformed structure also forgets the one before.
   */
  read(bytes: Uint8Array, offset: number, length: number): boolean {
    const bits = this.#bits;
    if (length < 3) return false;
    bits.start(bytes, offset, length);
    this.startOfFrame = bits.flag();
    this.endOfFrame = bits.flag();
    this.templateId = bits.read(6);
    this.frameNumber = bits.read(16);
    this.hasStructure = false;
    let customIndications = false;
    let customFrameDiffs = false;
    let customChains = false;
    if (length > 3) {
      this.hasStructure = bits.flag();
      const activeTold = bits.flag();
      customIndications = bits.flag();
      customFrameDiffs = bits.flag();
      customChains = bits.flag();
      if (this.hasStructure && !this.#readStructure()) {
        this.decodeTargetCount = 0;
        return false;
      }
      if (activeTold) this.activeDecodeTargets = bits.read(this.decodeTargetCount);
    }
    if (this.decodeTargetCount === 0) return false;
    const template = (this.templateId + 64 - this.#templateIdOffset) % 64;
    if (template >= this.templateCount) return false;
    this.spatialId = this.#spatial[template]!;
    this.temporalId = this.#temporal[template]!;
    this.#readIndications(template, customIndications);
    this.#readFrameDiffs(template, customFrameDiffs);
    this.#readChains(template, customChains);
    return !bits.overrun;
  }

  /** Forgets the structure: the stream restarted. */
  reset(): void {
    this.decodeTargetCount = 0;
    this.activeDecodeTargets = 0;
  }

  #readStructure(): boolean {
    const bits = this.#bits;
    this.#templateIdOffset = bits.read(6);
    this.decodeTargetCount = bits.read(5) + 1;
    if (!this.#readLayers()) return false;
    for (let t = 0; t < this.templateCount; t++) {
      for (let d = 0; d < this.decodeTargetCount; d++) {
        this.#indications[t * maxDecodeTargets + d] = bits.read(2);
      }
    }
    for (let t = 0; t < this.templateCount; t++) {
      let count = 0;
      while (bits.flag()) {
        const diff = bits.read(4) + 1;
        if (count < maxFrameDiffs) this.#frameDiffs[t * maxFrameDiffs + count++] = diff;
      }
      this.#frameDiffCounts[t] = count;
    }
    this.chainCount = bits.readBelow(this.decodeTargetCount + 1);
    this.targetChain.fill(0);
    if (this.chainCount > 0) {
      for (let d = 0; d < this.decodeTargetCount; d++) this.targetChain[d] = bits.readBelow(this.chainCount);
      for (let t = 0; t < this.templateCount; t++) {
        for (let c = 0; c < this.chainCount; c++) this.#chainDiffs[t * maxChains + c] = bits.read(4);
      }
    }
    this.#findTargetLayers();
    this.widths.fill(0);
    this.heights.fill(0);
    if (bits.flag()) {
      for (let s = 0; s <= this.maxSpatialId; s++) {
        this.widths[s] = bits.read(16) + 1;
        this.heights[s] = bits.read(16) + 1;
      }
    }
    this.activeDecodeTargets = 2 ** this.decodeTargetCount - 1;
    return !bits.overrun;
  }

  /** After each template two bits say: same layer again, next temporal, next spatial, or the end. */
  #readLayers(): boolean {
    const bits = this.#bits;
    let spatial = 0;
    let temporal = 0;
    this.templateCount = 0;
    this.maxTemporalId = 0;
    for (;;) {
      if (this.templateCount === maxTemplates || spatial >= maxSpatialLayers || temporal > 7) return false;
      this.#spatial[this.templateCount] = spatial;
      this.#temporal[this.templateCount] = temporal;
      this.templateCount++;
      this.maxTemporalId = Math.max(this.maxTemporalId, temporal);
      const next = bits.read(2);
      if (bits.overrun) return false;
      if (next === 3) break;
      if (next === 1) temporal++;
      if (next === 2) {
        spatial++;
        temporal = 0;
      }
    }
    this.maxSpatialId = spatial;
    return true;
  }

  #findTargetLayers(): void {
    for (let d = 0; d < this.decodeTargetCount; d++) {
      let spatial = 0;
      let temporal = 0;
      for (let t = 0; t < this.templateCount; t++) {
        if (this.#indications[t * maxDecodeTargets + d] === DecodeTargetIndication.notPresent) continue;
        spatial = Math.max(spatial, this.#spatial[t]!);
        temporal = Math.max(temporal, this.#temporal[t]!);
      }
      this.targetSpatialId[d] = spatial;
      this.targetTemporalId[d] = temporal;
    }
  }

  #readIndications(template: number, custom: boolean): void {
    for (let d = 0; d < this.decodeTargetCount; d++) {
      this.indications[d] = custom ? this.#bits.read(2) : this.#indications[template * maxDecodeTargets + d]!;
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
      this.frameDiffCount = this.#frameDiffCounts[template]!;
      for (let i = 0; i < this.frameDiffCount; i++) {
        this.frameDiffs[i] = this.#frameDiffs[template * maxFrameDiffs + i]!;
      }
    }
  }

  #readChains(template: number, custom: boolean): void {
    for (let c = 0; c < this.chainCount; c++) {
      this.chainDiffs[c] = custom ? this.#bits.read(8) : this.#chainDiffs[template * maxChains + c]!;
    }
  }
}
