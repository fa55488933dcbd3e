import { defaultHysteresis, type Hysteresis } from '@weir/protocol';
import type { LayerOption } from './layer-options.ts';

/** A layer that fits no more is kept for a while, less long if it is more than a little too big; not at all if far too big. */
const moderateHold = 0.4;
const mildShare = 0.8;
const severeShare = 0.7;
/** A layer that was given up so soon after it was taken was taken too early. */
const earlyMs = 20_000;
const provedMs = 10_000;
const firstBlockMs = 20_000;
const maxBlockMs = 120_000;
/** So much more than the blocked layer needs lifts the block, and more for each failure: things have changed. */
const unblockFactor = 1.15;
const unblockStep = 0.15;

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
  /** How readily its layers change. */
  hysteresis: Hysteresis = defaultHysteresis;

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
  /** Lowered because far too little is left: what flows now is mostly lost, so it may stop at once. */
  urgent = false;
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
    let current = 0;
    for (const member of this.members) current += member.bps * factor;
    const severe = budget <= current * severeShare;
    const spent = this.#choose(budget, factor, availableBps, severe, now);
    let lowers = false;
    for (const member of this.members) {
      if (member.next < Math.min(member.allocated, member.wanted)) lowers = true;
    }
    if (!lowers) this.#pressureSince = Number.NaN;
    else if (Number.isNaN(this.#pressureSince)) this.#pressureSince = now;
    const hold = severe ? 0 : budget > current * mildShare ? 1 : moderateHold;
    const pressureMs = now - this.#pressureSince;
    let patient = false;
    let changed = false;
    for (const member of this.members) {
      member.urgent = severe && member.next < member.allocated;
      if (lowers && pressureMs < member.hysteresis.downHoldMs * hold) {
        // What the viewer itself gave up goes at once.
        member.next = Math.min(member.allocated, member.wanted);
        patient = true;
      }
      if (this.#apply(member, now)) changed = true;
    }
    if (lowers && !patient) this.#pressureSince = Number.NaN;
    this.#explain(budget, reservedBps, factor, ceiling, now);
    this.allocatedBps = reservedBps + spent;
    this.#sums(reservedBps, factor, now);
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

  /** `severe`: layers have to go at once, so the ones below must fit well, and let a queue drain that stands. */
  #choose(budget: number, factor: number, availableBps: number, severe: boolean, now: number): number {
    this.members.sort((a, b) => b.priority - a.priority);
    let left = budget;
    let spent = 0;
    let first = true;
    for (const member of this.members) {
      member.next = -1;
      if (member.wanted < 0) continue;
      const cost = member.options[0]!.bps * factor;
      const { upMargin, downMargin } = member.hysteresis;
      const need = cost * (member.allocated >= 0 ? 1 - downMargin : 1 + upMargin);
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
          const { upMargin, downMargin } = member.hysteresis;
          const margin = whole * (up <= member.allocated && !severe ? -downMargin : upMargin);
          if (cost + margin > left) continue;
          if (up > member.allocated && this.#blocked(member, up, factor, availableBps, now)) continue;
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

  #blocked(
    member: AllocationMember,
    index: number,
    factor: number,
    availableBps: number,
    now: number,
  ): boolean {
    const option = member.options[index]!;
    if (now - member.loweredAt < member.hysteresis.upHoldMs) return true;
    return availableBps < this.#unblockBps(member, option, factor, now);
  }

  /** From how many bits per second on the block on that option is lifted; 0 = there is none. */
  #unblockBps(member: AllocationMember, option: LayerOption, factor: number, now: number): number {
    if (now >= member.blockedUntil || option.spatialLayer < member.blockedLayer) return 0;
    return option.bps * factor * (unblockFactor + unblockStep * member.failures);
  }

  #apply(member: AllocationMember, now: number): boolean {
    const { allocated, next } = member;
    // The layer that was too much a while ago has proved that it is not: those above it are not to wait for it.
    if (member.spatialLayer >= member.blockedLayer && now - member.raisedAt >= provedMs) {
      member.blockedUntil = Number.NEGATIVE_INFINITY;
    }
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
      // What it begins with was chosen before anything was known: to correct that is no failure.
      if (member.switches > 0) member.raisedAt = now;
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
        const upFactor = 1 + member.hysteresis.upMargin;
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

  #sums(reservedBps: number, factor: number, now: number): void {
    let allocated = reservedBps;
    let wanted = reservedBps;
    let step = Number.POSITIVE_INFINITY;
    let unblock = 0;
    for (const member of this.members) {
      if (member.wanted < 0) continue;
      allocated += member.bps * factor;
      const upFactor = 1 + member.hysteresis.upMargin;
      wanted += member.options[member.wanted]!.bps * factor * upFactor;
      if (member.allocated >= member.wanted) continue;
      const up = member.options[member.allocated + 1]!;
      const upStep = (up.bps * upFactor - member.bps) * factor;
      if (upStep > step) continue;
      step = upStep;
      unblock = this.#unblockBps(member, up, factor, now);
    }
    // Whoever does not look for what lifts a block sits it out on a path that is wide again.
    this.wantedBps = Math.max(wanted, unblock);
    this.nextBps = step === Number.POSITIVE_INFINITY ? 0 : Math.max(allocated + step, unblock);
  }
}
