import { randomBytes } from 'node:crypto';
import { addressesOfRoom, type PodClient, type PodRef } from '@weir/pod-control';
import type {
  CodecSpec,
  PodLease,
  ReceiverSpec,
  RoomMediaUpdate,
  SenderSpec,
  WebRtcTransportSpec,
} from '@weir/protocol';
import { buildRtpPacket } from '@weir/rtp';
import { openUdpSocket, type RemoteTransport, realClock, TestEndpoint } from '@weir/testing';

const opus: CodecSpec = {
  payloadType: 111,
  roomPayloadType: 100,
  mimeType: 'audio/opus',
  clockRate: 48_000,
  channels: 2,
  feedback: { nack: false, pli: false, fir: false, remb: false, transportCc: false },
};

/** An empty update of a room. */
export function update(fields: Partial<RoomMediaUpdate> = {}): RoomMediaUpdate {
  return {
    roomId: 'daily',
    version: 1,
    base: null,
    put: { transports: [], receivers: [], senders: [] },
    remove: { transports: [], receivers: [], senders: [] },
    keyFrames: [],
    ...fields,
  };
}

export function transportSpec(id: number, dtls?: WebRtcTransportSpec['dtls']): WebRtcTransportSpec {
  return {
    id,
    type: 'webrtc',
    peerId: id + 1,
    ice: { usernameFragment: randomBytes(8).toString('hex'), password: randomBytes(16).toString('hex') },
    ...(dtls === undefined ? {} : { dtls }),
    udp: true,
    tcp: false,
    maxIncomingBitrate: 0,
    maxOutgoingBitrate: 0,
    minOutgoingBitrate: 0,
    initialOutgoingBitrate: 0,
  };
}

/** One speaker and one listener with true endpoints, whose room lies on a pod. */
export class Call {
  readonly speaker: TestEndpoint;
  readonly listener: TestEndpoint;
  /** Payloads that arrived at the listener. */
  readonly heard: number[] = [];
  /** Sequence numbers that arrived at the listener. */
  readonly sequenceNumbers: number[] = [];
  /** With the packet's own number, which the pod does not change. */
  onSent: ((number: number) => void) | undefined;
  onHeard: ((number: number) => void) | undefined;
  #sequence = 1;

  private constructor(speaker: TestEndpoint, listener: TestEndpoint) {
    this.speaker = speaker;
    this.listener = listener;
    listener.onRtp = (packet) => {
      this.heard.push(packet.at(-1)!);
      this.sequenceNumbers.push((packet[2]! << 8) | packet[3]!);
      this.onHeard?.((packet.at(-3)! << 8) | packet.at(-2)!);
    };
  }

  static async start(
    client: PodClient,
    pod: PodRef,
    lease: PodLease,
    { roomId = 'daily', version = 1 } = {},
  ): Promise<Call> {
    const specs = [transportSpec(10_000_001), transportSpec(10_000_002)];
    const endpoints = await Promise.all(specs.map(({ ice }) => openEndpoint(lease, roomId, ice)));
    const [speaker, listener] = endpoints as [TestEndpoint, TestEndpoint];
    const transports = specs.map((spec, index) => ({
      ...spec,
      dtls: { localRole: 'server' as const, remoteFingerprint: endpoints[index]!.fingerprint },
    }));
    const receiver: ReceiverSpec = {
      id: 10_000_011,
      peerId: 10_000_002,
      transportId: 10_000_001,
      kind: 'audio',
      codecs: [opus],
      headerExtensions: [],
      encodings: [{ ssrc: 1234 }],
      cname: 'speaker',
      paused: false,
      keyFrameRequestDelayMs: 0,
    };
    const sender: SenderSpec = {
      id: 10_000_012,
      peerId: 10_000_003,
      receiverId: receiver.id,
      transportId: 10_000_002,
      kind: 'audio',
      ssrc: 5678,
      codecs: [{ ...opus, payloadType: 100 }],
      headerExtensions: [],
      cname: 'speaker',
      active: true,
      priority: 1,
    };
    const put = { transports, receivers: [receiver], senders: [sender] };
    const answer = await client.applyMedia(pod, update({ roomId, version, put }));
    if (!answer.applied) throw new Error('the pod did not take the room');
    const call = new Call(speaker, listener);
    await Promise.all(endpoints.map(connected));
    return call;
  }

  /** Says a number from 0 to 255, as often as it takes to be heard. */
  async say(word: number): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!this.heard.includes(word)) {
      if (performance.now() > deadline) throw new Error(`${word} was not heard; heard ${this.heard}`);
      this.#utter(word);
      // Media flows in its own time: 20 ms are one packet of opus.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Talks on while something happens; answers how many packets it sent. */
  async talkDuring(happening: Promise<unknown>, intervalMs = 5): Promise<number> {
    let over = false;
    const end = happening.finally(() => {
      over = true;
    });
    let sent = 0;
    for (; !over; sent += 1) {
      this.#utter(0);
      await new Promise((resolve) => setTimeout(resolve, intervalMs));
    }
    await end;
    return sent;
  }

  /** Whether every packet from the first to the last one heard was heard, once and in order. */
  get gapless(): boolean {
    const [first = 0] = this.sequenceNumbers;
    return this.sequenceNumbers.every((number, index) => number === ((first + index) & 0xffff));
  }

  #utter(word: number): void {
    this.#sequence += 1;
    this.onSent?.(this.#sequence & 0xffff);
    this.speaker.sendRtp(
      buildRtpPacket({
        payloadType: 111,
        sequenceNumber: this.#sequence,
        timestamp: this.#sequence * 960,
        ssrc: 1234,
        payload: Uint8Array.of(0xf8, 0xff, (this.#sequence >> 8) & 255, this.#sequence & 255, word),
      }),
    );
  }

  hangUp(): void {
    this.speaker.vanish();
    this.listener.vanish();
  }
}

/** An endpoint that knows of a room's pod what signaling tells. */
export async function openEndpoint(
  lease: Pick<PodLease, 'addresses' | 'fingerprints'>,
  roomId: string,
  ice: WebRtcTransportSpec['ice'],
): Promise<TestEndpoint> {
  return new TestEndpoint({
    socket: await openUdpSocket(),
    clock: realClock,
    remote: remoteOf(lease, roomId, ice),
  });
}

/** What signaling tells of a transport on a pod. */
export function remoteOf(
  lease: Pick<PodLease, 'addresses' | 'fingerprints'>,
  roomId: string,
  ice: WebRtcTransportSpec['ice'],
): RemoteTransport {
  return {
    ice,
    candidates: addressesOfRoom(lease.addresses, roomId).filter(
      ({ protocol, ip }) => protocol === 'udp' && ip === '127.0.0.1',
    ),
    fingerprint: lease.fingerprints.find(({ algorithm }) => algorithm === 'sha-256')!,
  };
}

/** Resolves when it is closed by the other side, with the reason. */
export async function closed(endpoint: TestEndpoint): Promise<string> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`still ${endpoint.state}`)), 10_000);
    endpoint.onStateChange = (state, reason) => {
      if (state !== 'closed') return;
      clearTimeout(timer);
      resolve(reason ?? '');
    };
  });
}

/** Starts it; resolves when it is connected. */
export async function connected(endpoint: TestEndpoint): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not connected but ${endpoint.state}`)), 10_000);
    endpoint.onStateChange = (state, reason) => {
      if (state === 'connected') {
        clearTimeout(timer);
        resolve();
      } else if (state === 'failed' || state === 'closed') {
        clearTimeout(timer);
        reject(new Error(`${state}: ${reason}`));
      }
    };
    endpoint.start();
  });
}
