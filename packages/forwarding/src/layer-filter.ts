import { DecodeTargetIndication, type DependencyDescriptor } from '@weir/rtp';
import { FrameWindow } from './frame-window.ts';
import type { PacketLayers } from './packet-layers.ts';

/** Stands for "all layers". */
export const allLayers = 255;

/**
 * Which layers of one stream a sender forwards. Lowers at the next picture, raises where the stream allows it,
 * so that the viewer never gets a frame without what it refers to.
 */
export class LayerFilter {
  spatialTarget = allLayers;
  temporalTarget = allLayers;
  spatial = allLayers;
  temporal = allLayers;
  /** False: everything passes, passes() need not be asked. */
  active = false;
  /** Picture left out last, by its id; so that each counts once. */
  #droppedPicture = -1;
  /** Frames left out, where a dependency descriptor numbers them; made when the first is. */
  #dropped: FrameWindow | undefined = undefined;
  /** Some were since the last key frame: later ones may refer to them. */
  #incomplete = false;

  /** Sets the highest layers wanted. */
  limit(spatial: number, temporal: number): void {
    this.spatialTarget = spatial;
    this.temporalTarget = temporal;
    this.#refresh();
  }

  /** A segment begins with a key frame: what is wanted holds at once. */
  begin(): void {
    this.spatial = this.spatialTarget;
    this.temporal = this.temporalTarget;
    this.#droppedPicture = -1;
    this.#dropped?.reset();
    this.#incomplete = false;
    this.#refresh();
  }

  /** May the packet go out? `newest` says that no later one was seen, so that it may change the layers. */
  passes(layers: PacketLayers, newest: boolean): boolean {
    if (newest && layers.start) this.#step(layers);
    const within = layers.temporalId <= this.temporal && layers.spatialId <= this.spatial;
    const { descriptor } = layers;
    if (descriptor === undefined) return within;
    if (!layers.start) return within && this.#dropped?.has(descriptor.frame) !== true;
    // Below the wanted decode target may be frames that are none of it, whose own references were left out.
    const passes = within && this.#hasReferences(descriptor);
    this.#note(descriptor.frame, passes);
    return passes;
  }

  /** Decode targets that the viewer of this descriptor's frame can choose from, a bit for each. */
  activeTargets({ structure, activeDecodeTargets }: DependencyDescriptor): number {
    return (structure.targetsUpTo(this.spatial, this.temporal) & activeDecodeTargets) >>> 0;
  }

  /** Pictures that a left-out packet takes away: 1 for the first packet of each, if they are numbered. */
  picturesDropped(layers: PacketLayers): number {
    if (layers.pictureId < 0 || layers.pictureId === this.#droppedPicture) return 0;
    this.#droppedPicture = layers.pictureId;
    return 1;
  }

  #step(layers: PacketLayers): void {
    const { spatial, temporal } = this;
    if (layers.pictureStart) {
      if (this.temporalTarget < temporal) this.temporal = this.temporalTarget;
      if (this.spatialTarget < spatial) this.spatial = this.spatialTarget;
    }
    if (layers.key && layers.pictureStart) {
      this.begin();
    } else if (layers.descriptor !== undefined) {
      this.#raise(layers.descriptor, layers.brokenChains);
    } else {
      const { temporalId, spatialId } = layers;
      if (temporalId > this.temporal && temporalId <= this.temporalTarget && layers.temporalSwitch) {
        this.temporal = temporalId;
      }
      if (spatialId === this.spatial + 1 && spatialId <= this.spatialTarget && layers.spatialSwitch) {
        this.spatial = spatialId;
      }
    }
    if (spatial !== this.spatial || temporal !== this.temporal) this.#refresh();
  }

  /**
   * Goes up to the best decode target that can be begun at this frame: it says so ("switch"), the viewer has all
   * that the frame refers to, and the target's chain has no gap (AV1 RTP specification, A.4).
   */
  #raise(descriptor: DependencyDescriptor, brokenChains: number): void {
    const { structure, indications, frame, chainDiffs } = descriptor;
    const { targetSpatialId, targetTemporalId, targetChain, maxSpatialId, maxTemporalId } = structure;
    let spatial = Math.min(this.spatial, maxSpatialId);
    let temporal = Math.min(this.temporal, maxTemporalId);
    const [leastSpatial, leastTemporal] = [spatial, temporal];
    for (let d = 0; d < structure.decodeTargetCount; d++) {
      const s = targetSpatialId[d]!;
      const t = targetTemporalId[d]!;
      if (s > this.spatialTarget || t > this.temporalTarget || s < leastSpatial || t < leastTemporal)
        continue;
      if (s < spatial || (s === spatial && t <= temporal)) continue;
      if (indications[d] !== DecodeTargetIndication.switch) continue;
      if (structure.chainCount > 0) {
        const chain = targetChain[d]!;
        const distance = chainDiffs[chain]!;
        if (((brokenChains >>> chain) & 1) === 1) continue;
        if (distance > 0 && !this.#has(frame - distance, frame)) continue;
      }
      spatial = s;
      temporal = t;
    }
    if (spatial === leastSpatial && temporal === leastTemporal) return;
    if (!this.#hasReferences(descriptor)) return;
    this.spatial = spatial === maxSpatialId ? this.spatialTarget : spatial;
    this.temporal = temporal === maxTemporalId ? this.temporalTarget : temporal;
  }

  #hasReferences({ frame, frameDiffs, frameDiffCount }: DependencyDescriptor): boolean {
    for (let i = 0; i < frameDiffCount; i++) {
      if (!this.#has(frame - frameDiffs[i]!, frame)) return false;
    }
    return true;
  }

  /** The viewer was given frame `earlier`, looked at from frame `now`. */
  #has(earlier: number, now: number): boolean {
    return now - earlier < FrameWindow.length && this.#dropped?.has(earlier) !== true;
  }

  #note(frame: number, passes: boolean): void {
    if (!passes) {
      this.#dropped ??= new FrameWindow();
      this.#incomplete = true;
    }
    this.#dropped?.set(frame, !passes);
  }

  #refresh(): void {
    this.active =
      this.#incomplete ||
      this.spatialTarget !== allLayers ||
      this.temporalTarget !== allLayers ||
      this.spatial !== allLayers ||
      this.temporal !== allLayers;
  }
}
