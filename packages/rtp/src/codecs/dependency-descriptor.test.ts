import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BitReader } from '../bit-reader.ts';
import { DependencyDescriptor } from './dependency-descriptor.ts';

/** Puts fields of so many bits together. */
class BitWriter {
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

interface Template {
  readonly spatial: number;
  readonly temporal: number;
  readonly indications: readonly number[];
  readonly frameDiffs: readonly number[];
  readonly chainDiffs: readonly number[];
}

interface Structure {
  readonly idOffset: number;
  readonly targets: number;
  readonly templates: readonly Template[];
  readonly targetChains: readonly number[];
  readonly chains: number;
  readonly resolutions?: readonly (readonly [number, number])[];
}

interface Frame {
  readonly template: number;
  readonly number: number;
  readonly structure?: Structure;
  readonly active?: number;
  readonly indications?: readonly number[];
  readonly frameDiffs?: readonly number[];
  readonly chainDiffs?: readonly number[];
}

/** An encoder of its own, from the text of the specification. */
function encode(frame: Frame, s: Structure): Uint8Array {
  const bits = new BitWriter();
  bits
    .write(1, 1)
    .write(0, 1)
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

/** L2T2: two spatial and two temporal layers, four decode targets, two chains. */
const l2t2: Structure = {
  idOffset: 60,
  targets: 4,
  chains: 2,
  targetChains: [0, 0, 1, 1],
  templates: [
    { spatial: 0, temporal: 0, indications: [2, 2, 2, 2], frameDiffs: [], chainDiffs: [0, 0] },
    { spatial: 0, temporal: 0, indications: [2, 2, 3, 3], frameDiffs: [4], chainDiffs: [4, 3] },
    { spatial: 0, temporal: 1, indications: [0, 1, 0, 3], frameDiffs: [2], chainDiffs: [2, 1] },
    { spatial: 1, temporal: 0, indications: [0, 0, 2, 2], frameDiffs: [1], chainDiffs: [1, 1] },
    { spatial: 1, temporal: 1, indications: [0, 0, 0, 1], frameDiffs: [2, 1], chainDiffs: [3, 2] },
  ],
  resolutions: [
    [640, 360],
    [1280, 720],
  ],
};

test('a key frame brings the structure, later frames use it', () => {
  const descriptor = new DependencyDescriptor();
  const key = encode({ template: 0, number: 100, structure: l2t2 }, l2t2);
  expect(descriptor.read(key, 0, key.length)).toBe(true);
  expect(descriptor).toMatchObject({
    startOfFrame: true,
    endOfFrame: false,
    hasStructure: true,
    frameNumber: 100,
    spatialId: 0,
    temporalId: 0,
    decodeTargetCount: 4,
    templateCount: 5,
    chainCount: 2,
    maxSpatialId: 1,
    maxTemporalId: 1,
    activeDecodeTargets: 0b1111,
    frameDiffCount: 0,
  });
  expect([...descriptor.targetSpatialId.subarray(0, 4)]).toEqual([0, 0, 1, 1]);
  expect([...descriptor.targetTemporalId.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
  expect([...descriptor.targetChain.subarray(0, 4)]).toEqual([0, 0, 1, 1]);
  expect([...descriptor.widths]).toEqual([640, 1280, 0, 0]);
  expect([...descriptor.heights]).toEqual([360, 720, 0, 0]);

  // Three bytes are a whole descriptor; template ids wrap at 64.
  const top = encode({ template: 4, number: 65_535 }, l2t2);
  expect(top).toHaveLength(3);
  expect(descriptor.read(top, 0, 3)).toBe(true);
  expect(descriptor).toMatchObject({
    hasStructure: false,
    templateId: 0,
    frameNumber: 65_535,
    spatialId: 1,
    temporalId: 1,
    frameDiffCount: 2,
  });
  expect([...descriptor.indications.subarray(0, 4)]).toEqual([0, 0, 0, 1]);
  expect([...descriptor.frameDiffs.subarray(0, 2)]).toEqual([2, 1]);
  expect([...descriptor.chainDiffs.subarray(0, 2)]).toEqual([3, 2]);
});

test('a frame may have values of its own', () => {
  const descriptor = new DependencyDescriptor();
  const key = encode({ template: 0, number: 1, structure: l2t2 }, l2t2);
  descriptor.read(key, 0, key.length);
  const frame = encode(
    {
      template: 2,
      number: 2,
      active: 0b0011,
      indications: [1, 2, 3, 0],
      frameDiffs: [1, 20, 300],
      chainDiffs: [200, 7],
    },
    l2t2,
  );
  expect(descriptor.read(frame, 0, frame.length)).toBe(true);
  expect(descriptor).toMatchObject({
    spatialId: 0,
    temporalId: 1,
    activeDecodeTargets: 0b0011,
    frameDiffCount: 3,
  });
  expect([...descriptor.indications.subarray(0, 4)]).toEqual([1, 2, 3, 0]);
  expect([...descriptor.frameDiffs.subarray(0, 3)]).toEqual([1, 20, 300]);
  expect([...descriptor.chainDiffs.subarray(0, 2)]).toEqual([200, 7]);
});

test('without a structure, with an unknown template, or cut short, nothing is read', () => {
  const descriptor = new DependencyDescriptor();
  const plain = encode({ template: 0, number: 1 }, l2t2);
  expect(descriptor.read(plain, 0, 3)).toBe(false);
  const key = encode({ template: 0, number: 1, structure: l2t2 }, l2t2);
  for (let length = 0; length < key.length; length++) {
    expect(new DependencyDescriptor().read(key, 0, length)).toBe(false);
  }
  expect(descriptor.read(key, 0, key.length)).toBe(true);
  const unknown = encode({ template: 5, number: 2 }, l2t2);
  expect(descriptor.read(unknown, 0, 3)).toBe(false);
  descriptor.reset();
  expect(descriptor.read(plain, 0, 3)).toBe(false);
});

test('any structure is read as it was written', () => {
  const structures = fc
    .record({
      layers: fc.array(fc.constantFrom(0, 1, 2), { maxLength: 20 }),
      targets: fc.integer({ min: 1, max: 32 }),
      chains: fc.nat(32),
      idOffset: fc.nat(63),
      seed: fc.array(fc.nat(0xffff), { minLength: 40, maxLength: 40 }),
      sizes: fc.boolean(),
    })
    .map(({ layers, targets, chains, idOffset, seed, sizes }): Structure => {
      let draw = 0;
      const next = (below: number) => seed[draw++ % seed.length]! % below;
      const chainCount = Math.min(chains, targets);
      let [spatial, temporal] = [0, 0];
      const templates: Template[] = [];
      for (const step of [0, ...layers]) {
        if (step === 1 && temporal < 7) temporal++;
        if (step === 2 && spatial < 3) {
          spatial++;
          temporal = 0;
        }
        templates.push({
          spatial,
          temporal,
          indications: Array.from({ length: targets }, () => next(4)),
          frameDiffs: Array.from({ length: next(5) }, () => next(16) + 1),
          chainDiffs: Array.from({ length: chainCount }, () => next(16)),
        });
      }
      return {
        idOffset,
        targets,
        templates,
        chains: chainCount,
        targetChains: Array.from({ length: chainCount > 0 ? targets : 0 }, () => next(chainCount)),
        ...(sizes
          ? {
              resolutions: Array.from(
                { length: spatial + 1 },
                () => [next(0xffff) + 1, next(0xffff) + 1] as const,
              ),
            }
          : {}),
      };
    });
  fc.assert(
    fc.property(structures, (s) => {
      const descriptor = new DependencyDescriptor();
      const key = encode({ template: 0, number: 7, structure: s }, s);
      expect(descriptor.read(key, 0, key.length)).toBe(true);
      expect(descriptor.activeDecodeTargets).toBe(2 ** s.targets - 1);
      expect([...descriptor.targetChain.subarray(0, s.targetChains.length)]).toEqual(s.targetChains);
      s.templates.forEach((t, template) => {
        const bytes = encode({ template, number: 8 }, s);
        expect(descriptor.read(bytes, 0, bytes.length)).toBe(true);
        expect(descriptor).toMatchObject({ spatialId: t.spatial, temporalId: t.temporal });
        expect([...descriptor.indications.subarray(0, s.targets)]).toEqual(t.indications);
        expect([...descriptor.frameDiffs.subarray(0, descriptor.frameDiffCount)]).toEqual(t.frameDiffs);
        expect([...descriptor.chainDiffs.subarray(0, s.chains)]).toEqual(t.chainDiffs);
      });
    }),
    { seed: 50, numRuns: 200 },
  );
});

test('no bytes make it throw, loop or read outside', () => {
  const descriptor = new DependencyDescriptor();
  const key = encode({ template: 0, number: 1, structure: l2t2 }, l2t2);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), fc.nat(255), (bytes, at, value) => {
      descriptor.read(bytes, 0, bytes.length);
      const mutated = key.slice();
      mutated[at % key.length] = value;
      descriptor.read(mutated, 0, mutated.length);
      expect(descriptor.spatialId).toBeLessThan(4);
      expect(descriptor.frameDiffCount).toBeLessThanOrEqual(16);
      expect(descriptor.read(bytes, 0, bytes.length + 1)).toBe(false);
    }),
    { seed: 51, numRuns: 2000 },
  );
});

test('bit fields of any widths', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(0xffffffff), fc.integer({ min: 1, max: 32 }))), (fields) => {
      const writer = new BitWriter();
      const values = fields.map(([value, width]) => [value % 2 ** width, width] as const);
      for (const [value, width] of values) writer.write(value, width);
      const bytes = writer.bytes();
      const reader = new BitReader();
      reader.start(bytes, 0, bytes.length);
      for (const [value, width] of values) expect(reader.read(width)).toBe(value);
      expect(reader.overrun).toBe(false);
      expect(reader.read(8)).toBe(0);
      expect(reader.overrun).toBe(true);
    }),
    { seed: 52 },
  );
});
