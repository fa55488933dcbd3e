import { Device, FakeHandler, testFakeParameters, type types } from 'mediasoup-client';
import {
  openUdpSocket,
  type RemoteTransport,
  realClock,
  TestEndpoint,
} from '../../packages/testing/src/index.ts';
import type { Camera } from './camera.ts';

/** What one consumer has got. */
interface Reception {
  readonly localId: string;
  readonly track: MediaStreamTrack;
  packets: number;
}

export interface EndpointMedia {
  /** The camera behind a local track. */
  camera(track: MediaStreamTrack): Camera;
  /** A picture came on a remote track, as an RTP packet. */
  onPicture(track: MediaStreamTrack, packet: Uint8Array): void;
}

/**
 * A device for mediasoup-client whose transports are true ICE, DTLS and SRTP endpoints on sockets of this process: the
 * SDK runs on it as in a browser, by the dozen. Pictures are VP8 by their first bytes only; nothing is encoded.
 */
export function createEndpointDevice(media: EndpointMedia): Device {
  const getNativeRtpCapabilities = async () => structuredClone(capabilities);
  return new Device({
    handlerFactory: {
      name: 'endpoint',
      factory: (options) => createHandler(options, media),
      getNativeRtpCapabilities,
    },
  });
}

/** One codec, and of feedback only what is answered here. */
const capabilities: types.RtpCapabilities = {
  codecs: [
    {
      kind: 'video',
      mimeType: 'video/VP8',
      preferredPayloadType: 96,
      clockRate: 90_000,
      rtcpFeedback: [{ type: 'nack', parameter: 'pli' }],
    },
  ],
  headerExtensions: [],
};

/**
 * mediasoup-client's own stand-in for a browser negotiates; here its transport gets an endpoint that carries media.
 */
function createHandler(options: types.HandlerOptions, media: EndpointMedia): types.HandlerInterface {
  const generateNativeRtpCapabilities = () => structuredClone(capabilities);
  const parameters = { ...testFakeParameters, generateNativeRtpCapabilities };
  const handler = FakeHandler.createFactory(parameters).factory(options) as FakeHandler;
  const { emit, close, send, stopSending, receive, stopReceiving } = bound(handler);
  const wire = new Wire(options, media, (state) => emit('@connectionstatechange', state));

  // Where the stand-in tells of made-up DTLS parameters, the endpoint is made and its own are told.
  handler.emit = (event, ...args) => {
    if (event !== '@connect') return emit(event, ...args);
    const [, done, failed] = args as types.HandlerEvents['@connect'];
    wire.open().then((endpoint) => {
      const dtlsParameters = { role: 'client', fingerprints: [endpoint.fingerprint] } as types.DtlsParameters;
      const connected = () => {
        done();
        endpoint.start();
      };
      emit('@connect', { dtlsParameters }, connected, failed);
    }, failed);
    return true;
  };
  handler.close = () => {
    wire.close();
    close();
  };
  handler.send = async (given) => {
    const result = await send(given);
    wire.addSource(result.localId, given.track, result.rtpParameters);
    return result;
  };
  handler.stopSending = async (localId) => {
    wire.remove(localId);
    await stopSending(localId);
  };
  handler.receive = async (list) => {
    const results = await receive(list);
    for (const [index, { rtpParameters }] of list.entries()) wire.addSink(results[index]!, rtpParameters);
    return results;
  };
  handler.stopReceiving = async (localIds) => {
    for (const localId of localIds) wire.remove(localId);
    await stopReceiving(localIds);
  };
  handler.getTransportStats = async () => wire.transportStats();
  handler.getReceiverStats = async (localId) => wire.receiverStats(localId);
  return handler;
}

function bound(handler: FakeHandler) {
  return {
    emit: handler.emit.bind(handler) as FakeHandler['emit'],
    close: handler.close.bind(handler),
    send: handler.send.bind(handler),
    stopSending: handler.stopSending.bind(handler),
    receive: handler.receive.bind(handler),
    stopReceiving: handler.stopReceiving.bind(handler),
  };
}

/** The endpoint of one transport, with what is sent and received on it. */
class Wire {
  readonly #options: types.HandlerOptions;
  readonly #media: EndpointMedia;
  readonly #onState: (state: types.ConnectionState) => void;
  readonly #stops = new Map<string, () => void>();
  readonly #receptions = new Map<number, Reception>();
  /** By SSRC of what we send: who is asked for key frames. */
  readonly #cameras = new Map<number, Camera>();
  #endpoint: TestEndpoint | undefined;
  #over = false;
  #sent = 0;
  #received = 0;

  constructor(
    options: types.HandlerOptions,
    media: EndpointMedia,
    onState: (state: types.ConnectionState) => void,
  ) {
    this.#options = options;
    this.#media = media;
    this.#onState = onState;
  }

  async open(): Promise<TestEndpoint> {
    const { iceParameters, iceCandidates, dtlsParameters } = this.#options;
    const sha256 = dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256');
    if (!sha256) throw new Error('the transport shows no sha-256 fingerprint');
    const remote: RemoteTransport = {
      ice: iceParameters,
      candidates: iceCandidates.filter(({ protocol, ip }) => protocol === 'udp' && !ip.includes(':')),
      fingerprint: { algorithm: 'sha-256', value: sha256.value.replaceAll(':', '').toLowerCase() },
    };
    const endpoint = new TestEndpoint({ socket: await openUdpSocket('0.0.0.0'), clock: realClock, remote });
    endpoint.onStateChange = (state) => {
      if (this.#over) return;
      if (state === 'connected') this.#onState('connected');
      if (state === 'failed' || state === 'closed') this.#onState('failed');
    };
    endpoint.onRtp = (packet) => this.#onRtp(packet);
    endpoint.onRtcp = (packet) => this.#onRtcp(packet);
    this.#endpoint = endpoint;
    if (this.#over) endpoint.vanish();
    return endpoint;
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    for (const stop of this.#stops.values()) stop();
    this.#endpoint?.close();
  }

  addSource(localId: string, track: MediaStreamTrack, { encodings, codecs }: types.RtpParameters): void {
    const ssrc = encodings![0]!.ssrc!;
    const camera = this.#media.camera(track);
    const stop = camera.send(ssrc, codecs[0]!.payloadType, (packet) => {
      if (this.#endpoint?.sendRtp(packet) !== true) return false;
      this.#sent += packet.length;
      return true;
    });
    this.#cameras.set(ssrc, camera);
    this.#stops.set(localId, () => {
      this.#cameras.delete(ssrc);
      stop();
    });
  }

  addSink({ localId, track }: types.HandlerReceiveResult, { encodings }: types.RtpParameters): void {
    const ssrc = encodings![0]!.ssrc!;
    this.#receptions.set(ssrc, { localId, track, packets: 0 });
    this.#stops.set(localId, () => this.#receptions.delete(ssrc));
  }

  remove(localId: string): void {
    this.#stops.get(localId)?.();
    this.#stops.delete(localId);
  }

  transportStats(): RTCStatsReport {
    return report({ type: 'candidate-pair', bytesSent: this.#sent, bytesReceived: this.#received });
  }

  receiverStats(id: string): RTCStatsReport {
    const { packets = 0 } = [...this.#receptions.values()].find(({ localId }) => localId === id) ?? {};
    return report({ type: 'inbound-rtp', packetsReceived: packets, framesDecoded: packets });
  }

  #onRtp(packet: Uint8Array): void {
    this.#received += packet.length;
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const reception = this.#receptions.get(view.getUint32(8));
    if (!reception) return;
    reception.packets += 1;
    this.#media.onPicture(reception.track, packet);
  }

  /** Picture loss indications (RFC 4585 §6.3.1) in a compound packet. */
  #onRtcp(compound: Uint8Array): void {
    this.#received += compound.length;
    const view = new DataView(compound.buffer, compound.byteOffset, compound.byteLength);
    for (let at = 0; at + 4 <= compound.length; at += 4 * (view.getUint16(at + 2) + 1)) {
      const isLoss = view.getUint8(at + 1) === 206 && (view.getUint8(at) & 31) === 1;
      if (isLoss && at + 12 <= compound.length) this.#cameras.get(view.getUint32(at + 8))?.wantKeyFrame();
    }
  }
}

function report(entry: object): RTCStatsReport {
  return new Map([['only', entry]]) as unknown as RTCStatsReport;
}
