import { type PodReport, PodReportAnswer } from '@weir/protocol';
import { type CallerOptions, makeCall } from './call.ts';
import { PodControlError } from './errors.ts';
import { signalingAudience } from './token.ts';

export interface SignalingClientOptions extends CallerOptions {
  readonly podId: string;
  /** Base addresses of signaling instances or of their load balancer. After a failure the next one is used. */
  readonly urls: readonly [string, ...string[]];
}

/** How a pod calls signaling. */
export class SignalingClient {
  readonly #options: SignalingClientOptions;
  #current = 0;

  constructor(options: SignalingClientOptions) {
    this.#options = options;
  }

  /**
   * Delivers one report. Not retried here: the Reporter sends it again, unchanged, until it is acknowledged.
   *
   * @throws PodControlError, or the reason of `signal`
   */
  async report(report: PodReport, signal?: AbortSignal): Promise<PodReportAnswer> {
    const { podId, urls } = this.#options;
    try {
      return await makeCall(this.#options, {
        issuer: podId,
        audience: signalingAudience,
        baseUrl: urls[this.#current % urls.length]!,
        method: 'POST',
        path: `/internal/pods/${encodeURIComponent(podId)}/reports`,
        body: report,
        answer: PodReportAnswer,
        attempts: 1,
        signal,
      });
    } catch (error) {
      if (error instanceof PodControlError && error.failure === 'unreachable') this.#current += 1;
      throw error;
    }
  }
}
