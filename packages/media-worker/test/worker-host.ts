import { NodeEngine, type ReplayLimits } from '@weir/forwarding';
import type {
  MediaHappening,
  ReceiverSpec,
  RoomMediaUpdate,
  SenderSpec,
  TransportSpec,
  WebRtcTransportSpec,
} from '@weir/protocol';
import { createCertificate } from '@weir/secure-transport';
import {
  createRandom,
  type LinkPolicy,
  TestEndpoint,
  type Timer,
  VirtualClock,
  VirtualNetwork,
  type VirtualSocket,
} from '@weir/testing';
import { createMediaWorker, type MediaWorkerContract } from '../src/index.ts';
import { CheckedEngine } from './checked-engine.ts';

export const workerAddress = { ip: '198.51.100.1', port: 44_444 };
export const workerTcpPort = 44_443;
export const roomId = 'room-1';
/** 2026-01-01, so that NTP times are realistic. */
export const wallClockOffsetMs = Date.UTC(2026, 0, 1);

/** Making one costs more than anything else in a test, and all may share it. */
const certificate = createCertificate();
const endpointCertificate = createCertificate({ commonName: 'test endpoint' });

export interface HostOptions {
  readonly seed?: number;
  readonly policy?: LinkPolicy;
  readonly slotCount?: number;
  /** What arrives in one instant comes as one batch, as from a kernel that has it all ready. */
  readonly gather?: boolean;
  readonly replay?: Partial<ReplayLimits>;
  readonly paceFactor?: number | undefined;
}

/** A media worker on the virtual network, driven by the virtual clock: what a pod does, without a process. */
export class WorkerHost {
  readonly clock = new VirtualClock(1000);
  readonly network: VirtualNetwork;
  readonly engine: CheckedEngine;
  readonly worker: MediaWorkerContract;
  readonly happenings: MediaHappening[] = [];
  readonly random;
  version = 0;
  /** Goes with every update, as signaling sends it; 0 = all are forwarded. */
  maxLoudestAudio = 0;
  #timer: Timer | undefined;
  #nextId = 10_000_000;
  #nextHost = 2;

  constructor(options: HostOptions = {}) {
    const random = createRandom(options.seed ?? 1);
    this.random = random;
    this.network = new VirtualNetwork({
      clock: this.clock,
      seed: options.seed ?? 1,
      ...(options.policy === undefined ? {} : { policy: options.policy }),
    });
    const udp = this.network.bind(workerAddress.ip, workerAddress.port);
    const engine = new NodeEngine({
      udp,
      // Streams come framed from a TCP port; to the engine they are datagrams like others.
      tcp: this.network.bind(workerAddress.ip, workerTcpPort),
      slotCount: options.slotCount ?? 8192,
    });
    this.engine = new CheckedEngine(engine);
    if (options.gather === true) {
      const drained = udp.onDrained;
      udp.onDrained = () => void this.clock.at(this.clock.now(), () => drained?.());
    }
    this.worker = createMediaWorker({
      engine: this.engine,
      certificate,
      localAddress: workerAddress,
      random: () => random.uint32(),
      wallClockOffsetMs,
      replay: options.replay,
      paceFactor: options.paceFactor,
    });
    this.engine.onBatch = (batch) => {
      this.worker.handleBatch(batch, this.clock.now());
      this.settle();
    };
  }

  /** Drains happenings and arms the timer: after every call to the worker. */
  settle(): void {
    for (let happening = this.worker.poll(); happening !== undefined; happening = this.worker.poll()) {
      this.happenings.push(happening);
    }
    this.#timer?.cancel();
    const next = this.worker.nextTimeout();
    this.#timer =
      next === undefined
        ? undefined
        : this.clock.at(next.at, () => {
            this.worker.handleTimeout(this.clock.now());
            this.settle();
          });
  }

  id(): number {
    return this.#nextId++;
  }

  /** Applies changes as the next version. Throws if the worker refuses. */
  update(changes: {
    transports?: TransportSpec[];
    receivers?: ReceiverSpec[];
    senders?: SenderSpec[];
    remove?: { transports?: number[]; receivers?: number[]; senders?: number[] };
    keyFrames?: number[];
  }): void {
    const update: RoomMediaUpdate = {
      roomId,
      version: this.version + 1,
      base: this.version,
      put: {
        transports: changes.transports ?? [],
        receivers: changes.receivers ?? [],
        senders: changes.senders ?? [],
      },
      remove: { transports: [], receivers: [], senders: [], ...changes.remove },
      keyFrames: changes.keyFrames ?? [],
      ...(this.maxLoudestAudio === 0 ? {} : { maxLoudestAudio: this.maxLoudestAudio }),
    };
    const answer = this.worker.apply(update, this.clock.now());
    if (!answer.applied) throw new Error(`refused, the worker holds version ${answer.version}`);
    this.version = answer.version;
    this.settle();
  }

  /** A host of its own in the network. */
  socket(): VirtualSocket {
    return this.network.bind(`203.0.113.${this.#nextHost++}`, 5000);
  }

  /** A WebRTC transport of a new peer and the endpoint at its other end, not started yet. */
  transport(
    options: Partial<WebRtcTransportSpec> = {},
    port = workerAddress.port,
  ): {
    spec: WebRtcTransportSpec;
    endpoint: TestEndpoint;
    socket: VirtualSocket;
  } {
    const id = this.id();
    const ice = { usernameFragment: `ufrag${id}`, password: `password-of-transport-${id}` };
    const socket = this.socket();
    const endpoint = new TestEndpoint({
      socket,
      clock: this.clock,
      certificate: endpointCertificate,
      remote: {
        ice,
        candidates: [{ ip: workerAddress.ip, port }],
        fingerprint: certificate.fingerprints.find(({ algorithm }) => algorithm === 'sha-256')!,
      },
    });
    const spec: WebRtcTransportSpec = {
      id,
      type: 'webrtc',
      peerId: this.id(),
      ice,
      dtls: { localRole: 'server', remoteFingerprint: endpoint.fingerprint },
      udp: true,
      tcp: false,
      maxIncomingBitrate: 0,
      maxOutgoingBitrate: 0,
      minOutgoingBitrate: 0,
      initialOutgoingBitrate: 600_000,
      ...options,
    };
    this.update({ transports: [spec] });
    return { spec, endpoint, socket };
  }

  /** As transport(), and waits until it is connected. */
  connected(options: Partial<WebRtcTransportSpec> = {}, port?: number): ReturnType<WorkerHost['transport']> {
    const made = this.transport(options, port);
    made.endpoint.start();
    if (!this.clock.runWhile(() => made.endpoint.state !== 'connected', 20_000)) {
      throw new Error(`not connected: ${made.endpoint.state}`);
    }
    // The worker learns of its own side of the handshake one flight later.
    const reached = () =>
      this.happenings.some(
        (h) => h.type === 'transport.dtls' && h.transportId === made.spec.id && h.state === 'connected',
      );
    if (!this.clock.runWhile(() => !reached(), 20_000)) throw new Error('worker is not connected');
    return made;
  }

  of<Type extends MediaHappening['type']>(type: Type): Extract<MediaHappening, { type: Type }>[] {
    return this.happenings.filter((h): h is Extract<MediaHappening, { type: Type }> => h.type === type);
  }

  stats(
    of: 'transports' | 'receivers' | 'senders',
    id: number,
    what: 'stats' | 'dump' | 'explain' = 'stats',
  ): Record<string, unknown>[] {
    const answer = this.worker.inspect(
      roomId,
      { what, transports: [], receivers: [], senders: [], [of]: [id] },
      this.clock.now(),
    );
    const found = answer[of][id];
    if (found === undefined) return [];
    return Array.isArray(found) ? found : [found];
  }
}
