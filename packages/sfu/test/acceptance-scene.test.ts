import { describe, expect, it } from 'vitest';
import type { Peer, Room, RtpReceiver, RtpSender, Transport } from '../src/index.ts';
import { next, opusParameters, startPeer, startRoom, vp8Parameters } from './fixtures.ts';

interface Scene {
  room: Room;
  alice: Peer;
  bob: Peer;
  aliceAudio: RtpReceiver;
  aliceVideo: RtpReceiver;
  bobVideo: RtpReceiver;
  aliceTransport: Transport;
  bobTransport: Transport;
}

/** Waits until the peer has so many senders, whether they are there already or still announced. */
async function senders(peer: Peer, count: number): Promise<RtpSender[]> {
  while (peer.rtpSenders.length < count) await next(peer, 'newrtpsender');
  return peer.rtpSenders;
}

const aliceUser = { name: 'alice', foo: [1, 'two', null] };

async function scene(): Promise<Scene> {
  const room = await startRoom();
  const [alice, bob] = await Promise.all([startPeer(room, 'alice'), startPeer(room, 'bob')]);
  const joinAlice = async () => {
    const transport = await alice.createTransport({ tcp: false });
    const audio = alice.RtpReceiver('audio', transport);
    const video = alice.RtpReceiver('video', transport);
    await Promise.all([
      audio.receive(opusParameters(100001, { muxId: 'alice-audio', userParameters: aliceUser })),
      video.receive(vp8Parameters(100002, { muxId: 'alice-video', userParameters: aliceUser })),
    ]);
    return { transport, audio, video };
  };
  const joinBob = async () => {
    const transport = await bob.createTransport({ tcp: false });
    const video = bob.RtpReceiver('video', transport);
    await video.receive(vp8Parameters(200002));
    return { transport, video };
  };
  const [ofAlice, ofBob] = await Promise.all([joinAlice(), joinBob()]);
  return {
    room,
    alice,
    bob,
    aliceAudio: ofAlice.audio,
    aliceVideo: ofAlice.video,
    bobVideo: ofBob.video,
    aliceTransport: ofAlice.transport,
    bobTransport: ofBob.transport,
  };
}

/** Senders are made from these parts of their source; ssrc and muxId are their own. */
function expectSame(sender: RtpSender, receiver: RtpReceiver): void {
  const source = receiver.rtpParameters!;
  const shown = (codecs: typeof source.codecs) =>
    codecs.map(({ name, payloadType, clockRate }) => ({ name, payloadType, clockRate }));
  expect(sender.associatedRtpReceiver).toBe(receiver);
  expect(sender.kind).toBe(receiver.kind);
  expect(shown(sender.rtpParameters.codecs)[0]).toEqual(shown(source.codecs)[0]);
  expect(sender.rtpParameters.rtcp).toEqual(source.rtcp);
  expect(sender.rtpParameters.userParameters).toEqual(source.userParameters);
  expect(sender.rtpParameters.encodings).toHaveLength(1);
}

async function expectMap(room: Room, expected: [RtpReceiver, number][]): Promise<void> {
  const { mapRtpReceiverRtpSenders } = await room.dump();
  const counts = Object.fromEntries(
    Object.entries(mapRtpReceiverRtpSenders).map(([id, list]) => [id, list.length]),
  );
  expect(counts).toEqual(Object.fromEntries(expected.map(([receiver, count]) => [receiver.id, count])));
}

async function closeAliceAudio({ room, aliceAudio, aliceVideo, bobVideo, bob }: Scene): Promise<void> {
  const [bobAudio] = await senders(bob, 2);
  expect(bobAudio!.associatedRtpReceiver).toBe(aliceAudio);
  const closes = Promise.all([next(aliceAudio, 'close'), next(bobAudio!, 'close')]);
  aliceAudio.close();
  expect(await closes).toEqual([[undefined], []]);
  expect(bob.rtpSenders).toHaveLength(1);
  await expectMap(room, [
    [aliceVideo, 1],
    [bobVideo, 1],
  ]);
}

async function closeBob({ bob, bobVideo, alice }: Scene): Promise<void> {
  const [aliceSender] = await senders(alice, 1);
  const bobSender = bob.rtpSenders[0]!;
  const closes = Promise.all([
    next(bob, 'close'),
    next(bobVideo, 'close'),
    next(bobSender, 'close'),
    next(aliceSender!, 'close'),
  ]);
  bob.close();
  expect(await closes).toEqual([[undefined], [undefined], [], []]);
}

describe('object-model.md §14.8, a scene', () => {
  it('C1 alice, bob and carol create RtpReceivers and expect RtpSenders', async () => {
    const all = await scene();
    const { room, alice, bob, aliceAudio, aliceVideo, bobVideo, aliceTransport, bobTransport } = all;

    const [aliceSender] = await senders(alice, 1);
    const [bobAudio, bobVideoSender] = await senders(bob, 2);
    expect(alice.rtpSenders).toHaveLength(1);
    expect(bob.rtpSenders).toHaveLength(2);
    expectSame(aliceSender!, bobVideo);
    expectSame(bobAudio!, aliceAudio);
    expectSame(bobVideoSender!, aliceVideo);
    expect(aliceSender!.peer).toBe(alice);
    expect(aliceSender!.associatedRtpReceiver.peer).toBe(bob);

    await aliceSender!.setTransport(aliceTransport);
    await bobAudio!.setTransport(bobTransport);
    await bobVideoSender!.setTransport(bobTransport);
    expect(aliceSender!.transport).toBe(aliceTransport);
    expect(bobAudio!.transport).toBe(bobTransport);
    expect(bobVideoSender!.transport).toBe(bobTransport);

    await expectMap(room, [
      [aliceAudio, 1],
      [aliceVideo, 1],
      [bobVideo, 1],
    ]);

    await closeAliceAudio(all);
    await closeBob(all);

    expect(alice.rtpReceivers).toEqual([aliceVideo]);
    expect(alice.rtpSenders).toEqual([]);
    expect(bob.rtpReceivers).toEqual([]);
    expect(bob.rtpSenders).toEqual([]);
    await expectMap(room, [[aliceVideo, 0]]);

    const carol = await startPeer(room, 'carol');
    const carolTransport = await carol.createTransport({ tcp: false });
    const carolAudio = carol.RtpReceiver('audio', carolTransport);
    const carolVideo = carol.RtpReceiver('video', carolTransport);
    await Promise.all([
      carolAudio.receive(opusParameters(300001)),
      carolVideo.receive(vp8Parameters(300002)),
    ]);
    const [carolSender] = await senders(carol, 1);
    expectSame(carolSender!, aliceVideo);
    await expectMap(room, [
      [aliceVideo, 1],
      [carolAudio, 1],
      [carolVideo, 1],
    ]);
  });

  it('C2 aliceAudioReceiver.close() must also close bobAudioSender', async () =>
    closeAliceAudio(await scene()));

  it('C3 bob.close() must also close aliceVideoSender', async () => closeBob(await scene()));
});
