import type { Random } from '@weir/testing';
import { startPostgres, type TestPostgres } from '../../packages/testing/src/postgres.ts';
import { pause } from '../weir.ts';
import { SignalingProcess } from './instances.ts';
import { RandomProxy } from './random-proxy.ts';

/** Some signaling processes on one real Postgres behind one address. */
export interface Cluster {
  readonly postgres: TestPostgres;
  readonly instances: readonly SignalingProcess[];
  readonly proxy: RandomProxy;
  stop(): Promise<void>;
}

/** @returns the cluster, or the reason why there is none */
export async function startCluster(
  count: number,
  random: Random,
  env: Readonly<Record<string, string>> = {},
): Promise<Cluster | { readonly missing: string }> {
  const postgres = await startPostgres();
  if ('missing' in postgres) return postgres;
  // All at once: the migrations are run by one of them.
  const starting = await Promise.allSettled(
    Array.from({ length: count }, (_, index) =>
      SignalingProcess.start(`signaling-${index + 1}`, postgres.url, env),
    ),
  );
  const instances = starting.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const failed = starting.find((start) => start.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all(instances.map((instance) => instance.kill()));
    await postgres.stop();
    throw failed.reason;
  }
  const proxy = await RandomProxy.start(
    instances.map(({ port }) => port),
    random,
  );
  return {
    postgres,
    instances,
    proxy,
    async stop() {
      await proxy.stop();
      await Promise.all(instances.map((instance) => instance.stop()));
      await postgres.stop();
    },
  };
}

/** Kills an instance each second and starts it again at once; the next one when that one answers again. */
export class Killer {
  kills = 0;
  readonly #instances: readonly SignalingProcess[];
  readonly #random: Random;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(instances: readonly SignalingProcess[], random: Random) {
    this.#instances = instances;
    this.#random = random;
    this.#done = this.#run();
    // Reported by stop().
    this.#done.catch(() => {});
  }

  /** @returns when all instances answer again */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const second = pause(1000);
      const victim = this.#instances[this.#random.int(this.#instances.length)]!;
      await victim.kill();
      this.kills += 1;
      await Promise.all([victim.start(), second]);
    }
  }
}
