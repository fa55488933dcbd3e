import type { MediaHappening, PodLease, PodReport, PodReportAnswer } from '@weir/protocol';
import { PodControlError } from './errors.ts';
import type { Reporter } from './reporter.ts';

export interface ReportLoopOptions {
  readonly reporter: Reporter;
  readonly client: { report(report: PodReport, signal?: AbortSignal): Promise<PodReportAnswer> };
  /** Milliseconds that never go back. */
  readonly now: () => number;
  readonly onChange?: (change: ReportLoopChange) => void;
}

/** What an operator should hear of. */
export type ReportLoopChange =
  /** The first failure after a success (or after the start). */
  | { readonly type: 'away'; readonly error: Error }
  /** Reports arrive (again). */
  | { readonly type: 'back'; readonly failures: number }
  /** A report can never be taken; its part at fault gets dropped. */
  | { readonly type: 'refused'; readonly error: Error }
  /**
   * The pod begins anew in epoch `epoch`. `givenUp`: signaling took it for lost and gave its peers to others, so
   * what it holds is to be dropped; else its clock was behind that of an earlier start. The lease must be renewed.
   */
  | { readonly type: 'restarted'; readonly epoch: number; readonly givenUp: boolean }
  /** Another process with this pod id started later. Nothing is reported any more. */
  | { readonly type: 'superseded'; readonly error: Error };

/** Runs a Reporter with timers and calls. Never throws; tells of trouble by `onChange`. */
export class ReportLoop {
  readonly #options: ReportLoopOptions;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #away: boolean | undefined;
  #waiting: (() => void)[] = [];

  constructor(options: ReportLoopOptions) {
    this.#options = options;
  }

  /** Queues one happening. */
  push(happening: MediaHappening): void {
    this.#options.reporter.push(happening, this.#options.now());
    this.#turn();
  }

  /** Sends the lease as it is now. */
  renew(lease: PodLease): void {
    this.#options.reporter.renew(lease, this.#options.now());
    this.#turn();
  }

  /** Resolves true when everything told so far is acknowledged, false after `timeoutMs` or stop(). */
  async settled(timeoutMs: number): Promise<boolean> {
    if (this.#options.reporter.settled) return true;
    if (this.stopped) return false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return this.#options.reporter.settled;
  }

  get stopped(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Ends the call in flight and all further ones. */
  stop(): void {
    this.#abort.abort(new Error('stopped'));
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wake();
  }

  #turn(): void {
    if (this.stopped) return;
    const { reporter, now } = this.#options;
    const report = reporter.next(now());
    if (report !== undefined) void this.#send(report);
    const timeout = reporter.nextTimeout();
    clearTimeout(this.#timer);
    this.#timer =
      timeout === undefined
        ? undefined
        : setTimeout(() => this.#turn(), Math.max(0, Math.ceil(timeout.at - now())));
  }

  async #send(report: PodReport): Promise<void> {
    const { reporter, client, now } = this.#options;
    try {
      const answer = await client.report(report, this.#abort.signal);
      const { failures } = reporter.status;
      reporter.acknowledge(answer, now());
      if (this.#away !== false) this.#tell({ type: 'back', failures });
      this.#away = false;
    } catch (error) {
      if (this.stopped) return;
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    }
    this.#turn();
    if (reporter.settled) this.#wake();
  }

  #failed(error: Error): void {
    const { reporter, now } = this.#options;
    const status = error instanceof PodControlError && error.failure === 'refused' ? error.status : undefined;
    if (status === 400 || status === 413 || status === 422) {
      reporter.refuse(now());
      this.#tell({ type: 'refused', error });
    } else if (status === 409 && this.#mayRestart(error)) {
      const { code, epoch } = (error as PodControlError).problem!;
      reporter.restart(Math.max(epoch! + 1, reporter.epoch + 1));
      this.#tell({ type: 'restarted', epoch: reporter.epoch, givenUp: code === 'pod-given-up' });
    } else if (status === 409) {
      this.stop();
      this.#tell({ type: 'superseded', error });
    } else {
      reporter.fail(now());
      if (this.#away !== true) this.#tell({ type: 'away', error });
      this.#away = true;
    }
  }

  /**
   * A pod that was given up starts over. So does one that was never heard: an earlier process had a clock that was
   * ahead. One that was heard in this epoch, and is behind now, has a successor.
   */
  #mayRestart(error: Error): boolean {
    const problem = error instanceof PodControlError ? error.problem : undefined;
    if (problem?.epoch === undefined) return false;
    return problem.code === 'pod-given-up' || this.#options.reporter.status.seq === 0;
  }

  #tell(change: ReportLoopChange): void {
    this.#options.onChange?.(change);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
