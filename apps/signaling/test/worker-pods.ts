import { NodeEngine } from '@weir/forwarding';
import { createMediaWorker, type MediaWorkerContract } from '@weir/media-worker';
import type {
  InspectAnswer,
  InspectRequest,
  MediaHappening,
  PodLease,
  RoomMediaUpdate,
} from '@weir/protocol';
import { createCertificate } from '@weir/secure-transport';
import { TestEndpoint, type Timer, VirtualClock, VirtualNetwork } from '@weir/testing';
import { FakePods } from './fake-pods.ts';
import type { Member } from './harness.ts';

export const podAddress = { ip: '198.51.100.1', port: 40_000 };

/** A true media worker on a virtual network behind the calls of pod-control; its clock is moved by the test. */
export class WorkerPods extends FakePods {
  readonly mediaClock = new VirtualClock(1000);
  readonly network: VirtualNetwork;
  readonly happenings: MediaHappening[] = [];
  readonly #worker: MediaWorkerContract;
  readonly #certificate = createCertificate();
  #timer: Timer | undefined;
  #nextHost = 2;

  constructor() {
    super();
    this.network = new VirtualNetwork({ clock: this.mediaClock, seed: 1, policy: { delayMs: 10 } });
    const engine = new NodeEngine({
      udp: this.network.bind(podAddress.ip, podAddress.port),
      tcp: this.network.bind(podAddress.ip, podAddress.port - 1),
      slotCount: 4096,
    });
    let random = 1;
    this.#worker = createMediaWorker({
      engine,
      certificate: this.#certificate,
      localAddress: podAddress,
      random: () => (random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0),
      wallClockOffsetMs: Date.UTC(2026, 0, 1),
    });
    engine.onBatch = (batch) => {
      this.#worker.handleBatch(batch, this.mediaClock.now());
      this.#settle();
    };
  }

  /** What its lease says. */
  get lease(): Partial<PodLease> {
    return {
      addresses: [{ ...podAddress, family: 'ipv4', protocol: 'udp' }],
      fingerprints: [...this.#certificate.fingerprints],
    };
  }

  override async applyMedia(pod: { id: string }, update: RoomMediaUpdate) {
    const answer = await super.applyMedia(pod, update);
    const { applied, version } = this.#worker.apply(update, this.mediaClock.now());
    this.#settle();
    return { applied: applied && answer.applied, version };
  }

  override async inspect(
    pod: { id: string },
    roomId: string,
    request: InspectRequest,
  ): Promise<InspectAnswer> {
    await super.inspect(pod, roomId, request);
    // It crosses a process as JSON.
    return JSON.parse(JSON.stringify(this.#worker.inspect(roomId, request, this.mediaClock.now())));
  }

  /** An endpoint of its own in the network, connected to a transport of this peer through its HTTP calls. */
  async connect(member: Member, direction: 'send' | 'recv') {
    const view = await member.ok('POST', '/transports', { direction });
    const socket = this.network.bind(`203.0.113.${this.#nextHost++}`, 5000);
    const sha256 = view.dtlsParameters.fingerprints.find(
      ({ algorithm }: { algorithm: string }) => algorithm === 'sha-256',
    );
    const endpoint = new TestEndpoint({
      socket,
      clock: this.mediaClock,
      remote: {
        ice: view.iceParameters,
        candidates: view.iceCandidates.filter(({ protocol }: { protocol: string }) => protocol === 'udp'),
        fingerprint: { algorithm: 'sha-256', value: sha256.value.replaceAll(':', '').toLowerCase() },
      },
    });
    await member.ok('PUT', `/transports/${view.id}/dtls`, {
      dtlsParameters: { role: 'client', fingerprints: [endpoint.fingerprint] },
    });
    return { id: view.id as string, endpoint, socket };
  }

  /** Drains happenings and arms the timer: after every call to the worker. */
  #settle(): void {
    for (let next = this.#worker.poll(); next !== undefined; next = this.#worker.poll()) {
      this.happenings.push(next);
    }
    this.#timer?.cancel();
    const next = this.#worker.nextTimeout();
    this.#timer =
      next === undefined
        ? undefined
        : this.mediaClock.at(next.at, () => {
            this.#worker.handleTimeout(this.mediaClock.now());
            this.#settle();
          });
  }
}
