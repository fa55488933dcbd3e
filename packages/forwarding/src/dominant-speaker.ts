/**
 * Dominant speaker identification after Volfin and Cohen, "Dominant speaker identification for multipoint
 * videoconferencing" (2012): the level of each speaker is watched over three time spans, and a speaker takes
 * over only if it is more active than the present one by the ratio of likelihoods, in the immediate and the
 * medium span. So neither a cough nor a short "yes" moves the picture.
 */
export class DominantSpeakerDetector<Id extends object | number | string> {
  readonly #speakers = new Map<Id, Speaker>();
  #dominant: Id | undefined;

  get dominant(): Id | undefined {
    return this.#dominant;
  }

  add(id: Id, nowMs: number): void {
    if (!this.#speakers.has(id)) this.#speakers.set(id, new Speaker(nowMs));
  }

  /** The dominance of who is removed ends at once; `update()` names the next. */
  remove(id: Id): void {
    this.#speakers.delete(id);
    if (this.#dominant === id) this.#dominant = undefined;
  }

  /** A paused speaker can't become dominant. */
  setPaused(id: Id, paused: boolean): void {
    const speaker = this.#speakers.get(id);
    if (speaker !== undefined) speaker.paused = paused;
  }

  /** One packet's level in dBov: 0 loudest, -127 silence. */
  sample(id: Id, level: number, nowMs: number): void {
    this.#speakers.get(id)?.sample(level + maxLevel, nowMs);
  }

  /** Decides again; call it every 300 ms or so. Returns the new dominant speaker if it changed. */
  update(nowMs: number): Id | undefined {
    for (const speaker of this.#speakers.values()) {
      if (nowMs - speaker.lastSampleMs > idleAfterMs) speaker.sample(0, nowMs);
    }
    const next = this.#choose();
    if (next === undefined || next === this.#dominant) return undefined;
    this.#dominant = next;
    return next;
  }

  #choose(): Id | undefined {
    const [first] = this.#speakers.keys();
    if (first === undefined || this.#speakers.size === 1) return first;
    const presentId = this.#dominant ?? first;
    const present = this.#speakers.get(presentId)!.scores();
    let best = presentId;
    let bestMedium = minMediumRatio;
    for (const [id, speaker] of this.#speakers) {
      if (id === presentId || speaker.paused) continue;
      const scores = speaker.scores();
      const immediate = Math.log(scores.immediate / present.immediate);
      const medium = Math.log(scores.medium / present.medium);
      if (immediate > minImmediateRatio && medium > bestMedium) {
        best = id;
        bestMedium = medium;
      }
    }
    return best;
  }
}

interface Scores {
  immediate: number;
  medium: number;
  long: number;
}

/** Levels here are 0 (silence) to 127 (loudest). The newest entry of each array of scores is the first. */
class Speaker {
  paused = false;
  lastSampleMs: number;
  #floor = 0;
  #nextFloor = 0;
  #nextFloorSamples = 0;
  /** A ring; the newest is right before `#next`. */
  readonly #levels = new Uint8Array(immediates);
  #next = 0;

  constructor(nowMs: number) {
    this.lastSampleMs = nowMs;
  }

  sample(level: number, nowMs: number): void {
    const bounded = Math.min(maxLevel, Math.max(0, level));
    // The method wants a value each 20 ms; longer packets and pauses stand for several.
    const elapsedMs = nowMs - this.lastSampleMs;
    const repeats = Math.min(immediates, Math.max(1, Math.round(elapsedMs / sampleMs)));
    this.lastSampleMs = nowMs;
    for (let i = 0; i < repeats; i++) {
      this.#levels[this.#next] = bounded;
      this.#next = this.#next === immediates - 1 ? 0 : this.#next + 1;
    }
    this.#trackFloor(bounded);
  }

  /** The noise floor follows a falling level at once and a rising one slowly. */
  #trackFloor(level: number): void {
    if (level === 0) return;
    if (this.#floor === 0 || level < this.#floor) {
      this.#floor = level;
      this.#nextFloor = 0;
      this.#nextFloorSamples = 0;
      return;
    }
    this.#nextFloor = this.#nextFloor === 0 ? level : Math.min(this.#nextFloor, level);
    if (++this.#nextFloorSamples < floorSamples) return;
    this.#floor = Math.round(Math.sqrt(this.#floor * this.#nextFloor));
    this.#nextFloor = 0;
    this.#nextFloorSamples = 0;
  }

  scores(): Scores {
    // Immediate: how many of thirteen bands the level fills, 0 near the noise floor; medium: how many of
    // five successive immediates are active; long: how many of ten mediums are.
    const immediate = Array.from({ length: immediates }, (_, age) => {
      const level = this.#levels[(this.#next - 1 - age + immediates) % immediates]!;
      return level < this.#floor + bandWidth ? 0 : Math.floor(level / bandWidth);
    });
    const medium = countActive(immediate, immediatesPerMedium, mediumThreshold);
    const long = countActive(medium, mediumsPerLong, longThreshold);
    return {
      immediate: activity(immediate[0]!, bands, 0.5, 0.78),
      medium: activity(medium[0]!, immediatesPerMedium, 0.5, 24),
      long: activity(long[0]!, mediumsPerLong, 0.5, 47),
    };
  }
}

function countActive(values: readonly number[], group: number, threshold: number): number[] {
  const counts: number[] = [];
  for (let i = 0; i + group <= values.length; i += group) {
    counts.push(values.slice(i, i + group).filter((value) => value > threshold).length);
  }
  return counts;
}

/** Log-likelihood ratio of speech against silence: binomial while speaking, exponential while silent. */
function activity(active: number, of: number, p: number, lambda: number): number {
  let logChoose = 0;
  for (let i = 1; i <= active; i++) logChoose += Math.log((of - active + i) / i);
  const score =
    logChoose + active * Math.log(p) + (of - active) * Math.log(1 - p) - Math.log(lambda) + lambda * active;
  return Math.max(minScore, score);
}

const maxLevel = 127;
const bands = 13;
const bandWidth = 10;
const immediatesPerMedium = 5;
const mediumsPerLong = 10;
const immediates = immediatesPerMedium * mediumsPerLong;
const mediumThreshold = 7;
const longThreshold = 4;
const minImmediateRatio = 3;
const minMediumRatio = 2;
const minScore = 1e-10;
const idleAfterMs = 40;
const sampleMs = 20;
/** 15 s of samples. */
const floorSamples = 750;
