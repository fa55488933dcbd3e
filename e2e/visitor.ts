import type { Session } from '@weir/client';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { pause, until } from './weir.ts';

/** Of `inbound-rtp` and `outbound-rtp`, where a test failed. */
const toldOfStreams = [
  ...[
    'trackIdentifier',
    'mid',
    'rid',
    'active',
    'packetsReceived',
    'packetsSent',
    'framesDecoded',
    'framesEncoded',
  ],
  ...['keyFramesDecoded', 'pliCount', 'frameWidth', 'framesPerSecond'],
];

let rooms = 0;

/** A room that nobody was in before: the second attempt of a test meets nobody of the first. */
export function freshRoom(name: string): string {
  return `${name}-${++rooms}`;
}

/** One person at the meeting page, seen through what the browser itself reports. */
export class Visitor {
  readonly name: string;
  readonly page: Page;
  private readonly context: BrowserContext;

  private constructor(name: string, context: BrowserContext, page: Page) {
    this.name = name;
    this.context = context;
    this.page = page;
  }

  /** Opens the meeting page and joins through the form's link options. */
  static async join(
    browser: Browser,
    url: string,
    options: { name: string; room: string; events?: 'poll' },
  ): Promise<Visitor> {
    const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
    await context.addInitScript(rememberPeerConnections);
    const page = await context.newPage();
    const visitor = new Visitor(options.name, context, page);
    page.on('console', (message) => {
      if (message.type() === 'error') visitor.errors.push(message.text());
    });
    page.on('pageerror', (error) => visitor.errors.push(error.message));
    const query = new URLSearchParams({ room: options.room, name: options.name, join: '1' });
    if (options.events) query.set('events', options.events);
    await page.goto(`${url}/?${query}`);
    await visitor.joined();
    return visitor;
  }

  readonly errors: string[] = [];

  /** Waits until the meeting is on screen. */
  async joined(): Promise<void> {
    await this.page.getByTestId('leave-button').waitFor({ timeout: 30_000 });
  }

  async leave(): Promise<void> {
    await this.page.getByTestId('leave-button').click();
    await this.page.getByTestId('left-text').waitFor({ timeout: 10_000 });
  }

  /** After leave(): goes in again under the same name. */
  async rejoin(): Promise<void> {
    await this.page.getByTestId('rejoin-button').click();
    await this.joined();
  }

  /** Reloads the page; it asks again at the entrance, with the name filled in. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.page.getByTestId('join-button').click();
    await this.joined();
  }

  /** Cameras and microphones asked for from now on open only when the answer is called, as where somebody must be asked. */
  async holdDevices(): Promise<() => Promise<void>> {
    await this.page.evaluate(() => {
      const { mediaDevices } = navigator;
      const open = mediaDevices.getUserMedia.bind(mediaDevices);
      const held = new Promise<void>((done) => Object.assign(window, { openDevices: done }));
      mediaDevices.getUserMedia = (constraints) => held.then(() => open(constraints));
    });
    return () => this.page.evaluate(() => (window as unknown as { openDevices(): void }).openDevices());
  }

  /** Ends the page without giving it a chance to say goodbye. */
  async vanish(): Promise<void> {
    const session = await this.context.newCDPSession(this.page);
    await session.send('Network.enable');
    await session.send('Network.emulateNetworkConditions', {
      offline: true,
      latency: 0,
      downloadThroughput: 0,
      uploadThroughput: 0,
    });
    // The crash takes the process of the page away: no unload handler runs, media stops at once.
    await this.page.goto('chrome://crash', { timeout: 3_000 }).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.context.close().catch(() => undefined);
  }

  /** Names on the tiles, without one's own. */
  async others(): Promise<string[]> {
    const ids = await this.page
      .locator('[data-testid^="tile-"]')
      .evaluateAll((tiles) => tiles.map((tile) => tile.getAttribute('data-testid') ?? ''));
    return [...new Set(ids.map((id) => id.slice('tile-'.length)))]
      .filter((name) => name !== this.name)
      .sort();
  }

  /** Waits until exactly these people are on screen. */
  async meets(...names: string[]): Promise<void> {
    const wanted = [...names].sort().join();
    await until(`${this.name} sees exactly [${wanted}]`, async () => (await this.others()).join() === wanted);
  }

  /**
   * Waits until that person's picture moves here: decoded frames grow, pixels change between two looks,
   * the picture has a width.
   */
  async sees(name: string): Promise<Picture> {
    const seen = until(`${this.name} sees ${name} move`, async () => {
      const first = await this.look(name);
      if (first === undefined || first.width === 0) return undefined;
      await pause(400);
      const second = await this.look(name);
      if (second === undefined) return undefined;
      const moves = second.framesDecoded > first.framesDecoded && second.pixels !== first.pixels;
      return moves ? second : undefined;
    });
    return seen.catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await this.describe().catch(String)}`);
    });
  }

  /** What the page shows and its connections report of video, and why: for the message of a test that failed. */
  private async describe(): Promise<string> {
    const found = await this.page.evaluate(async (told) => {
      const { rememberedPeerConnections, weirSession } = window as unknown as PageInside;
      const tiles = [...document.querySelectorAll<HTMLElement>('[data-testid^="tile-"]')].map((tile) => {
        const video = tile.querySelector('video');
        const track = (video?.srcObject as MediaStream | null)?.getVideoTracks()[0];
        return `${tile.dataset.testid}: ${video?.videoWidth}x${video?.videoHeight} track ${track?.id} ${track?.readyState}`;
      });
      const streams: string[] = [];
      for (const pc of rememberedPeerConnections) {
        if (pc.connectionState === 'closed') continue;
        for (const report of (await pc.getStats()).values()) {
          if (!/^(in|out)bound-rtp$/.test(report.type) || report.kind !== 'video') continue;
          streams.push(`${report.type} ${JSON.stringify(report, told)}`);
        }
      }
      const reasons = weirSession?.subscriptions.map(async (one) => {
        const reason = await one.explain().catch(String);
        return `${one.kind} ${one.id} track ${one.track?.id} paused ${one.paused}: ${JSON.stringify(reason)}`;
      });
      return [...tiles, ...streams, ...(await Promise.all(reasons ?? []))];
    }, toldOfStreams);
    return [...found, ...this.errors].join('\n');
  }

  private look(name: string): Promise<Picture | undefined> {
    return this.page.evaluate(async (testId) => {
      const video = document.querySelector<HTMLVideoElement>(`[data-testid="${CSS.escape(testId)}"] video`);
      const track = (video?.srcObject as MediaStream | null)?.getVideoTracks()[0];
      if (!video || !track || video.videoWidth === 0) return undefined;
      const canvas = document.createElement('canvas');
      canvas.width = 64;
      canvas.height = 48;
      const pen = canvas.getContext('2d');
      pen?.drawImage(video, 0, 0, 64, 48);
      const pixels = pen?.getImageData(0, 0, 64, 48).data ?? [];
      let hash = 7;
      for (const value of pixels) hash = (Math.imul(hash, 31) + value) | 0;
      let stats: Record<string, number> = {};
      for (const pc of (window as unknown as { rememberedPeerConnections: RTCPeerConnection[] })
        .rememberedPeerConnections) {
        if (pc.connectionState === 'closed') continue;
        for (const report of (await pc.getStats()).values()) {
          if (report.type === 'inbound-rtp' && report.trackIdentifier === track.id) stats = report;
        }
      }
      return {
        width: video.videoWidth,
        height: video.videoHeight,
        pixels: hash,
        framesDecoded: stats.framesDecoded ?? 0,
        freezeCount: stats.freezeCount ?? 0,
        totalFreezesDuration: stats.totalFreezesDuration ?? 0,
        packetsLost: stats.packetsLost ?? 0,
        framesPerSecond: stats.framesPerSecond ?? 0,
      };
    }, `tile-${name}`);
  }

  /** Waits until the tone of so many others grows in energy here. */
  async hears(voices: number): Promise<void> {
    await until(`${this.name} hears ${voices} voices`, async () => {
      const before = await this.audioEnergies();
      await pause(1_200);
      const after = await this.audioEnergies();
      const growing = Object.keys(after).filter((id) => (after[id] ?? 0) > (before[id] ?? 0));
      return growing.length === voices;
    });
  }

  private audioEnergies(): Promise<Record<string, number>> {
    return this.page.evaluate(async () => {
      const energies: Record<string, number> = {};
      for (const pc of (window as unknown as { rememberedPeerConnections: RTCPeerConnection[] })
        .rememberedPeerConnections) {
        if (pc.connectionState === 'closed') continue;
        for (const report of (await pc.getStats()).values()) {
          if (report.type === 'inbound-rtp' && report.kind === 'audio') {
            energies[report.trackIdentifier] = report.totalAudioEnergy ?? 0;
          }
        }
      }
      return energies;
    });
  }
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** A hash of the shrunk picture. */
  readonly pixels: number;
  readonly framesDecoded: number;
  readonly freezeCount: number;
  /** Seconds. */
  readonly totalFreezesDuration: number;
  readonly packetsLost: number;
  readonly framesPerSecond: number;
}

/** Runs in the page before its scripts: the connections themselves are asked, not the SDK. */
function rememberPeerConnections(): void {
  const remembered: RTCPeerConnection[] = [];
  Object.assign(window, { rememberedPeerConnections: remembered });
  window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
    construct(target, args: ConstructorParameters<typeof RTCPeerConnection>) {
      const connection = new target(...args);
      remembered.push(connection);
      return connection;
    },
  });
}

/** What the page keeps for whoever looks into it. */
interface PageInside {
  readonly rememberedPeerConnections: readonly RTCPeerConnection[];
  readonly weirSession?: Pick<Session, 'subscriptions'>;
}
