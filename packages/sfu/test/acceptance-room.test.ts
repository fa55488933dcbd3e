import { describe, expect, it } from 'vitest';
import { next, startRoom } from './fixtures.ts';

describe('object-model.md §14.3, Room', () => {
  it('R1 room.Peer() with peerName must succeed', async () => {
    const room = await startRoom();
    const peer = room.Peer('alice');
    const closed = next(peer, 'close');
    peer.close();
    expect(await closed).toEqual([undefined]);
  });

  it('R2 room.Peer() without peerName must fail', async () => {
    const room = await startRoom();
    expect(() => (room.Peer as () => unknown)()).toThrow(TypeError);
  });

  it('R3 room.Peer() with same peerName must fail', async () => {
    const room = await startRoom();
    room.Peer('alice');
    expect(() => room.Peer('alice')).toThrow(Error);
  });

  it('R4 room.Peer() with same peerName must succeed if previous peer was closed before', async () => {
    const room = await startRoom();
    const first = room.Peer('alice');
    expect(room.getPeer('alice')).toBe(first);
    expect(room.peers).toHaveLength(1);
    first.close();
    expect(room.getPeer('alice')).toBeUndefined();
    expect(room.peers).toHaveLength(0);
    const second = room.Peer('alice');
    expect(room.getPeer('alice')).toBe(second);
    expect(room.peers).toHaveLength(1);
    const closed = next(second, 'close');
    second.close();
    expect(await closed).toEqual([undefined]);
  });

  it('R5 room.peers must retrieve existing peers', async () => {
    const room = await startRoom();
    const alice = room.Peer('alice');
    const bob = room.Peer('bob');
    const carol = room.Peer('carol');
    bob.close();
    expect(room.peers).toHaveLength(2);
    expect(room.peers[0]).toBe(alice);
    expect(room.peers[1]).toBe(carol);
  });

  it('R6 room.getCapabilities() must retrieve current room capabilities', async () => {
    const room = await startRoom();
    for (const kind of ['audio', 'video', 'depth'] as const) {
      expect(room.getCapabilities(kind).codecs.length).toBeGreaterThan(0);
    }
  });

  it('R7 room.dump() must succeed', async () => {
    const room = await startRoom();
    room.Peer('alice');
    room.Peer('bob');
    const dump = await room.dump();
    expect(Object.keys(dump.peers)).toHaveLength(2);
  });
});
