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
    this.#refresh();
  }

  /** May the packet go out? `newest` says that no later one was seen, so that it may change the layers. */
  passes(layers: PacketLayers, newest: boolean): boolean {
    if (newest && layers.start) this.#step(layers);
    return layers.temporalId <= this.temporal && layers.spatialId <= this.spatial;
  }

  /** Pictures that a left-out packet takes away: 1 for the first packet of each, if they are numbered. */
  picturesDropped(layers: PacketLayers): number {
    if (layers.pictureId < 0 || layers.pictureId === this.#droppedPicture) return 0;
    this.#droppedPicture = layers.pictureId;
    return 1;
  }

  #step(layers: PacketLayers): void {
    const { spatial, temporal } = this;
    if (layers.pictureStart || !layers.svc) {
      if (this.temporalTarget < temporal) this.temporal = this.temporalTarget;
      if (this.spatialTarget < spatial) this.spatial = this.spatialTarget;
    }
    if (layers.key && layers.pictureStart) {
      this.temporal = this.temporalTarget;
      this.spatial = this.spatialTarget;
    } else {
      const { temporalId, spatialId } = layers;
      if (temporalId > this.temporal && temporalId <= this.temporalTarget && layers.temporalSwitch) {
        this.temporal = temporalId;
      }
      if (
        spatialId === this.spatial + 1 &&
        spatialId <= this.spatialTarget &&
        layers.spatialSwitch &&
        layers.svc
      ) {
        this.spatial = spatialId;
      }
    }
    if (spatial !== this.spatial || temporal !== this.temporal) this.#refresh();
  }

  #refresh(): void {
    this.active =
      this.spatialTarget !== allLayers ||
      this.temporalTarget !== allLayers ||
      this.spatial !== allLayers ||
      this.temporal !== allLayers;
  }
}
