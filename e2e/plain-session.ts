import { servePlainPage } from './plain-page.ts';
import type { Tab } from './tab.ts';
import { until } from './weir.ts';

/** What the example's joinRoom() gives back, as far as the page scripts below use it. */
interface PageCodec {
  kind: string;
  mimeType: string;
  parameters?: Record<string, unknown>;
}

interface PageSession {
  device: { sendRtpCapabilities: { codecs: PageCodec[] }; recvRtpCapabilities: { codecs: PageCodec[] } };
  sending: {
    produce(options: object): Promise<{ rtpParameters: { codecs: { mimeType: string }[] } }>;
    getStats(): Promise<RTCStatsReport>;
  };
  receiving: { getStats(): Promise<RTCStatsReport> };
  leave(): Promise<void>;
}

declare global {
  interface Window {
    plainClient: { joinRoom(options: object): Promise<PageSession> };
    session: PageSession;
    played: Record<string, HTMLMediaElement>;
    camera: MediaStream;
  }
}

export { servePlainPage };

/** A peer that consists of HTTP calls and mediasoup-client only. */
export class PlainSession {
  readonly tab: Tab;
  constructor(tab: Tab) {
    this.tab = tab;
  }

  static async join(
    tab: Tab,
    options: { url: string; room: string; token: string; name: string; publish?: boolean },
  ): Promise<PlainSession> {
    await tab.run(async (given) => {
      window.played = {};
      window.camera = await navigator.mediaDevices.getUserMedia({
        audio: true,
        video: { width: 640, height: 480 },
      });
      window.session = await window.plainClient.joinRoom({
        ...given,
        ...(given.publish && { stream: window.camera }),
        onTrack: (track: MediaStreamTrack, sender: { id: string; sourcePeerName: string; kind: string }) => {
          const element = document.createElement(track.kind === 'video' ? 'video' : 'audio');
          element.srcObject = new MediaStream([track]);
          element.autoplay = true;
          element.muted = track.kind === 'video';
          document.body.append(element);
          window.played[`${sender.sourcePeerName}/${sender.kind}/${sender.id}`] = element;
          element.play().catch(() => undefined);
        },
      });
    }, options);
    return new PlainSession(tab);
  }

  /** MIME types and profiles of the video codecs this browser can send into the room. */
  videoCodecs(): Promise<{ mimeType: string; parameters?: Record<string, unknown> }[]> {
    return this.tab.run(
      () =>
        window.session.device.sendRtpCapabilities.codecs.filter(
          ({ kind, mimeType }) => kind === 'video' && !/rtx$/i.test(mimeType),
        ),
      undefined,
    );
  }

  /** MIME types, in lower case, of the video codecs this browser can play. */
  receivableCodecs(): Promise<string[]> {
    return this.tab.run(
      () =>
        window.session.device.recvRtpCapabilities.codecs
          .filter(({ kind, mimeType }) => kind === 'video' && !/rtx$/i.test(mimeType))
          .map(({ mimeType }) => mimeType.toLowerCase()),
      undefined,
    );
  }

  /** Publishes the camera with one codec; answers the negotiated codecs, media codec first. */
  produceVideo(codec: object, encodings?: readonly object[]): Promise<string[]> {
    return this.tab.run(
      async (given) => {
        const track = window.camera.getVideoTracks()[0]?.clone();
        const producer = await window.session.sending.produce({
          track,
          codec: given.codec,
          ...(given.encodings && { encodings: given.encodings }),
        });
        return producer.rtpParameters.codecs.map(({ mimeType }) => mimeType);
      },
      { codec, encodings },
    );
  }

  /** Inbound streams as the browser sees them. */
  inbound(): Promise<Inbound[]> {
    return this.tab.run(async () => {
      const stats = await window.session.receiving.getStats();
      const codecs = new Map<string, string>();
      for (const report of stats.values())
        if (report.type === 'codec') codecs.set(report.id, report.mimeType);
      return [...stats.values()]
        .filter((report) => report.type === 'inbound-rtp')
        .map((report) => ({
          id: String(report.id),
          kind: String(report.kind),
          mimeType: codecs.get(report.codecId) ?? '',
          framesDecoded: Number(report.framesDecoded ?? 0),
          packetsReceived: Number(report.packetsReceived ?? 0),
          totalAudioEnergy: Number(report.totalAudioEnergy ?? 0),
        }));
    }, undefined);
  }

  /** Waits until a stream of that codec is decoded and grows by so many frames. */
  async decodes(mimeType: string, frames = 10): Promise<void> {
    const wanted = mimeType.toLowerCase();
    let first: Inbound | undefined;
    await until(`${this.tab.browser} decodes ${mimeType}`, async () => {
      for (const stream of await this.inbound()) {
        if (stream.mimeType.toLowerCase() !== wanted || stream.framesDecoded === 0) continue;
        if (first === undefined || first.id !== stream.id) first ??= stream;
        if (first.id === stream.id && stream.framesDecoded >= first.framesDecoded + frames) return true;
      }
      return undefined;
    });
  }

  leave(): Promise<void> {
    return this.tab.run(() => window.session.leave(), undefined);
  }
}

export interface Inbound {
  readonly id: string;
  readonly kind: string;
  readonly mimeType: string;
  readonly framesDecoded: number;
  readonly packetsReceived: number;
  readonly totalAudioEnergy: number;
}
