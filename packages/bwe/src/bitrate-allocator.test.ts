import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllocationMember, BitrateAllocator } from './bitrate-allocator.ts';
import { layerOptions } from './layer-options.ts';

const three = layerOptions([[150_000], [500_000], [1_500_000]]);

function world(...priorities: number[]): { allocator: BitrateAllocator; members: AllocationMember[] } {
  const allocator = new BitrateAllocator();
  const members = priorities.map((priority) => {
    const member = new AllocationMember();
    member.priority = priority;
    member.options = three;
    member.wanted = 2;
    allocator.add(member);
    return member;
  });
  return { allocator, members };
}

describe('shares', () => {
  it('gives all what they want when there is enough', () => {
    const { allocator, members } = world(1, 1);
    allocator.allocate(10_000_000, 64_000, 0, false, 0);
    expect(members.map((m) => [m.allocated, m.limit])).toEqual([
      [2, 'none'],
      [2, 'none'],
    ]);
    expect(allocator.nextBps).toBe(0);
  });

  it('raises equals in turns and greater priorities first, lowest layers before all', () => {
    const equal = world(1, 1, 1);
    equal.allocator.allocate(1_700_000, 0, 0, false, 0);
    expect(equal.members.map((m) => m.allocated)).toEqual([1, 1, 1]);
    const unequal = world(1, 5, 1);
    unequal.allocator.allocate(2_100_000, 0, 0, false, 0);
    expect(unequal.members.map((m) => m.allocated)).toEqual([0, 2, 0]);
    expect(unequal.members[0]!.limit).toBe('priority');
    expect(unequal.members[1]!.limit).toBe('none');
  });

  it('takes audio first, and leaves out who does not even get the lowest layer', () => {
    const { allocator, members } = world(1, 2);
    allocator.allocate(400_000, 150_000, 0, false, 0);
    expect(members.map((m) => m.allocated)).toEqual([-1, 0]);
    expect(members[0]!.limit).toBe('priority');
  });

  it('always gives something to the most important one', () => {
    const { allocator, members } = world(1);
    allocator.allocate(30_000, 0, 0, false, 0);
    expect(members[0]!.allocated).toBe(0);
    expect(members[0]!.limit).toBe('bandwidth');
  });

  it('names the preference, the source and the ceiling', () => {
    const { allocator, members } = world(1, 1, 1);
    members[0]!.wanted = 1;
    members[1]!.options = [];
    members[1]!.wanted = -1;
    allocator.allocate(1_200_000, 0, 0, true, 0);
    expect(members.map((m) => m.limit)).toEqual(['preference', 'source', 'maximum']);
  });

  it('counts retransmissions', () => {
    const { allocator, members } = world(1);
    allocator.allocate(1_750_000, 0, 0.1, false, 0);
    expect(members[0]!.allocated).toBe(1);
  });

  it('never spends more than there is, except for the one lowest layer', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: -1, max: 2 })), {
          maxLength: 12,
        }),
        fc.integer({ min: 0, max: 20_000_000 }),
        (given, available) => {
          const { allocator, members } = world(...given.map(([priority]) => priority));
          given.forEach(([, wanted], i) => {
            members[i]!.wanted = wanted;
          });
          allocator.allocate(available, 0, 0, false, 0);
          const sum = members.reduce((total, m) => total + m.bps, 0);
          expect(sum).toBeLessThanOrEqual(Math.max(150_000, available));
          for (const [i, member] of members.entries()) {
            expect(member.allocated).toBeLessThanOrEqual(given[i]![1]);
          }
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });
});

describe('hysteresis', () => {
  it('rides out a dip, but not a fall', () => {
    const { allocator, members } = world(1);
    allocator.allocate(2_000_000, 0, 0, false, 0);
    allocator.allocate(1_250_000, 0, 0, false, 30_000);
    expect(members[0]!.allocated).toBe(2);
    allocator.allocate(2_000_000, 0, 0, false, 30_300);
    allocator.allocate(1_250_000, 0, 0, false, 40_000);
    allocator.allocate(1_250_000, 0, 0, false, 40_500);
    expect(members[0]!.allocated).toBe(2);
    allocator.allocate(1_250_000, 0, 0, false, 41_600);
    expect(members[0]!.allocated).toBe(1);
    allocator.allocate(300_000, 0, 0, false, 41_700);
    expect(members[0]!.allocated).toBe(0);
  });

  it('leaves a layer alone that failed soon, longer each time, until there is clearly enough', () => {
    const { allocator, members } = world(1);
    const member = members[0]!;
    let now = 0;
    const at = (bps: number) => {
      allocator.allocate(bps, 0, 0, false, now);
      return member.allocated;
    };
    expect(at(600_000)).toBe(1);
    now += 60_000;
    expect(at(1_700_000)).toBe(2);
    now += 3000;
    expect(at(600_000)).toBe(1);
    now += 5000;
    expect(at(1_700_000)).toBe(1);
    expect(member.limit).toBe('hysteresis');
    now += 16_000;
    expect(at(1_700_000)).toBe(2);
    now += 3000;
    expect(at(600_000)).toBe(1);
    now += 15_000;
    expect(at(1_700_000)).toBe(1);
    expect(at(2_400_000)).toBe(2);
  });

  it('switches at most once a minute while the estimate swings around what a layer needs', () => {
    const { allocator, members } = world(1);
    let later = 0;
    for (let now = 0; now < 600_000; now += 100) {
      const before = members[0]!.switches;
      allocator.allocate(1_500_000 + 400_000 * Math.sin(now / 4000), 0, 0, false, now);
      if (now > 60_000) later += members[0]!.switches - before;
    }
    expect(later).toBeLessThanOrEqual(10);
  });

  it('follows the viewer at once', () => {
    const { allocator, members } = world(1);
    allocator.allocate(2_000_000, 0, 0, false, 0);
    members[0]!.wanted = 0;
    allocator.allocate(2_000_000, 0, 0, false, 100);
    expect(members[0]!.allocated).toBe(0);
    members[0]!.wanted = 2;
    allocator.allocate(2_000_000, 0, 0, false, 200);
    expect(members[0]!.allocated).toBe(2);
  });

  it('keeps its choice while the source is silent', () => {
    const { allocator, members } = world(1);
    allocator.allocate(2_000_000, 0, 0, false, 0);
    members[0]!.options = [];
    members[0]!.wanted = -1;
    allocator.allocate(2_000_000, 0, 0, false, 100);
    members[0]!.options = three;
    members[0]!.wanted = 2;
    expect(allocator.allocate(1_450_000, 0, 0, false, 200)).toBe(false);
    expect(members[0]!.allocated).toBe(2);
  });
});

describe('far too little', () => {
  it('takes layers at once, and to one that fits well', () => {
    const { allocator, members } = world(1);
    allocator.allocate(2_000_000, 0, 0, false, 0);
    allocator.allocate(510_000, 0, 0, false, 100);
    expect([members[0]!.allocated, members[0]!.urgent]).toEqual([0, true]);
    allocator.allocate(510_000, 0, 0, false, 200);
    expect([members[0]!.allocated, members[0]!.urgent]).toEqual([0, false]);
  });

  it('is not what a mild fall is', () => {
    const { allocator, members } = world(1);
    allocator.allocate(2_000_000, 0, 0, false, 0);
    for (const now of [100, 5000]) allocator.allocate(1_300_000, 0, 0, false, now);
    expect([members[0]!.allocated, members[0]!.urgent]).toEqual([1, false]);
  });
});

describe('a layer that was given up soon', () => {
  it('is looked for as far as its block asks for', () => {
    const { allocator, members } = world(1);
    for (const [bps, now] of [
      [600_000, 0],
      [1_700_000, 10_000],
      [900_000, 11_000],
    ] as const) {
      allocator.allocate(bps, 0, 0, false, now);
    }
    expect([members[0]!.allocated, members[0]!.failures]).toEqual([1, 1]);
    expect(allocator.nextBps).toBeCloseTo(1_500_000 * 1.3);
    expect(allocator.wantedBps).toBeGreaterThanOrEqual(allocator.nextBps);
    allocator.allocate(1_900_000, 0, 0, false, 13_000);
    expect([members[0]!.allocated, members[0]!.limit]).toEqual([1, 'hysteresis']);
    allocator.allocate(1_960_000, 0, 0, false, 14_000);
    expect(members[0]!.allocated).toBe(2);
  });

  it('is none if it was what everything began with', () => {
    const { allocator, members } = world(1);
    allocator.allocate(600_000, 0, 0, false, 0);
    allocator.allocate(300_000, 0, 0, false, 500);
    expect([members[0]!.allocated, members[0]!.failures]).toEqual([0, 0]);
    allocator.allocate(600_000, 0, 0, false, 2000);
    expect(members[0]!.allocated).toBe(1);
  });

  it('does not keep those above it waiting once it has lasted', () => {
    const { allocator, members } = world(1);
    for (const [bps, now] of [
      [200_000, 0],
      [600_000, 5000],
      [300_000, 6000],
      [700_000, 8000],
    ] as const) {
      allocator.allocate(bps, 0, 0, false, now);
    }
    expect([members[0]!.allocated, members[0]!.failures]).toEqual([1, 1]);
    allocator.allocate(1_700_000, 0, 0, false, 12_000);
    expect(members[0]!.allocated).toBe(1);
    allocator.allocate(1_700_000, 0, 0, false, 18_100);
    allocator.allocate(1_700_000, 0, 0, false, 18_200);
    expect(members[0]!.allocated).toBe(2);
  });
});

describe('hysteresis of a member', () => {
  const readily = (changes: Partial<AllocationMember['hysteresis']>) => {
    const { allocator, members } = world(1);
    const member = members[0]!;
    member.hysteresis = { ...member.hysteresis, ...changes };
    return {
      member,
      at: (bps: number, now: number) => {
        allocator.allocate(bps, 0, 0, false, now);
        return member.allocated;
      },
    };
  };

  it('upMargin: so much must be to spare', () => {
    expect(readily({}).at(570_000, 0)).toBe(1);
    const wary = readily({ upMargin: 0.5 });
    expect(wary.at(570_000, 0)).toBe(0);
    expect(wary.member.neededBps).toBe(750_000);
    expect(wary.at(751_000, 10)).toBe(1);
  });

  it('downMargin: so much too big it may be', () => {
    for (const [downMargin, kept] of [
      [0.08, 0],
      [0.3, 1],
    ] as const) {
      const { at } = readily({ downMargin });
      expect(at(600_000, 0)).toBe(1);
      at(400_000, 100);
      expect(at(400_000, 5000)).toBe(kept);
    }
  });

  it('downHoldMs: so long it is kept, unless it is far too big', () => {
    const { at } = readily({ downHoldMs: 10_000 });
    at(600_000, 0);
    at(420_000, 100);
    expect(at(420_000, 10_000)).toBe(1);
    expect(at(420_000, 10_200)).toBe(0);
    const hasty = readily({ downHoldMs: 0 });
    hasty.at(600_000, 0);
    expect(hasty.at(420_000, 100)).toBe(0);
    const far = readily({ downHoldMs: 10_000 });
    far.at(600_000, 0);
    expect(far.at(300_000, 100)).toBe(0);
  });

  it('upHoldMs: nothing better so soon after', () => {
    const { at } = readily({ upHoldMs: 60_000 });
    at(2_000_000, 0);
    expect(at(600_000, 30_000)).toBe(1);
    expect(at(2_000_000, 85_000)).toBe(1);
    expect(at(2_000_000, 90_001)).toBe(2);
  });

  it('of one does not keep the others from changing', () => {
    const { allocator, members } = world(1, 1);
    members[0]!.hysteresis = { ...members[0]!.hysteresis, downHoldMs: 10_000 };
    members[1]!.hysteresis = { ...members[1]!.hysteresis, downHoldMs: 0 };
    allocator.allocate(1_200_000, 0, 0, false, 0);
    expect(members.map((m) => m.allocated)).toEqual([1, 1]);
    allocator.allocate(850_000, 0, 0, false, 100);
    expect(members.map((m) => m.allocated)).toEqual([1, 0]);
  });
});

describe('options', () => {
  it('go from low to high, without those that cost more and show less', () => {
    expect(
      layerOptions([
        [50_000, 90_000, 150_000],
        [200_000, 320_000, 500_000],
        [140_000, 450_000, 600_000],
      ]).map(({ spatialLayer, temporalLayer }) => [spatialLayer, temporalLayer]),
    ).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 1],
      [2, 1],
      [2, 2],
    ]);
    expect(layerOptions([[0], [0]])).toEqual([]);
  });

  it('give up frames of a slow camera only where there is no smaller picture', () => {
    const rates = [
      [20_000, 39_000],
      [40_000, 73_000],
    ];
    const layers = (frames: number[]) =>
      layerOptions(rates, [frames, frames]).map(({ spatialLayer, temporalLayer }) => [
        spatialLayer,
        temporalLayer,
      ]);
    const all = [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ];
    expect(layers([15, 30])).toEqual(all);
    expect(layers([0, 0])).toEqual(all);
    expect(layers([5, 10])).toEqual(all.filter(([spatial, temporal]) => spatial === 0 || temporal === 1));
  });
});
