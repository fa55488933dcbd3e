/** Puts fields of so many bits together. */
export class BitString {
  #bits = '';

  write(value: number, count: number): this {
    if (count > 0) this.#bits += value.toString(2).padStart(count, '0');
    return this;
  }

  /** ns(n) of AV1. */
  writeBelow(value: number, n: number): this {
    const width = n.toString(2).length;
    const shorter = 2 ** width - n;
    if (value < shorter) return this.write(value, width - 1);
    return this.write(value + shorter, width);
  }

  bytes(): Uint8Array {
    const padded = this.#bits.padEnd(Math.ceil(this.#bits.length / 8) * 8, '0');
    return Uint8Array.from(padded.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
  }
}

export interface DependencyTemplate {
  readonly spatial: number;
  readonly temporal: number;
  readonly indications: readonly number[];
  readonly frameDiffs: readonly number[];
  readonly chainDiffs: readonly number[];
}

export interface TemplateStructure {
  readonly idOffset: number;
  readonly targets: number;
  readonly templates: readonly DependencyTemplate[];
  readonly targetChains: readonly number[];
  readonly chains: number;
  readonly resolutions?: readonly (readonly [number, number])[];
}

export interface DescribedFrame {
  readonly template: number;
  readonly number: number;
  /** First and last packet of the frame; by default the first of several. */
  readonly start?: boolean;
  readonly end?: boolean;
  readonly structure?: TemplateStructure | undefined;
  readonly active?: number | undefined;
  readonly indications?: readonly number[] | undefined;
  readonly frameDiffs?: readonly number[] | undefined;
  readonly chainDiffs?: readonly number[] | undefined;
}

/** A dependency descriptor, from the text of the AV1 RTP specification (appendix A) and nothing of ours. */
export function encodeDependencyDescriptor(frame: DescribedFrame, s: TemplateStructure): Uint8Array {
  const bits = new BitString();
  bits
    .write(frame.start === false ? 0 : 1, 1)
    .write(frame.end === true ? 1 : 0, 1)
    .write((frame.template + s.idOffset) % 64, 6)
    .write(frame.number, 16);
  const { structure, active, indications, frameDiffs, chainDiffs } = frame;
  const extended = [structure, active, indications, frameDiffs, chainDiffs].some((x) => x !== undefined);
  if (!extended) return bits.bytes();
  for (const x of [structure, active, indications, frameDiffs, chainDiffs])
    bits.write(x === undefined ? 0 : 1, 1);
  if (structure !== undefined) {
    bits.write(s.idOffset, 6).write(s.targets - 1, 5);
    s.templates.forEach((t, i) => {
      const next = s.templates[i + 1];
      bits.write(
        next === undefined ? 3 : next.spatial > t.spatial ? 2 : next.temporal > t.temporal ? 1 : 0,
        2,
      );
    });
    for (const t of s.templates) for (const dti of t.indications) bits.write(dti, 2);
    for (const t of s.templates) {
      for (const diff of t.frameDiffs) bits.write(1, 1).write(diff - 1, 4);
      bits.write(0, 1);
    }
    bits.writeBelow(s.chains, s.targets + 1);
    if (s.chains > 0) {
      for (const chain of s.targetChains) bits.writeBelow(chain, s.chains);
      for (const t of s.templates) for (const diff of t.chainDiffs) bits.write(diff, 4);
    }
    bits.write(s.resolutions === undefined ? 0 : 1, 1);
    for (const [w, h] of s.resolutions ?? []) bits.write(w - 1, 16).write(h - 1, 16);
  }
  if (active !== undefined) bits.write(active, s.targets);
  for (const dti of indications ?? []) bits.write(dti, 2);
  if (frameDiffs !== undefined) {
    for (const diff of frameDiffs) {
      const size = diff > 256 ? 3 : diff > 16 ? 2 : 1;
      bits.write(size, 2).write(diff - 1, size * 4);
    }
    bits.write(0, 2);
  }
  for (const diff of chainDiffs ?? []) bits.write(diff, 8);
  return bits.bytes();
}
