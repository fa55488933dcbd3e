import type { JoinAnswer } from '@weir/protocol';
import { Device } from 'mediasoup-client';
import { ApiClient, type TokenSource } from './api-client.ts';
import { WeirError } from './errors.ts';
import type { FeedMode } from './feed-policy.ts';
import { History } from './history.ts';
import { joinRoom, PeerApi } from './peer-api.ts';
import type { RemoteTrack } from './remote.ts';
import { Session } from './session.ts';

export interface JoinOptions {
  /** Where Weir's signaling answers, such as `https://weir.example.com`. */
  url: string;
  room: string;
  /** A token for this room, or a function that gets a fresh one. */
  token: TokenSource;
  /** Unique in the room. Default: the name in the token. */
  name?: string;
  /** If somebody in the room has the name: refuse (default), or send that one away. */
  onTakenName?: 'reject' | 'replace';
  /** What the others may know of us; at most 4 KiB of JSON. */
  appData?: Record<string, unknown>;
  /** Streaming (default; falls back to polling by itself), or polling from the start. */
  events?: FeedMode;
  /** Which remote tracks to get without being asked. Default: all. */
  autoSubscribe?: boolean | ((track: RemoteTrack) => boolean);
  iceTransportPolicy?: RTCIceTransportPolicy;
  /** Gives up joining; later it has no effect. */
  signal?: AbortSignal;
  /** Instead of the browser's. */
  fetch?: typeof fetch;
  /** Instead of mediasoup-client's detection of the browser. */
  createDevice?: () => Promise<Device>;
  /** Uniform in [0, 1), for the jitter of back-offs. */
  random?: () => number;
}

/**
 * Joins a room.
 *
 * @throws WeirError: `name-taken`, `room-full`, `room-not-found`, `unauthorized`, `forbidden`, `network`,
 * `unsupported` (no WebRTC here), `aborted` …
 */
export async function join(options: JoinOptions): Promise<Session> {
  const history = new History();
  const random = options.random ?? Math.random;
  const client = new ApiClient({
    url: options.url,
    token: options.token,
    fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
    history,
    random,
  });
  const device = await createDevice(options.createDevice);
  const answer = await joinRoom(
    client,
    options.room,
    {
      ...(options.name !== undefined && { name: options.name }),
      ...(options.onTakenName && { onTakenName: options.onTakenName }),
      ...(options.appData && { appData: options.appData as never }),
    },
    options.signal,
  );
  const over = new AbortController();
  const api = new PeerApi(client, options.room, answer.peer.id, over.signal);
  try {
    await prepare(device, api, answer, options.signal);
  } catch (cause) {
    over.abort();
    // Nobody shall see a peer that never arrived.
    await api.leave().catch(() => {});
    throw WeirError.media('Preparing the browser', cause);
  }
  const session = new Session({
    client,
    api,
    device,
    answer,
    history,
    over,
    random,
    events: options.events ?? 'sse',
    autoSubscribe: options.autoSubscribe ?? true,
    iceTransportPolicy: options.iceTransportPolicy,
  });
  session.start();
  return session;
}

async function createDevice(create: JoinOptions['createDevice']): Promise<Device> {
  try {
    return await (create ? create() : Device.factory());
  } catch (cause) {
    throw WeirError.media('Starting WebRTC', cause);
  }
}

/** Capabilities of room and browser meet; from then on the room offers what this browser can play. */
async function prepare(
  device: Device,
  api: PeerApi,
  answer: JoinAnswer,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal?.aborted) throw WeirError.aborted(signal.reason);
  await device.load({ routerRtpCapabilities: answer.snapshot.room.rtpCapabilities as never });
  await api.setCapabilities(
    {
      rtpCapabilities: device.recvRtpCapabilities as never,
      sendRtpCapabilities: device.sendRtpCapabilities as never,
    },
    signal,
  );
  if (signal?.aborted) throw WeirError.aborted(signal.reason);
}

/** The door: `const session = await Weir.join({ url, room, token })`. */
export const Weir = { join } as const;
