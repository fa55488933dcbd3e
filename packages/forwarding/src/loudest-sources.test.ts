import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultBallistics, LoudestSources, LoudSource } from './loudest-sources.ts';

const { marginDb, minimumDbov } = defaultBallistics;

function sources(count: number): LoudSource<number>[] {
  return Array.from({ length: count }, (_, owner) => new LoudSource(owner));
}

/** Runs 20 ms packets of all sources; `level` says how loud one is. Answers the changes. */
function run(
  loudest: LoudestSources<number>,
  all: readonly LoudSource<number>[],
  from: number,
  ms: number,
  level: (owner: number, now: number) => number,
): number {
  for (let now = from; now < from + ms; now += 20) {
    for (const source of all) loudest.hear(source, level(source.owner, now), now);
  }
  return from + ms;
}

describe('who is among the loudest', () => {
  test('everybody, while there are places; afterwards only who is clearly louder than one of them', () => {
    const changes: string[] = [];
    const loudest = new LoudestSources<number>(2, ({ owner, chosen }) =>
      changes.push(`${chosen ? '+' : '-'}${owner}`),
    );
    const all = sources(3);
    // Even silence takes a free place: a room of few is as if nothing were chosen.
    let now = run(loudest, all, 0, 200, () => -127);
    expect(changes).toEqual(['+0', '+1']);
    now = run(loudest, all, now, 1000, (owner) => (owner === 2 ? minimumDbov - 1 : -127));
    expect(changes).toHaveLength(2);
    now = run(loudest, all, now, 1000, (owner) => (owner === 2 ? -30 : owner === 0 ? -40 : -70));
    expect(changes.slice(2)).toEqual(['-1', '+2']);
    run(loudest, all, now, 5000, (owner) => (owner === 1 ? -40 + marginDb - 2 : -40));
    expect(changes).toHaveLength(4);
  });

  test('a click is not enough to take a speaker’s place, three packets of speech are', () => {
    const loudest = new LoudestSources<number>(1, () => {});
    const all = sources(2);
    let now = run(loudest, all, 0, 1000, (owner) => (owner === 0 ? -40 : -80));
    loudest.hear(all[1]!, -20, now);
    now = run(loudest, all, now + 20, 500, (owner) => (owner === 0 ? -40 : -80));
    expect(all[0]!.chosen).toBe(true);
    for (let i = 0; i < 3; i++, now += 20) loudest.hear(all[1]!, -25, now);
    expect(all[1]!.chosen).toBe(true);
  });

  test('speech with pauses of a second keeps its place against noise, and against an equal', () => {
    let changes = 0;
    const loudest = new LoudestSources<number>(1, () => changes++);
    const all = sources(3);
    run(loudest, all, 0, 60_000, (owner, now) => {
      if (owner === 2) return -62 + (now % 7);
      const speaks = owner === 0 ? now % 2000 < 1400 : now % 2000 > 1400;
      return speaks ? -35 : -75;
    });
    expect(all[0]!.chosen).toBe(true);
    expect(changes).toBe(1);
  });

  test('who falls silent for good loses its place to the next who speaks, or by being released', () => {
    const loudest = new LoudestSources<number>(1, () => {});
    const all = sources(2);
    let now = run(loudest, all, 0, 1000, (owner) => (owner === 0 ? -20 : -90));
    now = run(loudest, all, now, 4000, (owner) => (owner === 0 ? -90 : -40));
    expect(all.map(({ chosen }) => chosen)).toEqual([false, true]);
    loudest.release(all[1]!);
    expect(loudest.count).toBe(0);
    loudest.hear(all[0]!, -90, now);
    expect(all[0]!.chosen).toBe(true);
  });

  test('with fewer places the quietest go', () => {
    const loudest = new LoudestSources<number>(4, () => {});
    const all = sources(4);
    const now = run(loudest, all, 0, 400, (owner) => -20 - 10 * ((owner * 3) % 4));
    loudest.setPlaces(2, now);
    expect(all.filter(({ chosen }) => chosen).map(({ owner }) => owner)).toEqual([0, 3]);
  });
});

/** As expect(), which is slow for millions of checks. */
function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

test('whatever is heard: never too many, no place empty, and none changes hands but for somebody louder', () => {
  const step = fc.oneof(
    {
      weight: 20,
      arbitrary: fc.tuple(fc.constant('hear' as const), fc.nat(7), fc.integer({ min: -127, max: 0 })),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constant('release' as const), fc.nat(7), fc.constant(0)) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constant('places' as const), fc.integer({ min: 1, max: 6 }), fc.constant(0)),
    },
  );
  const steps = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 400 })), { minLength: 20, maxLength: 300 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 6 }), (given, places) => {
      const all = sources(8);
      const known = new Set<LoudSource<number>>();
      const lost: LoudSource<number>[] = [];
      const loudest = new LoudestSources<number>(places, (source) => {
        if (!source.chosen) lost.push(source);
      });
      let now = 0;
      for (const [[what, n, level], wait] of given) {
        now += wait;
        lost.length = 0;
        const loudness = (source: LoudSource<number>) => source.loudness(now, defaultBallistics);
        if (what === 'places') {
          loudest.setPlaces(n, now);
          for (const gone of lost) {
            for (const one of all)
              if (one.chosen) must(loudness(one) >= loudness(gone), 'a quieter one stays');
          }
        } else if (what === 'release') {
          loudest.release(all[n]!);
          known.delete(all[n]!);
        } else {
          const source = all[n]!;
          const was = all.filter(({ chosen }) => chosen);
          known.add(source);
          loudest.hear(source, level, now);
          must(lost.length <= 1, 'two lose their places to one');
          for (const gone of lost) {
            must(source.chosen, 'a place is taken for nobody');
            must(loudness(source) >= loudness(gone) + marginDb, 'the new one is hardly louder');
            must(loudness(source) >= minimumDbov, 'the new one is hardly there');
            for (const other of was) must(loudness(other) >= loudness(gone), 'not the quietest went');
          }
          if (!source.chosen && loudness(source) >= minimumDbov) {
            for (const other of was)
              must(loudness(source) < loudness(other) + marginDb, 'a louder one is out');
          }
          // Nobody who has just been heard is left out while a place is free.
          if (loudest.count < loudest.places) must(source.chosen, 'a place is empty');
        }
        const chosen = all.filter((one) => one.chosen);
        must(chosen.length === loudest.count, 'the count is wrong');
        must(chosen.length <= loudest.places, 'too many are chosen');
        for (const one of chosen) must(known.has(one), 'one is chosen that was not heard');
      }
    }),
    { numRuns: 300 },
  );
});
