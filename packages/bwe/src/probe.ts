const minPackets = 5;
/** A cluster lasts so long, or as long as this many full packets take at its rate: fewer could not be judged. */
const minClusterMs = 60;
const maxClusterMs = 300;
const clusterBits = 5 * 1200 * 8;
/** Word of a cluster that is still missing so long after its end will not come. */
const judgeAfterMs = 1000;
/** Faster than it was sent: the receiver's clock or a burst of the path. */
const maxRatio = 2;
const saturatedRatio = 0.9;
const saturatedShare = 0.95;

/**
 * One probe at a time: for a few ten milliseconds, at low rates a few hundred, the transport sends at a rate beyond its estimate, and what
 * arrives tells whether the path carries it. All packets of that time count, media included.
 */
export class Probe {
  /** Number of the running or last cluster; never 0. */
  cluster = 0;
  targetBps = 0;
  /** What the last judged cluster showed, and whether the path carried all of it. */
  resultBps = 0;
  carried = false;
  /** Milliseconds; the cluster takes packets. */
  #startedAt = Number.NEGATIVE_INFINITY;
  #endsAt = Number.NEGATIVE_INFINITY;
  #judged = true;
  #sentBytes = 0;
  #sentPackets = 0;
  #bytes = 0;
  #packets = 0;
  #lost = 0;
  #firstSend = 0;
  #lastSend = 0;
  #lastSendBytes = 0;
  #firstArrival = 0;
  #lastArrival = 0;
  #firstArrivalBytes = 0;

  /** A cluster is being sent. */
  running(now: number): boolean {
    return now < this.#endsAt;
  }

  /** A cluster waits for its verdict. */
  get pending(): boolean {
    return !this.#judged;
  }

  start(targetBps: number, now: number): void {
    this.cluster = (this.cluster % 65_535) + 1;
    this.targetBps = targetBps;
    this.#startedAt = now;
    const milliseconds = (clusterBits * 1000) / targetBps;
    this.#endsAt = now + Math.min(maxClusterMs, Math.max(minClusterMs, milliseconds));
    this.#judged = false;
    this.#sentBytes = 0;
    this.#sentPackets = 0;
    this.#bytes = 0;
    this.#packets = 0;
    this.#lost = 0;
  }

  /** Bytes to add now so that the cluster has its rate. */
  deficit(now: number): number {
    if (!this.running(now)) return 0;
    return (this.targetBps * (now - this.#startedAt + 5)) / 8000 - this.#sentBytes;
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes;
    this.#sentPackets++;
  }

  received(bytes: number, sentAt: number, arrivalMs: number): void {
    if (this.#judged) return;
    if (this.#packets === 0) {
      this.#firstSend = sentAt;
      this.#lastSend = sentAt;
      this.#lastSendBytes = bytes;
      this.#firstArrival = arrivalMs;
      this.#lastArrival = arrivalMs;
      this.#firstArrivalBytes = bytes;
    }
    this.#packets++;
    this.#bytes += bytes;
    if (sentAt > this.#lastSend) {
      this.#lastSend = sentAt;
      this.#lastSendBytes = 0;
    }
    if (sentAt === this.#lastSend) this.#lastSendBytes += bytes;
    if (sentAt < this.#firstSend) this.#firstSend = sentAt;
    if (arrivalMs < this.#firstArrival) {
      this.#firstArrival = arrivalMs;
      this.#firstArrivalBytes = bytes;
    }
    this.#lastArrival = Math.max(this.#lastArrival, arrivalMs);
  }

  lost(): void {
    if (!this.#judged) this.#lost++;
  }

  /**
   * True once, when the verdict is there: `resultBps` (0 = the cluster told nothing). `ownLoss` is the loss that
   * the path has at any rate, which must not count against it.
   */
  judge(ownLoss: number, now: number): boolean {
    if (this.#judged || this.running(now)) return false;
    const known = this.#packets + this.#lost;
    if (known < this.#sentPackets && now - this.#endsAt < judgeAfterMs) return false;
    this.#judged = true;
    this.resultBps = 0;
    this.carried = false;
    const sendMs = this.#lastSend - this.#firstSend;
    const arrivalMs = this.#lastArrival - this.#firstArrival;
    const loss = known === 0 ? 1 : this.#lost / known;
    if (this.#packets < minPackets || sendMs < 10 || arrivalMs < 1) return true;
    const passed = Math.max(0.5, 1 - Math.min(loss, ownLoss * 1.5 + 0.02));
    const sendBps = ((this.#bytes - this.#lastSendBytes) * 8000) / sendMs / passed;
    const arrivalBps = ((this.#bytes - this.#firstArrivalBytes) * 8000) / arrivalMs / passed;
    if (arrivalBps > sendBps * maxRatio) return true;
    // A queue so short that it drops instead of growing.
    const dropped = loss > ownLoss * 1.5 + 0.25;
    this.carried = arrivalBps >= sendBps * saturatedRatio && !dropped;
    this.resultBps = this.carried ? Math.min(sendBps, arrivalBps) : arrivalBps * saturatedShare;
    return true;
  }

  /** Forgets the running cluster: the path is overused, so its verdict would be worth nothing. */
  abort(): void {
    this.#judged = true;
    this.#endsAt = Number.NEGATIVE_INFINITY;
  }
}
