import { SenderExplanation } from '@weir/protocol';
import { buildRtpPacket } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import { onSqlite } from './databases.ts';
import { Instance, type Member } from './harness.ts';
import { capabilities } from './media.ts';
import { settle } from './virtual-clock.ts';
import { WorkerPods } from './worker-pods.ts';

const rids = ['r0', 'r1', 'r2'];

/** Chrome's simulcast: three encodings told by RID. */
const simulcast = {
  mid: '0',
  codecs: [
    {
      mimeType: 'video/VP8',
      payloadType: 96,
      clockRate: 90000,
      parameters: {},
      rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'transport-cc' }],
    },
  ],
  headerExtensions: [
    { uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 9 },
    { uri: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id', id: 10 },
  ],
  encodings: rids.map((rid) => ({ rid, scalabilityMode: 'L1T1' })),
  rtcp: { cname: 'alice', reducedSize: true },
};

onSqlite((open) => {
  async function meeting() {
    const pods = new WorkerPods();
    const weir = new Instance(await open(), { pods });
    await weir.lease('pod-1', pods.lease);
    const room = await weir.room();
    const alice = await weir.join(room, 'alice');
    const bob = await weir.join(room, 'bob');
    const rtpCapabilities = capabilities(alice.answer.snapshot.room as never);
    for (const one of [alice, bob]) await one.ok('PUT', '/capabilities', { rtpCapabilities });
    return { pods, weir, room, alice, bob };
  }

  const senderOf = async (member: Member) => (await member.ok('GET', '/senders')).senders[0].id as string;

  describe('GET …/senders/{sender}/explain', () => {
    it('tells from the first moment on what a picture waits for, from a true media worker', async () => {
      const { pods, alice, bob } = await meeting();
      const { mediaClock } = pods;
      const source = await pods.connect(alice, 'send');
      const receiver = await alice.ok('POST', '/receivers', {
        kind: 'video',
        transportId: source.id,
        rtpParameters: simulcast,
      });
      const sender = await senderOf(bob);
      const explain = async () => SenderExplanation.parse(await bob.ok('GET', `/senders/${sender}/explain`));
      expect(await explain()).toMatchObject({
        senderId: sender,
        kind: 'video',
        limit: { code: 'unbound' },
        forwarding: false,
        wantedLayers: { spatialLayer: 2, temporalLayer: 0 },
        currentLayers: null,
      });

      const viewer = await pods.connect(bob, 'recv');
      await bob.ok('PATCH', `/senders/${sender}`, { transportId: viewer.id, enabled: false });
      expect((await explain()).limit.code).toBe('disabled');
      await bob.ok('PATCH', `/senders/${sender}`, { enabled: true });
      await settle();
      expect((await explain()).limit).toEqual({
        code: 'not-connected',
        sentence: 'The viewer’s transport is not connected (ICE: new, DTLS: new).',
      });

      for (const { endpoint } of [source, viewer]) endpoint.start();
      mediaClock.runFor(3000);
      expect(viewer.endpoint.state).toBe('connected');
      expect((await explain()).limit.code).toBe('source-silent');

      let sending = [true, true, true];
      let frame = 0;
      const send = () => {
        sending.forEach((on, i) => {
          if (on) source.endpoint.sendRtp(vp8Packet(i, frame));
        });
        frame++;
        mediaClock.at(mediaClock.now() + 40, send);
      };
      send();
      mediaClock.runFor(4000);
      const best = await explain();
      expect(best).toMatchObject({
        limit: { code: 'none', sentence: 'It gets the best that the publisher sends.' },
        forwarding: true,
        currentLayers: { spatialLayer: 2, temporalLayer: 0 },
      });
      expect(best.source.map(({ rid, live }) => [rid, live])).toEqual(rids.map((rid) => [rid, true]));
      expect(best.source.every(({ bitrateBps }) => bitrateBps > 10_000)).toBe(true);

      await bob.ok('PATCH', `/senders/${sender}`, { preferredLayers: { spatialLayer: 0 } });
      await settle();
      mediaClock.runFor(3000);
      expect(await explain()).toMatchObject({
        limit: { code: 'preference', sentence: 'The viewer prefers layer 0.' },
        preferredLayers: { spatialLayer: 0 },
        currentLayers: { spatialLayer: 0 },
      });

      const hysteresis = { upMargin: 0.4 };
      expect(await bob.ok('PATCH', `/senders/${sender}`, { hysteresis })).toMatchObject({ hysteresis });
      expect((await bob.call('PATCH', `/senders/${sender}`, { hysteresis: { upMargin: 3 } })).status).toBe(
        422,
      );
      await settle();
      // As the room's database tells it.
      expect((await bob.ok('GET', `/senders/${sender}`)).hysteresis).toEqual(hysteresis);
      expect((await explain()).hysteresis).toEqual({
        upMargin: 0.4,
        downMargin: 0.08,
        upHoldMs: 700,
        downHoldMs: 1500,
      });
      await bob.ok('PATCH', `/senders/${sender}`, { hysteresis: null, preferredLayers: null });
      expect(await bob.ok('GET', `/senders/${sender}`)).not.toHaveProperty('hysteresis');
      await settle();
      sending = [true, true, false];
      mediaClock.runFor(6000);
      expect(await explain()).toMatchObject({
        limit: { code: 'source', sentence: 'The publisher does not send layer 2 at present.' },
        currentLayers: { spatialLayer: 1 },
      });

      await alice.ok('PATCH', `/receivers/${receiver.id}`, { paused: true });
      await settle();
      expect(await explain()).toMatchObject({ limit: { code: 'receiver-paused' }, forwarding: false });
      await alice.ok('PATCH', `/receivers/${receiver.id}`, { paused: false });
      await settle();
      pods.down.add('pod-1');
      expect(await explain()).toMatchObject({ limit: { code: 'pod-silent' }, currentLayers: null });
    });

    it('and GET …/stats tell the same of one picture, in RTC names', async () => {
      const { pods, alice, bob } = await meeting();
      const { mediaClock } = pods;
      const source = await pods.connect(alice, 'send');
      const receiver = await alice.ok('POST', '/receivers', {
        kind: 'video',
        transportId: source.id,
        rtpParameters: simulcast,
      });
      const sender = await senderOf(bob);
      const viewer = await pods.connect(bob, 'recv');
      await bob.ok('PATCH', `/senders/${sender}`, { transportId: viewer.id, enabled: true });
      await bob.ok('PATCH', `/transports/${viewer.id}`, { maxOutgoingBitrate: 2_000_000 });
      await settle();
      for (const { endpoint } of [source, viewer]) endpoint.start();
      mediaClock.runFor(3000);
      let received = 0;
      viewer.endpoint.onRtp = () => received++;
      let frame = 0;
      const send = () => {
        for (const layer of [0, 1, 2]) source.endpoint.sendRtp(vp8Packet(layer, frame));
        frame++;
        mediaClock.at(mediaClock.now() + 40, send);
      };
      send();
      mediaClock.runFor(5000);

      type Stat = Record<string, unknown>;
      const of = async (member: Member) => (await member.ok('GET', '/stats')).stats as Stat[];
      const sent = await of(alice);
      const inbound = sent.filter(({ type }) => type === 'inbound-rtp');
      expect(inbound.map(({ rid, encodingIdx, ssrc }) => [rid, encodingIdx, ssrc])).toEqual([
        ['r0', 0, 5000],
        ['r1', 1, 5001],
        ['r2', 2, 5002],
      ]);
      for (const one of inbound) {
        expect(one).toMatchObject({
          receiverId: receiver.id,
          kind: 'video',
          mimeType: 'video/VP8',
          packetsLost: 0,
          fractionLost: 0,
          packetsDiscarded: 0,
          nackCount: 0,
          score: 10,
        });
        expect(Math.abs((one.packetCount as number) - frame)).toBeLessThanOrEqual(1);
        const byLayer = (one.bitrateByLayer as Record<string, number>)['0.0']!;
        expect(byLayer / (one.bitrate as number)).toBeGreaterThan(0.8);
        expect(byLayer / (one.bitrate as number)).toBeLessThan(1.25);
      }
      const seen = await of(bob);
      expect(seen.map(({ type }) => type)).toEqual(['webrtc-transport', 'outbound-rtp', 'inbound-rtp']);
      const [transport, outbound, taken] = seen;
      expect(transport).toMatchObject({
        transportId: viewer.id,
        iceState: 'completed',
        dtlsState: 'connected',
        iceSelectedTuple: { remoteIP: viewer.socket.address.ip, protocol: 'udp' },
        maxOutgoingBitrate: 2_000_000,
      });
      expect(outbound).toMatchObject({ senderId: sender, kind: 'video', mimeType: 'video/VP8', score: 10 });
      expect(Math.abs((outbound!.packetCount as number) - received)).toBeLessThanOrEqual(2);
      const explained = SenderExplanation.parse(await bob.ok('GET', `/senders/${sender}/explain`));
      expect(taken!.ssrc).toBe(5000 + explained.currentLayers!.spatialLayer);
      expect(outbound!.currentSpatialLayer).toBe(explained.currentLayers!.spatialLayer);
    });

    it('is for the peer whose sender it is', async () => {
      const { pods, alice, bob } = await meeting();
      const source = await pods.connect(alice, 'send');
      await alice.ok('POST', '/receivers', {
        kind: 'video',
        transportId: source.id,
        rtpParameters: simulcast,
      });
      const sender = await senderOf(bob);
      const refused = await alice.call('GET', `/senders/${sender}/explain`);
      expect(refused.status).toBe(404);
      expect(refused.body).toMatchObject({ code: 'sender-not-found' });
    });
  });
});

/** One packet per frame, larger with each layer; every eighth frame is a key frame. */
function vp8Packet(layer: number, frame: number): Uint8Array {
  const payload = new Uint8Array(100 * 3 ** layer);
  payload.set([0x90, 0xe0, 0x80 | ((frame >> 8) & 0x7f), frame & 255, frame & 255, 0]);
  payload[6] = frame % 8 === 0 ? 0x10 : 0x11;
  return buildRtpPacket({
    payloadType: 96,
    sequenceNumber: (1000 + frame) & 0xffff,
    timestamp: (frame * 3600) >>> 0,
    ssrc: 5000 + layer,
    marker: true,
    extensions: [
      { id: 9, data: new TextEncoder().encode('0') },
      { id: 10, data: new TextEncoder().encode(rids[layer]) },
    ],
    payload,
  });
}
