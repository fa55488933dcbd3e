import type { SenderView } from '@weir/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeWeir } from '../test/fake-weir.ts';
import { RoomView, sameParameters, type ViewChange } from './room-view.ts';

/** Lets a room live for a while. */
const life = fc.array(
  fc.record({
    what: fc.constantFrom('join', 'leave', 'publish', 'unpublish', 'pause', 'change'),
    who: fc.nat(9),
  }),
  { maxLength: 80 },
);

let serial = 0;

type Step = { what: string; who: number };

function live(server: FakeWeir, selfId: string, steps: readonly Step[]): void {
  for (const { what, who } of steps) {
    const others = [...server.peers.values()].filter((peer) => peer.info.id !== selfId);
    const peer = others[who % Math.max(1, others.length)];
    if (what === 'join') server.join(`P${serial++}`);
    if (!peer) continue;
    const receivers = [...peer.receivers.values()];
    const receiver = receivers[who % Math.max(1, receivers.length)];
    if (what === 'leave') server.leave(peer);
    if (what === 'publish') server.publish(peer, who % 2 ? 'audio' : 'video');
    if (!receiver) continue;
    if (what === 'unpublish') server.unpublish(peer, receiver.id);
    if (what === 'pause') server.pauseReceiver(receiver.id, who % 2 === 0);
    if (what === 'change') server.changeParameters(receiver.id);
  }
}

describe('RoomView', () => {
  it('ends the same, told event by event or by a snapshot', () => {
    fc.assert(
      fc.property(life, life, (before, after) => {
        const server = new FakeWeir();
        const self = server.join('Ada');
        live(server, self.info.id, before);
        const told = new RoomView(self.info.id);
        const caughtUp = new RoomView(self.info.id);
        for (const event of self.log) {
          told.apply(event);
          caughtUp.apply(event);
        }
        const start = self.log.length;
        live(server, self.info.id, after);
        const snapshot = server.snapshot(self);
        const replay = mirror(told);
        for (const event of self.log.slice(start)) replay.change(told.apply(event));
        const jump = mirror(caughtUp);
        jump.change(caughtUp.reset(snapshot));
        for (const view of [told, caughtUp]) {
          expect([...view.peers.values()]).toEqual(snapshot.peers);
          expect(new Map(view.senders)).toEqual(
            new Map(snapshot.senders.map((sender) => [sender.id, sender])),
          );
        }
        // Who only listens to the changes knows the same.
        expect(replay.state()).toEqual(jump.state());
        expect(told.reset(snapshot)).toEqual([]);
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  it('says nothing about itself, and nothing twice', () => {
    const server = new FakeWeir();
    const self = server.join('Ada');
    const view = new RoomView(self.info.id);
    server.join('Bob');
    const [event] = self.log;
    expect(view.apply(event!).map(({ type }) => type)).toEqual(['peerjoined']);
    expect(view.apply(event!)).toEqual([]);
    expect(view.apply({ ...event!, data: { ...self.info } })).toEqual([]);
  });

  it('removes the tracks of a peer that left, and is not surprised by their close', () => {
    const server = new FakeWeir();
    const self = server.join('Ada');
    const bob = server.join('Bob');
    server.publish(bob, 'audio');
    server.publish(bob, 'video');
    server.leave(bob, 'removed');
    const view = new RoomView(self.info.id);
    const changes = self.log.flatMap((event) => view.apply(event));
    expect(changes.map(({ type }) => type)).toEqual([
      'peerjoined',
      'senderadded',
      'senderadded',
      'senderremoved',
      'senderremoved',
      'peerleft',
    ]);
    expect(changes.at(-1)).toMatchObject({ reason: 'removed' });
  });
});

describe('sameParameters', () => {
  const base = {
    mid: '0',
    msid: 'a b',
    codecs: [{ mimeType: 'video/VP8', payloadType: 101, clockRate: 90_000, parameters: { a: 1, b: 2 } }],
    headerExtensions: [{ uri: 'urn:x', id: 1 }],
    encodings: [{ ssrc: 1, rtx: { ssrc: 2 } }],
  } as SenderView['rtpParameters'];

  it.each<[string, boolean, Partial<SenderView['rtpParameters']>]>([
    ['another mid', true, { mid: '7' }],
    ['another msid', true, { msid: 'c d' }],
    [
      'another order of fields',
      true,
      {
        codecs: [{ clockRate: 90_000, parameters: { b: 2, a: 1 }, payloadType: 101, mimeType: 'video/VP8' }],
      },
    ],
    ['another ssrc', false, { encodings: [{ ssrc: 3, rtx: { ssrc: 2 } }] }],
    ['another rtx ssrc', false, { encodings: [{ ssrc: 1, rtx: { ssrc: 3 } }] }],
    ['another extension id', false, { headerExtensions: [{ uri: 'urn:x', id: 2 }] }],
    ['no codec', false, { codecs: [] }],
  ])('%s: %s', (_what, same, change) => {
    expect(sameParameters(base, { ...base, ...change })).toBe(same);
  });
});

/** Somebody who keeps a list from changes alone. */
function mirror(view: RoomView) {
  const peers = new Set([...view.peers.values()].map(({ name }) => name));
  const senders = new Map(
    [...view.senders.values()].map((sender) => [sender.id as string, sender.receiverPaused]),
  );
  return {
    change(changes: ViewChange[]) {
      for (const change of changes) {
        if (change.type === 'peerjoined') peers.add(change.peer.name);
        else if (change.type === 'peerleft') peers.delete(change.peer.name);
        else if (change.type === 'senderremoved') senders.delete(change.sender.id);
        else senders.set(change.sender.id, change.sender.receiverPaused);
      }
    },
    state: () => ({ peers: [...peers].sort(), senders: Object.fromEntries(senders) }),
  };
}
