import { computed, type ReadonlySignal, signal } from '@preact/signals';
import {
  type ConnectionInfo,
  type FeedMode,
  type Publication,
  type PublishedLayer,
  type RemotePeer,
  type RemoteTrack,
  type Session,
  type SessionStats,
  Weir,
  type WeirError,
} from '@weir/client';
import { requestToken } from '../lib/demo-session.ts';
import { deviceErrorText } from '../lib/error-text.ts';
import { SpeakingDetector } from '../lib/speaking.ts';
import type { LocalKind, LocalMedia } from './local-media.ts';
import { QualityChoices } from './picture-quality.ts';
import { toast } from './toasts.ts';

export interface MeetingOptions {
  room: string;
  name: string;
  replace: boolean;
  events: FeedMode;
}

/** Somebody else, as a tile shows them. */
export interface Person {
  peer: RemotePeer;
  camera: RemoteTrack | undefined;
  screen: RemoteTrack | undefined;
  microphone: RemoteTrack | undefined;
  /** Everything of theirs that makes a sound. */
  sounds: RemoteTrack[];
}

export type MediaSource = 'camera' | 'microphone' | 'screen' | 'screen-audio';

/** So many looks at the statistics are kept for the plot, one a second. */
const plotLength = 60;
const lookEveryMs = 1_000;
const listenEveryMs = 150;

/** One meeting from joining to leaving: the session, what we send, and what the screen shows of it. */
export class Meeting {
  readonly session: Session;
  readonly name: string;
  readonly local: LocalMedia;
  readonly connection: ReadonlySignal<ConnectionInfo>;
  readonly people: ReadonlySignal<Person[]>;
  /** Ids of peers who speak; our own included. */
  readonly speaking: ReadonlySignal<ReadonlySet<string>>;
  readonly stats: ReadonlySignal<readonly SessionStats[]>;
  readonly microphoneOn: ReadonlySignal<boolean>;
  readonly cameraOn: ReadonlySignal<boolean>;
  readonly screenTrack: ReadonlySignal<MediaStreamTrack | undefined>;
  /** Of our camera, low to high; empty unless it is sent in several. */
  readonly sentLayers: ReadonlySignal<readonly PublishedLayer[]>;
  /** What was chosen for the pictures of others. */
  readonly quality = new QualityChoices();
  /** The browser wants a tap before it plays sound. */
  readonly needsTap = signal(false);

  readonly #version = signal(0);
  readonly #connection;
  readonly #speaking = signal<ReadonlySet<string>>(new Set());
  readonly #stats = signal<readonly SessionStats[]>([]);
  readonly #microphoneOn = signal(false);
  readonly #cameraOn = signal(false);
  readonly #screenTrack = signal<MediaStreamTrack | undefined>(undefined);
  readonly #sentLayers = signal<readonly PublishedLayer[]>([]);
  readonly #publications = new Map<MediaSource, Publication>();
  /** Wanted at the entrance, but the browser still asks or the device still starts. */
  readonly #awaited = new Set<LocalKind>();
  readonly #detectors = new Map<string, SpeakingDetector>();
  readonly #cleanUps: (() => void)[] = [];

  /** @throws WeirError */
  static async join(options: MeetingOptions, local: LocalMedia): Promise<Meeting> {
    const session = await Weir.join({
      url: location.origin,
      room: options.room,
      name: options.name,
      token: () => requestToken(options.room, options.name),
      onTakenName: options.replace ? 'replace' : 'reject',
      events: options.events,
    });
    return new Meeting(session, options.name, local);
  }

  private constructor(session: Session, name: string, local: LocalMedia) {
    this.session = session;
    this.name = name;
    this.local = local;
    this.#connection = signal(session.connection);
    this.connection = this.#connection;
    this.people = computed(() => {
      void this.#version.value;
      return session.peers.map(personOf);
    });
    this.speaking = this.#speaking;
    this.stats = this.#stats;
    this.microphoneOn = this.#microphoneOn;
    this.cameraOn = this.#cameraOn;
    this.screenTrack = this.#screenTrack;
    this.sentLayers = this.#sentLayers;
    this.#listen();
    const looking = setInterval(() => void this.#look(), lookEveryMs);
    const listening = setInterval(() => this.#hear(), listenEveryMs);
    this.#cleanUps.push(() => {
      clearInterval(looking);
      clearInterval(listening);
    });
    void this.#start();
  }

  async toggleMicrophone(): Promise<void> {
    const { microphone } = this.local;
    this.#awaited.delete('microphone');
    if (this.#microphoneOn.peek()) {
      this.#microphoneOn.value = false;
      await this.#publications.get('microphone')?.pause();
      return;
    }
    const track = microphone.track.peek() ?? (await microphone.open());
    if (!track) return complain(microphone.error.peek());
    await this.#send('microphone', track);
    this.#microphoneOn.value = true;
  }

  async toggleCamera(): Promise<void> {
    const { camera } = this.local;
    this.#awaited.delete('camera');
    if (this.#cameraOn.peek()) {
      this.#cameraOn.value = false;
      const publication = this.#publications.get('camera');
      await publication?.pause();
      camera.close();
      await publication?.replaceTrack(null);
      return;
    }
    const track = await camera.open();
    if (!track) return complain(camera.error.peek());
    this.#cameraOn.value = true;
    await this.#send('camera', track);
  }

  get canShareScreen(): boolean {
    return typeof navigator.mediaDevices?.getDisplayMedia === 'function';
  }

  async toggleScreen(): Promise<void> {
    if (this.#screenTrack.peek()) return this.#stopScreen();
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({
        video: { frameRate: { ideal: 15 } },
        audio: true,
      });
    } catch (error) {
      // Who closes the browser's dialog has decided, not failed.
      if ((error as Error).name !== 'NotAllowedError') complain(deviceErrorText(error, 'screen'));
      return;
    }
    const [video] = stream.getVideoTracks();
    const [audio] = stream.getAudioTracks();
    if (!video) return;
    video.contentHint = 'detail';
    this.#screenTrack.value = video;
    video.addEventListener('ended', () => void this.#stopScreen());
    await this.#send('screen', video);
    if (audio) await this.#send('screen-audio', audio);
  }

  async leave(): Promise<void> {
    this.dispose();
    await this.session.leave();
  }

  /** Lets go of everything local; the session may be closed already. */
  dispose(): void {
    for (const cleanUp of this.#cleanUps.splice(0)) cleanUp();
    this.#screenTrack.peek()?.stop();
    this.#screenTrack.value = undefined;
  }

  /** For a bug report: what happened lately, and on what. Without tokens. */
  report(): string {
    const { session } = this;
    const about = {
      room: session.room,
      peer: session.self.id,
      events: session.eventMode,
      connection: session.connection,
      browser: navigator.userAgent,
      stats: this.#stats.peek().at(-1),
      history: session.history(),
    };
    return JSON.stringify(about, null, 2);
  }

  #listen(): void {
    const { session } = this;
    const refresh = () => {
      this.#version.value++;
    };
    session.on('connectionstate', (info) => {
      this.#connection.value = info;
      if (info.state === 'closed') this.dispose();
    });
    session.on('peerjoined', (peer) => {
      refresh();
      toast(`${peer.name} joined`, 'good');
    });
    session.on('peerleft', (peer) => {
      refresh();
      toast(`${peer.name} left`);
    });
    for (const event of ['trackadded', 'trackremoved', 'trackpaused', 'trackresumed'] as const) {
      session.on(event, refresh);
    }
    for (const event of ['subscribed', 'trackchanged', 'unsubscribed'] as const) session.on(event, refresh);
    session.on('problem', (error) => toast(error.detail, 'bad'));
    session.on('publicationclosed', (publication, error) => this.#publicationLost(publication, error));
  }

  /** What was chosen before joining goes out at once, or as soon as the device is open. */
  async #start(): Promise<void> {
    const sources = ['microphone', 'camera'] as const;
    const sending = sources.map((source) => {
      const device = this.local[source];
      const track = device.track.peek();
      this.#setOn(source, track !== undefined);
      if (track) return this.#send(source, track);
      if (device.wanted.peek()) this.#awaited.add(source);
      return undefined;
    });
    await Promise.all(sending);
    for (const source of sources) {
      const stop = this.local[source].track.subscribe((track) => {
        if (track) void this.#tracked(source, track);
      });
      this.#cleanUps.push(stop);
    }
  }

  /** A device opened: late, or another one was chosen in the middle of the meeting. */
  async #tracked(source: LocalKind, track: MediaStreamTrack): Promise<void> {
    if (this.#awaited.delete(source)) {
      this.#setOn(source, true);
      await this.#send(source, track);
      return;
    }
    const publication = this.#publications.get(source);
    if (publication && !publication.closed && publication.track !== track) {
      await publication.replaceTrack(track).catch(() => {});
    }
  }

  #setOn(source: LocalKind, on: boolean): void {
    (source === 'microphone' ? this.#microphoneOn : this.#cameraOn).value = on;
  }

  async #send(source: MediaSource, track: MediaStreamTrack): Promise<void> {
    try {
      const publication = this.#publications.get(source);
      if (publication && !publication.closed) {
        await publication.replaceTrack(track);
        await publication.resume();
        return;
      }
      const published = await this.session.publish(track, publishOptions(source, this.session));
      this.#publications.set(source, published);
      if (source !== 'camera') return;
      const refresh = () => {
        this.#sentLayers.value = published.closed ? [] : published.layers;
      };
      published.on('layerschange', refresh);
      published.on('closed', refresh);
      refresh();
    } catch (error) {
      const { code, detail } = error as WeirError;
      if (code === 'closed' || code === 'aborted') return;
      if (source === 'microphone' || source === 'camera') this.#setOn(source, false);
      if (source === 'screen') void this.#stopScreen();
      toast(`Your ${source.replace('-', ' ')} is not sent: ${detail}`, 'bad');
    }
  }

  async #stopScreen(): Promise<void> {
    this.#screenTrack.peek()?.stop();
    this.#screenTrack.value = undefined;
    for (const source of ['screen', 'screen-audio'] as const) {
      const publication = this.#publications.get(source);
      this.#publications.delete(source);
      publication?.track?.stop();
      await publication?.unpublish().catch(() => {});
    }
  }

  #publicationLost(publication: Publication, error: WeirError | undefined): void {
    for (const [source, each] of this.#publications) {
      if (each !== publication) continue;
      this.#publications.delete(source);
      if (source === 'microphone' || source === 'camera') this.#setOn(source, false);
      if (source === 'screen') void this.#stopScreen();
      toast(`Your ${source.replace('-', ' ')} was stopped${error ? `: ${error.detail}` : ''}`, 'bad');
    }
  }

  async #look(): Promise<void> {
    const stats = await this.session.stats();
    this.#stats.value = [...this.#stats.peek(), stats].slice(-plotLength);
  }

  #hear(): void {
    const now = performance.now();
    const speaking = new Set<string>();
    const note = (id: string, level: number) => {
      const detector = this.#detectors.get(id) ?? new SpeakingDetector();
      this.#detectors.set(id, detector);
      if (detector.update(level, now)) speaking.add(id);
    };
    if (this.#microphoneOn.peek()) note(this.session.self.id, this.local.meter.read());
    for (const { peer, microphone } of this.people.peek()) {
      if (microphone && !microphone.paused) note(peer.id, microphone.subscription?.audioLevel ?? 0);
    }
    const before = this.#speaking.peek();
    if (before.size !== speaking.size || [...speaking].some((id) => !before.has(id))) {
      this.#speaking.value = speaking;
    }
  }
}

function personOf(peer: RemotePeer): Person {
  const of = (source: MediaSource, kind: 'audio' | 'video') =>
    peer.tracks.find((track) => track.kind === kind && sourceOf(track) === source);
  return {
    peer,
    camera: of('camera', 'video'),
    screen: of('screen', 'video'),
    microphone: of('microphone', 'audio'),
    sounds: peer.tracks.filter((track) => track.kind === 'audio'),
  };
}

/** Tracks of other programs say nothing of themselves: a camera and a microphone, then. */
function sourceOf(track: RemoteTrack): MediaSource {
  const { source } = track.appData;
  if (source === 'screen' || source === 'screen-audio') return source;
  return track.kind === 'audio' ? 'microphone' : 'camera';
}

function publishOptions(source: MediaSource, session: Session) {
  const appData = { source };
  if (source === 'screen') {
    const streamId = `screen-${session.self.id}`;
    return { appData, streamId, encodings: [{ maxBitrate: 2_500_000 }] };
  }
  if (source === 'screen-audio') return { appData, streamId: `screen-${session.self.id}` };
  return source === 'microphone' ? { appData, codecOptions: { opusDtx: true, opusFec: true } } : { appData };
}

function complain(error: { title: string; hint: string } | undefined): void {
  if (error) toast(`${error.title}. ${error.hint}`, 'bad');
}
