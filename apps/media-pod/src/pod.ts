import { networkInterfaces } from 'node:os';
import { performance } from 'node:perf_hooks';
import { serve } from '@hono/node-server';
import { Reporter, ReportLoop, type ReportLoopChange, SignalingClient } from '@weir/pod-control';
import type { MediaHappening, PodLease } from '@weir/protocol';
import { interfaceAddresses, isUnspecified } from './addresses.ts';
import { Census } from './census.ts';
import type { Config } from './config.ts';
import { createControl } from './control.ts';
import { type LoadRates, type LoadReading, noLoad, ratesBetween, usedRatios } from './load.ts';
import type { Logger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { isSelfCheck, SelfCheck } from './self-check.ts';
import { version } from './version.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface PodOptions {
  readonly config: Config;
  readonly workers: WorkerPool;
  readonly log: Logger;
  /** Milliseconds since 1970: new at each start. */
  readonly epoch: number;
  /** Another process took this pod's name: there is nothing left to do here. */
  readonly onSuperseded?: () => void;
}

/** A running pod: its workers, the control API, and the lease and reports that tell signaling of it. */
export class Pod {
  readonly controlUrl: string;
  readonly #options: PodOptions;
  readonly #workers: WorkerPool;
  readonly #log: Logger;
  readonly #census = new Census();
  readonly #reporter: Reporter;
  readonly #reports: ReportLoop;
  readonly #server: ControlServer;
  readonly #selfCheck: SelfCheck | undefined;
  #leaseTimer: NodeJS.Timeout | undefined;
  /** By worker. */
  #readings: readonly LoadReading[];
  #rates: readonly (LoadRates & { readonly loopLagMs: number })[] = [];
  #draining = false;
  #stopping = false;
  /** The time to drain is over, and what is left is closed. */
  #closing = false;
  #emptied: (() => void) | undefined;

  /** Opens the control port and begins to renew the lease. Rejects when the port is taken. */
  static async start(options: PodOptions): Promise<Pod> {
    // Hono's app needs the pod and the pod its port: the requests of the first instant wait for the pod.
    const ready = Promise.withResolvers<Pod>();
    const server = await listen(options.config.control, async (request) => {
      const pod = await ready.promise;
      return await pod.#handle(request);
    });
    const pod = new Pod(options, server);
    ready.resolve(pod);
    void pod.#selfCheck?.run().then(() => pod.#renew());
    await pod.#renew();
    return pod;
  }

  readonly #handle: (request: Request) => Response | Promise<Response>;

  private constructor(options: PodOptions, server: ControlServer) {
    const { config, workers, log } = options;
    this.#options = options;
    this.#workers = workers;
    this.#log = log;
    this.#server = server;
    this.#selfCheck = config.media.selfCheck ? new SelfCheck({ workers, log }) : undefined;
    this.controlUrl = config.control.url ?? defaultControlUrl(config, server.port);
    const nowMs = performance.now();
    this.#readings = workers.ports.map(() => ({ nowMs, cpuMicros: 0, sentPackets: 0, sentBytes: 0 }));
    this.#reporter = new Reporter({ podId: config.podId, epoch: options.epoch, random: Math.random });
    this.#reports = new ReportLoop({
      reporter: this.#reporter,
      client: new SignalingClient({
        podId: config.podId,
        urls: config.signalingUrls,
        secrets: config.secrets,
        attemptTimeoutMs: reportTimeoutMs,
        timeoutMs: reportTimeoutMs,
      }),
      now: () => performance.now(),
      onChange: (change) => this.#onReportChange(change),
    });
    workers.onHappening = (happening) => this.#note(happening);
    workers.onDied = (index) => {
      // Peers hear of it at once and build anew; what they build comes to the next thread.
      for (const gone of this.#census.forgetRooms((roomId) => workers.workerOf(roomId) === index)) {
        this.#note({ type: 'transport.closed', ...gone, reason: 'worker-died' });
      }
      this.#checkEmptied();
      void this.#renew();
    };
    const metrics = createMetrics({
      ports: workers.ports.map(({ udp }) => udp),
      version,
      limits: {
        transports: config.capacity,
        egressPps: config.testedPps,
        egressBps: config.linkBps,
      },
      wantedBuffers: {
        receiveBytes: config.media.receiveBufferBytes,
        sendBytes: config.media.sendBufferBytes,
      },
      statuses: () => workers.statuses(),
      snapshot: () => this.#snapshot(),
    });
    const control = createControl({
      podId: config.podId,
      secrets: config.secrets,
      epoch: () => this.#reporter.epoch,
      worker: {
        apply: async (update) => {
          const answer = await workers.apply(update);
          this.#census.noteUpdate(update, answer);
          log.debug(
            { roomId: update.roomId, base: update.base, to: update.version, ...answer },
            answer.applied
              ? 'media update'
              : 'media update does not follow what is here; asked for the whole',
          );
          this.#checkEmptied();
          return answer;
        },
        inspect: (roomId, request) => workers.inspect(roomId, request),
        rooms: () => workers.rooms(),
      },
      metrics,
      log,
      drain: () => this.drain(),
      undrain: () => this.undrain(),
      // While it drains its media must still be let through: Services drop endpoints, and their UDP flows, that are unready.
      whyNotReady: () => (this.#closing ? 'the pod is stopping' : this.#selfCheck?.whyNot),
      whyNotPlaceable: () => this.#whyNotPlaceable(),
    });
    this.#handle = (request) => control.fetch(request);
  }

  get controlPort(): number {
    return this.#server.port;
  }

  get transports(): number {
    return this.#census.count.transports;
  }

  /** No new rooms; what runs goes on. Signaling lets peers move to other pods. */
  drain(): { draining: boolean; transports: number } {
    if (!this.#draining) {
      this.#draining = true;
      this.#log.info({ transports: this.transports }, 'draining: no new rooms come here');
      void this.#renew();
    }
    return { draining: true, transports: this.transports };
  }

  /** Takes drain() back, unless the pod is stopping. */
  undrain(): { draining: boolean; transports: number } {
    if (this.#draining && !this.#stopping) {
      this.#draining = false;
      this.#log.info('draining was taken back: rooms may come here again');
      void this.#renew();
    }
    return { draining: this.#draining, transports: this.transports };
  }

  /**
   * Ends in order: not placeable; wait until peers have moved away or `drainMs` are over; close_notify on what
   * is left; last report; ports closed.
   */
  async stop(drainMs: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#selfCheck?.stop();
    this.#draining = true;
    this.#log.info({ transports: this.transports, drainSeconds: drainMs / 1000 }, 'stopping');
    await this.#renew();
    if (this.transports > 0 && drainMs > 0) {
      await this.#waitUntilEmpty(drainMs);
      const left = this.transports;
      if (left > 0) this.#log.warn({ transports: left }, 'the time to drain is over; closing what is left');
    }
    this.#closing = true;
    await this.#workers.close();
    await this.#renew();
    clearTimeout(this.#leaseTimer);
    if (!(await this.#reports.settled(lastReportMs))) {
      this.#log.warn('signaling did not take the last report; it will find out by the lease');
    }
    this.#reports.stop();
    await this.#server.close();
    this.#log.info('stopped');
  }

  /** Nothing that is here is wanted any more. */
  async #startOver(): Promise<void> {
    const none = { transports: [], receivers: [], senders: [] };
    for (const [roomId, held] of Object.entries(await this.#workers.rooms())) {
      if (isSelfCheck(roomId)) continue;
      const update = { roomId, base: null, version: held, put: none, remove: none, keyFrames: [] };
      this.#census.noteUpdate(update, await this.#workers.apply(update));
    }
    this.#checkEmptied();
    await this.#renew();
  }

  async #renew(): Promise<void> {
    clearTimeout(this.#leaseTimer);
    await this.#sample();
    this.#reports.renew(await this.#lease());
    if (this.#reports.stopped) return;
    // Signaling may run with shorter leases than this pod was told.
    const { leaseSeconds } = this.#reporter.status;
    const third = leaseSeconds === undefined ? Number.POSITIVE_INFINITY : (leaseSeconds * 1000) / 3;
    const interval = Math.min(this.#options.config.leaseIntervalMs, third);
    this.#leaseTimer = setTimeout(() => void this.#renew(), interval);
  }

  async #lease(): Promise<PodLease> {
    const { config } = this.#options;
    return {
      controlUrl: this.controlUrl,
      region: config.region,
      version,
      addresses: [...this.#workers.addresses],
      fingerprints: [...this.#workers.fingerprints],
      capacity: config.capacity,
      placeable:
        !this.#draining &&
        this.transports < config.capacity &&
        this.#workers.troubled.length === 0 &&
        this.#selfCheck?.whyNot === undefined,
      draining: this.#draining,
      load: { ...this.#census.count, ...this.#load(), capacityUsed: this.#capacityUsed() },
      ...(this.#workers.size === 1 ? {} : { workers: this.#workerLoads() }),
      rooms: Object.fromEntries(
        Object.entries(await this.#workers.rooms()).filter(([roomId]) => !isSelfCheck(roomId)),
      ),
    };
  }

  async #sample(): Promise<void> {
    const statuses = await this.#workers.statuses();
    const nowMs = performance.now();
    // Two leases in one moment (drain, stop) would make rates of noise.
    if (nowMs - this.#readings[0]!.nowMs < shortestSampleMs) return;
    const readings = statuses.map(({ cpuMicros, counters: { sentPackets, sentBytes } }) => ({
      nowMs,
      cpuMicros,
      sentPackets,
      sentBytes,
    }));
    this.#rates = readings.map((reading, index) => ({
      ...ratesBetween(this.#readings[index]!, reading),
      loopLagMs: statuses[index]!.loopLagMs,
    }));
    this.#readings = readings;
  }

  /** A worker that is being raised again takes nothing new, if another one can. */
  #workerLoads(): { cpu: number }[] {
    const { missing } = this.#workers;
    return Array.from({ length: this.#workers.size }, (_, index) => ({
      cpu: (this.#rates[index]?.cpu ?? 0) + (missing.includes(index) ? 1 : 0),
    }));
  }

  /** Of all workers together, as leases tell it. */
  #load(): LoadRates & { readonly loopLagMs: number } {
    const total = (of: (rates: LoadRates) => number) => this.#rates.reduce((sum, one) => sum + of(one), 0);
    return {
      // A room may come to any of them, so the mean says what it will find.
      cpu: total(({ cpu }) => cpu) / this.#workers.size,
      egressPps: total(({ egressPps }) => egressPps),
      egressBps: total(({ egressBps }) => egressBps),
      loopLagMs: Math.max(0, ...this.#rates.map(({ loopLagMs }) => loopLagMs)),
    };
  }

  /**
   * For placement. One busy thread makes a pod the last choice, but does not shut it: it passes, and a pod is not full
   * while it takes transports. Lag is counted for less than in the metric, since a busy machine lags without us.
   */
  #capacityUsed(): number {
    const { capacity, testedPps, linkBps } = this.#options.config;
    const busiestCpu = Math.max(0, ...this.#rates.map(({ cpu }) => cpu));
    const { cpu, lag, ...others } = usedRatios(
      { ...this.#census.count, ...this.#load(), busiestCpu },
      { transports: capacity, egressPps: testedPps, egressBps: linkBps },
    );
    return Math.max(...Object.values(others), Math.min(lastChoice, Math.max(cpu, lag / 5)));
  }

  #note(happening: MediaHappening): void {
    if (isSelfCheck(happening.roomId)) return;
    const { type, ...rest } = happening;
    const peerId = 'transportId' in rest ? this.#census.peerOf(rest.roomId, rest.transportId) : undefined;
    this.#log.debug(peerId === undefined ? rest : { ...rest, peerId }, type);
    this.#census.noteHappening(happening);
    this.#reports.push(happening);
    this.#checkEmptied();
  }

  #whyNotPlaceable(): string | undefined {
    if (this.#stopping) return 'the pod is stopping';
    if (this.#draining) return 'the pod is draining';
    if (this.#selfCheck?.whyNot !== undefined) return this.#selfCheck.whyNot;
    const { capacity } = this.#options.config;
    if (this.transports >= capacity) return `all ${capacity} transports are taken`;
    const [troubled] = this.#workers.troubled;
    if (troubled !== undefined) return `media worker ${troubled} is being started again`;
    const { leaseAcknowledgedAt, leaseSeconds } = this.#reporter.status;
    if (leaseAcknowledgedAt === undefined) return 'signaling has not acknowledged the lease yet';
    if (performance.now() - leaseAcknowledgedAt > (leaseSeconds ?? 15) * 1000) {
      return 'the lease has run out: signaling does not answer';
    }
    return undefined;
  }

  #snapshot() {
    const status = this.#reporter.status;
    const { leaseAcknowledgedAt } = status;
    return {
      rooms: this.#census.rooms,
      ...this.#census.count,
      ...this.#load(),
      workers: this.#workers.restarts.map((restarts, index) => ({
        ...(this.#rates[index] ?? noLoad),
        restarts,
        engine: this.#workers.engines[index]!,
        up: !this.#workers.missing.includes(index),
        rooms: this.#census.roomsWhere((roomId) => this.#workers.workerOf(roomId) === index),
      })),
      leaseAgeSeconds:
        leaseAcknowledgedAt === undefined ? undefined : (performance.now() - leaseAcknowledgedAt) / 1000,
      placeable: this.#whyNotPlaceable() === undefined,
      draining: this.#draining,
      reportsQueued: status.queued,
      reportFailures: status.failures,
      happeningsShed: status.shed,
      happeningsRefused: status.refused,
    };
  }

  #onReportChange(change: ReportLoopChange): void {
    const detail = 'error' in change ? { reason: change.error.message } : {};
    switch (change.type) {
      case 'away':
        this.#log.warn(detail, 'signaling does not answer; running media goes on and reports are kept');
        break;
      case 'back':
        this.#log.info({ failures: change.failures }, 'signaling takes reports');
        break;
      case 'refused':
        this.#log.error(detail, 'signaling refused a report for good; what it could not read is dropped');
        break;
      case 'restarted':
        if (change.givenUp) {
          this.#log.error(
            { epoch: change.epoch },
            'signaling gave this pod up and its peers went elsewhere: dropping what is here and starting over',
          );
          void this.#startOver();
        } else {
          this.#log.warn(
            { epoch: change.epoch },
            'an earlier pod of this name has a later epoch (was the clock set back?): taking one after it',
          );
          void this.#renew();
        }
        break;
      case 'superseded':
        this.#log.error(
          detail,
          `another pod runs as ${this.#options.config.podId}: give every pod its own WEIR_POD_ID, or none`,
        );
        this.#options.onSuperseded?.();
        break;
    }
  }

  async #waitUntilEmpty(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#emptied = undefined;
  }

  #checkEmptied(): void {
    if (this.transports === 0) this.#emptied?.();
  }
}

interface ControlServer {
  readonly port: number;
  close(): Promise<void>;
}

async function listen(
  { ip, port }: Config['control'],
  handle: (request: Request) => Promise<Response>,
): Promise<ControlServer> {
  return await new Promise((resolve, reject) => {
    const server = serve({ fetch: handle, ...(ip === undefined ? {} : { hostname: ip }), port }, (info) => {
      resolve({
        port: info.port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            if ('closeIdleConnections' in server) server.closeIdleConnections();
            const last = setTimeout(
              () => 'closeAllConnections' in server && server.closeAllConnections(),
              500,
            );
            last.unref();
          }),
      });
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        reject(
          new Error(`TCP port ${port} is taken: set WEIR_CONTROL_PORT to another one, or to 0 for any.`),
        );
      } else reject(error);
    });
  });
}

/** Where signaling most probably reaches this pod. */
function defaultControlUrl(config: Config, port: number): string {
  const { ip, podIp } = config.control;
  const host =
    podIp ??
    (ip === undefined || isUnspecified(ip)
      ? config.development
        ? '127.0.0.1'
        : (interfaceAddresses(networkInterfaces(), undefined)[0] ?? '127.0.0.1')
      : ip);
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const lastChoice = 0.95;
const reportTimeoutMs = 4000;
const lastReportMs = 2000;
const shortestSampleMs = 500;
