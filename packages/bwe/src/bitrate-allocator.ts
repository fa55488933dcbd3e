import type { LayerOption } from './layer-options.ts';

/** A better layer must fit with this to spare; the one that flows may be so much too big. */
const upFactor = 1.12;
const keepFactor = 0.92;
/** A layer that fits no more is kept so long, the longer the less it is too big; not at all if it is far too big. */
const graceMs = 600;
const mildGraceMs = 1500;
const mildShare = 0.8;
const severeShare = 0.7;
/** A layer that was given up so soon after it was taken was taken too early. */
const earlyMs = 20_000;
const firstBlockMs = 20_000;
const maxBlockMs = 120_000;
/** So much more than the blocked layer needs lifts the block, and more for each failure: things have changed. */
const unblockFactor = 1.15;
const unblockStep = 0.15;
/** Layers are not raised so soon after they were lowered. */
const minDwellMs = 700;

/** The one thing that keeps a sender from a better layer. */
export type AllocationLimit =
  /** It has the best there is. */
  | 'none'
  /** The viewer prefers no more. */
  | 'preference'
  /** The source sends nothing better now. */
  | 'source'
  /** The path carries no more. */
  | 'bandwidth'
  /** The application's ceiling for the transport. */
  | 'maximum'
  /** It would fit, but was given up a short while ago. */
  | 'hysteresis'
  /** Others come first. */
  | 'priority';

/** One video sender in the eyes of the allocator. The owner fills the first part, the allocator the second. */
export class AllocationMember {
  /** Greater gets bitrate first. */
  priority = 1;
  /** From low to high; empty = the source is silent. */
  options: readonly LayerOption[] = [];
  /** Highest option that the viewer wants; -1 with no options. */
  wanted = -1;

  /** Option to forward; -1 = nothing. */
  allocated = -1;
  limit: AllocationLimit = 'none';
  /** What the transport must carry in all for the next better option; NaN = there is none, or none is wanted. */
  neededBps = Number.NaN;
  /** Layers of the allocated option as told last; options may be renumbered as sources come and go. */
  spatialLayer = -1;
  temporalLayer = -1;
  raisedAt = Number.NEGATIVE_INFINITY;
  loweredAt = Number.NEGATIVE_INFINITY;
  blockedUntil = Number.NEGATIVE_INFINITY;
  /** Spatial layer from which on the block holds. */
  blockedLayer = Number.POSITIVE_INFINITY;
  failures = 0;
  switches = 0;
  /** Being worked out. */
  next = -1;

  /** Bits per second of the allocated option. */
  get bps(): number {
    return this.options[this.allocated]?.bps ?? 0;
  }
}

/**
 * Shares the bitrate of one transport among its video senders: the lowest layer for everyone first, then better
 * ones, by priority, in turns among equals. Slow to change its mind: layers are only raised with some bitrate to
 * spare, only lowered when that lasts, and one that failed soon after it was taken is left alone for a while.
 */
export class BitrateAllocator {
  readonly members: AllocationMember[] = [];
  /** What the next better option needs in sum over all traffic; 0 = everything wanted is allocated. */
  nextBps = 0;
  /** What everything wanted needs in sum. */
  wantedBps = 0;
  /** What is allocated in sum, reserve included. */
  allocatedBps = 0;
  #pressureSince = Number.NaN;

  add(member: AllocationMember): void {
    this.members.push(member);
  }

  remove(member: AllocationMember): void {
    const at = this.members.indexOf(member);
    if (at >= 0) this.members.splice(at, 1);
  }

  /**
   * Chooses an option for every member. `reservedBps` is what audio and other traffic takes first; `overhead` is
   * the share that retransmissions add (0.1 = a tenth more); `ceiling` says that the application's maximum and
   * not the path sets `availableBps`. True when something changed.
   */
  allocate(
    availableBps: number,
    reservedBps: number,
    overhead: number,
    ceiling: boolean,
    now: number,
  ): boolean {
    this.#renumber();
    const factor = 1 + overhead;
    const budget = availableBps - reservedBps;
    const spent = this.#choose(budget, factor, availableBps, now);
    let current = 0;
    let lowers = false;
    for (const member of this.members) {
      current += member.bps * factor;
      if (member.next < Math.min(member.allocated, member.wanted)) lowers = true;
    }
    if (!lowers) this.#pressureSince = Number.NaN;
    else if (Number.isNaN(this.#pressureSince)) this.#pressureSince = now;
    const grace = budget > current * mildShare ? mildGraceMs : budget > current * severeShare ? graceMs : 0;
    const patient = lowers && now - this.#pressureSince < grace;
    let changed = false;
    for (const member of this.members) {
      // What the viewer itself gave up goes at once.
      if (patient) member.next = Math.min(member.allocated, member.wanted);
      if (this.#apply(member, now)) changed = true;
    }
    if (lowers && !patient) this.#pressureSince = Number.NaN;
    this.#explain(budget, reservedBps, factor, ceiling, now);
    this.allocatedBps = reservedBps + spent;
    this.#sums(reservedBps, factor);
    return changed;
  }

  /** Options may have changed since: finds the allocated layers among them again. */
  #renumber(): void {
    for (const member of this.members) {
      if (member.spatialLayer < 0) {
        member.allocated = -1;
        continue;
      }
      let at = -1;
      for (let i = 0; i < member.options.length; i++) {
        const option = member.options[i]!;
        const above =
          option.spatialLayer > member.spatialLayer ||
          (option.spatialLayer === member.spatialLayer && option.temporalLayer > member.temporalLayer);
        if (!above) at = i;
      }
      // While the source is silent the choice stays as it was.
      member.allocated = member.options.length === 0 ? -1 : Math.max(0, at);
    }
  }

  #choose(budget: number, factor: number, availableBps: number, now: number): number {
    this.members.sort((a, b) => b.priority - a.priority);
    let left = budget;
    let spent = 0;
    let first = true;
    for (const member of this.members) {
      member.next = -1;
      if (member.wanted < 0) continue;
      const cost = member.options[0]!.bps * factor;
      const need = member.allocated >= 0 ? cost * keepFactor : cost * upFactor;
      // The most important one always gets something: without any traffic nothing would ever be learnt.
      if (!first && need > left) continue;
      first = false;
      member.next = 0;
      left -= cost;
      spent += cost;
    }
    for (let from = 0; from < this.members.length; ) {
      let to = from;
      while (to < this.members.length && this.members[to]!.priority === this.members[from]!.priority) to++;
      for (let moved = true; moved; ) {
        moved = false;
        for (let k = from; k < to; k++) {
          const member = this.members[k]!;
          const up = member.next + 1;
          if (member.next < 0 || up > member.wanted) continue;
          const cost = (member.options[up]!.bps - member.options[member.next]!.bps) * factor;
          const whole = member.options[up]!.bps * factor;
          // What is to spare is reckoned on the whole option, as all of it may vary.
          const margin = up <= member.allocated ? whole * (keepFactor - 1) : whole * (upFactor - 1);
          if (cost + margin > left) continue;
          if (up > member.allocated && this.#blocked(member, up, availableBps, now)) continue;
          member.next = up;
          left -= cost;
          spent += cost;
          moved = true;
        }
      }
      from = to;
    }
    return spent;
  }

  #blocked(member: AllocationMember, index: number, availableBps: number, now: number): boolean {
    const option = member.options[index]!;
    if (now - member.loweredAt < minDwellMs) return true;
    if (now >= member.blockedUntil || option.spatialLayer < member.blockedLayer) return false;
    return availableBps < option.bps * (unblockFactor + unblockStep * member.failures);
  }

  #apply(member: AllocationMember, now: number): boolean {
    const { allocated, next } = member;
    const option = member.options[next];
    const spatial = option?.spatialLayer ?? -1;
    const temporal = option?.temporalLayer ?? -1;
    member.allocated = next;
    // A silent source is no decision: what was allocated is taken up again when it returns.
    if (
      member.options.length === 0 ||
      (spatial === member.spatialLayer && temporal === member.temporalLayer)
    ) {
      return false;
    }
    if (next > allocated) {
      member.raisedAt = now;
    } else if (next < allocated && allocated <= member.wanted) {
      member.loweredAt = now;
      if (now - member.raisedAt < earlyMs) {
        member.failures++;
        member.blockedLayer = member.options[allocated]!.spatialLayer;
        member.blockedUntil = now + Math.min(maxBlockMs, firstBlockMs * 2 ** (member.failures - 1));
      } else {
        member.failures = 0;
      }
    }
    if (spatial !== member.spatialLayer) member.switches++;
    member.spatialLayer = spatial;
    member.temporalLayer = temporal;
    return true;
  }

  #explain(budget: number, reservedBps: number, factor: number, ceiling: boolean, now: number): void {
    let total = 0;
    for (const member of this.members) total += member.bps * factor;
    for (const member of this.members) {
      const { allocated, wanted, options } = member;
      member.neededBps = Number.NaN;
      if (wanted < 0) member.limit = 'source';
      else if (allocated >= wanted) member.limit = wanted < options.length - 1 ? 'preference' : 'none';
      else {
        const up = options[allocated + 1]!;
        const need = total + (up.bps * upFactor - member.bps) * factor;
        member.neededBps = reservedBps + need;
        if (need <= budget) member.limit = 'hysteresis';
        else if (up.bps * factor * upFactor <= budget && this.#higherTakes(member)) member.limit = 'priority';
        else member.limit = ceiling ? 'maximum' : 'bandwidth';
        if (now < member.blockedUntil && up.spatialLayer >= member.blockedLayer && need <= budget) {
          member.limit = 'hysteresis';
        }
      }
    }
  }

  #higherTakes(member: AllocationMember): boolean {
    return this.members.some((other) => other.priority > member.priority && other.allocated >= 0);
  }

  #sums(reservedBps: number, factor: number): void {
    let allocated = reservedBps;
    let wanted = reservedBps;
    let step = Number.POSITIVE_INFINITY;
    for (const member of this.members) {
      if (member.wanted < 0) continue;
      allocated += member.bps * factor;
      wanted += member.options[member.wanted]!.bps * factor * upFactor;
      if (member.allocated >= member.wanted) continue;
      const up = member.options[member.allocated + 1]!;
      step = Math.min(step, (up.bps * upFactor - member.bps) * factor);
    }
    this.wantedBps = wanted;
    this.nextBps = step === Number.POSITIVE_INFINITY ? 0 : allocated + step;
  }
}
