import { beforeEach, describe, expect, test } from 'vitest';
import { TestRoom } from '../test/fixtures.ts';
import { createRoomState, decide, evolved, fullMediaState, isEmptyUpdate, toMediaUpdate } from './index.ts';

let room: TestRoom;
beforeEach(() => {
  room = new TestRoom();
});

const set = (maxLoudestAudio: unknown) => room.run({ type: 'room.setMaxLoudestAudio', maxLoudestAudio });

describe('how many are heard', () => {
  test('is told to the media side with whatever it is told, as long as it is not all', () => {
    const decision = set(3);
    const update = toMediaUpdate(room.state, decision);
    expect(update).toMatchObject({ maxLoudestAudio: 3, base: 0, version: 1 });
    expect(isEmptyUpdate(update, decision.changes)).toBe(false);
    expect(isEmptyUpdate(update, [])).toBe(true);
    const join = room.run({ type: 'peer.join', peerId: 99_999_999, name: 'zoe' });
    expect(toMediaUpdate(room.state, join)).toMatchObject({ maxLoudestAudio: 3 });
    expect(fullMediaState(room.state)).toMatchObject({ maxLoudestAudio: 3 });
    expect(toMediaUpdate(room.state, set(0))).not.toHaveProperty('maxLoudestAudio');
    expect(fullMediaState(room.state)).not.toHaveProperty('maxLoudestAudio');
  });

  test('that it already is changes nothing', () => {
    expect(set(0).changes).toEqual([]);
    set(5);
    expect(set(5)).toMatchObject({ changes: [], events: [] });
    const { state } = room;
    const twice = decide(
      state,
      [
        { type: 'room.setMaxLoudestAudio', maxLoudestAudio: 7 },
        { type: 'room.setMaxLoudestAudio', maxLoudestAudio: 5 },
      ],
      room.env,
    );
    expect(evolved(state, twice.changes)).toBe(state);
  });

  test.for([-1, 101, 1.5, '3', null, undefined, Number.NaN])('is refused as %s', (value) => {
    expect(() => set(value)).toThrow(/an integer of 0…100; 0 forwards all/);
  });

  test('may be given from the start', () => {
    expect(createRoomState({ id: 'a', mediaCodecs: [], maxLoudestAudio: 4 }).maxLoudestAudio).toBe(4);
    expect(createRoomState({ id: 'a', mediaCodecs: [] }).maxLoudestAudio).toBe(0);
  });

  test('does not matter to a receiver of sound that is always forwarded; pictures have no such thing', () => {
    const peer = room.peer('alice');
    const transportId = room.transport(peer);
    for (const [receiverId, kind] of [
      [88_000_001, 'audio'],
      [88_000_002, 'video'],
    ] as const) {
      room.run({
        type: 'receiver.create',
        peerId: peer,
        receiverId,
        kind,
        transportId,
        alwaysForward: true,
      });
    }
    expect(room.state.receivers.get(88_000_001)).toMatchObject({ alwaysForward: true });
    expect(room.state.receivers.get(88_000_002)).not.toHaveProperty('alwaysForward');
    room.run({
      type: 'receiver.receive',
      receiverId: 88_000_001,
      rtpParameters: { codecs: [{ name: 'audio/opus', payloadType: 111, clockRate: 48000 }] },
    });
    expect(fullMediaState(room.state).put.receivers).toMatchObject([{ alwaysForward: true }]);
  });
});

test('what a publisher says of DTX reaches the media side, in the encoding or in the codec', () => {
  const peer = room.peer('alice');
  const transportId = room.transport(peer);
  const encodings: readonly [boolean | undefined, number | undefined, boolean | undefined][] = [
    [undefined, undefined, undefined],
    [undefined, 1, true],
    [false, 1, true],
    [true, undefined, true],
    [true, 0, true],
    [false, 0, false],
  ];
  for (const [index, [dtx, useDtx, wanted]] of encodings.entries()) {
    const receiverId = 88_000_010 + index;
    room.run({ type: 'receiver.create', peerId: peer, receiverId, kind: 'audio', transportId });
    room.run({
      type: 'receiver.receive',
      receiverId,
      rtpParameters: {
        codecs: [
          {
            name: 'audio/opus',
            payloadType: 111,
            clockRate: 48000,
            parameters: useDtx === undefined ? {} : { useDtx },
          },
        ],
        encodings: [{ ssrc: 100 + index, ...(dtx === undefined ? {} : { dtx }) }],
      },
    });
    const spec = fullMediaState(room.state).put.receivers.find(({ id }) => id === receiverId)!;
    expect(spec.encodings[0]!.dtx, `${dtx} ${useDtx}`).toBe(wanted);
  }
});
