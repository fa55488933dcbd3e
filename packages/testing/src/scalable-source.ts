import { encodeDependencyDescriptor, type TemplateStructure } from './dependency-descriptor.ts';

export interface ScalabilityOptions {
  readonly spatial: number;
  readonly temporal: 1 | 2 | 3;
  /** Spatial layers depend on each other in key pictures only (`_KEY`). */
  readonly keyOnly?: boolean;
}

/** A layer frame as an encoder makes it, with its dependency descriptor. */
export interface ScalableFrame {
  readonly number: number;
  readonly spatial: number;
  readonly temporal: number;
  /** Begins a coded video sequence. */
  readonly key: boolean;
  /** Frame numbers that it refers to. */
  readonly references: readonly number[];
  /** For the first, last or a middle packet of it. */
  descriptor(start: boolean, end: boolean): Uint8Array;
}

const temporalPatterns = { 1: [0], 2: [0, 1], 3: [0, 2, 1, 2] } as const;
const [notPresent, discardable, switchPoint, required] = [0, 1, 2, 3];

/**
 * An encoder without pictures: frames that depend on each other as those of `LxTy` and `LxTy_KEY` do (W3C
 * webrtc-svc; indications and chains as browsers set them), each with the descriptor of the AV1 RTP specification.
 */
export class ScalableSource {
  /**
   * Spatial layers to be produced; those above are told to be inactive. What comes back does so with the next
   * picture of the lowest temporal layer, or where layers depend on each other in key pictures only, with a key picture.
   */
  active: number;
  #produced = 0;
  #options: ScalabilityOptions;
  #structure: TemplateStructure;
  #number: number;
  #position = 0;
  #told = -1;
  #pending = true;
  /** By spatial layer, newest frame of each temporal layer since it was produced without a break. */
  #newest: number[][] = [];
  #chains: number[] = [];

  /** @param firstNumber of the first frame, 16 bits */
  constructor(options: ScalabilityOptions, firstNumber = 1) {
    this.#options = options;
    this.active = options.spatial;
    this.#number = firstNumber;
    this.#structure = structureOf(options, 0);
  }

  /** From the next picture on, which is a key picture, frames depend on each other in another way. */
  restructure(options: ScalabilityOptions): void {
    const { idOffset, templates } = this.#structure;
    this.#options = options;
    this.active = options.spatial;
    this.#structure = structureOf(options, (idOffset + templates.length) % 64);
    this.#pending = true;
  }

  /** The frames of one moment, from low to high. */
  picture(keyWanted = false): ScalableFrame[] {
    const returns = this.#options.keyOnly === true && this.active > this.#produced;
    const key = keyWanted || this.#pending || returns;
    const pattern = temporalPatterns[this.#options.temporal];
    if (key) {
      this.#pending = false;
      this.#position = 0;
      this.#newest = [];
      this.#chains = [];
    }
    const temporal = pattern[this.#position++ % pattern.length]!;
    if (this.active < this.#produced || temporal === 0) this.#produced = this.active;
    const frames: ScalableFrame[] = [];
    for (let spatial = 0; spatial < this.#produced; spatial++) {
      frames.push(this.#frame(spatial, temporal, key));
    }
    this.#newest.length = Math.min(this.#newest.length, this.#produced);
    return frames;
  }

  #frame(spatial: number, temporal: number, key: boolean): ScalableFrame {
    const number = this.#number;
    this.#number = (number + 1) & 0xffff;
    const structure = this.#structure;
    const references = this.#references(spatial, temporal, key, number);
    const keyOnly = this.#options.keyOnly === true;
    const indications = indicationsOf(this.#options, spatial, temporal, key);
    const distance = (other: number) => (number - other) & 0xffff;
    const chainDiffs = Array.from({ length: structure.chains }, (_, c) => {
      const before = this.#chains[c];
      return before === undefined ? 0 : distance(before);
    });
    for (let c = 0; c < structure.chains; c++) {
      const member = key || !keyOnly ? spatial <= c : spatial === c;
      if (temporal === 0 && member) this.#chains[c] = number;
    }
    this.#newest[spatial] ??= [];
    this.#newest[spatial]![temporal] = number;
    const first = key && spatial === 0;
    const mask = 2 ** (this.#produced * this.#options.temporal) - 1;
    const active = first || mask !== this.#told ? mask : undefined;
    const all = mask === 2 ** structure.targets - 1;
    this.#told = mask;
    const templates = structure.templates;
    const template = templates.findIndex((t) => t.spatial === spatial && t.temporal === temporal);
    return {
      number,
      spatial,
      temporal,
      key: first,
      references,
      descriptor: (start, end) =>
        encodeDependencyDescriptor(
          {
            template,
            number,
            start,
            end,
            structure: first && start ? structure : undefined,
            active: start && !(first && all) ? active : undefined,
            indications,
            frameDiffs: references.map(distance),
            chainDiffs,
          },
          structure,
        ),
    };
  }

  #references(spatial: number, temporal: number, key: boolean, number: number): number[] {
    const { keyOnly = false } = this.#options;
    const below = spatial > 0 && (key || !keyOnly) ? [(number - 1) & 0xffff] : [];
    if (key) return below;
    const own = this.#newest[spatial];
    // A layer that comes back begins with what is below it.
    if (own === undefined) return spatial > 0 ? [(number - 1) & 0xffff] : [];
    const lower = own.slice(0, Math.max(1, temporal)).filter((one) => one !== undefined);
    const newest = lower.reduce((a, b) => (((b - a) << 16) >> 16 > 0 ? b : a));
    return [newest, ...below];
  }
}

function structureOf({ spatial, temporal }: ScalabilityOptions, idOffset: number): TemplateStructure {
  const layers = Array.from({ length: spatial * temporal }, (_, i) => ({
    spatial: Math.floor(i / temporal),
    temporal: i % temporal,
  }));
  return {
    idOffset,
    targets: layers.length,
    chains: spatial,
    targetChains: layers.map((layer) => layer.spatial),
    templates: layers.map((layer) => ({
      ...layer,
      indications: indicationsOf({ spatial, temporal }, layer.spatial, layer.temporal, false),
      frameDiffs: [],
      chainDiffs: Array.from({ length: spatial }, () => 0),
    })),
  };
}

function indicationsOf(
  options: ScalabilityOptions,
  spatial: number,
  temporal: number,
  key: boolean,
): number[] {
  const indications: number[] = [];
  for (let s = 0; s < options.spatial; s++) {
    for (let t = 0; t < options.temporal; t++) {
      if (spatial > s || temporal > t) indications.push(notPresent);
      else if (spatial < s) {
        indications.push(key ? switchPoint : options.keyOnly ? notPresent : required);
      } else indications.push(temporal > 0 && temporal === t ? discardable : switchPoint);
    }
  }
  return indications;
}
