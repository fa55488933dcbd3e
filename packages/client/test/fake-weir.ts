import type {
  LogEvent,
  PeerInfo,
  ReceiverView,
  RoomView,
  SenderView,
  Snapshot,
  TransportView,
  WireRtpParameters,
} from '@weir/protocol';
import { testFakeParameters } from 'mediasoup-client';

/** A request as it came in. */
export interface Seen {
  method: string;
  path: string;
  url: URL;
  body: Record<string, unknown> | undefined;
  headers: Headers;
}

/**
 * What happens to a request instead of being served: an answer, `refuse` (no connection), `hang` (no answer
 * ever), or `lose` (it is served, but the answer gets lost).
 */
export type Fault = Response | 'refuse' | 'hang' | 'lose' | undefined;

interface FakePeer {
  info: PeerInfo;
  /** Capabilities are set: it gets senders. */
  ready: boolean;
  log: LogEvent[];
  transports: Map<string, TransportView>;
  receivers: Map<string, ReceiverView>;
  senders: Map<string, SenderView & { bindings: number }>;
  streams: Set<ReadableStreamDefaultController<Uint8Array>>;
  wake: Set<() => void>;
}

/**
 * One room of a Weir server, at the fetch boundary: every request is really served from state, so that what
 * the SDK does can be seen in what the server has. It knows no media; FakeHandler is its counterpart.
 */
export class FakeWeir {
  readonly roomId = 'demo';
  readonly peers = new Map<string, FakePeer>();
  readonly seen: Seen[] = [];
  /** Asked before each request. */
  fault: (request: Seen) => Fault = () => undefined;
  /** Streams answer, but nothing gets through. */
  bufferStreams = false;
  /** So many events are told again at each new connection, as by a replica that lags behind. */
  overlap = 0;
  /** New transports are on another pod than old ones: what moves is on both, until `arrive()` and `done`. */
  elsewhere = false;
  readonly #moving = new Map<string, Partial<ReceiverView>>();
  readonly #answers = new Map<string, { status: number; body: string }>();
  #nextId = 10_000_000;
  #nextSsrc = 5_000;

  /** Give this to the SDK. */
  readonly fetch: typeof fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    const signal = init.signal ?? undefined;
    const request: Seen = {
      method: init.method ?? 'GET',
      path: url.pathname,
      url,
      body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined,
      headers: new Headers(init.headers),
    };
    if (signal?.aborted) throw new DOMException('aborted', 'AbortError');
    this.seen.push(request);
    const fault = this.fault(request);
    if (fault === 'refuse') throw new TypeError('fetch failed');
    if (fault === 'hang') return never(signal);
    if (fault instanceof Response) return fault;
    const response = await this.#serve(request, signal);
    if (fault === 'lose') throw new TypeError('connection reset');
    return response;
  };

  /** Requests so far, as `METHOD path` without the peer's prefix. */
  calls(filter: RegExp = /./): string[] {
    return this.seen
      .map(({ method, path }) => `${method} ${path.replace(/^\/v1\/rooms\/demo\/peers(\/\d+)?/, '')}`)
      .filter((line) => filter.test(line));
  }

  // ---- others in the room, moved by the test

  join(name: string, ready = true): FakePeer {
    const peer: FakePeer = {
      info: { id: this.#id(), name, appData: {} } as PeerInfo,
      ready,
      log: [],
      transports: new Map(),
      receivers: new Map(),
      senders: new Map(),
      streams: new Set(),
      wake: new Set(),
    };
    this.peers.set(peer.info.id, peer);
    for (const other of this.peers.values()) {
      if (other !== peer) this.#room(other, 'newpeer', { ...peer.info });
    }
    return peer;
  }

  leave(peer: FakePeer, reason = 'left'): void {
    this.peers.delete(peer.info.id);
    for (const id of peer.transports.keys()) this.emit(peer, 'close', 'transport', id, { reason });
    for (const id of peer.receivers.keys()) this.emit(peer, 'close', 'rtpreceiver', id, { reason });
    for (const other of this.peers.values()) this.#room(other, 'peerclose', { ...peer.info, reason });
    for (const receiver of peer.receivers.values()) this.#closeSendersOf(receiver.id);
    this.emit(peer, 'close', 'peer', peer.info.id, { reason });
    for (const stream of peer.streams) close(stream);
    for (const wake of peer.wake) wake();
  }

  publish(peer: FakePeer, kind: 'audio' | 'video', appData: Record<string, unknown> = {}): ReceiverView {
    const receiver = {
      id: this.#id(),
      peerId: peer.info.id,
      kind,
      type: 'simple',
      transportId: null,
      paused: false,
      appData,
    } as unknown as ReceiverView;
    peer.receivers.set(receiver.id, receiver);
    this.#announce(peer, receiver);
    return receiver;
  }

  unpublish(peer: FakePeer, receiverId: string): void {
    peer.receivers.delete(receiverId);
    this.emit(peer, 'close', 'rtpreceiver', receiverId, {});
    this.#closeSendersOf(receiverId);
  }

  /** Another `receive()`: senders get other parameters. */
  changeParameters(receiverId: string): void {
    for (const peer of this.peers.values()) {
      for (const sender of peer.senders.values()) {
        if (sender.receiverId !== receiverId) continue;
        sender.rtpParameters = { ...sender.rtpParameters, encodings: [{ ssrc: this.#nextSsrc++ }] };
        this.emit(peer, 'parameterschange', 'rtpsender', sender.id, { rtpParameters: sender.rtpParameters });
      }
    }
  }

  pauseReceiver(receiverId: string, paused: boolean): void {
    for (const peer of this.peers.values()) {
      for (const sender of peer.senders.values()) {
        if (sender.receiverId !== receiverId) continue;
        sender.receiverPaused = paused;
        this.emit(peer, paused ? 'receiverpause' : 'receiverresume', 'rtpsender', sender.id, {});
      }
    }
  }

  /** As when its pod is lost: bound objects survive unbound. */
  closeTransport(peer: FakePeer, id: string, reason: string): void {
    peer.transports.delete(id);
    for (const receiver of peer.receivers.values())
      if (receiver.transportId === id) receiver.transportId = null;
    for (const sender of peer.senders.values()) if (sender.transportId === id) sender.transportId = null;
    this.emit(peer, 'close', 'transport', id, { reason });
  }

  /** Cuts every event connection of a peer, rudely or as at a rotation. */
  cutStreams(peer: FakePeer, rudely = false): void {
    for (const stream of peer.streams) rudely ? fail(stream) : close(stream);
    peer.streams.clear();
  }

  emit(
    peer: FakePeer,
    type: LogEvent['type'],
    kind: LogEvent['target']['kind'],
    id: string,
    data: Record<string, unknown>,
  ): void {
    const cursor = String(Number(peer.log.at(-1)?.cursor ?? 0) + 1);
    const event = { cursor, type, target: { kind, id }, time: Date.now(), data } as unknown as LogEvent;
    peer.log.push(structuredClone(event));
    if (!this.bufferStreams) for (const stream of peer.streams) write(stream, frame(event));
    for (const wake of [...peer.wake]) wake();
  }

  snapshot(peer: FakePeer): Snapshot {
    return structuredClone({
      cursor: peer.log.at(-1)?.cursor ?? '0',
      room: {
        id: this.roomId,
        rtpCapabilities: structuredClone(testFakeParameters.generateRouterRtpCapabilities()),
        maxPeers: 100,
        emptyTtlSeconds: 300,
        maxDurationSeconds: 0,
        maxLoudestAudio: 0,
        metadata: {},
        peerCount: this.peers.size,
        createdAt: 0,
      } as unknown as RoomView,
      self: peer.info,
      peers: [...this.peers.values()].filter((other) => other !== peer).map((other) => other.info),
      transports: [...peer.transports.values()],
      receivers: [...peer.receivers.values()],
      senders: [...peer.senders.values()],
    } as Snapshot);
  }

  // ---- HTTP

  async #serve(request: Seen, signal: AbortSignal | undefined): Promise<Response> {
    const key = request.headers.get('idempotency-key');
    if (request.method === 'POST' && key === null) return problem(400, 'bad-request');
    const known = key === null ? undefined : this.#answers.get(key);
    if (known) return new Response(known.body, { status: known.status });
    if (!request.headers.get('authorization')?.startsWith('Bearer ')) return problem(401, 'unauthorized');
    const response = await this.#route(request, signal);
    if (key !== null && response.ok) {
      this.#answers.set(key, { status: response.status, body: await response.clone().text() });
    }
    return response;
  }

  async #route(request: Seen, signal: AbortSignal | undefined): Promise<Response> {
    const [, , , room, , peerId, collection, id, verb] = request.path.split('/');
    if (room !== this.roomId) return problem(404, 'room-not-found');
    if (peerId === undefined) return this.#join(request);
    const peer = this.peers.get(peerId);
    if (!peer) return problem(404, 'peer-not-found');
    const body = request.body ?? {};
    switch (`${request.method} ${collection ?? ''}${verb ? `/${verb}` : ''}`) {
      case 'DELETE ':
        this.leave(peer);
        return empty();
      case 'PUT capabilities':
        return this.#capabilities(peer, body);
      case 'GET events':
        return request.headers.get('accept') === 'text/event-stream'
          ? this.#stream(peer, request, signal)
          : this.#poll(peer, request, signal);
      case 'POST transports':
        return this.#createTransport(peer, body);
      case 'DELETE transports':
        for (const receiver of [...peer.receivers.values()]) {
          if (receiver.transportId === id) this.unpublish(peer, receiver.id);
        }
        peer.transports.delete(id ?? '');
        return empty();
      case 'PUT transports/dtls':
        return peer.transports.has(id ?? '') ? empty() : problem(404, 'transport-not-found');
      case 'POST transports/ice-restart':
        return peer.transports.has(id ?? '')
          ? json({
              iceParameters: {
                usernameFragment: 'another',
                password: 'another-password-of-22-or',
                iceLite: true,
              },
            })
          : problem(404, 'transport-not-found');
      case 'POST receivers':
        return this.#createReceiver(peer, body);
      case 'PUT receivers/transport':
        return this.#moveReceiver(peer, id ?? '', body);
      case 'PUT senders/transport':
        return this.#moveSender(peer, id ?? '', body);
      case 'PUT receivers/parameters':
      case 'PATCH receivers':
        return this.#updateReceiver(peer, id ?? '', body);
      case 'DELETE receivers':
        if (!peer.receivers.has(id ?? '')) return problem(404, 'receiver-not-found');
        this.unpublish(peer, id ?? '');
        return empty();
      case 'PATCH senders':
        return this.#updateSender(peer, id ?? '', body);
      case 'POST senders/keyframe':
        return empty();
      case 'GET senders/explain':
        return this.#explain(peer, id ?? '');
      default:
        return problem(404, 'not-found');
    }
  }

  #join(request: Seen): Response {
    const name = String(request.body?.name ?? 'from-token');
    const taken = [...this.peers.values()].find((peer) => peer.info.name === name);
    if (taken && request.body?.onTakenName !== 'replace') return problem(409, 'name-taken');
    if (taken) this.leave(taken, 'replaced');
    const peer = this.join(name, false);
    return json({ peer: peer.info, snapshot: this.snapshot(peer), iceServers: [] }, 201);
  }

  #capabilities(peer: FakePeer, body: Record<string, unknown>): Response {
    peer.ready = true;
    for (const other of this.peers.values()) {
      if (other === peer) continue;
      for (const receiver of other.receivers.values()) this.#addSender(peer, other, receiver);
    }
    this.emit(peer, 'capabilities', 'peer', peer.info.id, body.rtpCapabilities as Record<string, unknown>);
    return json({ rtpCapabilities: body.rtpCapabilities });
  }

  #createTransport(peer: FakePeer, body: Record<string, unknown>): Response {
    const transport = {
      id: this.#id(),
      direction: body.direction,
      iceParameters: { usernameFragment: 'fragment', password: 'a-password-of-22-letters', iceLite: true },
      iceCandidates: [],
      dtlsParameters: {
        role: 'auto',
        fingerprints: [{ algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'A9').join(':') }],
      },
      iceState: 'new',
      dtlsState: 'new',
      iceServers: [],
      appData: {},
    } as unknown as TransportView;
    peer.transports.set(transport.id, transport);
    this.emit(peer, 'newtransport', 'peer', peer.info.id, { id: transport.id });
    return json(transport, 201);
  }

  #createReceiver(peer: FakePeer, body: Record<string, unknown>): Response {
    if (!peer.transports.has(String(body.transportId))) return problem(404, 'transport-not-found');
    const receiver = {
      ...body,
      id: this.#id(),
      peerId: peer.info.id,
      type: 'simple',
    } as unknown as ReceiverView;
    peer.receivers.set(receiver.id, receiver);
    this.emit(peer, 'newrtpreceiver', 'peer', peer.info.id, { ...receiver });
    this.#announce(peer, receiver);
    return json(receiver, 201);
  }

  #updateReceiver(peer: FakePeer, id: string, body: Record<string, unknown>): Response {
    const receiver = peer.receivers.get(id);
    if (!receiver) return problem(404, 'receiver-not-found');
    if (body.transportId !== undefined && !peer.transports.has(String(body.transportId))) {
      return problem(404, 'transport-not-found');
    }
    const next = { ...receiver, ...body } as ReceiverView;
    for (const other of peer.receivers.values()) {
      if (other === receiver || other.transportId === null || other.transportId !== next.transportId)
        continue;
      if (other.rtpParameters?.mid === next.rtpParameters?.mid) return problem(409, 'conflict');
    }
    Object.assign(receiver, body);
    if (typeof body.paused === 'boolean') this.pauseReceiver(id, body.paused);
    return json(receiver);
  }

  #moveReceiver(peer: FakePeer, id: string, body: Record<string, unknown>): Response {
    const receiver = peer.receivers.get(id);
    if (!receiver) return problem(404, 'receiver-not-found');
    if (!peer.transports.has(String(body.transportId))) return problem(404, 'transport-not-found');
    if (!this.elsewhere || receiver.transportId === null) Object.assign(receiver, body);
    else this.#moving.set(id, body);
    return json(receiver);
  }

  /** Nobody needs the receiver where it was. */
  arrive(peer: FakePeer, id: string): void {
    const receiver = peer.receivers.get(id)!;
    Object.assign(receiver, this.#moving.get(id));
    this.#moving.delete(id);
    this.emit(peer, 'transport', 'rtpreceiver', id, { transportId: receiver.transportId });
  }

  #moveSender(peer: FakePeer, id: string, body: Record<string, unknown>): Response {
    const sender = peer.senders.get(id);
    if (!sender) return problem(404, 'sender-not-found');
    const transportId = body.transportId as SenderView['transportId'];
    if (!peer.transports.has(String(transportId))) return problem(404, 'transport-not-found');
    const bindings = sender.bindings + 1;
    const there = { ...sender, transportId, bindings, consumerId: `${sender.id}.${bindings}` };
    const moved = body.done === true || !this.elsewhere || sender.transportId === null;
    if (moved && sender.transportId !== transportId) {
      Object.assign(sender, there);
      this.emit(peer, 'transport', 'rtpsender', id, { transportId });
    }
    return json({ ...there, moved });
  }

  #updateSender(peer: FakePeer, id: string, body: Record<string, unknown>): Response {
    const sender = peer.senders.get(id);
    if (!sender) return problem(404, 'sender-not-found');
    if (typeof body.transportId === 'string') {
      if (!peer.transports.has(body.transportId)) return problem(404, 'transport-not-found');
      if (sender.transportId !== body.transportId) {
        sender.bindings++;
        sender.consumerId = `${sender.id}.${sender.bindings}`;
        sender.rtpParameters = { ...sender.rtpParameters, mid: String(this.#nextSsrc++) };
      }
      this.emit(peer, 'transport', 'rtpsender', id, { transportId: body.transportId });
    }
    Object.assign(sender, body);
    sender.active = sender.enabled && sender.transportId !== null;
    return json(sender);
  }

  #explain(peer: FakePeer, id: string): Response {
    const sender = peer.senders.get(id);
    if (!sender) return problem(404, 'sender-not-found');
    const limit = sender.receiverPaused
      ? { code: 'receiver-paused', sentence: 'The receiver is paused by its publisher.' }
      : { code: 'none', sentence: 'It gets the best that the publisher sends.' };
    return json({ senderId: id, kind: sender.kind, limit, forwarding: sender.active });
  }

  #announce(source: FakePeer, receiver: ReceiverView): void {
    for (const peer of this.peers.values()) {
      if (peer !== source && peer.ready) this.#addSender(peer, source, receiver);
    }
  }

  #addSender(peer: FakePeer, source: FakePeer, receiver: ReceiverView): void {
    const codecMimeType = receiver.kind === 'audio' ? 'audio/opus' : 'video/VP8';
    const { rtpParameters } = testFakeParameters.generateConsumerRemoteParameters({ codecMimeType });
    const { mid: _, ...parameters } = structuredClone(rtpParameters) as WireRtpParameters;
    const sender = {
      id: this.#id(),
      consumerId: '',
      receiverId: receiver.id,
      sourcePeerId: source.info.id,
      sourcePeerName: source.info.name,
      kind: receiver.kind,
      type: 'simple',
      transportId: null,
      rtpParameters: { ...parameters, encodings: [{ ssrc: this.#nextSsrc++ }] },
      active: false,
      enabled: true,
      receiverPaused: receiver.paused ?? false,
      priority: 1,
      appData: receiver.appData,
      bindings: 0,
    } as unknown as SenderView & { bindings: number };
    if (receiver.appData.unplayable) sender.rtpParameters.codecs = [];
    peer.senders.set(sender.id, sender);
    this.emit(peer, 'newrtpsender', 'peer', peer.info.id, { ...sender });
  }

  #closeSendersOf(receiverId: string): void {
    for (const peer of this.peers.values()) {
      for (const sender of [...peer.senders.values()]) {
        if (sender.receiverId !== receiverId) continue;
        peer.senders.delete(sender.id);
        this.emit(peer, 'close', 'rtpsender', sender.id, {});
      }
    }
  }

  #room(peer: FakePeer, type: LogEvent['type'], data: Record<string, unknown>): void {
    this.emit(peer, type, 'room', this.roomId, data);
  }

  #stream(peer: FakePeer, request: Seen, signal: AbortSignal | undefined): Response {
    const after = Number(request.headers.get('last-event-id') ?? 0) - this.overlap;
    let controller: ReadableStreamDefaultController<Uint8Array>;
    let heartbeat: ReturnType<typeof setInterval>;
    const body = new ReadableStream<Uint8Array>({
      start: (opened) => {
        controller = opened;
        peer.streams.add(controller);
        heartbeat = setInterval(() => {
          if (!this.bufferStreams) write(controller, ': hb\n\n');
        }, 15_000);
        signal?.addEventListener('abort', () => {
          clearInterval(heartbeat);
          peer.streams.delete(controller);
          fail(controller);
        });
        if (this.bufferStreams) return;
        write(controller, ': weir\nretry: 2000\n\n');
        for (const event of peer.log) if (Number(event.cursor) > after) write(controller, frame(event));
      },
      cancel: () => {
        clearInterval(heartbeat);
        peer.streams.delete(controller);
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
  }

  async #poll(peer: FakePeer, request: Seen, signal: AbortSignal | undefined): Promise<Response> {
    const after = request.url.searchParams.get('after') ?? '0';
    const waitMs = Number(request.url.searchParams.get('wait') ?? 0) * 1000;
    const later = (overlap = 0) => peer.log.filter((event) => Number(event.cursor) > Number(after) - overlap);
    if (later().length === 0) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          peer.wake.delete(done);
          resolve();
        };
        const timer = setTimeout(done, waitMs);
        peer.wake.add(done);
        signal?.addEventListener('abort', done);
      });
      if (signal?.aborted) throw new DOMException('aborted', 'AbortError');
    }
    const events = later(this.overlap);
    return json({ events, cursor: events.at(-1)?.cursor ?? after });
  }

  #id(): string {
    return String(this.#nextId++);
  }
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ type: code, title: code, status, code, detail: `because ${code}` }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
}

export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
}

function empty(): Response {
  return new Response(null, { status: 204 });
}

function never(signal: AbortSignal | undefined): Promise<Response> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
  });
}

function frame(event: LogEvent): string {
  return `id: ${event.cursor}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function write(stream: ReadableStreamDefaultController<Uint8Array>, text: string): void {
  try {
    stream.enqueue(new TextEncoder().encode(text));
  } catch {
    // The reader went away.
  }
}

function close(stream: ReadableStreamDefaultController<Uint8Array>): void {
  try {
    stream.close();
  } catch {
    // Closed already.
  }
}

function fail(stream: ReadableStreamDefaultController<Uint8Array>): void {
  try {
    stream.error(new TypeError('network error'));
  } catch {
    // Closed already.
  }
}
