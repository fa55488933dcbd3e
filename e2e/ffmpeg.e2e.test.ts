import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { post } from './bot.ts';
import { contents, Ffmpeg, freePortPair, missingFfmpeg, PlainPeer, probe } from './ffmpeg.ts';
import { PlainSession, servePlainPage } from './plain-session.ts';
import { chromiumTabs, type TabMaker } from './tab.ts';
import { type RunningWeir, startWeir, until } from './weir.ts';

/** Media in and out by RTP as it is: the ffmpeg of the distribution, plain HTTP, and a browser at the other end. */

const absent = missingFfmpeg();
let weir: RunningWeir;
let page: Awaited<ReturnType<typeof servePlainPage>>;
let tabs: TabMaker;
let folder: string;

describe.skipIf(absent !== undefined)('ffmpeg', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-ffmpeg-'));
    // The programs here read no events, and are to be there before their media flows.
    weir = await startWeir({ WEIR_PEER_TIMEOUT_SECONDS: '120' });
    page = await servePlainPage();
    tabs = await chromiumTabs();
  });
  afterAll(async () => {
    await tabs?.close();
    await page?.close();
    await weir?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function visitor(room: string, publish: boolean): Promise<PlainSession> {
    const answer = await post(`${weir.url}/demo/session`, { room, name: 'visitor' });
    const { token } = (await answer.json()) as { token: string };
    return PlainSession.join(await tabs.open(page.url), {
      url: weir.url,
      room,
      name: 'visitor',
      token,
      publish,
    });
  }

  test('what ffmpeg sends is seen and heard in a browser', async () => {
    const room = 'studio';
    const studio = await PlainPeer.join(weir.url, room, 'ffmpeg');
    // ffmpeg sends RTCP from a port of its own, to the port that it is told.
    const options = { direction: 'send', comedia: true, rtcpMux: false };
    const [video, audio] = await Promise.all([studio.transport(options), studio.transport(options)]);
    const streams = [
      { kind: 'video', transportId: video.id, ssrc: 1_111_111, codec: vp8 },
      { kind: 'audio', transportId: audio.id, ssrc: 2_222_222, codec: opus },
    ];
    for (const { kind, transportId, ssrc, codec } of streams) {
      await studio.call('POST', '/receivers', {
        kind,
        transportId,
        rtpParameters: { codecs: [codec], encodings: [{ ssrc }], rtcp: { cname: 'studio' } },
      });
    }
    const to = ({ ip, port }: typeof video) => `rtp://${ip}:${port}?rtcpport=${port}&pkt_size=1200`;
    const ffmpeg = new Ffmpeg([
      ...['-re', '-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=25'],
      ...['-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'],
      // A key frame every 1.2 s: nobody can ask ffmpeg for one.
      ...['-map', '0:v', '-t', '90', '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-g', '30'],
      ...['-b:v', '300k', '-ssrc', '1111111', '-payload_type', '96', '-f', 'rtp', to(video)],
      ...['-map', '1:a', '-t', '90', '-c:a', 'libopus', '-b:a', '48k', '-ac', '2'],
      ...['-ssrc', '2222222', '-payload_type', '111', '-f', 'rtp', to(audio)],
    ]);
    let viewer: PlainSession | undefined;
    try {
      for (const { id } of [video, audio]) {
        await until('the pod has learnt where ffmpeg is', async () => {
          if (!ffmpeg.running) throw new Error(ffmpeg.errors);
          return (await studio.call<typeof video>('GET', `/transports/${id}`)).remote?.ip === '127.0.0.1';
        });
      }
      viewer = await visitor(room, false);
      await viewer.decodes('video/VP8', 50);
      const energy = async () =>
        (await viewer?.inbound())?.find(({ kind }) => kind === 'audio')?.totalAudioEnergy ?? 0;
      const before = await energy();
      await until('the tone is heard', async () => (await energy()) > before);
      expect(ffmpeg.running, ffmpeg.errors).toBe(true);

      // The pod counted both streams as what they were announced as.
      const { stats } = await studio.call<{ stats: { type: string; kind?: string; packetCount?: number }[] }>(
        'GET',
        '/stats',
      );
      const inbound = stats.filter(({ type }) => type === 'inbound-rtp');
      expect(inbound.map(({ kind }) => kind).sort()).toEqual(['audio', 'video']);
      for (const one of inbound) expect(one.packetCount).toBeGreaterThan(50);
    } finally {
      await ffmpeg.stop();
      await viewer?.tab.close();
      await studio.leave();
    }
  });

  test('what a browser publishes is recorded by ffmpeg', async () => {
    const room = 'recording';
    const file = join(folder, 'recording.webm');
    const sdp = join(folder, 'recording.sdp');
    const speaker = await visitor(room, true);
    const recorder = await PlainPeer.join(weir.url, room, 'recorder');
    let ffmpeg: Ffmpeg | undefined;
    try {
      const senders = await recorder.senders(2);
      const video = senders.find(({ kind }) => kind === 'video')!;
      const audio = senders.find(({ kind }) => kind === 'audio')!;
      // One way of RTCP each: on the port of RTP, and on the next.
      const videoPort = await freePortPair();
      let audioPort = videoPort;
      while (audioPort === videoPort) audioPort = await freePortPair();
      const bindings = [
        { sender: video, rtcpMux: true, remote: { ip: '127.0.0.1', port: videoPort } },
        {
          sender: audio,
          rtcpMux: false,
          remote: { ip: '127.0.0.1', port: audioPort, rtcpPort: audioPort + 1 },
        },
      ];
      for (const { sender, rtcpMux, remote } of bindings) {
        const { id } = await recorder.transport({ direction: 'recv', rtcpMux });
        await recorder.call('PUT', `/transports/${id}/plain`, remote);
        // It would be lost, as long as nobody listens.
        await recorder.call('PATCH', `/senders/${sender.id}`, { transportId: id, enabled: false });
      }
      const [videoType, audioType] = [video, audio].map(
        ({ rtpParameters }) => rtpParameters.codecs[0]!.payloadType,
      );
      writeFileSync(
        sdp,
        [
          'v=0',
          'o=- 0 0 IN IP4 127.0.0.1',
          's=Weir',
          'c=IN IP4 127.0.0.1',
          't=0 0',
          `m=video ${videoPort} RTP/AVP ${videoType}`,
          `a=rtpmap:${videoType} VP8/90000`,
          `m=audio ${audioPort} RTP/AVP ${audioType}`,
          `a=rtpmap:${audioType} opus/48000/2`,
          '',
        ].join('\r\n'),
      );
      ffmpeg = new Ffmpeg([
        ...['-protocol_whitelist', 'file,udp,rtp', '-i', sdp],
        ...['-map', '0:v', '-map', '0:a', '-c', 'copy', '-t', '5', '-y', file],
      ]);
      await ffmpeg.listens(videoPort, audioPort, audioPort + 1);
      for (const { id } of [audio, video]) await recorder.call('PATCH', `/senders/${id}`, { enabled: true });
      await recorder.call('POST', `/senders/${video.id}/keyframe`);
      expect(await ffmpeg.ends(60_000), ffmpeg.errors).toBe(0);
    } finally {
      await ffmpeg?.stop();
      await speaker.tab.close();
      await recorder.leave();
    }

    const { streams, format, errors } = probe(file);
    const told = streams.map((stream) => ({ ...stream, nb_read_frames: Number(stream.nb_read_frames) }));
    console.log(`recorded ${format.duration} s: ${JSON.stringify(told)}`);
    expect(told).toEqual([
      { codec_type: 'video', codec_name: 'vp8', nb_read_frames: expect.any(Number) },
      { codec_type: 'audio', codec_name: 'opus', nb_read_frames: expect.any(Number) },
    ]);
    expect(Number(format.duration)).toBeGreaterThan(3);
    // Fewer than a camera gives, since this machine may be slow; 50 packets of opus are a second.
    expect(told[0]!.nb_read_frames).toBeGreaterThan(20);
    expect(told[1]!.nb_read_frames).toBeGreaterThan(150);
    expect(errors).toBe('');
    // The camera of the browser moves, and its microphone beeps.
    const { pictures, loudestDb } = contents(file);
    console.log(`${pictures} different pictures, loudest sample ${loudestDb} dB`);
    expect(pictures).toBeGreaterThan(20);
    expect(loudestDb).toBeGreaterThan(-40);
  });
});

const vp8 = {
  mimeType: 'video/VP8',
  payloadType: 96,
  clockRate: 90_000,
};
const opus = {
  mimeType: 'audio/opus',
  payloadType: 111,
  clockRate: 48_000,
  channels: 2,
};
