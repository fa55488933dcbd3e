import { randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { PacketEngine } from '@weir/forwarding';
import { createMediaWorker, type MediaWorkerContract, type WorkerCertificate } from '@weir/media-worker';
import type {
  InspectAnswer,
  InspectRequest,
  MediaHappening,
  MediaUpdateAnswer,
  PodAddress,
  RoomMediaUpdate,
} from '@weir/protocol';
import { Collections, LoopLag } from './load.ts';
import type { Logger } from './log.ts';
import type { Worker, WorkerPorts, WorkerStatus } from './worker.ts';

export interface InProcessWorkerOptions {
  readonly engine: PacketEngine;
  /** The engine's TCP listener, if it has one: the worker hears of connections that end. */
  readonly tcp: { onClosed: ((ip: string, port: number) => void) | undefined } | undefined;
  readonly certificate: WorkerCertificate;
  /** At least one; the first stands in tuples. */
  readonly addresses: readonly PodAddress[];
  readonly ports: WorkerPorts;
  /** What the kernel granted. */
  readonly buffers: { readonly receiveBytes: number; readonly sendBytes: number };
  readonly consentTimeoutMs: number;
  readonly log: Logger;
}

/** Runs a media worker on this thread: gives it packets, time and orders, and drains it after each. */
export class InProcessWorker implements Worker {
  readonly addresses: readonly PodAddress[];
  readonly fingerprints: WorkerCertificate['fingerprints'];
  readonly ports: WorkerPorts;
  readonly engine: string;
  onHappening: ((happening: MediaHappening) => void) | undefined;

  readonly #engine: PacketEngine;
  readonly #worker: MediaWorkerContract;
  readonly #log: Logger;
  readonly #lag = new LoopLag();
  readonly #collections = new Collections();
  readonly #buffers: InProcessWorkerOptions['buffers'];
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  /** When the timer fires; it is left alone while nothing is due earlier. */
  #timerAt = Number.POSITIVE_INFINITY;
  #faults = 0;
  #faultLoggedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: InProcessWorkerOptions) {
    this.addresses = options.addresses;
    this.fingerprints = options.certificate.fingerprints;
    this.ports = options.ports;
    this.engine = options.engine.name;
    this.#engine = options.engine;
    this.#buffers = options.buffers;
    this.#log = options.log;
    const announced = options.addresses[0];
    if (announced === undefined) throw new RangeError('addresses: a worker needs at least one');
    this.#worker = createMediaWorker({
      engine: options.engine,
      certificate: options.certificate,
      localAddress: { ip: announced.ip, port: announced.port },
      consentTimeoutMs: options.consentTimeoutMs,
      random: () => randomInt(2 ** 32),
      wallClockOffsetMs: performance.timeOrigin,
    });
    if (options.tcp !== undefined) {
      options.tcp.onClosed = (ip, port) => {
        const remote = { ip, port, protocol: 'tcp' as const };
        this.#run(() => this.#worker.handleTcpClosed(remote, performance.now()));
      };
    }
    this.#collections.start();
    options.engine.onBatch = (batch) => this.#run(() => this.#worker.handleBatch(batch, performance.now()));
  }

  async apply(update: RoomMediaUpdate): Promise<MediaUpdateAnswer> {
    return this.#order(() => this.#worker.apply(update, performance.now()));
  }

  async inspect(roomId: string, request: InspectRequest): Promise<InspectAnswer> {
    return this.#order(() => this.#worker.inspect(roomId, request, performance.now()));
  }

  async rooms(): Promise<Record<string, number>> {
    return this.#worker.rooms();
  }

  async status(): Promise<WorkerStatus> {
    const { user, system } = process.threadCpuUsage();
    // Not process.memoryUsage(), which asks the kernel as well: up to milliseconds in which packets wait.
    const { used_heap_size, external_memory } = getHeapStatistics();
    return {
      counters: { ...this.#engine.counters, faults: this.#faults },
      media: this.#worker.overview(),
      collections: this.#collections.count,
      collectionMs: this.#collections.totalMs,
      receiveBufferBytes: this.#buffers.receiveBytes,
      sendBufferBytes: this.#buffers.sendBytes,
      cpuMicros: user + system,
      loopLagMs: this.#lag.p99Ms(performance.now()),
      heapBytes: used_heap_size,
      externalBytes: external_memory,
      activeResources: process.getActiveResourcesInfo().length,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#collections.stop();
    clearTimeout(this.#timer);
    this.#run(() => this.#worker.close(performance.now()));
    clearTimeout(this.#timer);
  }

  /** An order's error is its caller's; what happened by it is told all the same. */
  #order<T>(order: () => T): T {
    try {
      return order();
    } finally {
      this.#drain();
    }
  }

  /** Packets and timers have no caller: an error there must not end every other call on this pod. */
  #run(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#faults += 1;
      const now = performance.now();
      if (now - this.#faultLoggedAt >= 1000) {
        this.#faultLoggedAt = now;
        this.#log.error(
          { err: error, faults: this.#faults },
          'the media worker threw; this is a defect of Weir',
        );
      }
    }
    this.#drain();
  }

  #drain(): void {
    for (let happening = this.#worker.poll(); happening !== undefined; happening = this.#worker.poll()) {
      this.onHappening?.(happening);
    }
    this.#schedule();
  }

  #schedule(): void {
    const at = this.#closed ? undefined : this.#worker.nextTimeout()?.at;
    if (at === undefined) return;
    const delay = at - performance.now();
    if (delay <= 0) {
      // Packets that came meanwhile go first, and a timer would wait for a whole millisecond.
      this.#immediate ??= setImmediate(() => {
        this.#immediate = undefined;
        this.#timeOut();
      });
      return;
    }
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#lag.note(this.#timerAt, performance.now());
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#timeOut();
    }, Math.ceil(delay));
  }

  #timeOut(): void {
    if (!this.#closed) this.#run(() => this.#worker.handleTimeout(performance.now()));
  }
}
