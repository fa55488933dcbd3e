import type {
  CapabilitiesAnswer,
  CapabilitiesRequest,
  ConnectTransportRequest,
  CreateReceiverRequest,
  CreateTransportRequest,
  IceRestartAnswer,
  JoinAnswer,
  JoinRequest,
  MoveReceiverRequest,
  MoveSenderAnswer,
  MoveSenderRequest,
  ReceiverView,
  SenderExplanation,
  SenderView,
  StatsAnswer,
  TransportCheckAnswer,
  TransportView,
  UpdateReceiverRequest,
  UpdateSenderRequest,
  WireRtpParameters,
} from '@weir/protocol';
import type { ApiClient, ApiRequest } from './api-client.ts';
import { Gate } from './gate.ts';

/** Without brands and defaults: what a caller writes. */
type Loose<T> = { [K in keyof T]?: T[K] extends string | null | undefined ? string | T[K] : T[K] };

/** Joining, which happens before there is a peer. */
export function joinRoom(
  api: ApiClient,
  room: string,
  body: Loose<JoinRequest>,
  signal: AbortSignal | undefined,
): Promise<JoinAnswer> {
  return api.request({ method: 'POST', path: `/v1/rooms/${encodeURIComponent(room)}/peers`, body, signal });
}

/**
 * The calls of one peer. They go on trying through outages until the session ends: whoever waits for one
 * waits for the network to come back.
 */
export class PeerApi {
  readonly path: string;
  readonly #api: ApiClient;
  readonly #signal: AbortSignal;
  /** A joiner of a large room binds hundreds of senders; so many at a time are enough. */
  readonly #senderGate = new Gate(4);

  constructor(api: ApiClient, room: string, peerId: string, signal: AbortSignal) {
    this.#api = api;
    this.path = `/v1/rooms/${encodeURIComponent(room)}/peers/${peerId}`;
    this.#signal = signal;
  }

  setCapabilities(body: CapabilitiesRequest, signal?: AbortSignal): Promise<CapabilitiesAnswer> {
    return this.#call('PUT', '/capabilities', { body, ...(signal && { signal, attempts: 6 }) });
  }

  createTransport(body: Loose<CreateTransportRequest>): Promise<TransportView> {
    return this.#call('POST', '/transports', { body });
  }

  connectTransport(id: string, body: ConnectTransportRequest): Promise<void> {
    return this.#call('PUT', `/transports/${id}/dtls`, { body });
  }

  restartIce(id: string): Promise<IceRestartAnswer> {
    return this.#call('POST', `/transports/${id}/ice-restart`, {});
  }

  /** Nothing comes any more: what became of the media server? */
  checkTransport(id: string): Promise<TransportCheckAnswer> {
    return this.#call('POST', `/transports/${id}/check`, { attempts: 1 });
  }

  closeTransport(id: string): Promise<void> {
    return this.#call('DELETE', `/transports/${id}`, { attempts: 3 });
  }

  createReceiver(body: Loose<CreateReceiverRequest>, signal?: AbortSignal): Promise<ReceiverView> {
    return this.#call('POST', '/receivers', { body, ...(signal && { signal }) });
  }

  setReceiverParameters(
    id: string,
    rtpParameters: WireRtpParameters,
    signal?: AbortSignal,
  ): Promise<ReceiverView> {
    return this.#call('PUT', `/receivers/${id}/parameters`, {
      body: { rtpParameters },
      ...(signal && { signal }),
    });
  }

  /** To another transport, in one step. Between pods it is sent on both until `transportId` of the answer is it. */
  moveReceiver(id: string, body: Loose<MoveReceiverRequest>, signal?: AbortSignal): Promise<ReceiverView> {
    return this.#call('PUT', `/receivers/${id}/transport`, { body, ...(signal && { signal }) });
  }

  updateReceiver(
    id: string,
    body: Loose<UpdateReceiverRequest>,
    signal?: AbortSignal,
  ): Promise<ReceiverView> {
    return this.#call('PATCH', `/receivers/${id}`, { body, ...(signal && { signal }) });
  }

  closeReceiver(id: string): Promise<void> {
    return this.#call('DELETE', `/receivers/${id}`, {});
  }

  updateSender(id: string, body: Loose<UpdateSenderRequest>): Promise<SenderView> {
    return this.#senderGate.run(() => this.#call('PATCH', `/senders/${id}`, { body }));
  }

  moveSender(id: string, body: Loose<MoveSenderRequest>): Promise<MoveSenderAnswer> {
    return this.#senderGate.run(() => this.#call('PUT', `/senders/${id}/transport`, { body }));
  }

  requestKeyFrame(id: string): Promise<void> {
    return this.#call('POST', `/senders/${id}/keyframe`, { attempts: 2 });
  }

  explainSender(id: string): Promise<SenderExplanation> {
    return this.#call('GET', `/senders/${id}/explain`, { attempts: 2 });
  }

  stats(): Promise<StatsAnswer> {
    return this.#call('GET', '/stats', { attempts: 2 });
  }

  /** Leaves. Works although the session is over, and outlives the page. */
  leave(): Promise<void> {
    return this.#api.request({ method: 'DELETE', path: this.path, attempts: 3, keepalive: true });
  }

  /** Leaves without waiting. */
  farewell(): void {
    this.#api.farewell(this.path);
  }

  #call<T>(method: ApiRequest['method'], path: string, options: Partial<ApiRequest>): Promise<T> {
    return this.#api.request<T>({
      method,
      path: this.path + path,
      signal: this.#signal,
      attempts: Number.POSITIVE_INFINITY,
      ...options,
    });
  }
}
