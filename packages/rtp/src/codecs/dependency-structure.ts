import type { BitReader } from '../bit-reader.ts';

/** What a frame is to a decode target (AV1 RTP specification, A.8.3.4). */
export const DecodeTargetIndication = { notPresent: 0, discardable: 1, switch: 2, required: 3 } as const;

const maxTemplates = 64;
export const maxDecodeTargets = 32;
export const maxChains = 32;
const maxSpatialLayers = 4;
/** Frame differences of one frame that are kept; more are legal but used by nobody. */
export const maxFrameDiffs = 16;

/**
 * A template dependency structure (AV1 RTP specification, A.8.2): the decode targets that a coded video sequence
 * offers, and templates of the frames it is made of. One object is filled again and again.
 */
export class DependencyStructure {
  /** 0 = holds nothing that can be used. */
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

  /** The frame that brought it, as its reader counts frames. */
  frame = -1;
  templateIdOffset = 0;
  readonly spatial = new Uint8Array(maxTemplates);
  readonly temporal = new Uint8Array(maxTemplates);
  /** By template, `maxDecodeTargets` each. */
  readonly indications = new Uint8Array(maxTemplates * maxDecodeTargets);
  /** By template, `maxChains` each. */
  readonly chainDiffs = new Uint8Array(maxTemplates * maxChains);
  /** By template, `maxFrameDiffs` each. */
  readonly frameDiffs = new Uint16Array(maxTemplates * maxFrameDiffs);
  readonly frameDiffCounts = new Uint8Array(maxTemplates);

  /** Reads it from where `bits` is. False, and nothing usable, when it is malformed. */
  read(bits: BitReader): boolean {
    this.templateIdOffset = bits.read(6);
    this.decodeTargetCount = bits.read(5) + 1;
    if (this.#readLayers(bits)) {
      this.#readTemplates(bits);
      this.#readChains(bits);
      this.#findTargetLayers();
      this.#readResolutions(bits);
      if (!bits.overrun) return true;
    }
    this.decodeTargetCount = 0;
    return false;
  }

  /** One bit for each decode target. */
  get allTargets(): number {
    return 2 ** this.decodeTargetCount - 1;
  }

  /** A bit for each decode target that holds no layers above these. */
  targetsUpTo(spatialId: number, temporalId: number): number {
    let mask = 0;
    for (let d = 0; d < this.decodeTargetCount; d++) {
      if (this.targetSpatialId[d]! <= spatialId && this.targetTemporalId[d]! <= temporalId) mask |= 1 << d;
    }
    return mask >>> 0;
  }

  /** After each template two bits say: same layer again, next temporal, next spatial, or the end. */
  #readLayers(bits: BitReader): boolean {
    let spatial = 0;
    let temporal = 0;
    this.templateCount = 0;
    this.maxTemporalId = 0;
    for (;;) {
      if (this.templateCount === maxTemplates || spatial >= maxSpatialLayers || temporal > 7) return false;
      this.spatial[this.templateCount] = spatial;
      this.temporal[this.templateCount] = temporal;
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

  #readTemplates(bits: BitReader): void {
    for (let t = 0; t < this.templateCount; t++) {
      for (let d = 0; d < this.decodeTargetCount; d++) {
        this.indications[t * maxDecodeTargets + d] = bits.read(2);
      }
    }
    for (let t = 0; t < this.templateCount; t++) {
      let count = 0;
      while (bits.flag()) {
        const diff = bits.read(4) + 1;
        if (count < maxFrameDiffs) this.frameDiffs[t * maxFrameDiffs + count++] = diff;
      }
      this.frameDiffCounts[t] = count;
    }
  }

  #readChains(bits: BitReader): void {
    this.chainCount = bits.readBelow(this.decodeTargetCount + 1);
    this.targetChain.fill(0);
    if (this.chainCount === 0) return;
    for (let d = 0; d < this.decodeTargetCount; d++) this.targetChain[d] = bits.readBelow(this.chainCount);
    for (let t = 0; t < this.templateCount; t++) {
      for (let c = 0; c < this.chainCount; c++) this.chainDiffs[t * maxChains + c] = bits.read(4);
    }
  }

  #readResolutions(bits: BitReader): void {
    this.widths.fill(0);
    this.heights.fill(0);
    if (!bits.flag()) return;
    for (let s = 0; s <= this.maxSpatialId; s++) {
      this.widths[s] = bits.read(16) + 1;
      this.heights[s] = bits.read(16) + 1;
    }
  }

  #findTargetLayers(): void {
    for (let d = 0; d < this.decodeTargetCount; d++) {
      let spatial = 0;
      let temporal = 0;
      for (let t = 0; t < this.templateCount; t++) {
        if (this.indications[t * maxDecodeTargets + d] === DecodeTargetIndication.notPresent) continue;
        spatial = Math.max(spatial, this.spatial[t]!);
        temporal = Math.max(temporal, this.temporal[t]!);
      }
      this.targetSpatialId[d] = spatial;
      this.targetTemporalId[d] = temporal;
    }
  }
}
