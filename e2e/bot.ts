import { buildRtpPacket } from '@weir/rtp';
import type { Certificate } from '@weir/secure-transport';
import { type Attack, openUdpSocket, type RemoteTransport, realClock, TestEndpoint } from '@weir/testing';
import { until } from './weir.ts';

/** A peer without a browser: plain HTTP for signaling, a true ICE/DTLS/SRTP endpoint for media. */
export class Bot {
  readonly name: string;
  readonly peerId: string;
  private readonly session: Call;
  private readonly endpoints: TestEndpoint[] = [];
  /** Where the snapshot of the join ends. */
  cursor: string;

  private constructor(name: string, peerId: string, session: Call, cursor: string) {
    this.name = name;
    this.peerId = peerId;
    this.session = session;
    this.cursor = cursor;
  }

  static async join(url: string, room: string, name: string): Promise<Bot> {
    const demo = (await json(await post(`${url}/demo/session`, { room, name }))) as { token: string };
    const session = caller(`${url}/v1/rooms/${room}`, demo.token);
    const { rtpCapabilities } = (await session('GET', '')) as { rtpCapabilities: object };
    const joined = (await session('POST', '/peers', { name, rtpCapabilities })) as Joined;
    return new Bot(name, joined.peer.id, session, joined.snapshot.cursor);
  }

  /** Any call below this peer's path. */
  call<T>(method: string, path: string, body?: object): Promise<T> {
    return this.session(method, `/peers/${this.peerId}${path}`, body) as Promise<T>;
  }

  /** Creates a transport, and an endpoint for it that is not started yet. */
  async transport(
    direction: 'send' | 'recv',
    options: { certificate?: Certificate; attack?: Attack } = {},
  ): Promise<BotTransport> {
    const view = await this.call<TransportView>('POST', '/transports', { direction });
    const remote: RemoteTransport = {
      ice: view.iceParameters,
      candidates: view.iceCandidates.filter(({ protocol }) => protocol === 'udp'),
      fingerprint: serverFingerprint(view),
    };
    // A socket on the loopback reaches nobody else, such as a pod in a container.
    const local = remote.candidates.every(({ ip }) => ip.startsWith('127.'));
    const socket = await openUdpSocket(local ? '127.0.0.1' : '0.0.0.0');
    const endpoint = new TestEndpoint({ socket, clock: realClock, remote, ...options });
    this.endpoints.push(endpoint);
    const tell = async (fingerprint = endpoint.fingerprint) => {
      await this.call('PUT', `/transports/${view.id}/dtls`, {
        dtlsParameters: { role: 'client', fingerprints: [fingerprint] },
      });
    };
    return { id: view.id, view, endpoint, socket, tell };
  }

  /** The same, connected. */
  async connected(direction: 'send' | 'recv'): Promise<BotTransport> {
    const transport = await this.transport(direction);
    await transport.tell();
    transport.endpoint.start();
    await until(`${this.name}'s endpoint is connected`, async () => transport.endpoint.state === 'connected');
    return transport;
  }

  /** Publishes opus with this SSRC on a connected transport. */
  async publishAudio(transport: BotTransport, ssrc: number): Promise<string> {
    const receiver = await this.call<{ id: string }>('POST', '/receivers', {
      kind: 'audio',
      transportId: transport.id,
      rtpParameters: {
        codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 }],
        encodings: [{ ssrc }],
        rtcp: { cname: this.name },
      },
    });
    return receiver.id;
  }

  /** Binds the first sender that this peer has, and lets it flow. */
  async subscribe(transport: BotTransport): Promise<string> {
    const sender = await until(`${this.name} has a sender`, async () => {
      const { senders } = await this.call<{ senders: { id: string }[] }>('GET', '/senders');
      return senders[0];
    });
    await this.call('PATCH', `/senders/${sender.id}`, { transportId: transport.id, enabled: true });
    return sender.id;
  }

  async leave(): Promise<void> {
    for (const endpoint of this.endpoints) endpoint.close();
    await this.call('DELETE', '').catch(() => undefined);
  }
}

export interface BotTransport {
  readonly id: string;
  readonly view: TransportView;
  readonly endpoint: TestEndpoint;
  readonly socket: Awaited<ReturnType<typeof openUdpSocket>>;
  /** setRemoteDtlsParameters, by default with the endpoint's own fingerprint. */
  tell(fingerprint?: { algorithm: string; value: string }): Promise<void>;
}

/** Sends numbered opus packets every 20 ms until stopped. */
export function talk(endpoint: TestEndpoint, ssrc: number): { readonly sent: () => number; stop(): void } {
  let sent = 0;
  const timer = setInterval(() => {
    const payload = new Uint8Array(80).fill(sent & 255);
    endpoint.sendRtp(
      buildRtpPacket({
        payloadType: 111,
        ssrc,
        sequenceNumber: sent & 0xffff,
        timestamp: sent * 960,
        payload,
      }),
    );
    sent += 1;
  }, 20);
  return { sent: () => sent, stop: () => clearInterval(timer) };
}

interface TransportView {
  readonly id: string;
  readonly iceParameters: { usernameFragment: string; password: string };
  readonly iceCandidates: { ip: string; port: number; protocol: string }[];
  readonly dtlsParameters: { fingerprints: { algorithm: string; value: string }[] };
}

interface Joined {
  readonly peer: { id: string };
  readonly snapshot: { cursor: string };
}

function serverFingerprint(view: TransportView): RemoteTransport['fingerprint'] {
  const sha256 = view.dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256');
  if (!sha256) throw new Error('the transport shows no sha-256 fingerprint');
  return { algorithm: 'sha-256', value: sha256.value.replaceAll(':', '').toLowerCase() };
}

type Call = (method: string, path: string, body?: object) => Promise<unknown>;

/** HTTP calls with a token; a refusal becomes an Error that holds the problem. */
export function caller(base: string, token: string): Call {
  return async (method, path, body) =>
    json(
      await fetch(base + path, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      }),
    );
}

export function post(url: string, body: object): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function json(answer: Response): Promise<unknown> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}
