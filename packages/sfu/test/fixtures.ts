import { EventEmitter } from 'node:events';
import { afterEach, expect } from 'vitest';
import {
  type Peer,
  type PeerCapabilities,
  type Room,
  type SentRtpParameters,
  Server,
  type ServerOptions,
} from '../src/index.ts';

// The state of the classes is private, so two of them look alike to toEqual(); only the very same one is equal.
expect.addEqualityTesters([
  (a: unknown, b: unknown) => (a instanceof EventEmitter && b instanceof EventEmitter ? a === b : undefined),
]);

/** The room of object-model.md §14. */
export const mediaCodecs = [
  { kind: 'audio' as const, name: 'audio/opus', payloadType: 100, clockRate: 48000, numChannels: 2 },
  { kind: 'audio' as const, name: 'audio/PCMU', payloadType: 0, clockRate: 8000 },
  { kind: 'video' as const, name: 'video/vp8', payloadType: 110, clockRate: 90000 },
  {
    kind: 'video' as const,
    name: 'video/h264',
    payloadType: 112,
    clockRate: 90000,
    parameters: { packetizationMode: 1 },
  },
  { kind: 'depth' as const, name: 'video/vp8', payloadType: 120, clockRate: 90000 },
];

const videoFeedback = [
  { type: 'nack' },
  { type: 'nack', parameter: 'pli' },
  { type: 'nack', parameter: 'sli' },
  { type: 'nack', parameter: 'rpsi' },
  { type: 'nack', parameter: 'app' },
  { type: 'ccm', parameter: 'fir' },
  { type: 'ack', parameter: 'rpsi' },
  { type: 'ack', parameter: 'app' },
];

/** The peers of object-model.md §14. */
export const peerCapabilities: PeerCapabilities = {
  codecs: [
    { kind: 'audio', name: 'audio/opus', payloadType: 100, clockRate: 48000, numChannels: 2 },
    { kind: 'audio', name: 'audio/PCMU', payloadType: 0, clockRate: 8000 },
    { kind: 'video', name: 'video/vp8', payloadType: 110, clockRate: 90000, rtcpFeedback: videoFeedback },
    { kind: 'video', name: 'video/rtx', payloadType: 97, clockRate: 90000, parameters: { apt: 110 } },
    {
      kind: 'video',
      name: 'video/h264',
      payloadType: 111,
      clockRate: 90000,
      rtcpFeedback: videoFeedback,
      parameters: { packetizationMode: 0 },
    },
    { kind: 'video', name: 'video/rtx', payloadType: 98, clockRate: 90000, parameters: { apt: 111 } },
    {
      kind: 'video',
      name: 'video/h264',
      payloadType: 112,
      clockRate: 90000,
      rtcpFeedback: videoFeedback,
      parameters: { packetizationMode: 1 },
    },
    { kind: 'video', name: 'video/rtx', payloadType: 99, clockRate: 90000, parameters: { apt: 112 } },
  ],
  headerExtensions: [
    { kind: 'audio', uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', preferredId: 1 },
    { kind: 'video', uri: 'urn:ietf:params:rtp-hdrext:toffset', preferredId: 2 },
    { kind: '', uri: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time', preferredId: 3 },
    { kind: 'video', uri: 'urn:3gpp:video-orientation', preferredId: 4 },
    { kind: '', uri: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id', preferredId: 5 },
  ],
  fecMechanisms: [],
};

/** What a peer with `peerCapabilities` may publish. */
export const opusParameters = (ssrc: number, more: Partial<SentRtpParameters> = {}): SentRtpParameters => ({
  codecs: [{ name: 'audio/opus', payloadType: 100, clockRate: 48000, numChannels: 2 }],
  encodings: [{ ssrc }],
  rtcp: { cname: 'somebody' },
  ...more,
});

export const vp8Parameters = (ssrc: number, more: Partial<SentRtpParameters> = {}): SentRtpParameters => ({
  codecs: [
    {
      name: 'video/VP8',
      payloadType: 110,
      clockRate: 90000,
      rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
    },
  ],
  encodings: [{ ssrc }],
  rtcp: { cname: 'somebody' },
  ...more,
});

const opened = new Set<Server>();

afterEach(() => {
  for (const server of opened) server.close();
  opened.clear();
});

/** One worker on loopback unless told otherwise; closed after the test. */
export function startServer(options: ServerOptions = {}): Server {
  const server = Server({
    numWorkers: 1,
    logLevel: 'error',
    ...(options.webRtcServer === undefined && { rtcIPv4: '127.0.0.1', rtcIPv6: false }),
    ...options,
  } as ServerOptions);
  opened.add(server);
  return server;
}

export async function startRoom(options: ServerOptions = {}): Promise<Room> {
  return startServer(options).createRoom({ mediaCodecs });
}

export async function startPeer(room: Room, name: string): Promise<Peer> {
  const peer = room.Peer(name);
  await peer.setCapabilities(peerCapabilities);
  return peer;
}

/** The arguments of the next emission. */
export function next<T extends unknown[] = unknown[]>(emitter: EventEmitter, event: string): Promise<T> {
  return new Promise((resolve) => emitter.once(event, (...args) => resolve(args as T)));
}

/** Writes down which of these events came, in order. */
export function record(log: string[], name: string, emitter: EventEmitter, events: readonly string[]): void {
  for (const event of events) emitter.on(event, () => log.push(`${name} ${event}`));
}

/** Lets everything that is queued run. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
