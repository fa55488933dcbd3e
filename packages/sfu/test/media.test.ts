import { buildRtpPacket, RtpHeader } from '@weir/rtp';
import { openUdpSocket, type TestEndpoint } from '@weir/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AudioLevelInfo, Peer, Room, RtpObject, RtpReceiver, Transport } from '../src/index.ts';
import { connected, opusPacket, sendEvery } from './endpoint.ts';
import { next, opusParameters, settled, startPeer, startRoom, vp8Parameters } from './fixtures.ts';

const audioLevel = { uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', id: 1 };

let room: Room;
let alice: Peer;
let transport: Transport;
let endpoint: TestEndpoint;

/** Alice is connected. */
beforeEach(async () => {
  room = await startRoom();
  alice = await startPeer(room, 'alice');
  transport = await alice.createTransport();
  endpoint = await connected(transport);
});

async function audioOf(ssrc: number): Promise<RtpReceiver> {
  const receiver = alice.RtpReceiver('audio', transport);
  await receiver.receive(opusParameters(ssrc, { headerExtensions: [audioLevel] }));
  return receiver;
}

/** A viewer with a connected transport of its own. */
async function viewer(name: string): Promise<{ peer: Peer; transport: Transport; endpoint: TestEndpoint }> {
  const peer = await startPeer(room, name);
  const own = await peer.createTransport();
  return { peer, transport: own, endpoint: await connected(own) };
}

/** The next packet that an endpoint decrypts. */
function nextRtp(of: TestEndpoint): Promise<{ header: RtpHeader; payload: Uint8Array }> {
  return new Promise((resolve) => {
    of.onRtp = (packet) => {
      const header = new RtpHeader();
      expect(header.parse(packet, 0, packet.length)).toBe(true);
      resolve({
        header,
        payload: packet.subarray(header.payloadOffset, header.payloadOffset + header.payloadLength),
      });
    };
  });
}

/** Whether a compound RTCP packet has a PLI for this SSRC. */
function hasPli(packet: Uint8Array, ssrc: number): boolean {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  for (let at = 0; at + 12 <= packet.length; at += (view.getUint16(at + 2) + 1) * 4) {
    if (packet[at + 1] === 206 && (packet[at]! & 31) === 1 && view.getUint32(at + 8) === ssrc) return true;
  }
  return false;
}

/** Waits until so many key frames came: one that is still on its way answers the next request, too. */
async function keyFramesCame(receiver: RtpReceiver, count: number): Promise<void> {
  while ((await receiver.getStats())[0]?.keyFrameCount !== count) await settled();
}

/** Sends video that has a key frame only when one was asked for, as an encoder does. */
function encoder(of: TestEndpoint, ssrc: number): { nextRequest(): Promise<void>; stop(): void } {
  let wanted = false;
  let told: (() => void) | undefined;
  of.onRtcp = (packet) => {
    if (!hasPli(packet, ssrc)) return;
    wanted = true;
    told?.();
  };
  const stop = sendEvery(20, (n) => {
    of.sendRtp(vp8Packet(ssrc, n + 1, wanted));
    wanted = false;
  });
  return {
    nextRequest: () =>
      new Promise((resolve) => {
        told = resolve;
      }),
    stop,
  };
}

/** A VP8 packet that begins a frame, key or not. */
function vp8Packet(ssrc: number, sequenceNumber: number, key: boolean, orientation?: number): Uint8Array {
  return buildRtpPacket({
    payloadType: 110,
    sequenceNumber,
    timestamp: sequenceNumber * 3000,
    ssrc,
    marker: true,
    payload: Uint8Array.of(0x10, key ? 0x10 : 0x11, 2, 0, 0x9d, 0x01, 0x2a, sequenceNumber & 0xff),
    ...(orientation !== undefined && { extensions: [{ id: 4, data: Uint8Array.of(orientation) }] }),
  });
}

describe('forwarding', () => {
  it('what alice sends reaches bob with the parameters of his sender', async () => {
    const { peer: bob, transport: bobTransport, endpoint: bobs } = await viewer('bob');
    await audioOf(1111);
    const [sender] = bob.rtpSenders;
    await sender!.setTransport(bobTransport);
    const arrived = nextRtp(bobs);
    const stop = sendEvery(10, (n) => endpoint.sendRtp(opusPacket(1111, n)));
    const { header, payload } = await arrived;
    stop();
    expect(header.ssrc).toBe(sender!.rtpParameters.encodings[0]!.ssrc);
    expect(header.payloadType).toBe(100);
    expect([...payload.subarray(0, 3)]).toEqual([1, 2, 3]);
    const [outbound, inbound] = await sender!.getStats();
    expect(outbound).toMatchObject({ type: 'outbound-rtp', kind: 'audio', ssrc: header.ssrc });
    expect(inbound).toMatchObject({ type: 'inbound-rtp', ssrc: 1111 });
  });

  it('nothing passes while disabled, paused or unbound', async () => {
    const { peer: bob, transport: bobTransport, endpoint: bobs } = await viewer('bob');
    const receiver = await audioOf(1111);
    const [sender] = bob.rtpSenders;
    await sender!.setTransport(bobTransport);
    const heard: number[] = [];
    bobs.onRtp = (packet) => heard.push(packet.at(-1)!);
    // rtpraw tells that a packet has gone through the worker, forwarded or not.
    const through = async (n: number) => {
      const arrived = next(receiver, 'rtpraw');
      endpoint.sendRtp(opusPacket(1111, n));
      await arrived;
    };
    await through(1);
    await sender!.disable();
    await through(2);
    await sender!.enable();
    await receiver.pause();
    await through(3);
    await receiver.resume();
    bobTransport.close();
    await through(4);
    const last = await bob.createTransport();
    const lasts = await connected(last);
    await sender!.setTransport(last);
    const arrived = nextRtp(lasts);
    await through(5);
    expect((await arrived).payload.at(-1)).toBe(5);
    expect(heard).toEqual([1]);
  });

  it('a sender that becomes active begins with a key frame: the last one, or one that is asked for (D-23)', async () => {
    const video = alice.RtpReceiver('video', transport);
    await video.receive(vp8Parameters(2222));
    const source = encoder(endpoint, 2222);
    // The first packet of the stream asks for a key frame by itself.
    await source.nextRequest();
    await keyFramesCame(video, 1);
    const { peer: bob, transport: bobTransport, endpoint: bobs } = await viewer('bob');
    const [sender] = bob.rtpSenders;
    const first = nextRtp(bobs);
    await sender!.setTransport(bobTransport);
    expect((await first).payload[1]).toBe(0x10);
    expect((await video.getStats())[0]?.keyFrameCount).toBe(1);
    await sender!.disable();
    const enabled = source.nextRequest();
    await sender!.enable();
    await enabled;
    await keyFramesCame(video, 2);
    const requested = source.nextRequest();
    await sender!.requestKeyFrame();
    await requested;
    source.stop();
  });
});

describe('rtpraw and rtpobject', () => {
  it('carry each accepted packet, the one whole, the other parsed', async () => {
    const receiver = await audioOf(1111);
    const raw = next<[Buffer]>(receiver, 'rtpraw');
    const object = next<[RtpObject]>(receiver, 'rtpobject');
    const packet = opusPacket(1111, 7, -30);
    endpoint.sendRtp(packet);
    const [buffer] = await raw;
    expect(Buffer.isBuffer(buffer)).toBe(true);
    expect(buffer.equals(packet)).toBe(true);
    expect((await object)[0]).toEqual({
      payloadType: 100,
      marker: false,
      sequenceNumber: 7,
      timestamp: 6720,
      ssrc: 1111,
      payload: Buffer.from([1, 2, 3, 7]),
    });
  });

  it('are produced only while listened to, and again later', async () => {
    const receiver = await audioOf(1111);
    const heard: number[] = [];
    const listener = (packet: Buffer) => heard.push(packet.at(-1)!);
    const through = async (n: number) => {
      const arrived = next(receiver, 'rtpobject');
      endpoint.sendRtp(opusPacket(1111, n));
      await arrived;
    };
    await through(1);
    receiver.on('rtpraw', listener);
    await through(2);
    receiver.off('rtpraw', listener);
    await through(3);
    receiver.on('rtpraw', listener);
    await through(4);
    receiver.removeAllListeners();
    await through(5);
    expect(heard).toEqual([2, 4]);
  });

  it('do not report packets that match no stream', async () => {
    const receiver = await audioOf(1111);
    const heard: number[] = [];
    receiver.on('rtpobject', ({ ssrc }) => heard.push(ssrc));
    endpoint.sendRtp(opusPacket(9999, 1));
    const arrived = next(receiver, 'rtpobject');
    endpoint.sendRtp(opusPacket(1111, 2));
    await arrived;
    expect(heard).toEqual([1111]);
    expect((await transport.dump()).rtpListener.ssrcTable).toEqual({ 1111: receiver.id });
    expect((await receiver.dump()).rtpStreams).toHaveLength(1);
  });

  it('learn the SSRC of a stream that was announced by payload type only', async () => {
    const receiver = alice.RtpReceiver('audio', transport);
    await receiver.receive({
      codecs: [{ name: 'audio/opus', payloadType: 100, clockRate: 48000, numChannels: 2 }],
    });
    const arrived = next<[RtpObject]>(receiver, 'rtpobject');
    endpoint.sendRtp(opusPacket(4321, 1));
    expect((await arrived)[0].ssrc).toBe(4321);
    expect((await transport.dump()).rtpListener).toMatchObject({
      ssrcTable: { 4321: receiver.id },
      ptTable: { 100: receiver.id },
    });
  });

  it('attaching asks for a key frame of video', async () => {
    const video = alice.RtpReceiver('video', transport);
    await video.receive(vp8Parameters(2222));
    const source = encoder(endpoint, 2222);
    await source.nextRequest();
    await keyFramesCame(video, 1);
    const asked = source.nextRequest();
    video.on('rtpraw', () => {});
    await asked;
    source.stop();
  });
});

describe('audiolevels', () => {
  it('average each receiver with samples over half a second, loudest first', async () => {
    const quiet = await audioOf(1111);
    const loud = await audioOf(2222);
    await audioOf(3333);
    expect((await room.dump()).audioLevelsEventEnabled).toBe(false);
    const reported = next<[AudioLevelInfo[]]>(room, 'audiolevels');
    const stop = sendEvery(20, (n) => {
      endpoint.sendRtp(opusPacket(1111, n, -90));
      endpoint.sendRtp(opusPacket(2222, n, n % 2 === 0 ? -20 : -21));
      endpoint.sendRtp(opusPacket(3333, n));
    });
    const [levels] = await reported;
    stop();
    expect(levels.map(({ peer, rtpReceiver }) => [peer, rtpReceiver])).toEqual([
      [alice, loud],
      [alice, quiet],
    ]);
    expect(levels.map(({ audioLevel: level }) => level)).toEqual([-20, -90]);
  });

  it('are on while somebody listens, also with nothing to say, and count receivers that come later', async () => {
    const listener = () => {};
    room.on('audiolevels', listener);
    expect((await room.dump()).audioLevelsEventEnabled).toBe(true);
    expect(await next(room, 'audiolevels')).toEqual([[]]);
    const late = await audioOf(1111);
    const stop = sendEvery(20, (n) => endpoint.sendRtp(opusPacket(1111, n, -40)));
    let levels: AudioLevelInfo[] = [];
    while (levels.length === 0) [levels] = await next<[AudioLevelInfo[]]>(room, 'audiolevels');
    expect(levels[0]).toMatchObject({ audioLevel: -40 });
    // Who closed meanwhile is left out.
    late.close();
    expect(await next(room, 'audiolevels')).toEqual([[]]);
    stop();
    room.off('audiolevels', listener);
    expect((await room.dump()).audioLevelsEventEnabled).toBe(false);
  });
});

describe('observers', () => {
  it('AudioLevelObserver: volumes of the loudest, then silence once', async () => {
    const quiet = await audioOf(1111);
    const loud = await audioOf(2222);
    const observer = await room.createAudioLevelObserver({ interval: 250, threshold: -70 });
    await observer.addRtpReceiver(quiet);
    await observer.addRtpReceiver(loud);
    await observer.addRtpReceiver(loud);
    const stop = sendEvery(10, (n) => {
      endpoint.sendRtp(opusPacket(1111, n, -60));
      endpoint.sendRtp(opusPacket(2222, n, -20));
    });
    expect(await next(observer, 'volumes')).toEqual([[{ peer: alice, rtpReceiver: loud, volume: -20 }]]);
    await observer.removeRtpReceiver(loud);
    await expect(observer.removeRtpReceiver(loud)).rejects.toBeInstanceOf(Error);
    expect(await next(observer, 'volumes')).toEqual([[{ peer: alice, rtpReceiver: quiet, volume: -60 }]]);
    const silences: string[] = [];
    observer.on('silence', () => silences.push('silence'));
    await quiet.pause();
    await next(observer, 'silence');
    await quiet.resume();
    await next(observer, 'volumes');
    expect(silences).toEqual(['silence']);
    await observer.pause();
    await observer.pause();
    expect([observer.paused, silences]).toEqual([true, ['silence', 'silence']]);
    await observer.resume();
    await next(observer, 'volumes');
    stop();
  });

  it('AudioLevelObserver: below the threshold nobody is loud', async () => {
    const receiver = await audioOf(1111);
    const observer = await room.createAudioLevelObserver({ interval: 250, threshold: -50 });
    await observer.addRtpReceiver(receiver);
    const heard: string[] = [];
    observer.on('volumes', () => heard.push('volumes'));
    let level = -51;
    const stop = sendEvery(10, (n) => endpoint.sendRtp(opusPacket(1111, n, level)));
    await next(room, 'audiolevels');
    expect(heard).toEqual([]);
    level = -40;
    await next(observer, 'volumes');
    stop();
  });

  it('ActiveSpeakerObserver: names who speaks', async () => {
    const [first, second] = [await audioOf(1111), await audioOf(2222)];
    const observer = await room.createActiveSpeakerObserver({ interval: 100 });
    for (const receiver of [first, second]) await observer.addRtpReceiver(receiver);
    // The first is dominant until somebody speaks.
    expect(await next(observer, 'dominantspeaker')).toEqual([{ peer: alice, rtpReceiver: first }]);
    expect(observer.dominantSpeaker).toBe(first);
    const speech = (n: number) => (n % 20 > 15 ? -75 : -20 - (n % 3));
    const stop = sendEvery(20, (n) => {
      endpoint.sendRtp(opusPacket(1111, n, -100));
      endpoint.sendRtp(opusPacket(2222, n, speech(n)));
    });
    expect(await next(observer, 'dominantspeaker')).toEqual([{ peer: alice, rtpReceiver: second }]);
    // Gone, the next is named at once.
    const named = next(observer, 'dominantspeaker');
    second.close();
    expect(await named).toEqual([{ peer: alice, rtpReceiver: first }]);
    stop();
  });

  it('take audio receivers of their room only, and close with it', async () => {
    const observer = await room.createAudioLevelObserver({ appData: { a: 1 } });
    expect(observer).toMatchObject({ closed: false, paused: false, appData: { a: 1 } });
    const video = alice.RtpReceiver('video', transport);
    const gone = await audioOf(1111);
    gone.close();
    const stranger = await startPeer(await startRoom(), 'stranger');
    const foreign = stranger.RtpReceiver('audio', await stranger.createTransport());
    for (const wrong of [undefined, {}, video, gone, foreign]) {
      await expect(observer.addRtpReceiver(wrong as RtpReceiver)).rejects.toBeInstanceOf(Error);
    }
    for (const options of [{ interval: 'a' }, { maxEntries: 0 }, { threshold: 1 }, { appData: 3 }]) {
      await expect(room.createAudioLevelObserver(options as object)).rejects.toBeInstanceOf(TypeError);
    }
    const closed = next(observer, 'close');
    room.close();
    expect(await closed).toEqual([]);
    expect(observer.closed).toBe(true);
    await expect(observer.pause()).rejects.toMatchObject({ name: 'InvalidStateError' });
    await expect(room.createActiveSpeakerObserver()).rejects.toMatchObject({ name: 'InvalidStateError' });
  });
});

describe('what is measured', () => {
  it('receiver and sender tell their score, video its orientation', async () => {
    const { peer: bob, transport: bobTransport } = await viewer('bob');
    const video = alice.RtpReceiver('video', transport);
    const orientation = { uri: 'urn:3gpp:video-orientation', id: 4 };
    await video.receive(vp8Parameters(2222, { headerExtensions: [orientation] }));
    const [sender] = bob.rtpSenders;
    await sender!.setTransport(bobTransport);
    const score = next(video, 'score');
    const turned = next(video, 'videoorientationchange');
    const stop = sendEvery(20, (n) => endpoint.sendRtp(vp8Packet(2222, n + 1, n % 10 === 0, 1)));
    expect(await score).toEqual([[{ encodingIdx: 0, ssrc: 2222, score: 10 }]]);
    expect(video.score).toEqual([{ encodingIdx: 0, ssrc: 2222, score: 10 }]);
    expect(await turned).toEqual([{ camera: false, flip: false, rotation: 90 }]);
    const perfect = { score: 10, receiverScore: 10, receiverScores: [10] };
    for (let told: unknown; ; ) {
      [told] = await next(sender!, 'score');
      expect(told).toEqual(sender!.score);
      if (JSON.stringify(told) === JSON.stringify(perfect)) break;
    }
    stop();
    expect((await video.getStats())[0]).toMatchObject({ type: 'inbound-rtp', kind: 'video', ssrc: 2222 });
  });

  it('a simulcast sender tells its layers', async () => {
    const { peer: bob, transport: bobTransport } = await viewer('bob');
    const video = alice.RtpReceiver('video', transport);
    await video.receive(vp8Parameters(0, { encodings: [{ ssrc: 2222 }, { ssrc: 3333 }] }));
    const [sender] = bob.rtpSenders;
    expect([video.type, sender!.type]).toEqual(['simulcast', 'simulcast']);
    expect(sender!.rtpParameters.encodings).toHaveLength(1);
    await sender!.setPreferredLayers({ spatialLayer: 0 });
    await sender!.setTransport(bobTransport);
    const stop = sendEvery(20, (n) => {
      endpoint.sendRtp(vp8Packet(2222, n + 1, n % 5 === 0));
      endpoint.sendRtp(vp8Packet(3333, n + 1, n % 5 === 0));
    });
    const [low] = await next<[{ spatialLayer: number }]>(sender!, 'layerschange');
    expect(low.spatialLayer).toBe(0);
    expect(sender!.currentLayers?.spatialLayer).toBe(0);
    const rose = next<[{ spatialLayer: number }]>(sender!, 'layerschange');
    await sender!.setPreferredLayers({ spatialLayer: 1 });
    expect((await rose)[0].spatialLayer).toBe(1);
    stop();
  });
});

describe('plain transport', () => {
  it('takes RTP from ffmpeg and its like, with comedia, and sends it on', async () => {
    const { peer: bob, transport: bobTransport, endpoint: bobs } = await viewer('bob');
    const plain = await alice.createPlainTransport({ comedia: true });
    const receiver = alice.RtpReceiver('audio', plain);
    await receiver.receive(opusParameters(7777));
    await bob.rtpSenders[0]!.setTransport(bobTransport);
    const socket = await openUdpSocket();
    const learnt = next(plain, 'tuple');
    const arrived = nextRtp(bobs);
    const { localIP, localPort } = plain.tuple;
    const stop = sendEvery(20, (n) => socket.send(opusPacket(7777, n), localIP, localPort));
    await learnt;
    expect(plain.tuple).toMatchObject({ remoteIP: '127.0.0.1', remotePort: socket.address.port });
    expect((await arrived).header.payloadType).toBe(100);
    stop();
    socket.close();
    const [stats] = await plain.getStats();
    expect(stats).toMatchObject({ type: 'plain-rtp-transport', comedia: true, rtcpMux: true });
  });

  it('sends RTP to whom it was connected to', async () => {
    const recorder = await startPeer(room, 'recorder');
    const plain = await recorder.createPlainTransport();
    await audioOf(1111);
    const socket = await openUdpSocket();
    await plain.connect({ ip: '127.0.0.1', port: socket.address.port });
    const [sender] = recorder.rtpSenders;
    const ssrc = sender!.rtpParameters.encodings[0]!.ssrc!;
    const arrived = new Promise<void>((resolve) => {
      socket.onMessage = (data) => {
        if (new DataView(data.buffer, data.byteOffset).getUint32(8) === ssrc) resolve();
      };
    });
    await sender!.setTransport(plain);
    expect(sender!.active).toBe(true);
    const stop = sendEvery(20, (n) => endpoint.sendRtp(opusPacket(1111, n)));
    await arrived;
    stop();
    socket.close();
  });
});
