import { randomBytes } from 'node:crypto';
import { PodClient, type PodRef, type PodSecrets } from '@weir/pod-control';
import type {
  CodecSpec,
  Fingerprint,
  IceCredentials,
  PodLease,
  ReceiverSpec,
  RoomMediaUpdate,
  SenderSpec,
} from '@weir/protocol';
import type { RemoteTransport } from '@weir/testing';
import { publisherTypes, roomTypes, streamsOf } from './media.ts';
import type { Streams } from './targets/target.ts';

/** An endpoint that is to join: ICE credentials of its transport, and the fingerprint of its certificate. */
export interface Joining {
  readonly ice: IceCredentials;
  readonly fingerprint: Fingerprint;
}

/** One room on one pod, driven through the control API as signaling does. */
export class BenchRoom {
  readonly #client: PodClient;
  readonly #pod: PodRef;
  readonly #lease: PodLease;
  readonly #roomId: string;
  #version = 0;
  #nextId = 10_000_001;
  #nextSsrc = 700_001;
  /** Camera and microphone of each publisher. */
  readonly #published: ReceiverSpec[][] = [];

  constructor(pod: PodRef, lease: PodLease, secrets: PodSecrets, roomId: string) {
    this.#client = new PodClient({ secrets });
    this.#pod = pod;
    this.#lease = lease;
    this.#roomId = roomId;
  }

  static credentials(): IceCredentials {
    return { usernameFragment: randomBytes(8).toString('hex'), password: randomBytes(16).toString('hex') };
  }

  /** What an endpoint is told of its transport. */
  remote(ice: IceCredentials): RemoteTransport {
    return {
      ice,
      candidates: this.#lease.addresses.filter(({ protocol }) => protocol === 'udp').slice(0, 1),
      fingerprint: this.#lease.fingerprints.find(({ algorithm }) => algorithm === 'sha-256')!,
    };
  }

  /** Camera and microphone of one more publisher. */
  async publish(joining: Joining, streams: Streams = streamsOf(0)): Promise<void> {
    const transport = this.#transport(joining);
    const common = {
      peerId: transport.peerId,
      transportId: transport.id,
      headerExtensions: [],
      cname: `publisher ${this.#published.length}`,
      paused: false,
      keyFrameRequestDelayMs: 0,
    };
    const receivers: ReceiverSpec[] = [
      {
        ...common,
        id: this.#id(),
        kind: 'video',
        codecs: videoCodecs(publisherTypes),
        encodings: [{ ssrc: streams.video, rtxSsrc: streams.rtx }],
      },
      {
        ...common,
        id: this.#id(),
        kind: 'audio',
        codecs: audioCodecs(publisherTypes),
        encodings: [{ ssrc: streams.audio }],
      },
    ];
    this.#published.push(receivers);
    await this.#apply({ transports: [transport], receivers, senders: [] });
  }

  /** Endpoints that get all that is published, except by the publisher of that index; one update for all of them. */
  async subscribe(joining: readonly (Joining & { readonly except?: number })[]): Promise<void> {
    const transports = joining.map((one) => this.#transport(one));
    const senders = transports.flatMap(({ id, peerId }, index) => {
      const wanted = this.#published.filter((_, publisher) => publisher !== joining[index]!.except).flat();
      return wanted.map(({ id: receiverId, kind, cname }): SenderSpec => {
        const ssrc = this.#nextSsrc;
        this.#nextSsrc += 2;
        return {
          id: this.#id(),
          peerId,
          receiverId,
          transportId: id,
          kind,
          ssrc,
          ...(kind === 'video' ? { rtxSsrc: ssrc + 1 } : {}),
          codecs: kind === 'video' ? videoCodecs(roomTypes) : audioCodecs(roomTypes),
          headerExtensions: [],
          cname,
          active: true,
          priority: 1,
        };
      });
    });
    await this.#apply({ transports, receivers: [], senders });
  }

  /** Everybody leaves. */
  async empty(): Promise<void> {
    this.#version += 1;
    await this.#send({ base: null, put: { transports: [], receivers: [], senders: [] } });
  }

  #transport({ ice, fingerprint }: Joining) {
    return {
      id: this.#id(),
      type: 'webrtc' as const,
      peerId: this.#id(),
      ice,
      dtls: { localRole: 'server' as const, remoteFingerprint: fingerprint },
      udp: true,
      tcp: false,
      maxIncomingBitrate: 0,
      maxOutgoingBitrate: 0,
      minOutgoingBitrate: 0,
      initialOutgoingBitrate: 0,
    };
  }

  async #apply(put: RoomMediaUpdate['put']): Promise<void> {
    this.#version += 1;
    await this.#send({ base: this.#version - 1, put });
  }

  async #send({ base, put }: Pick<RoomMediaUpdate, 'base' | 'put'>): Promise<void> {
    const answer = await this.#client.applyMedia(this.#pod, {
      roomId: this.#roomId,
      version: this.#version,
      base,
      put,
      remove: { transports: [], receivers: [], senders: [] },
      keyFrames: [],
    });
    if (!answer.applied) throw new Error(`the pod did not take version ${this.#version} of ${this.#roomId}`);
  }

  #id(): number {
    this.#nextId += 1;
    return this.#nextId - 1;
  }
}

type PayloadTypes = { readonly vp8: number; readonly rtx: number; readonly opus: number };

function videoCodecs(side: PayloadTypes): CodecSpec[] {
  const video = { clockRate: 90_000, channels: 1 };
  return [
    {
      ...video,
      payloadType: side.vp8,
      roomPayloadType: roomTypes.vp8,
      mimeType: 'video/VP8',
      feedback: { nack: true, pli: true, fir: true, remb: true, transportCc: false },
    },
    {
      ...video,
      payloadType: side.rtx,
      roomPayloadType: roomTypes.rtx,
      mimeType: 'video/rtx',
      apt: side.vp8,
      feedback: noFeedback,
    },
  ];
}

function audioCodecs(side: PayloadTypes): CodecSpec[] {
  return [
    {
      payloadType: side.opus,
      roomPayloadType: roomTypes.opus,
      mimeType: 'audio/opus',
      clockRate: 48_000,
      channels: 2,
      feedback: noFeedback,
    },
  ];
}

const noFeedback = { nack: false, pli: false, fir: false, remb: false, transportCc: false };
