import { capabilitiesFromWire, capabilitiesToWire, roomCapabilities } from '@weir/ortc';
import type { Decision, RoomCommand, RoomEnvironment, RoomEvent, RoomState } from '../src/index.ts';
import { createRoomState, decide, evolve } from '../src/index.ts';

/** The room of object-model.md §14. */
export const mediaCodecs = [
  { kind: 'audio', name: 'audio/opus', payloadType: 100, clockRate: 48000, numChannels: 2 },
  { kind: 'audio', name: 'audio/PCMU', payloadType: 0, clockRate: 8000 },
  { kind: 'video', name: 'video/vp8', payloadType: 110, clockRate: 90000 },
  {
    kind: 'video',
    name: 'video/h264',
    payloadType: 112,
    clockRate: 90000,
    parameters: { packetizationMode: 1 },
  },
  { kind: 'depth', name: 'video/vp8', payloadType: 120, clockRate: 90000 },
] as const;

/** All that the room can do on the wire; and depth. */
export const fullCapabilities = (() => {
  const caps = capabilitiesFromWire(capabilitiesToWire(roomCapabilities(mediaCodecs)));
  return {
    ...caps,
    codecs: [...caps.codecs, { ...mediaCodecs[4], rtcpFeedback: [], parameters: {} }],
  };
})();

export const audioCapabilities = {
  codecs: fullCapabilities.codecs.filter(({ kind }) => kind === 'audio'),
};

export const opus = { name: 'audio/opus', payloadType: 111, clockRate: 48000 };
export const vp8 = { name: 'video/VP8', payloadType: 96, clockRate: 90000 };
export const vp8Rtx = { name: 'video/rtx', payloadType: 97, clockRate: 90000, parameters: { apt: 96 } };

export const audio = (ssrc: number) => ({ codecs: [opus], encodings: [{ ssrc }] });
export const video = (ssrc: number) => ({
  codecs: [vp8, vp8Rtx],
  encodings: [{ ssrc, rtx: { ssrc: ssrc + 1 } }],
});

/** A generator with a seed (mulberry32), uniform in [0, 2^32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

export const ice = { usernameFragment: 'abcdefgh12345678', password: 'x'.repeat(32) };
export const fingerprint = { algorithm: 'sha-256', value: 'ab'.repeat(32) };

/** A room that carries its commands out, with short ways to say them. Ids count up from 10 000 000. */
export class TestRoom {
  readonly state: RoomState = createRoomState({ id: 'room', mediaCodecs });
  readonly env: RoomEnvironment = { random: seeded(1) };
  #nextId = 10_000_000;

  run(...commands: RoomCommand[]): Decision {
    const decision = decide(this.state, commands, this.env);
    evolve(this.state, decision.changes);
    return decision;
  }

  /** The events as `kind id type`, in order. */
  events(...commands: RoomCommand[]): string[] {
    return this.run(...commands).events.map(eventName);
  }

  id(): number {
    return this.#nextId++;
  }

  peer(name: string, capabilities: unknown = fullCapabilities): number {
    const peerId = this.id();
    this.run({ type: 'peer.join', peerId, name });
    if (capabilities !== undefined) this.run({ type: 'peer.setCapabilities', peerId, capabilities });
    return peerId;
  }

  /** Without capabilities. */
  guest(name: string): number {
    const peerId = this.id();
    this.run({ type: 'peer.join', peerId, name });
    return peerId;
  }

  transport(peerId: number, podId = ''): number {
    const transportId = this.id();
    this.run({
      type: 'transport.create',
      peerId,
      transportId,
      options: { podId, ice, udp: true, tcp: true },
    });
    return transportId;
  }

  receiver(peerId: number, transportId: number, kind: 'audio' | 'video' | 'depth', params?: unknown): number {
    const receiverId = this.id();
    this.run({ type: 'receiver.create', peerId, receiverId, kind, transportId });
    if (params !== undefined) this.run({ type: 'receiver.receive', receiverId, rtpParameters: params });
    return receiverId;
  }

  /** The sender of a receiver for a peer. */
  sender(receiverId: number, peerId: number) {
    const sender = [...this.state.senders.values()].find(
      (record) => record.receiverId === receiverId && record.peerId === peerId,
    );
    if (sender === undefined) throw new Error('no such sender');
    return sender;
  }
}

export function eventName(event: RoomEvent): string {
  return `${event.target.kind} ${event.target.id} ${event.type}`;
}
