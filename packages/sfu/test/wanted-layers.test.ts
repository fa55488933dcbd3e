import { buildRtpPacket } from '@weir/rtp';
import { expect, it } from 'vitest';
import { connected, sendEvery } from './endpoint.ts';
import { next, startPeer, startRoom, vp8Parameters } from './fixtures.ts';

/** Every packet is a small key frame. */
function keyFrame(ssrc: number, sequenceNumber: number): Uint8Array {
  return buildRtpPacket({
    payloadType: 110,
    sequenceNumber,
    timestamp: sequenceNumber * 3000,
    ssrc,
    marker: true,
    payload: Uint8Array.of(0x10, 0x10, 2, 0, 0x9d, 0x01, 0x2a, sequenceNumber & 0xff),
  });
}

it('an RtpReceiver hears which of its layers somebody has a use for', async () => {
  const room = await startRoom();
  const alice = await startPeer(room, 'alice');
  const bob = await startPeer(room, 'bob');
  const transport = await alice.createTransport();
  const endpoint = await connected(transport);
  const video = alice.RtpReceiver('video', transport);
  await video.receive({ ...vp8Parameters(1), encodings: [{ ssrc: 1 }, { ssrc: 2 }, { ssrc: 3 }] });
  const bobs = await bob.createTransport();
  await connected(bobs);
  const [sender] = bob.rtpSenders;
  await sender!.setTransport(bobs);
  expect(video.wantedLayers).toEqual([0, 1, 2]);

  const stop = sendEvery(20, (n) => {
    for (const ssrc of [1, 2, 3]) endpoint.sendRtp(keyFrame(ssrc, n + 1));
  });
  await sender!.setPreferredLayers({ spatialLayer: 1 });
  const [lower] = await next(video, 'wantedlayers');
  expect(lower).toEqual([0, 1]);
  expect(video.wantedLayers).toEqual([0, 1]);
  expect((await sender!.explain()).limit.code).toBe('preference');

  const raised = next(video, 'wantedlayers');
  await sender!.setPreferredLayers(null);
  expect((await raised)[0]).toEqual([0, 1, 2]);
  stop();
});
