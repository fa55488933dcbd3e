import { describe, expect, it } from 'vitest';
import { opus, startPeer, startRoom, videoFeedback, vp8 } from './acceptance.ts';
import { onSqlite } from './databases.ts';
import type { Instance, Member } from './harness.ts';

/** object-model.md §14.8 over HTTP: three peers, and who can be sent what of whom. */

interface Receiver {
  id: string;
  kind: string;
  rtpParameters: { codecs: { mimeType: string; payloadType: number }[]; rtcp: object; msid?: string };
}
interface Sender extends Receiver {
  receiverId: string;
  sourcePeerId: string;
  rtpParameters: Receiver['rtpParameters'] & { encodings: { ssrc: number }[] };
}

onSqlite((open) => {
  async function publish(peer: Member, transportId: string, kind: 'audio' | 'video', ssrc: number) {
    const codec = kind === 'audio' ? opus : { ...vp8, rtcpFeedback: videoFeedback.slice(0, 2) };
    const rtpParameters = {
      mid: `${ssrc}`,
      codecs: [codec],
      encodings: [{ ssrc }],
      rtcp: { cname: `cname-${ssrc}` },
      msid: `stream ${ssrc}`,
    };
    const receiver = await peer.ok('POST', '/receivers', { kind, transportId, rtpParameters });
    return receiver as Receiver;
  }

  async function scene() {
    const { weir, room } = await startRoom(open);
    const [alice, bob] = [await startPeer(weir, room, 'alice'), await startPeer(weir, room, 'bob')];
    const joinAlice = async () => {
      const { id } = await alice.ok('POST', '/transports', { tcp: false });
      const audio = await publish(alice, id, 'audio', 100001);
      return { transport: id as string, audio, video: await publish(alice, id, 'video', 100002) };
    };
    const joinBob = async () => {
      const { id } = await bob.ok('POST', '/transports', { tcp: false });
      return { transport: id as string, video: await publish(bob, id, 'video', 200002) };
    };
    const [ofAlice, ofBob] = await Promise.all([joinAlice(), joinBob()]);
    return { weir, room, alice, bob, ofAlice, ofBob };
  }

  const sendersOf = async (peer: Member) => (await peer.ok('GET', '/senders')).senders as Sender[];

  /** Made from its source; SSRC and MID are its own. */
  function expectSame(sender: Sender, source: Receiver): void {
    const codec = ({ rtpParameters }: Receiver) => {
      const { mimeType, payloadType } = rtpParameters.codecs[0]!;
      return { mimeType, payloadType };
    };
    expect(sender.receiverId).toBe(source.id);
    expect(sender.kind).toBe(source.kind);
    expect(codec(sender)).toEqual(codec(source));
    expect(sender.rtpParameters.rtcp).toEqual(source.rtpParameters.rtcp);
    expect(sender.rtpParameters.msid).toBe(source.rtpParameters.msid);
    expect(sender.rtpParameters.encodings).toHaveLength(1);
  }

  async function expectMap(weir: Instance, room: string, expected: [Receiver, number][]): Promise<void> {
    const dump = await weir.ok('GET', `${room}/dump`, { token: await weir.admin() });
    const map = dump.mapRtpReceiverRtpSenders as Record<string, number[]>;
    expect(Object.fromEntries(Object.entries(map).map(([id, list]) => [id, list.length]))).toEqual(
      Object.fromEntries(expected.map(([{ id }, count]) => [id, count])),
    );
  }

  async function closeAliceAudio({
    weir,
    room,
    alice,
    bob,
    ofAlice,
    ofBob,
  }: Awaited<ReturnType<typeof scene>>) {
    const bobAudio = (await sendersOf(bob)).find(({ receiverId }) => receiverId === ofAlice.audio.id)!;
    await Promise.all([alice.events(), bob.events()]);
    await alice.ok('DELETE', `/receivers/${ofAlice.audio.id}`);
    expect(await alice.events()).toMatchObject([
      { type: 'close', target: { kind: 'rtpreceiver', id: ofAlice.audio.id }, data: {} },
    ]);
    expect(await bob.events()).toMatchObject([
      { type: 'close', target: { kind: 'rtpsender', id: bobAudio.id }, data: {} },
    ]);
    await expectMap(weir, room, [
      [ofAlice.video, 1],
      [ofBob.video, 1],
    ]);
  }

  async function closeBob({ alice, bob, ofBob }: Awaited<ReturnType<typeof scene>>) {
    const [aliceVideo] = await sendersOf(alice);
    const ofBobHimself = await sendersOf(bob);
    await Promise.all([alice.events(), bob.events()]);
    await bob.ok('DELETE', '');
    expect((await bob.events()).map(({ type, target }) => `${type} ${target.kind} ${target.id}`)).toEqual([
      `close transport ${ofBob.transport}`,
      `close rtpreceiver ${ofBob.video.id}`,
      ...ofBobHimself.map(({ id }) => `close rtpsender ${id}`),
      `close peer ${bob.id}`,
    ]);
    const heard = (await alice.events()).map(({ type, target }) => `${type} ${target.kind} ${target.id}`);
    expect(heard).toContain(`close rtpsender ${aliceVideo!.id}`);
    expect(heard).toContain('peerclose room daily');
  }

  describe('a scene', () => {
    it('HTTP C1 alice, bob and carol publish, and find the senders made of it', async () => {
      const all = await scene();
      const { weir, room, alice, bob, ofAlice, ofBob } = all;
      const [aliceVideo, ...more] = await sendersOf(alice);
      expect(more).toEqual([]);
      const [bobAudio, bobVideo, ...evenMore] = await sendersOf(bob);
      expect(evenMore).toEqual([]);
      expectSame(aliceVideo!, ofBob.video);
      expectSame(bobAudio!, ofAlice.audio);
      expectSame(bobVideo!, ofAlice.video);
      expect(aliceVideo!.sourcePeerId).toBe(bob.id);
      const announced = (await bob.events()).filter(({ type }) => type === 'newrtpsender');
      expect(announced.map(({ data }) => data.id)).toEqual([bobAudio!.id, bobVideo!.id]);

      for (const [peer, sender, transportId] of [
        [alice, aliceVideo!, ofAlice.transport],
        [bob, bobAudio!, ofBob.transport],
        [bob, bobVideo!, ofBob.transport],
      ] as const) {
        const bound = await peer.ok('PATCH', `/senders/${sender.id}`, { transportId });
        expect(bound).toMatchObject({ transportId, active: true });
      }
      await expectMap(weir, room, [
        [ofAlice.audio, 1],
        [ofAlice.video, 1],
        [ofBob.video, 1],
      ]);

      await closeAliceAudio(all);
      await closeBob(all);
      const snapshot = await alice.ok('GET', '/snapshot');
      expect(snapshot.receivers.map(({ id }: Receiver) => id)).toEqual([ofAlice.video.id]);
      expect(snapshot.senders).toEqual([]);
      await expectMap(weir, room, [[ofAlice.video, 0]]);

      const carol = await startPeer(weir, room, 'carol');
      const { id } = await carol.ok('POST', '/transports', { tcp: false });
      const carolAudio = await publish(carol, id, 'audio', 300001);
      const carolVideo = await publish(carol, id, 'video', 300002);
      const [carolSender, ...others] = await sendersOf(carol);
      expect(others).toEqual([]);
      expectSame(carolSender!, ofAlice.video);
      await expectMap(weir, room, [
        [ofAlice.video, 1],
        [carolAudio, 1],
        [carolVideo, 1],
      ]);
    });

    it('HTTP C2 closing alice’s audio closes what bob gets of it', async () => {
      await closeAliceAudio(await scene());
    });

    it('HTTP C3 bob leaving closes what alice gets of him', async () => {
      await closeBob(await scene());
    });
  });
});
