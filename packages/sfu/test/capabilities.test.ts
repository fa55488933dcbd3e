import { beforeEach, describe, expect, it } from 'vitest';
import { errors, getSupportedRtpCapabilities, type PeerCapabilities, type Room } from '../src/index.ts';
import {
  mediaCodecs,
  opusParameters,
  peerCapabilities,
  record,
  startPeer,
  startRoom,
  startServer,
  vp8Parameters,
} from './fixtures.ts';

let room: Room;

beforeEach(async () => {
  room = await startRoom();
});

describe('room.getCapabilities() and room.rtpCapabilities', () => {
  it('gives explicit payload types, and RTX after each video codec (11.2, D-28, D-29)', () => {
    const shown = (kind: 'audio' | 'video' | 'depth') =>
      room
        .getCapabilities(kind)
        .codecs.map(({ name, payloadType, parameters }) => [name, payloadType, parameters.apt]);
    expect(shown('audio')).toEqual([
      ['audio/opus', 100, undefined],
      ['audio/PCMU', 0, undefined],
    ]);
    expect(shown('video')).toEqual([
      ['video/VP8', 110, undefined],
      ['video/rtx', 101, 110],
      ['video/H264', 112, undefined],
      ['video/rtx', 102, 112],
    ]);
    expect(shown('depth')).toEqual([
      ['video/VP8', 120, undefined],
      ['video/rtx', 103, 120],
    ]);
  });

  it('throws TypeError for another kind, and works on a closed room', () => {
    expect(() => room.getCapabilities('chicken' as 'audio')).toThrow(TypeError);
    expect(() => room.getCapabilities('AUDIO' as 'audio')).toThrow(TypeError);
    room.close();
    expect(room.getCapabilities('audio').codecs).toHaveLength(2);
  });

  it('a room without mediaCodecs has empty capabilities (D-8), a wrong element rejects', async () => {
    const server = startServer();
    const empty = { codecs: [], headerExtensions: [], fecMechanisms: [] };
    for (const options of [undefined, {}, { mediaCodecs: 7 }]) {
      const bare = await server.createRoom(options as object);
      expect(bare.getCapabilities('audio')).toEqual(empty);
    }
    const wrong = [
      { ...mediaCodecs[0]!, name: 'opus' },
      { kind: 'audio', name: 'audio/opus' },
      { name: 'audio/opus', clockRate: 48000 },
    ];
    for (const codec of wrong) {
      await expect(
        server.createRoom({ mediaCodecs: [codec as (typeof mediaCodecs)[0]] }),
      ).rejects.toBeInstanceOf(Error);
    }
  });

  it('rtpCapabilities are in the shape of mediasoup-client', () => {
    const { codecs, headerExtensions } = room.rtpCapabilities;
    expect(codecs.map(({ mimeType, preferredPayloadType }) => [mimeType, preferredPayloadType])).toEqual([
      ['audio/opus', 100],
      ['audio/PCMU', 0],
      ['video/VP8', 110],
      ['video/rtx', 101],
      ['video/H264', 112],
      ['video/rtx', 102],
    ]);
    expect(headerExtensions.every(({ kind }) => kind === 'audio' || kind === 'video')).toBe(true);
  });

  it('getSupportedRtpCapabilities() lists what a room can carry, without dynamic payload types', () => {
    const { codecs } = getSupportedRtpCapabilities();
    const byName = (name: string) => codecs.filter(({ mimeType }) => mimeType === name);
    expect(byName('audio/opus')[0]).not.toHaveProperty('preferredPayloadType');
    expect(byName('audio/PCMU')[0]).toMatchObject({ preferredPayloadType: 0, clockRate: 8000 });
    expect(byName('video/VP8')).toHaveLength(1);
    expect(byName('video/H264')).toHaveLength(2);
  });
});

describe('peer.setCapabilities()', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['text', 'opus'],
  ])('%s rejects with TypeError and may be followed by a right call (D-11)', async (_what, wrong) => {
    const peer = room.Peer('alice');
    const log: string[] = [];
    record(log, 'alice', peer, ['capabilities']);
    await expect(peer.setCapabilities(wrong as unknown as PeerCapabilities)).rejects.toBeInstanceOf(
      TypeError,
    );
    expect(peer.capabilities).toBeUndefined();
    await peer.setCapabilities(peerCapabilities);
    expect(log).toEqual(['alice capabilities']);
  });

  it.each([
    ['a codec without payload type', { codecs: [{ kind: 'audio', name: 'audio/opus', clockRate: 48000 }] }],
    ['a codec without kind', { codecs: [{ name: 'audio/opus', clockRate: 48000, payloadType: 100 }] }],
    [
      'an unknown subtype',
      { codecs: [{ kind: 'audio', name: 'audio/chicken', clockRate: 48000, payloadType: 100 }] },
    ],
    [
      'a payload type out of range',
      { codecs: [{ kind: 'audio', name: 'audio/opus', clockRate: 48000, payloadType: 128 }] },
    ],
    [
      'the same payload type twice',
      { codecs: [peerCapabilities.codecs![0], { ...peerCapabilities.codecs![1], payloadType: 100 }] },
    ],
    [
      'rtx without apt',
      { codecs: [{ kind: 'video', name: 'video/rtx', clockRate: 90000, payloadType: 97 }] },
    ],
    ['a FEC mechanism that is no text', { fecMechanisms: [7] }],
  ])('%s rejects with Error and leaves the capabilities unset', async (_what, wrong) => {
    const peer = room.Peer('alice');
    await expect(peer.setCapabilities(wrong as PeerCapabilities)).rejects.toBeInstanceOf(Error);
    expect(peer.capabilities).toBeUndefined();
  });

  it('{} is accepted: no codec, so every sender is unavailable and every receiver fails', async () => {
    const alice = await startPeer(room, 'alice');
    const transport = await alice.createTransport();
    await alice.RtpReceiver('audio', transport).receive(opusParameters(1));
    const bob = room.Peer('bob');
    expect(await bob.setCapabilities({})).toEqual({ codecs: [], headerExtensions: [], fecMechanisms: [] });
    const [sender] = bob.rtpSenders;
    expect(sender!.rtpParameters).toMatchObject({ codecs: [], encodings: [] });
    const bobTransport = await bob.createTransport();
    await sender!.setTransport(bobTransport);
    expect(sender!.active).toBe(false);
    await expect(bob.RtpReceiver('audio', bobTransport).receive(opusParameters(2))).rejects.toBeInstanceOf(
      errors.UnsupportedError,
    );
  });

  it('a second call rejects, also while the first is pending, and nothing changes', async () => {
    const peer = room.Peer('alice');
    const log: string[] = [];
    record(log, 'alice', peer, ['capabilities', 'newrtpsender']);
    const first = peer.setCapabilities(peerCapabilities);
    const second = peer.setCapabilities({});
    await expect(second).rejects.toThrow('peer capabilities already set');
    const effective = await first;
    await expect(peer.setCapabilities({})).rejects.toThrow('peer capabilities already set');
    expect(peer.capabilities).toEqual(effective);
    expect(log).toEqual(['alice capabilities']);
  });

  it('a call queued behind one that fails succeeds', async () => {
    const peer = room.Peer('alice');
    const first = peer.setCapabilities({ fecMechanisms: [7] } as unknown as PeerCapabilities);
    const second = peer.setCapabilities(peerCapabilities);
    await expect(first).rejects.toBeInstanceOf(Error);
    expect((await second).codecs).toHaveLength(6);
  });

  it('a closed peer rejects with InvalidStateError', async () => {
    const peer = room.Peer('alice');
    const queued = peer.setCapabilities(peerCapabilities);
    peer.close();
    await expect(queued).rejects.toBeInstanceOf(errors.InvalidStateError);
    await expect(peer.setCapabilities(peerCapabilities)).rejects.toBeInstanceOf(errors.InvalidStateError);
    expect(peer.capabilities).toBeUndefined();
  });

  it('announces existing receivers in join and creation order, then emits capabilities, then resolves (5.2)', async () => {
    const alice = await startPeer(room, 'alice');
    const carol = await startPeer(room, 'carol');
    const carolTransport = await carol.createTransport();
    const aliceTransport = await alice.createTransport();
    const carolAudio = carol.RtpReceiver('audio', carolTransport);
    await carolAudio.receive(opusParameters(30));
    const unused = alice.RtpReceiver('audio', aliceTransport);
    const aliceVideo = alice.RtpReceiver('video', aliceTransport);
    const aliceAudio = alice.RtpReceiver('audio', aliceTransport);
    await aliceAudio.receive(opusParameters(10));
    await aliceVideo.receive(vp8Parameters(11));

    const bob = room.Peer('bob');
    const log: unknown[] = [];
    bob.on('newrtpsender', (sender) =>
      log.push(sender.associatedRtpReceiver.id, bob.capabilities !== undefined),
    );
    bob.on('capabilities', () => log.push('capabilities', bob.rtpSenders.length));
    await bob.setCapabilities(peerCapabilities).then(() => log.push('resolved'));
    expect(log).toEqual([
      aliceVideo.id,
      true,
      aliceAudio.id,
      true,
      carolAudio.id,
      true,
      'capabilities',
      3,
      'resolved',
    ]);
    expect(unused.rtpParameters).toBeUndefined();
  });

  it('sendCapabilities say what the endpoint may send, the first argument what it gets (D-12)', async () => {
    const onlyAudio = { codecs: peerCapabilities.codecs!.slice(0, 1) };
    const onlyVideo = { codecs: peerCapabilities.codecs!.slice(2, 3) };
    const alice = room.Peer('alice');
    await alice.setCapabilities(onlyVideo, onlyAudio);
    const bob = await startPeer(room, 'bob');
    const transport = await alice.createTransport();
    await alice.RtpReceiver('audio', transport).receive(opusParameters(1));
    await expect(alice.RtpReceiver('video', transport).receive(vp8Parameters(2))).rejects.toBeInstanceOf(
      errors.UnsupportedError,
    );
    const bobTransport = await bob.createTransport();
    await bob.RtpReceiver('audio', bobTransport).receive(opusParameters(3));
    await bob.RtpReceiver('video', bobTransport).receive(vp8Parameters(4));
    expect(alice.rtpSenders.map(({ kind, rtpParameters }) => [kind, rtpParameters.codecs.length])).toEqual([
      ['audio', 0],
      ['video', 1],
    ]);
    const wrong = room.Peer('carol');
    await expect(wrong.setCapabilities({}, 7 as unknown as PeerCapabilities)).rejects.toBeInstanceOf(
      TypeError,
    );
  });
});
