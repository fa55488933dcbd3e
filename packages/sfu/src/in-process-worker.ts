import { readFile } from 'node:fs/promises';
import { NodeEngine } from '@weir/forwarding';
import { createMediaWorker, type MediaWorkerContract, type WorkerCertificate } from '@weir/media-worker';
import type {
  InspectAnswer,
  InspectRequest,
  MediaHappening,
  PodAddress,
  RoomMediaUpdate,
} from '@weir/protocol';
import { createCertificate, loadCertificate } from '@weir/secure-transport';
import { BothFamilies } from './both-families.ts';
import { type OpenPorts, openPorts } from './listen.ts';
import type { Log } from './log.ts';
import { random32 } from './random.ts';
import type { ServerSettings } from './settings.ts';
import type { Worker, WorkerResourceUsage } from './worker.ts';

/** Opens the ports of worker `number` (from 1) and starts it on this thread. Rejects with Error if it can't. */
export async function createWorker(
  id: string,
  number: number,
  settings: ServerSettings,
  log: Log,
): Promise<InProcessWorker> {
  const certificate = await readCertificate(settings);
  const ports = await openPorts(settings, number, log);
  return new InProcessWorker(id, ports, certificate, settings, log);
}

async function readCertificate({ certificateFiles }: ServerSettings): Promise<WorkerCertificate> {
  if (certificateFiles === undefined) return createCertificate();
  const [certPem, keyPem] = await Promise.all([
    readFile(certificateFiles.certificate, 'utf8'),
    readFile(certificateFiles.privateKey, 'utf8'),
  ]);
  return loadCertificate({ certPem, keyPem });
}

/** A media worker on this thread: its machine, the sockets, and the clock. */
export class InProcessWorker implements Worker {
  readonly id: string;
  readonly addresses: readonly PodAddress[];
  readonly fingerprints: WorkerCertificate['fingerprints'];
  onHappening: ((happening: MediaHappening) => void) | undefined;
  onDied: ((error: Error) => void) | undefined;

  readonly #log: Log;
  readonly #udp: BothFamilies;
  readonly #tcp: BothFamilies;
  readonly #engine: NodeEngine;
  readonly #worker: MediaWorkerContract;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(
    id: string,
    ports: OpenPorts,
    certificate: WorkerCertificate,
    settings: ServerSettings,
    log: Log,
  ) {
    this.id = id;
    this.#log = log;
    this.addresses = ports.addresses;
    this.fingerprints = certificate.fingerprints;
    this.#udp = new BothFamilies(ports.udp);
    this.#tcp = new BothFamilies(ports.tcp);
    this.#engine = new NodeEngine({ udp: this.#udp, tcp: this.#tcp });
    const local = (ports.udp[0] ?? ports.tcp[0])!.address;
    this.#worker = createMediaWorker({
      engine: this.#engine,
      certificate,
      localAddress: { ip: local.ip, port: local.port },
      consentTimeoutMs: settings.iceConsentTimeoutMs,
      random: random32,
      wallClockOffsetMs: performance.timeOrigin,
    });
    this.#tcp.onClosed = (ip, port) => {
      this.#run(() => this.#worker.handleTcpClosed({ ip, port, protocol: 'tcp' }, performance.now()));
    };
    this.#engine.onBatch = (batch) => {
      // What comes from the network must not take the worker down with it.
      try {
        this.#worker.handleBatch(batch, performance.now());
      } catch (error) {
        this.#log.error('a packet could not be handled', { workerId: this.id, error });
      }
      this.#settle();
    };
  }

  get closed(): boolean {
    return this.#closed;
  }

  apply(update: RoomMediaUpdate, whole: () => RoomMediaUpdate): void {
    this.#run(() => {
      const { applied } = this.#worker.apply(update, performance.now());
      if (!applied) this.#worker.apply(whole(), performance.now());
    });
  }

  async inspect(roomId: string, request: InspectRequest): Promise<InspectAnswer> {
    return this.#worker.inspect(roomId, request, performance.now());
  }

  tap(roomId: string, receiverId: number, listener: ((packet: Uint8Array) => void) | undefined): void {
    this.#run(() => this.#worker.tap(roomId, receiverId, listener));
  }

  async resourceUsage(): Promise<WorkerResourceUsage> {
    const usage = process.resourceUsage();
    const { receivedPackets, receivedBytes, sentPackets, sentBytes } = this.#engine.counters;
    return {
      workerId: this.id,
      ru_utime: usage.userCPUTime / 1000,
      ru_stime: usage.systemCPUTime / 1000,
      ru_maxrss: usage.maxRSS,
      ru_ixrss: usage.sharedMemorySize,
      ru_idrss: usage.unsharedDataSize,
      ru_isrss: usage.unsharedStackSize,
      ru_minflt: usage.minorPageFault,
      ru_majflt: usage.majorPageFault,
      ru_nswap: usage.swappedOut,
      ru_inblock: usage.fsRead,
      ru_oublock: usage.fsWrite,
      ru_msgsnd: usage.ipcSent,
      ru_msgrcv: usage.ipcReceived,
      ru_nsignals: usage.signalsCount,
      ru_nvcsw: usage.voluntaryContextSwitches,
      ru_nivcsw: usage.involuntaryContextSwitches,
      receivedPackets,
      receivedBytes,
      sentPackets,
      sentBytes,
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.onHappening = undefined;
    this.onDied = undefined;
    this.#worker.close(performance.now());
    this.#engine.close();
  }

  /** Everything that reaches the machine goes through here, so that nothing it has to say stays inside. */
  #run(work: () => void): void {
    if (this.#closed) return;
    try {
      work();
    } catch (error) {
      this.#die(error);
      return;
    }
    this.#settle();
  }

  #settle(): void {
    for (let next = this.#worker.poll(); next !== undefined; next = this.#worker.poll()) {
      this.onHappening?.(this.#withLocalAddress(next));
      if (this.#closed) return;
    }
    this.#armTimer();
  }

  #armTimer(): void {
    const at = this.#worker.nextTimeout()?.at ?? Number.POSITIVE_INFINITY;
    if (at === this.#timerAt) return;
    this.#timerAt = at;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (at === Number.POSITIVE_INFINITY) return;
    const wait = Math.min(longestTimerMs, Math.max(0, Math.ceil(at - performance.now())));
    this.#timer = setTimeout(() => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#run(() => this.#worker.handleTimeout(performance.now()));
    }, wait);
  }

  /** The machine knows one local address; there may be one per family and protocol. */
  #withLocalAddress(happening: MediaHappening): MediaHappening {
    if (happening.type !== 'transport.tuple') return happening;
    const { tuple } = happening;
    const local = (tuple.protocol === 'tcp' ? this.#tcp : this.#udp).localFor(tuple.remoteIP);
    if (local === undefined) return happening;
    return { ...happening, tuple: { ...tuple, localIP: local.ip, localPort: local.port } };
  }

  /** Later, because whoever gave the order is in the middle of something. */
  #die(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    this.#log.error('a media worker failed', { workerId: this.id, error });
    setImmediate(() => this.onDied?.(error));
  }
}

/** setTimeout() takes no more than 2^31 - 1. */
const longestTimerMs = 2 ** 31 - 1;
