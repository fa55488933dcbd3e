import { Vp8Descriptor } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
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
    const upper = { svc: true, pictureStart: false };
    // The picture that has begun is finished.
    expect(filter.passes(frame({ ...upper, spatialId: 1 }), true)).toBe(true);
    expect(filter.passes(frame({ svc: true }), true)).toBe(true);
    expect(filter.passes(frame({ ...upper, spatialId: 1 }), true)).toBe(false);
    filter.limit(2, allLayers);
    expect(filter.passes(frame({ ...upper, spatialId: 2, spatialSwitch: true }), true)).toBe(false);
    expect(filter.passes(frame({ ...upper, spatialId: 1, spatialSwitch: true }), true)).toBe(true);
    expect(filter.passes(frame({ ...upper, spatialId: 2, spatialSwitch: true }), true)).toBe(true);
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
