import { createLinkEmulator, type LinkEmulator, type LinkPolicy } from '@weir/testing';
import { caller, post } from './bot.ts';
import { PlainSession } from './plain-session.ts';
import type { TabMaker } from './tab.ts';
import { until } from './weir.ts';

/** Publishers of layered video and viewers behind links of their own, made of mediasoup-client and fetch() alone. */

declare global {
  interface Window {
    /** Milliseconds of performance.now(): when what was asked for, and when its first frame was shown. */
    moments: { join: number; enabled: number; frame: number };
  }
}

/** One layer as a publisher sends it, or the one stream that holds all. Counters since its start. */
export interface SentLayer {
  readonly rid: string;
  readonly height: number;
  readonly frames: number;
  readonly keyFrames: number;
  readonly plis: number;
  readonly bytes: number;
}

/** What a viewer's browser says of the picture. Counters since its start. */
export interface Seen {
  /** Milliseconds of this process's clock. */
  readonly at: number;
  readonly height: number;
  readonly frames: number;
  readonly framesPerSecond: number;
  readonly freezes: number;
  /** Seconds. */
  readonly frozen: number;
  readonly bytes: number;
  readonly packetsLost: number;
  readonly nacks: number;
  readonly plis: number;
}

export interface Place {
  /** Of signaling. */
  readonly url: string;
  readonly mediaPort: number;
  readonly pageUrl: string;
}

async function enter(maker: TabMaker, place: Place, room: string, name: string, via?: LinkEmulator) {
  const tab = await maker.open(place.pageUrl);
  await tab.run((port: number | undefined) => {
    window.moments = { join: performance.now(), enabled: Number.NaN, frame: Number.NaN };
    const timer = setInterval(() => {
      const video = document.querySelector('video');
      if (!video || video.getVideoPlaybackQuality().totalVideoFrames === 0) return;
      window.moments.frame = performance.now();
      clearInterval(timer);
    }, 5);
    const real = window.fetch.bind(window);
    window.fetch = async (input, init) => {
      if (init?.method === 'PATCH' && /"enabled":true/.test(String(init.body))) {
        window.moments.enabled = performance.now();
      }
      const answer = await real(input, init);
      if (port === undefined || init?.method !== 'POST' || !/\/transports$/.test(String(input)))
        return answer;
      // This tab's media goes through a link of its own.
      const view = (await answer.json()) as { iceCandidates: { protocol: string; port: number }[] };
      view.iceCandidates = view.iceCandidates.filter(({ protocol }) => protocol === 'udp');
      for (const candidate of view.iceCandidates) candidate.port = port;
      return new Response(JSON.stringify(view), { status: answer.status, headers: answer.headers });
    };
  }, via?.address.port);
  const { token } = (await (await post(`${place.url}/demo/session`, { room, name })).json()) as {
    token: string;
  };
  const session = await PlainSession.join(tab, { url: place.url, room, token, name });
  const call = caller(`${place.url}/v1/rooms/${room}`, token);
  const { peers } = (await call('GET', '/peers')) as { peers: { id: string; name: string }[] };
  const id = peers.find((peer) => peer.name === name)?.id;
  if (id === undefined) throw new Error(`${name} is not in room ${room}`);
  return { tab, session, call, path: `/peers/${id}` };
}

/** A camera of 640x360 in layers. */
export class LayeredPublisher {
  readonly session: PlainSession;
  private constructor(session: PlainSession) {
    this.session = session;
  }

  static async join(maker: TabMaker, place: Place, room: string): Promise<LayeredPublisher> {
    const { session } = await enter(maker, place, room, 'publisher');
    await session.tab.run(
      async (constraints) => {
        window.camera = await navigator.mediaDevices.getUserMedia({ video: constraints });
      },
      { width: 640, height: 360, frameRate: 10 },
    );
    return new LayeredPublisher(session);
  }

  /**
   * Sends the camera with one codec, if wanted with a key frame so often. What a slow machine can't encode costs frames,
   * never lines.
   */
  async publish(mimeType: RegExp, encodings: readonly object[], keyFrameEveryMs?: number): Promise<void> {
    const codecs = await this.session.videoCodecs();
    const codec = codecs.find(
      (one) => mimeType.test(one.mimeType) && (one.parameters?.['profile-id'] ?? 0) === 0,
    );
    if (codec === undefined) throw new Error(`the browser does not send ${mimeType}`);
    await this.session.tab.run(
      async (given) => {
        const track = window.camera.getVideoTracks()[0]?.clone();
        const { rtpSender } = (await window.session.sending.produce({
          track,
          codec: given.codec,
          encodings: given.encodings,
        })) as unknown as { rtpSender: RTCRtpSender };
        await rtpSender.setParameters({
          ...rtpSender.getParameters(),
          degradationPreference: 'maintain-resolution',
        } as never);
        if (given.keyFrameEveryMs === undefined) return;
        setInterval(() => {
          const parameters = rtpSender.getParameters() as RTCRtpSendParameters;
          const encodingOptions = parameters.encodings.map(() => ({ keyFrame: true }));
          const set = rtpSender.setParameters.bind(rtpSender) as (...given: unknown[]) => Promise<void>;
          set(parameters, { encodingOptions }).catch(() => undefined);
        }, given.keyFrameEveryMs);
      },
      { codec, encodings, keyFrameEveryMs },
    );
    let layers: SentLayer[] = [];
    await until(`all layers of ${mimeType} are sent`, async () => {
      layers = await this.sent();
      return layers.length === encodings.length && layers.every(({ frames }) => frames > 10);
    }).catch((error: Error) => {
      throw new Error(`${error.message}; sent: ${JSON.stringify(layers)}`);
    });
  }

  async has(mimeType: RegExp): Promise<boolean> {
    return (await this.session.videoCodecs()).some((codec) => mimeType.test(codec.mimeType));
  }

  /** From low to high. */
  async sent(): Promise<SentLayer[]> {
    const layers = await this.session.tab.run(async () => {
      const stats = await window.session.sending.getStats();
      return [...stats.values()]
        .filter((report) => report.type === 'outbound-rtp' && report.kind === 'video')
        .map((report) => ({
          rid: String(report.rid ?? ''),
          height: Number(report.frameHeight ?? 0),
          frames: Number(report.framesEncoded ?? 0),
          keyFrames: Number(report.keyFramesEncoded ?? 0),
          plis: Number(report.pliCount ?? 0),
          bytes: Number(report.bytesSent ?? 0),
        }));
    }, undefined);
    return layers.sort((a, b) => a.height - b.height);
  }
}

/** Somebody who looks at the publisher through a link. */
export class LayeredViewer {
  readonly name: string;
  readonly link: LinkEmulator;
  readonly samples: Seen[] = [];
  readonly #joined: Awaited<ReturnType<typeof enter>>;

  private constructor(name: string, link: LinkEmulator, joined: Awaited<ReturnType<typeof enter>>) {
    this.name = name;
    this.link = link;
    this.#joined = joined;
  }

  /** @param down what happens to datagrams on their way to the viewer; `up` is the way back */
  static async join(
    maker: TabMaker,
    place: Place,
    room: string,
    options: { name: string; down: LinkPolicy; up?: LinkPolicy; seed: number },
  ): Promise<LayeredViewer> {
    const { name, down, up = { delayMs: down.delayMs ?? 0 }, seed } = options;
    const target = { ip: '127.0.0.1', port: place.mediaPort };
    const link = await createLinkEmulator({ target, down, up, seed });
    return new LayeredViewer(name, link, await enter(maker, place, room, name, link));
  }

  /** What the browser says now; undefined until a frame was decoded. */
  async look(): Promise<Seen | undefined> {
    const seen = await this.#joined.tab.run(async () => {
      const stats = await window.session.receiving.getStats();
      const report = [...stats.values()].findLast(
        (one) => one.type === 'inbound-rtp' && one.kind === 'video',
      );
      return report === undefined || !report.framesDecoded
        ? undefined
        : {
            height: Number(report.frameHeight ?? 0),
            frames: Number(report.framesDecoded),
            framesPerSecond: Number(report.framesPerSecond ?? 0),
            freezes: Number(report.freezeCount ?? 0),
            frozen: Number(report.totalFreezesDuration ?? 0),
            bytes: Number(report.bytesReceived ?? 0),
            packetsLost: Number(report.packetsLost ?? 0),
            nacks: Number(report.nackCount ?? 0),
            plis: Number(report.pliCount ?? 0),
          };
    }, undefined);
    if (seen === undefined) return undefined;
    const sample = { at: performance.now(), ...seen };
    this.samples.push(sample);
    return sample;
  }

  /** Waits until a picture of this height is decoded; answers the milliseconds it took. */
  async sees(height: number, timeoutMs = 30_000): Promise<number> {
    const started = performance.now();
    await until(
      `${this.name} sees ${height} lines`,
      async () => (await this.look())?.height === height,
      timeoutMs,
    ).catch(async (error: Error) => {
      const heights = this.samples.slice(-20).map((sample) => sample.height);
      throw new Error(`${error.message}; saw ${heights}; ${JSON.stringify(await this.explain())}`);
    });
    return performance.now() - started;
  }

  /** `GET …/explain` of the one sender it has. */
  async explain(): Promise<{
    limit: { code: string; sentence: string };
    candidates: { spatialLayer: number; bitrateBps: number }[];
    transport?: { estimateBps?: number; limit: string };
  }> {
    const { call, path } = this.#joined;
    const { senders } = (await call('GET', `${path}/senders`)) as { senders: { id: string }[] };
    return (await call('GET', `${path}/senders/${senders.at(-1)?.id}/explain`)) as never;
  }

  /** Milliseconds from joining, and from the request to let it flow, to the first frame on screen. */
  async firstFrame(): Promise<{ sinceJoin: number; sinceEnabled: number }> {
    const moments = await until(`${this.name} has a frame on screen`, async () => {
      const now = await this.#joined.tab.run(() => ({ ...window.moments }), undefined);
      // NaN becomes null on its way out of the page.
      return now.frame > 0 ? now : undefined;
    });
    return {
      sinceJoin: moments.frame - moments.join,
      sinceEnabled: moments.frame - moments.enabled,
    };
  }

  async close(): Promise<void> {
    await this.#joined.tab.close();
    this.link.close();
  }
}
