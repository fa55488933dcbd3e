import { describe, expect, it } from 'vitest';
import { onEveryDatabaseAndD1 } from './databases.ts';
import { Instance, type Member } from './harness.ts';
import { capabilities, dtls, opus, vp8 } from './media.ts';
import { settle } from './virtual-clock.ts';

onEveryDatabaseAndD1((open) => {
  async function meeting() {
    const weir = new Instance(await open());
    await weir.lease('pod-1');
    const room = await weir.room();
    const alice = await weir.join(room, 'alice');
    const bob = await weir.join(room, 'bob');
    for (const one of [alice, bob]) {
      await one.ok('PUT', '/capabilities', {
        rtpCapabilities: capabilities(alice.answer.snapshot.room as never),
      });
    }
    return { weir, room, alice, bob };
  }

  async function publish(member: Member, kind: 'audio' | 'video', ssrc: number) {
    const transport = await member.ok('POST', '/transports', { direction: 'send' });
    await member.ok('PUT', `/transports/${transport.id}/dtls`, { dtlsParameters: dtls });
    return await member.ok('POST', '/receivers', {
      kind,
      transportId: transport.id,
      rtpParameters: kind === 'audio' ? opus(ssrc) : vp8(ssrc),
      appData: { source: 'camera' },
    });
  }

  describe('the straight path', () => {
    it('from joining to forwarded media, with the events of the object model in their order', async () => {
      const { weir, alice, bob } = await meeting();
      const video = await publish(alice, 'video', 1000);
      expect(video).toMatchObject({ kind: 'video', type: 'simple', peerId: alice.id, paused: false });

      expect(await alice.eventTypes()).toEqual([
        'newpeer',
        'capabilities',
        'newtransport',
        'newrtpreceiver',
        'parameters',
      ]);
      const heard = await bob.events();
      expect(heard.map(({ type }) => type)).toEqual(['capabilities', 'newrtpsender']);
      const sender = heard[1]!.data as {
        id: string;
        receiverId: string;
        rtpParameters: { codecs: unknown[] };
      };
      expect(sender).toMatchObject({
        receiverId: video.id,
        sourcePeerName: 'alice',
        transportId: null,
        active: false,
        appData: { source: 'camera' },
      });

      const receiving = await bob.ok('POST', '/transports', { direction: 'recv' });
      const bound = await bob.ok('PATCH', `/senders/${sender.id}`, {
        transportId: receiving.id,
        enabled: true,
      });
      expect(bound).toMatchObject({ active: true, transportId: receiving.id, consumerId: `${sender.id}.1` });
      // What consume() needs: the room's payload types, one encoding with ssrc and rtx, a cname, a mid.
      expect(bound.rtpParameters.codecs.map((codec: { mimeType: string }) => codec.mimeType)).toEqual([
        'video/VP8',
        'video/rtx',
      ]);
      expect(bound.rtpParameters.encodings).toEqual([
        expect.objectContaining({ ssrc: expect.any(Number), rtx: { ssrc: expect.any(Number) } }),
      ]);
      expect(bound.rtpParameters.rtcp.cname).toBe('alice');
      expect(bound.rtpParameters.mid).toBeTypeOf('string');
      expect(await bob.eventTypes()).toEqual(['newtransport', 'activechange', 'transport']);

      await settle();

      const held = weir.pods.held('pod-1', 'daily')!;
      expect(held.transports.size).toBe(2);
      expect([...held.receivers.keys()]).toEqual([Number(video.id)]);
      expect(held.senders.get(Number(sender.id))).toMatchObject({
        active: true,
        receiverId: Number(video.id),
      });
      expect(weir.pods.keyFrames).toEqual([Number(sender.id)]);
    });

    it('a newcomer gets what is there already, and its snapshot says the same', async () => {
      const { weir, room, alice } = await meeting();
      await publish(alice, 'audio', 2000);
      const carol = await weir.join(room, 'carol', {
        rtpCapabilities: capabilities(alice.answer.snapshot.room as never),
      });
      const { snapshot } = carol.answer;
      expect(snapshot.peers.map(({ name }) => name)).toEqual(['alice', 'bob']);
      expect(snapshot.senders).toHaveLength(1);
      // Everything up to the cursor is in the snapshot.
      expect(await carol.events()).toEqual([]);
      expect(await carol.ok('GET', '/snapshot')).toEqual(snapshot);
      const all = await carol.ok('GET', '/events?after=0');
      expect(all.events.map(({ type }: { type: string }) => type)).toEqual(['newrtpsender', 'capabilities']);
    });

    it('happenings of the pod reach the peer in their order, and its state', async () => {
      const { weir, alice } = await meeting();
      const transport = await alice.ok('POST', '/transports', {});
      await alice.events();
      const of = { roomId: 'daily', transportId: Number(transport.id) };
      const tuple = {
        localIP: '127.0.0.1',
        localPort: 40000,
        remoteIP: '127.0.0.1',
        remotePort: 5,
        protocol: 'udp',
      } as const;
      await weir.pod('pod-1').report([
        { ...of, type: 'transport.tuple', tuple },
        { ...of, type: 'transport.ice', state: 'completed' },
        { ...of, type: 'transport.dtls', state: 'connecting' },
        { ...of, type: 'transport.dtls', state: 'connected', remoteCert: 'PEM' },
      ]);
      expect((await alice.events()).map(({ type, data }) => [type, data])).toEqual([
        ['iceselectedtuplechange', tuple],
        ['icestatechange', { state: 'completed' }],
        ['dtlsstatechange', { state: 'connecting' }],
        ['dtlsstatechange', { state: 'connected' }],
      ]);
      const view = await alice.ok('GET', `/transports/${transport.id}`);
      expect(view).toMatchObject({ iceState: 'completed', dtlsState: 'connected', iceSelectedTuple: tuple });
    });

    it('closing a receiver, a transport and a peer is told to everybody it concerns', async () => {
      const { weir, alice, bob } = await meeting();
      const audio = await publish(alice, 'audio', 3000);
      const video = await publish(alice, 'video', 4000);
      const senders = (await bob.ok('GET', '/senders')).senders as { id: string }[];
      await bob.events();
      await alice.ok('DELETE', `/receivers/${audio.id}`);
      expect(await bob.events()).toMatchObject([
        { type: 'close', target: { kind: 'rtpsender', id: senders[0]!.id } },
      ]);
      await alice.events();
      await alice.ok('DELETE', `/transports/${video.transportId}`);
      expect((await alice.events()).map(({ type, target }) => [type, target.kind])).toEqual([
        ['close', 'rtpreceiver'],
        ['close', 'transport'],
      ]);
      expect(await bob.events()).toMatchObject([
        { type: 'close', target: { kind: 'rtpsender', id: senders[1]!.id } },
      ]);
      await alice.ok('DELETE', '');
      expect(await bob.events()).toMatchObject([
        { type: 'peerclose', target: { kind: 'room', id: 'daily' }, data: { name: 'alice', reason: 'left' } },
      ]);
      await settle();
      const held = weir.pods.held('pod-1', 'daily')!;
      expect(held.transports.size + held.receivers.size + held.senders.size).toBe(0);
    });
  });
});
