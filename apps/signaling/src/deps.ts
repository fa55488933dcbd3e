import type { Driver, WakeUps } from '@weir/db';
import type { PodClient } from '@weir/pod-control';
import type { Clock } from './clock.ts';
import type { AppConfig } from './config.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { Scopes } from './scope.ts';
import type { WebhookSender } from './webhooks/sender.ts';

/** How signaling calls pods. */
export type Pods = Pick<PodClient, 'applyMedia' | 'inspect' | 'pulse' | 'drain' | 'undrain'>;

/** All that the app needs from outside. */
export interface Dependencies {
  readonly config: AppConfig;
  /** Migrated. */
  readonly driver: Driver;
  readonly wakeUps: WakeUps;
  readonly pods: Pods;
  readonly clock: Clock;
  /** Uniform in [0, 2^32), from a cryptographic source: ICE passwords are made of it. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly sendWebhook: WebhookSender;
  /** Which request work belongs to; without it logs say so only at the end of a request. */
  readonly scopes?: Scopes;
  /**
   * Requests must not wait for each other's work, as on Workers: changes of one room are then kept apart by the
   * database alone.
   */
  readonly isolatedRequests?: boolean;
  /** Whoever calls us gets no byte before an answer is complete: event streams then end with the first events. */
  readonly bufferedAnswers?: boolean;
  /** Keeps the platform alive until work after the answer is done (`waitUntil` of Workers). */
  readonly defer?: (work: Promise<unknown>) => void;
}
