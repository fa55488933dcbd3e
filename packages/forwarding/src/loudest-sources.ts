/** How loudness is followed and when a place changes hands. */
export interface LoudnessBallistics {
  /** So long after a source became louder half of the difference is believed. Milliseconds. */
  readonly attackMs: number;
  /** What a source loses while it is quieter than it was: dB per second. Bridges pauses of speech. */
  readonly decayDbPerSecond: number;
  /** A source quieter than this takes no place from another. dBov, -127 to 0. */
  readonly minimumDbov: number;
  /** So much louder than the quietest one that has a place must one be to take its place. dB. */
  readonly marginDb: number;
}

/**
 * Two packets make three quarters of a rise, so a click is not speech; a pause between two sentences costs a
 * speaker less than what tells it from the noise of a room.
 */
export const defaultBallistics: LoudnessBallistics = {
  attackMs: 20,
  decayDbPerSecond: 10,
  minimumDbov: -60,
  marginDb: 6,
};

const silenceDbov = -127;
/** Packets that arrive together still stand for some sound each, and those after a pause not for all of it. */
const minElapsedMs = 10;
const maxElapsedMs = 60;

/** One source of sound, and whether it is among the loudest. */
export class LoudSource<Owner> {
  readonly owner: Owner;
  /** It has a place: it is among the loudest. */
  chosen = false;
  /** Decibels above digital silence when it was heard last. */
  #db = 0;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(owner: Owner) {
    this.owner = owner;
  }

  /** How loud it counts now, dBov: -127 (silence) to 0. */
  loudness(now: number, { decayDbPerSecond }: LoudnessBallistics): number {
    return silenceDbov + this.#decayed(now, decayDbPerSecond);
  }

  /** One packet's level in dBov. */
  hear(dbov: number, now: number, { attackMs, decayDbPerSecond }: LoudnessBallistics): void {
    const before = this.#decayed(now, decayDbPerSecond);
    const rise = Math.min(0, dbov) - silenceDbov - before;
    const elapsed = Math.min(maxElapsedMs, Math.max(minElapsedMs, now - this.#heardAt));
    this.#db = rise > 0 ? before + rise * (1 - 2 ** (-elapsed / attackMs)) : before;
    this.#heardAt = now;
  }

  forget(): void {
    this.#db = 0;
    this.#heardAt = Number.NEGATIVE_INFINITY;
  }

  #decayed(now: number, decayDbPerSecond: number): number {
    if (this.#db === 0) return 0;
    return Math.max(0, this.#db - (Math.max(0, now - this.#heardAt) * decayDbPerSecond) / 1000);
  }
}

/**
 * Gives the places there are to the loudest sources, by the levels that stand in their packets (RFC 6464). Who has
 * a place keeps it through pauses, until somebody clearly louder wants it; a free place goes to whoever comes. So a
 * room with no more sources than places is one where everybody is heard. Pure: levels and times in, changes out.
 */
export class LoudestSources<Owner> {
  readonly #ballistics: LoudnessBallistics;
  readonly #onChange: (source: LoudSource<Owner>) => void;
  /** Those that have a place. */
  readonly #chosen: LoudSource<Owner>[] = [];
  #places: number;

  /**
   * @param places how many are chosen at most, at least 1
   * @param onChange called right after `chosen` of a source changed; who loses a place is told before who gets it
   */
  constructor(
    places: number,
    onChange: (source: LoudSource<Owner>) => void,
    ballistics: Partial<LoudnessBallistics> = {},
  ) {
    this.#places = places;
    this.#onChange = onChange;
    this.#ballistics = { ...defaultBallistics, ...ballistics };
  }

  get places(): number {
    return this.#places;
  }

  /** How many are chosen now. */
  get count(): number {
    return this.#chosen.length;
  }

  /** With fewer places than are taken, the quietest lose theirs at once. */
  setPlaces(places: number, now: number): void {
    this.#places = places;
    while (this.#chosen.length > places) this.#take(this.#quietest(now));
  }

  /** A packet of `source` says how loud it is: `dbov` is 0 (loudest) to -127 (silence). */
  hear(source: LoudSource<Owner>, dbov: number, now: number): void {
    source.hear(dbov, now, this.#ballistics);
    if (source.chosen) return;
    if (this.#chosen.length < this.#places) {
      this.#give(source);
      return;
    }
    const loudness = source.loudness(now, this.#ballistics);
    if (loudness < this.#ballistics.minimumDbov) return;
    const quietest = this.#quietest(now);
    if (loudness < quietest.loudness(now, this.#ballistics) + this.#ballistics.marginDb) return;
    this.#take(quietest);
    this.#give(source);
  }

  /** The source is gone, paused or sends nothing more: its place is free, its loudness forgotten. */
  release(source: LoudSource<Owner>): void {
    source.forget();
    if (source.chosen) this.#take(source);
  }

  #quietest(now: number): LoudSource<Owner> {
    let quietest = this.#chosen[0]!;
    for (let i = 1; i < this.#chosen.length; i++) {
      const other = this.#chosen[i]!;
      if (other.loudness(now, this.#ballistics) < quietest.loudness(now, this.#ballistics)) quietest = other;
    }
    return quietest;
  }

  #give(source: LoudSource<Owner>): void {
    this.#chosen.push(source);
    source.chosen = true;
    this.#onChange(source);
  }

  #take(source: LoudSource<Owner>): void {
    this.#chosen.splice(this.#chosen.indexOf(source), 1);
    source.chosen = false;
    this.#onChange(source);
  }
}
