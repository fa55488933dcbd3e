import { expect, test } from 'vitest';
import { TestRoom } from '../test/fixtures.ts';
import { drawSsrc } from './ids.ts';
import { unusedId } from './index.ts';

/** Gives these numbers, one after the other. */
const scripted = (...values: number[]) => ({ random: () => values.shift()! });
/** The random number that becomes this id. */
const forId = (id: number) => Math.ceil(((id - 10_000_000) / 90_000_000) * 2 ** 32);

test('§1.2 ids have eight digits', () => {
  const { state } = new TestRoom();
  expect(unusedId(state, scripted(0))).toBe(10_000_000);
  expect(unusedId(state, scripted(2 ** 32 - 1))).toBe(99_999_999);
});

test('D-1 ids in use, here or elsewhere in the process, are drawn again', () => {
  const room = new TestRoom();
  const peerId = room.peer('alice');
  const transportId = room.transport(peerId);
  const [taken, free] = [12_000_000, 13_000_000];
  const env = {
    ...scripted(forId(peerId), forId(transportId), forId(taken), forId(free)),
    idTaken: (id: number) => id === taken,
  };
  expect(unusedId(room.state, env)).toBe(free);
});

test('§15.5 an SSRC is never 0, 1234, or one in use', () => {
  expect(drawSsrc(scripted(0, 1234, 5, 6), (ssrc) => ssrc === 5)).toBe(6);
});

test('a sender never gets the id of an object that the same step brings', () => {
  const room = new TestRoom();
  const alice = room.peer('alice');
  room.receiver(alice, room.transport(alice), 'audio', {
    codecs: [{ name: 'audio/PCMU', payloadType: 0, clockRate: 8000 }],
  });
  const bob = room.guest('bob');
  const transportId = 55_000_000;
  const random = [11, 12, forId(transportId), forId(56_000_000)];
  Object.assign(room.env, { random: () => random.shift()! });
  room.run(
    { type: 'peer.setCapabilities', peerId: bob, capabilities: {} },
    {
      type: 'transport.create',
      peerId: bob,
      transportId,
      options: { podId: '', ice: { usernameFragment: 'u', password: 'p' }, udp: true, tcp: true },
    },
  );
  expect([...room.state.senders.keys()]).toEqual([56_000_000]);
});
