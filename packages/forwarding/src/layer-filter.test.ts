import { DependencyDescriptor, Vp8Descriptor } from '@weir/rtp';
import { type ScalabilityOptions, ScalableSource } from '@weir/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChainWatch } from './chain-watch.ts';
import { FrameWindow } from './frame-window.ts';
import { allLayers, LayerFilter } from './layer-filter.ts';
import { LayerRates } from './layer-rates.ts';
import { PacketLayers } from './packet-layers.ts';
import { Segment } from './segment.ts';

function frame(changes: Partial<PacketLayers>): PacketLayers {
  const layers = new PacketLayers();
  layers.clear(changes.key ?? false);
  return Object.assign(layers, { start: true, pictureStart: true, ...changes });
}

describe('temporal layers', () => {
  it('go down with the next frame and up where the stream allows it', () => {
    const filter = new LayerFilter();
    filter.begin();
    expect(filter.active).toBe(false);
    filter.limit(allLayers, 0);
    expect(filter.active).toBe(true);
    // The rest of a frame that went out already.
    expect(filter.passes(frame({ start: false, pictureStart: false, temporalId: 2 }), true)).toBe(true);
    expect(filter.passes(frame({ temporalId: 2 }), true)).toBe(false);
    expect(filter.passes(frame({ temporalId: 0 }), true)).toBe(true);
    filter.limit(allLayers, allLayers);
    expect(filter.passes(frame({ temporalId: 1 }), true)).toBe(false);
    expect(filter.passes(frame({ temporalId: 1, temporalSwitch: true }), true)).toBe(true);
    expect(filter.passes(frame({ temporalId: 2 }), true)).toBe(false);
    expect(filter.passes(frame({ key: true }), true)).toBe(true);
    expect(filter.active).toBe(false);
  });

  it('are not changed by packets that come late', () => {
    const filter = new LayerFilter();
    filter.limit(allLayers, 0);
    filter.begin();
    filter.limit(allLayers, 2);
    expect(filter.passes(frame({ temporalId: 2, temporalSwitch: true }), false)).toBe(false);
    expect(filter.temporal).toBe(0);
  });
});

describe('spatial layers of one stream', () => {
  it('go down between pictures and up one by one at switch points', () => {
    const filter = new LayerFilter();
    filter.begin();
    filter.limit(0, allLayers);
    const upper = { pictureStart: false };
    // The picture that has begun is finished.
    expect(filter.passes(frame({ ...upper, spatialId: 1 }), true)).toBe(true);
    expect(filter.passes(frame({}), true)).toBe(true);
    expect(filter.passes(frame({ ...upper, spatialId: 1 }), true)).toBe(false);
    filter.limit(2, allLayers);
    expect(filter.passes(frame({ ...upper, spatialId: 2, spatialSwitch: true }), true)).toBe(false);
    expect(filter.passes(frame({ ...upper, spatialId: 1, spatialSwitch: true }), true)).toBe(true);
    expect(filter.passes(frame({ ...upper, spatialId: 2, spatialSwitch: true }), true)).toBe(true);
  });
});

/** A source, the filter of one viewer, and what that viewer can decode. */
function described(options: ScalabilityOptions) {
  const source = new ScalableSource(options, 65_500);
  const filter = new LayerFilter();
  filter.begin();
  const chains = new ChainWatch();
  const descriptor = new DependencyDescriptor();
  const layers = new PacketLayers();
  const decoded = new Set<number>();
  const undecodable: number[] = [];
  /** Highest layers of the picture that were let through. Frames in `lost` never arrive. */
  const picture = (key = false, lost: (spatial: number) => boolean = () => false) => {
    const top = { spatial: -1, temporal: -1 };
    for (const frame of source.picture(key)) {
      if (lost(frame.spatial)) continue;
      const bytes = frame.descriptor(true, true);
      layers.clear(frame.key);
      expect(layers.readDescriptor(descriptor, bytes, 0, bytes.length)).toBe(true);
      chains.note(descriptor);
      layers.brokenChains = chains.broken;
      if (filter.active && !filter.passes(layers, true)) continue;
      if (frame.references.every((one) => decoded.has(one))) decoded.add(frame.number);
      else undecodable.push(frame.number);
      top.spatial = Math.max(top.spatial, frame.spatial);
      top.temporal = Math.max(top.temporal, frame.temporal);
    }
    return top;
  };
  const pictures = (count: number) => Array.from({ length: count }, () => picture());
  return { source, filter, chains, decoded, undecodable, picture, pictures };
}

describe('layers told by dependency descriptors', () => {
  it('never leave a frame without what it refers to, whatever is asked for and when', () => {
    const step = fc.record({ spatial: fc.nat(3), temporal: fc.nat(3), pictures: fc.nat(9), key: fc.nat(5) });
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 30 }), (keyOnly, steps) => {
        const { filter, picture, pictures, undecodable } = described({ spatial: 3, temporal: 3, keyOnly });
        picture();
        for (const { spatial, temporal, pictures: count, key } of steps) {
          filter.limit(spatial === 3 ? allLayers : spatial, temporal === 3 ? allLayers : temporal);
          if (key === 0) picture(true);
          for (const top of pictures(count)) {
            // No picture is missing.
            expect(top.spatial >= 0 || top.temporal === -1).toBe(true);
          }
        }
        expect(undecodable).toEqual([]);
      }),
      { seed: 71, numRuns: 200 },
    );
  });

  it('come back in time at the next switch, in space with a key frame', () => {
    const { filter, picture, pictures } = described({ spatial: 3, temporal: 3 });
    picture();
    filter.limit(0, 0);
    pictures(8);
    filter.limit(allLayers, allLayers);
    const up = pictures(8);
    expect(Math.max(...up.map(({ temporal }) => temporal))).toBe(2);
    // Frames of the upper layers refer to others of their own, which the viewer has not got.
    expect(Math.max(...up.map(({ spatial }) => spatial))).toBe(0);
    expect(picture(true).spatial).toBe(2);
    expect(filter.active).toBe(false);
  });

  it('come back in space without a key frame where the source lets them', () => {
    const { source, filter, picture, pictures, undecodable } = described({ spatial: 3, temporal: 1 });
    picture();
    filter.limit(0, allLayers);
    pictures(3);
    source.active = 1;
    pictures(3);
    filter.limit(allLayers, allLayers);
    pictures(3);
    // It begins its upper layers anew, from the lowest.
    source.active = 3;
    expect(picture().spatial).toBe(2);
    expect(undecodable).toEqual([]);
  });

  it('are not taken up while their chain has a gap', () => {
    const { filter, chains, picture, pictures } = described({ spatial: 1, temporal: 3 });
    picture();
    filter.limit(allLayers, 0);
    pictures(3);
    picture(false, () => true);
    pictures(3);
    filter.limit(allLayers, allLayers);
    expect(picture().temporal).toBe(0);
    expect(chains.broken).toBe(1);
    expect(Math.max(...pictures(7).map(({ temporal }) => temporal))).toBeLessThanOrEqual(0);
    picture(true);
    expect(chains.broken).toBe(0);
    expect(pictures(3).map(({ temporal }) => temporal)).toEqual([2, 1, 2]);
  });

  it('tell which decode targets are left', () => {
    const source = new ScalableSource({ spatial: 2, temporal: 2 });
    const descriptor = new DependencyDescriptor();
    const bytes = source.picture()[0]!.descriptor(true, true);
    descriptor.read(bytes, 0, bytes.length);
    const filter = new LayerFilter();
    const left = (spatial: number, temporal: number) => {
      filter.limit(spatial, temporal);
      filter.begin();
      return filter.activeTargets(descriptor);
    };
    // Targets are S0T0, S0T1, S1T0, S1T1 from the lowest bit.
    expect(left(allLayers, allLayers)).toBe(0b1111);
    expect(left(0, allLayers)).toBe(0b0011);
    expect(left(allLayers, 0)).toBe(0b0101);
    expect(left(0, 0)).toBe(0b0001);
  });
});

describe('ChainWatch', () => {
  it('closes a gap when all that was missing has come, in any order', () => {
    const orders = fc.shuffledSubarray([0, 1, 2], { minLength: 3 });
    fc.assert(
      fc.property(orders, fc.nat(4), (order, between) => {
        const source = new ScalableSource({ spatial: 1, temporal: 1 }, 65_530);
        const chains = new ChainWatch();
        const descriptor = new DependencyDescriptor();
        const arrive = (bytes: Uint8Array) => {
          descriptor.read(bytes, 0, bytes.length);
          chains.note(descriptor);
        };
        const next = () => source.picture()[0]!.descriptor(true, true);
        arrive(next());
        const missing = [next()];
        for (let i = 0; i < between; i++) arrive(next());
        missing.push(next(), next());
        arrive(next());
        expect(chains.broken).toBe(1);
        order.forEach((which, i) => {
          arrive(missing[which]!);
          if (i < 2) arrive(next());
        });
        arrive(next());
        expect(chains.broken).toBe(0);
      }),
      { seed: 72 },
    );
  });
});

describe('FrameWindow', () => {
  it('keeps the marks of the newest frames, as a set would', () => {
    const steps = fc.array(fc.record({ step: fc.integer({ min: -600, max: 700 }), marked: fc.boolean() }));
    fc.assert(
      fc.property(steps, (list) => {
        const window = new FrameWindow();
        const marks = new Set<number>();
        let frame = 70_000;
        let newest = -1;
        for (const { step, marked } of list) {
          frame = Math.max(65_536, frame + step);
          window.set(frame, marked);
          if (frame > newest - FrameWindow.length && marked) marks.add(frame);
          else marks.delete(frame);
          newest = Math.max(newest, frame);
          for (let n = newest - 530; n < newest + 5; n++) {
            expect(window.has(n)).toBe(n > newest - FrameWindow.length && marks.has(n));
          }
        }
      }),
      { seed: 73 },
    );
  });
});

describe('left-out pictures of VP8', () => {
  it('close up in number, for repairs too', () => {
    const filter = new LayerFilter();
    filter.limit(allLayers, 0);
    filter.begin();
    const segment = new Segment();
    segment.begin(undefined, 0, 1000, 50);
    const layers = new PacketLayers();
    const vp8 = new Vp8Descriptor();
    const sent: { source: number; out: number; picture: number }[] = [];
    // Two packets per picture; every second picture is of temporal layer 1.
    for (let n = 0; n < 40; n++) {
      const picture = 300 + (n >> 1);
      const temporal = (n >> 1) & 1;
      const bytes = Uint8Array.of(
        n % 2 === 0 ? 0x90 : 0x80,
        0xe0,
        0x80 | (picture >> 8),
        picture & 255,
        1,
        temporal << 6,
        0x11,
      );
      expect(vp8.parse(bytes, 0, bytes.length)).toBe(true);
      layers.clear(false);
      layers.readVp8(vp8);
      const extended = 1000 + n;
      if (!filter.passes(layers, extended > segment.newestIn)) {
        segment.drop(extended, filter.picturesDropped(layers));
        continue;
      }
      sent.push({ source: extended, out: segment.map(extended), picture: picture + segment.pictureIdDelta });
      segment.newestIn = extended;
    }
    expect(sent.map(({ out }) => out)).toEqual(Array.from({ length: 20 }, (_, i) => 50 + i));
    expect(sent.map(({ picture }) => picture)).toEqual(Array.from({ length: 20 }, (_, i) => 300 + (i >> 1)));
    for (const { source, out, picture } of sent) {
      expect(segment.source(out)).toBe(source);
      expect(300 + ((source - 1000) >> 1) + segment.pictureDelta(source)).toBe(picture);
    }
    expect(segment.rewrites).toBe(true);
  });
});

describe('rates of layers', () => {
  it('add up, and are known after the first window', () => {
    const rates = new LayerRates();
    for (let now = 0; now < 500; now += 10) {
      rates.add(0, 0, 100, now % 100 === 0, now);
      rates.add(0, 1, 50, now % 100 === 50, now);
      rates.add(1, 0, 200, false, now);
    }
    expect(rates.known).toBe(false);
    rates.tick(500);
    expect(rates.known).toBe(true);
    expect([rates.maxSpatial, rates.maxTemporal]).toEqual([1, 1]);
    expect(rates.bps(0, 0)).toBeCloseTo(80_000);
    expect(rates.bps(0, 1)).toBeCloseTo(120_000);
    expect(rates.bps(1, 1)).toBeCloseTo(280_000);
    expect([rates.framesPerSecond(0), rates.framesPerSecond(1)]).toEqual([10, 20]);
  });
});
