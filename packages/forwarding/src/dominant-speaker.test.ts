import { describe, expect, it } from 'vitest';
import { DominantSpeakerDetector } from './dominant-speaker.ts';

/** Speech: loud with gaps, so that the noise floor is known. dBov. */
const speech = (t: number) => (Math.floor(t / 100) % 4 === 3 ? -75 : -25 - (t % 60) / 10);
const noise = () => -90;

/** Lets each speaker send a level each 20 ms, and decides each 300 ms. Returns who became dominant, and when. */
function run(
  detector: DominantSpeakerDetector<string>,
  fromMs: number,
  toMs: number,
  levels: Record<string, (t: number) => number>,
) {
  const changes: [number, string][] = [];
  for (let t = fromMs; t < toMs; t += 20) {
    for (const [id, level] of Object.entries(levels)) detector.sample(id, level(t), t);
    if (t % 300 !== 0) continue;
    const speaker = detector.update(t);
    if (speaker !== undefined) changes.push([t, speaker]);
  }
  return changes;
}

function detectorOf(...ids: string[]) {
  const detector = new DominantSpeakerDetector<string>();
  for (const id of ids) detector.add(id, 0);
  return detector;
}

describe('DominantSpeakerDetector', () => {
  it('names nobody while there is nobody, and the only one at once', () => {
    const detector = new DominantSpeakerDetector<string>();
    expect(detector.update(0)).toBeUndefined();
    detector.add('alice', 0);
    expect(detector.update(300)).toBe('alice');
    expect(detector.update(600)).toBeUndefined();
  });

  it('follows who speaks, once, and within a second or two', () => {
    const detector = detectorOf('alice', 'bob');
    run(detector, 0, 3000, { alice: speech, bob: noise });
    expect(detector.dominant).toBe('alice');
    const changes = run(detector, 3000, 8000, { alice: noise, bob: speech });
    expect(changes).toHaveLength(1);
    expect(changes[0]![1]).toBe('bob');
    expect(changes[0]![0]).toBeLessThanOrEqual(5000);
  });

  it('is not moved by a cough', () => {
    const detector = detectorOf('alice', 'bob');
    run(detector, 0, 3000, { alice: speech, bob: noise });
    const cough = (t: number) => (t >= 4000 && t < 4060 ? -10 : -90);
    expect(run(detector, 3000, 8000, { alice: speech, bob: cough })).toEqual([]);
  });

  it('keeps the last speaker in silence', () => {
    const detector = detectorOf('alice', 'bob');
    run(detector, 0, 3000, { alice: noise, bob: speech });
    expect(detector.dominant).toBe('bob');
    expect(run(detector, 3000, 10_000, { alice: noise, bob: noise })).toEqual([]);
    expect(run(detector, 10_200, 15_000, {})).toEqual([]);
    expect(detector.dominant).toBe('bob');
  });

  it('never names a paused speaker', () => {
    const detector = detectorOf('alice', 'bob');
    run(detector, 0, 3000, { alice: speech, bob: noise });
    detector.setPaused('bob', true);
    expect(run(detector, 3000, 8000, { alice: noise, bob: speech })).toEqual([]);
    detector.setPaused('bob', false);
    expect(run(detector, 8000, 11_000, { alice: noise, bob: speech }).map(([, id]) => id)).toEqual(['bob']);
  });

  it('names another at once when the dominant one is removed', () => {
    const detector = detectorOf('alice', 'bob', 'carol');
    run(detector, 0, 3000, { alice: speech, bob: noise, carol: noise });
    detector.remove('alice');
    expect(detector.dominant).toBeUndefined();
    expect(detector.update(3300)).toBe('bob');
  });

  it('takes packets of any length: the level counts for the time it stands for', () => {
    const detector = detectorOf('alice', 'bob');
    run(detector, 0, 3000, { alice: speech, bob: noise });
    let changes: string[] = [];
    for (let t = 3000; t < 8000; t += 60) {
      detector.sample('alice', -90, t);
      detector.sample('bob', speech(t), t);
      if (t % 300 === 0) changes = [...changes, detector.update(t) ?? []].flat();
    }
    expect(changes).toEqual(['bob']);
  });

  it('ignores samples of who was never added', () => {
    const detector = new DominantSpeakerDetector<string>();
    detector.sample('nobody', -5, 0);
    expect(detector.update(300)).toBeUndefined();
  });
});
