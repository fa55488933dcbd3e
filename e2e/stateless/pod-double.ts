import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  PodCallRefused,
  parseBody,
  Reporter,
  ReportLoop,
  SignalingClient,
  verifyPodCall,
} from '@weir/pod-control';
import { type MediaUpdateAnswer, type PodLease, RoomMediaUpdate } from '@weir/protocol';
import { podSecrets } from './instances.ts';

type Put = RoomMediaUpdate['put'];

export interface HeldRoom {
  readonly version: number;
  readonly transports: ReadonlyMap<number, Put['transports'][number]>;
  readonly receivers: ReadonlyMap<number, Put['receivers'][number]>;
  readonly senders: ReadonlyMap<number, Put['senders'][number]>;
}

/**
 * Plays a media pod up to the boundary where media would begin: a real HTTP server that takes signed orders and
 * holds what it was told, and a real Reporter that tells signaling of connections that nobody made.
 */
export class PodDouble {
  readonly id: string;
  readonly #loop: ReportLoop;
  readonly #reporter: Reporter;
  readonly #server: Server;
  readonly #renewing: NodeJS.Timeout;
  #rooms = new Map<string, HeldRoom>();
  /** Transports whose connection was told. */
  readonly #connected = new Set<number>();
  /** Orders that came, and among them those that gave the whole. */
  readonly counts = { updates: 0, wholes: 0, askedForWhole: 0, stale: 0, superseded: 0 };

  private constructor(id: string, signalingUrl: string) {
    this.id = id;
    this.#reporter = new Reporter({ podId: id, epoch: Date.now(), random: Math.random });
    this.#loop = new ReportLoop({
      reporter: this.#reporter,
      client: new SignalingClient({ podId: id, urls: [signalingUrl], secrets: podSecrets }),
      now: () => performance.now(),
      onChange: ({ type }) => {
        if (type === 'superseded') this.counts.superseded += 1;
      },
    });
    this.#server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', async () => {
        const request = new Request(`http://pod${incoming.url}`, {
          method: incoming.method ?? 'GET',
          headers: { authorization: incoming.headers.authorization ?? '' },
          body: Buffer.concat(chunks),
        });
        const answer = await this.#answer(request);
        outgoing.writeHead(answer.status, { 'content-type': 'application/json' });
        outgoing.end(await answer.text());
      });
    });
    this.#renewing = setInterval(() => this.renew(), 2000);
  }

  /** @returns when signaling has taken its first lease */
  static async start(id: string, signalingUrl: string): Promise<PodDouble> {
    const pod = new PodDouble(id, signalingUrl);
    await new Promise<void>((done) => pod.#server.listen(0, '127.0.0.1', done));
    pod.renew();
    if (!(await pod.settled(30_000))) throw new Error(`signaling took no lease of ${id}`);
    return pod;
  }

  get rooms(): ReadonlyMap<string, HeldRoom> {
    return this.#rooms;
  }

  get status() {
    return this.#reporter.status;
  }

  /** Sends the lease as it is now. */
  renew(): void {
    this.#loop.renew(this.#lease());
  }

  /** Everything told is acknowledged. */
  settled(timeoutMs: number): Promise<boolean> {
    return this.#loop.settled(timeoutMs);
  }

  /** How loud everybody is who is heard in a room. */
  tellLevels(roomId: string): void {
    const receivers = [...(this.#rooms.get(roomId)?.receivers.keys() ?? [])];
    if (receivers.length === 0) return;
    const levels = receivers.map((receiverId) => ({
      receiverId,
      audioLevel: -Math.floor(Math.random() * 60),
    }));
    this.#loop.push({ type: 'audio.levels', roomId, levels });
  }

  /** Loses everything it holds, and says so with its next lease. @returns what it held */
  forget(): ReadonlyMap<string, HeldRoom> {
    const held = this.#rooms;
    this.#rooms = new Map();
    this.renew();
    return held;
  }

  async stop(): Promise<void> {
    clearInterval(this.#renewing);
    this.#loop.stop();
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: Request): Promise<Response> {
    try {
      const body = await verifyPodCall(request, this.id, { secrets: podSecrets });
      return Response.json(this.#apply(parseBody(RoomMediaUpdate, body)));
    } catch (error) {
      if (error instanceof PodCallRefused) return error.toResponse();
      return new Response(String(error), { status: 500 });
    }
  }

  /** By the rules of `RoomMediaUpdate`: old news is no news, and a step that is missing asks for the whole. */
  #apply(update: RoomMediaUpdate): MediaUpdateAnswer {
    this.counts.updates += 1;
    const held = this.#rooms.get(update.roomId);
    const version = held?.version ?? 0;
    if (update.version < version || (update.base !== null && update.version === version)) {
      this.counts.stale += 1;
      return { applied: true, version };
    }
    if (update.base !== null && update.base !== version) {
      this.counts.askedForWhole += 1;
      return { applied: false, version };
    }
    if (update.base === null) this.counts.wholes += 1;
    const before = update.base === null ? undefined : held;
    const merged = <T extends { id: number }>(
      map: ReadonlyMap<number, T> | undefined,
      put: T[],
      remove: number[],
    ) => {
      const after = new Map(map);
      for (const spec of put) after.set(spec.id, spec);
      for (const id of remove) after.delete(id);
      return after;
    };
    const { put, remove } = update;
    const room: HeldRoom = {
      version: update.version,
      transports: merged(before?.transports, put.transports, remove.transports),
      receivers: merged(before?.receivers, put.receivers, remove.receivers),
      senders: merged(before?.senders, put.senders, remove.senders),
    };
    this.#rooms.set(update.roomId, room);
    for (const transport of room.transports.values()) this.#connect(update.roomId, transport);
    return { applied: true, version: update.version };
  }

  /** Once per transport, as soon as its client's fingerprint is known. */
  #connect(roomId: string, transport: Put['transports'][number]): void {
    if (transport.type !== 'webrtc' || transport.dtls === undefined || this.#connected.has(transport.id))
      return;
    this.#connected.add(transport.id);
    const of = { roomId, transportId: transport.id };
    const local = { localIP: '127.0.0.1', localPort: 40_000 };
    const tuple = { ...local, remoteIP: '127.0.0.1', remotePort: 50_000, protocol: 'udp' as const };
    this.#loop.push({ ...of, type: 'transport.tuple', tuple });
    this.#loop.push({ ...of, type: 'transport.ice', state: 'completed' });
    this.#loop.push({ ...of, type: 'transport.dtls', state: 'connecting' });
    this.#loop.push({ ...of, type: 'transport.dtls', state: 'connected' });
  }

  #lease(): PodLease {
    const rooms = [...this.#rooms].filter(([, { transports }]) => transports.size > 0);
    const transports = rooms.reduce((sum, [, room]) => sum + room.transports.size, 0);
    return {
      controlUrl: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`,
      region: 'default',
      version: 'double',
      addresses: [{ ip: '127.0.0.1', family: 'ipv4', protocol: 'udp', port: 40_000 }],
      fingerprints: [{ algorithm: 'sha-256', value: 'ab'.repeat(32) }],
      capacity: 10_000,
      placeable: true,
      draining: false,
      load: { transports, receivers: 0, senders: 0, cpu: 0, egressPps: 0, egressBps: 0, loopLagMs: 0 },
      rooms: Object.fromEntries(rooms.map(([roomId, { version }]) => [roomId, version])),
    };
  }
}
