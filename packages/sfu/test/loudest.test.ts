import { describe, expect, it } from 'vitest';
import type { RtpReceiver } from '../src/index.ts';
import { connected, opusPacket, sendEvery } from './endpoint.ts';
import { opusParameters, settled, startPeer, startRoom } from './fixtures.ts';

const audioLevel = { uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', id: 1 };

describe('room.maxLoudestAudio', () => {
  it('is all unless told, at creation or later; what it cannot be is refused', async () => {
    const room = await startRoom();
    expect(room.maxLoudestAudio).toBe(0);
    await room.setMaxLoudestAudio(3);
    expect(room.maxLoudestAudio).toBe(3);
    for (const wrong of [-1, 101, 1.5, '3' as never, undefined as never]) {
      await expect(room.setMaxLoudestAudio(wrong)).rejects.toThrow(TypeError);
    }
    expect(room.maxLoudestAudio).toBe(3);
    room.close();
    await expect(room.setMaxLoudestAudio(1)).rejects.toThrow('closed');
  });

  it('lets only so many be forwarded, besides those that always are', async () => {
    const room = await startRoom();
    await room.setMaxLoudestAudio(1);
    const alice = await startPeer(room, 'alice');
    const bob = await startPeer(room, 'bob');
    const [from, to] = [await alice.createTransport(), await bob.createTransport()];
    const endpoint = await connected(from);
    await connected(to);
    const receivers: RtpReceiver[] = [];
    for (const [ssrc, alwaysForward] of [
      [11, false],
      [12, false],
      [13, true],
    ] as const) {
      const receiver = alice.RtpReceiver('audio', from, { alwaysForward });
      await receiver.receive(opusParameters(ssrc, { headerExtensions: [audioLevel] }));
      receivers.push(receiver);
    }
    for (const sender of bob.rtpSenders) await sender.setTransport(to);
    const stop = sendEvery(10, (n) => {
      endpoint.sendRtp(opusPacket(11, n, -80));
      endpoint.sendRtp(opusPacket(12, n, -20));
      endpoint.sendRtp(opusPacket(13, n, -127));
    });
    const among = async () =>
      Promise.all(receivers.map(async (one) => (await one.getStats())[0]?.amongLoudest));
    while ((await among())[1] !== true) await settled();
    expect(await among()).toEqual([false, true, undefined]);
    await room.setMaxLoudestAudio(0);
    while ((await among())[0] !== undefined) await settled();
    stop();
  });
});
