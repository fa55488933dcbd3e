import { randomBytes } from 'node:crypto';
import type { PodAddress, RoomMediaUpdate } from '@weir/protocol';
import type { Logger } from './log.ts';
import { askStun } from './stun-client.ts';
import type { WorkerPool } from './worker-pool.ts';

/** No room of signaling can have such an id. */
const prefix = '~self-check-';

/** Whether a room exists only to be asked by this pod itself; signaling must not hear of it. */
export function isSelfCheck(roomId: string): boolean {
  return roomId.startsWith(prefix);
}

export interface SelfCheckOptions {
  readonly workers: Pick<WorkerPool, 'size' | 'addresses' | 'apply' | 'workerOf'>;
  readonly log: Logger;
  /** For one address. Default 2 s. */
  readonly timeoutMs?: number;
  /** Between two rounds that failed. Default 5 s. */
  readonly pauseMs?: number;
}

/**
 * Asks every media worker, at the addresses that endpoints are told, for an ICE check as an endpoint does it. Goes on
 * until each worker has answered at one UDP address at least.
 */
export class SelfCheck {
  readonly #options: SelfCheckOptions;
  readonly #ended = new AbortController();
  #whyNot: string | undefined = 'no announced address has answered yet';

  constructor(options: SelfCheckOptions) {
    this.#options = options;
  }

  /** Undefined once it has passed. */
  get whyNot(): string | undefined {
    return this.#whyNot;
  }

  /** Resolves when it has passed or was ended. */
  async run(): Promise<void> {
    const { log, workers, pauseMs = 5000 } = this.#options;
    const { signal } = this.#ended;
    let told: string | undefined;
    while (!signal.aborted) {
      const silent: string[] = [];
      for (let worker = 0; worker < workers.size; worker++) silent.push(...(await this.#check(worker)));
      if (silent.length === 0) {
        this.#whyNot = undefined;
        log.info('every media worker answers at its announced address');
        return;
      }
      this.#whyNot = silent.join('; ');
      if (this.#whyNot !== told) {
        log.warn(
          { reason: this.#whyNot },
          'the pod does not reach itself at its announced addresses, so it is not ready: check WEIR_ANNOUNCED_ADDRESSES, port forwarding and firewall. Where the network leads nobody back to himself, set WEIR_SELF_CHECK=off',
        );
      }
      told = this.#whyNot;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  stop(): void {
    this.#ended.abort();
  }

  /** What is wrong with one worker; empty if it answers. */
  async #check(worker: number): Promise<string[]> {
    const { workers, timeoutMs = 2000 } = this.#options;
    const addresses = workers.addresses.filter(
      (one) => one.protocol === 'udp' && (one.worker ?? 0) === worker,
    );
    if (addresses.length === 0) return [`media worker ${worker} announces no UDP address`];
    const roomId = this.#roomOf(worker);
    const ice = {
      usernameFragment: randomBytes(8).toString('hex'),
      password: randomBytes(16).toString('hex'),
    };
    try {
      await workers.apply(updateOf(roomId, 1, ice));
      const ask = async ({ ip, port }: PodAddress) =>
        (await askStun({ ip, port, credentials: ice, timeoutMs }).catch(() => undefined)) !== undefined;
      const answers = await Promise.all(addresses.map(ask));
      if (answers.includes(true)) return [];
      const tried = addresses.map(({ ip, port }) => `${ip} port ${port}`).join(', ');
      return [`media worker ${worker} does not answer at ${tried} (UDP)`];
    } catch (error) {
      return [`media worker ${worker}: ${error instanceof Error ? error.message : String(error)}`];
    } finally {
      await workers.apply(updateOf(roomId, 2, undefined)).catch(() => {});
    }
  }

  #roomOf(worker: number): string {
    for (let n = 0; ; n++) {
      const roomId = `${prefix}${n}`;
      if (this.#options.workers.workerOf(roomId) === worker) return roomId;
    }
  }
}

function updateOf(
  roomId: string,
  version: number,
  ice: { usernameFragment: string; password: string } | undefined,
): RoomMediaUpdate {
  const transport = ice && {
    id: 1,
    type: 'webrtc' as const,
    peerId: 1,
    ice,
    udp: true,
    tcp: false,
    maxIncomingBitrate: 0,
    maxOutgoingBitrate: 0,
    minOutgoingBitrate: 0,
    initialOutgoingBitrate: 0,
  };
  return {
    roomId,
    version,
    base: null,
    put: { transports: transport === undefined ? [] : [transport], receivers: [], senders: [] },
    remove: { transports: [], receivers: [], senders: [] },
    keyFrames: [],
  };
}
