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
});
