import {
  BitString,
  encodeDependencyDescriptor as encode,
  type TemplateStructure as Structure,
  type DependencyTemplate as Template,
} from '@weir/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BitReader } from '../bit-reader.ts';
import { DependencyDescriptor } from './dependency-descriptor.ts';

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
    activeDecodeTargets: 0b1111,
    frameDiffCount: 0,
    structure: {
      decodeTargetCount: 4,
      templateCount: 5,
      chainCount: 2,
      maxSpatialId: 1,
      maxTemporalId: 1,
    },
  });
  expect([...descriptor.structure.targetSpatialId.subarray(0, 4)]).toEqual([0, 0, 1, 1]);
  expect([...descriptor.structure.targetTemporalId.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
  expect([...descriptor.structure.targetChain.subarray(0, 4)]).toEqual([0, 0, 1, 1]);
  expect([...descriptor.structure.widths]).toEqual([640, 1280, 0, 0]);
  expect([...descriptor.structure.heights]).toEqual([360, 720, 0, 0]);

  // Three bytes are a whole descriptor; template ids wrap at 64.
  const top = encode({ template: 4, number: 101 }, l2t2);
  expect(top).toHaveLength(3);
  expect(descriptor.read(top, 0, 3)).toBe(true);
  expect(descriptor).toMatchObject({
    hasStructure: false,
    templateId: 0,
    frameNumber: 101,
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
      expect([...descriptor.structure.targetChain.subarray(0, s.targetChains.length)]).toEqual(
        s.targetChains,
      );
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

/** Two temporal layers, one spatial: what may follow `l2t2` in the same stream. */
const l1t2: Structure = {
  idOffset: 1,
  targets: 2,
  chains: 1,
  targetChains: [0, 0],
  templates: [
    { spatial: 0, temporal: 0, indications: [2, 2], frameDiffs: [], chainDiffs: [0] },
    { spatial: 0, temporal: 0, indications: [2, 2], frameDiffs: [2], chainDiffs: [2] },
    { spatial: 0, temporal: 1, indications: [0, 1], frameDiffs: [1], chainDiffs: [1] },
  ],
};

test('late packets and repeated key frames are read by the structure they were written with', () => {
  const descriptor = new DependencyDescriptor();
  const read = (bytes: Uint8Array) => descriptor.read(bytes, 0, bytes.length);
  const first = encode({ template: 0, number: 65_530, structure: l2t2, active: 0b0011 }, l2t2);
  const second = encode({ template: 0, number: 3, structure: l1t2 }, l1t2);
  expect(read(first)).toBe(true);
  expect(read(second)).toBe(true);
  expect(descriptor).toMatchObject({ frame: 131_072 + 3, activeDecodeTargets: 0b11, isNewest: true });
  // A late frame of before, the key frame itself once more, and on with what is new.
  expect(read(encode({ template: 4, number: 65_533 }, l2t2))).toBe(true);
  expect(descriptor).toMatchObject({ spatialId: 1, temporalId: 1, frame: 131_072 - 3, isNewest: false });
  expect(read(first)).toBe(true);
  expect(descriptor).toMatchObject({ hasStructure: true, activeDecodeTargets: 0b0011 });
  expect(descriptor.structure.maxSpatialId).toBe(1);
  expect(read(encode({ template: 2, number: 4 }, l1t2))).toBe(true);
  expect(descriptor).toMatchObject({ spatialId: 0, temporalId: 1, activeDecodeTargets: 0b11 });
  // Another reader that begins again with a key frame of before counts as this one does.
  const again = new DependencyDescriptor(descriptor.frameOf(65_530));
  expect(again.read(first, 0, first.length)).toBe(true);
  expect(again.frame).toBe(131_072 - 6);
  // Ids of the new structure mean nothing in the old one, and the other way round.
  expect(read(encode({ template: 2, number: 65_534 }, l1t2))).toBe(false);
  expect(read(encode({ template: 4, number: 5 }, l2t2))).toBe(false);
});

test('the mask of active decode targets shrinks and grows, and a key frame without one means all', () => {
  const descriptor = new DependencyDescriptor();
  const read = (bytes: Uint8Array) => descriptor.read(bytes, 0, bytes.length);
  const active = () => descriptor.activeDecodeTargets;
  read(encode({ template: 0, number: 1, structure: l2t2, active: 0b0111 }, l2t2));
  expect(active()).toBe(0b0111);
  read(encode({ template: 1, number: 5, active: 0b0001 }, l2t2));
  expect(active()).toBe(0b0001);
  read(encode({ template: 2, number: 6 }, l2t2));
  expect(active()).toBe(0b0001);
  // Late: what it tells is for its own time.
  read(encode({ template: 1, number: 4, active: 0b0011 }, l2t2));
  expect(active()).toBe(0b0011);
  read(encode({ template: 1, number: 9 }, l2t2));
  expect(active()).toBe(0b0001);
  read(encode({ template: 1, number: 13, active: 0b1111 }, l2t2));
  read(encode({ template: 1, number: 17 }, l2t2));
  expect(active()).toBe(0b1111);
  read(encode({ template: 1, number: 21, active: 0b0001 }, l2t2));
  read(encode({ template: 0, number: 25, structure: l2t2 }, l2t2));
  expect(active()).toBe(0b1111);
});

test('any descriptor can be made to tell which decode targets are active', () => {
  const frames = fc.record({
    template: fc.nat(4),
    key: fc.boolean(),
    end: fc.boolean(),
    active: fc.option(fc.nat(15), { nil: undefined }),
    indications: fc.option(fc.constant([1, 2, 3, 0]), { nil: undefined }),
    frameDiffs: fc.option(fc.array(fc.integer({ min: 1, max: 4000 }), { maxLength: 5 }), { nil: undefined }),
    chainDiffs: fc.option(fc.constant([200, 7]), { nil: undefined }),
    first: fc.nat(15),
    later: fc.nat(15),
  });
  fc.assert(
    fc.property(frames, ({ key, first, later, active, ...more }) => {
      const given = { ...more, ...(active === undefined ? {} : { active }) };
      const descriptor = new DependencyDescriptor();
      const start = encode({ template: 0, number: 8, structure: l2t2 }, l2t2);
      descriptor.read(start, 0, start.length);
      const plain = encode({ ...given, number: 9, ...(key && { structure: l2t2 }) }, l2t2);
      // It lies somewhere in an arena, and goes somewhere into another.
      const from = Uint8Array.from([7, 7, ...plain, 7]);
      expect(descriptor.read(from, 2, plain.length)).toBe(true);
      const length = descriptor.lengthWithActiveTargets(plain.length);
      expect(length).toBeLessThanOrEqual(plain.length + 2);
      const out = new Uint8Array(length + 4);
      descriptor.writeWithActiveTargets(from, 2, plain.length, out, 3, first);
      const expected = encode({ ...given, number: 9, active: first, ...(key && { structure: l2t2 }) }, l2t2);
      expect([...out.subarray(3, 3 + expected.length)]).toEqual([...expected]);
      // What may be left is padding.
      expect(out.subarray(3 + expected.length).every((byte) => byte === 0)).toBe(true);
      descriptor.writeActiveTargets(out, 3, later);
      const again = new DependencyDescriptor();
      again.read(start, 0, start.length);
      expect(again.read(out, 3, length)).toBe(true);
      expect(again.activeDecodeTargets).toBe(later);
      for (const field of ['templateId', 'frameDiffCount', 'hasStructure', 'endOfFrame'] as const)
        expect(again[field]).toEqual(descriptor[field]);
      expect(again.indications).toEqual(descriptor.indications);
      expect(again.chainDiffs).toEqual(descriptor.chainDiffs);
      expect(again.frameDiffs.subarray(0, again.frameDiffCount)).toEqual(
        descriptor.frameDiffs.subarray(0, descriptor.frameDiffCount),
      );
    }),
    { seed: 53, numRuns: 500 },
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
      const writer = new BitString();
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
