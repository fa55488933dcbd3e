import { FakeMediaStreamTrack } from 'fake-mediastreamtrack';
import { type Publication, type Session, Weir } from '../../packages/client/src/index.ts';
import { Camera, readPicture } from './camera.ts';
import { createEndpointDevice } from './endpoint-device.ts';

/** What one saw of another one's camera since it was last asked. */
export interface Seen {
  readonly viewer: string;
  readonly source: string;
  readonly longestGapMs: number;
  readonly pictures: number;
  /** Pictures between the first and the last that were never shown. */
  readonly lost: number;
}

interface Watch {
  readonly source: string;
  since: number;
  lastAt: number;
  longestGapMs: number;
  readonly shown: Set<number>;
}

/** Somebody in a call: the real SDK on true endpoints, with a camera, who notes what is shown of the others. */
export class Participant {
  readonly name: string;
  readonly session: Session;
  readonly publication: Publication;
  /** `receiverpause` and `receiverresume` heard, by the sender's source. */
  readonly heard: string[] = [];
  readonly problems: string[] = [];
  readonly #camera: Camera;
  readonly #watches: Map<number, Watch>;

  private constructor(
    name: string,
    session: Session,
    publication: Publication,
    camera: Camera,
    watches: Map<number, Watch>,
  ) {
    this.name = name;
    this.session = session;
    this.publication = publication;
    this.#camera = camera;
    this.#watches = watches;
    session.on('problem', (error) => this.problems.push(`problem: ${error.message}`));
    session.on('publicationclosed', (_, error) =>
      this.problems.push(`publication closed: ${error?.message}`),
    );
    session.on('trackremoved', (track) => this.problems.push(`track of ${track.peer.name} removed`));
    session.on('peerleft', (peer) => this.problems.push(`${peer.name} left`));
    session.on('connectionstate', (info) => {
      if (info.state === 'closed') this.problems.push(`closed: ${info.sentence}`);
    });
    session.on('trackpaused', (track) => this.heard.push(`${track.peer.name} pause`));
    session.on('trackresumed', (track) => this.heard.push(`${track.peer.name} resume`));
  }

  static async join(url: string, token: string, room: string, name: string): Promise<Participant> {
    const source = nextSource++;
    const camera = new Camera(source);
    const track = new FakeMediaStreamTrack({ kind: 'video' });
    const watches = new Map<number, Watch>();
    /** As a browser shows the last picture of a track that is attached. */
    const latest = new WeakMap<MediaStreamTrack, { from: number; picture: number }>();
    let session: Session | undefined;
    const device = createEndpointDevice({
      camera: () => camera,
      onPicture: (remote, payload) => {
        const { source: from, picture } = readPicture(payload);
        latest.set(remote, { from, picture });
        const subscription = session?.subscriptions.find((one) => one.track === remote);
        if (subscription) show(watches, from, picture, subscription.remote.peer.name);
      },
    });
    try {
      session = await Weir.join({ url, token, room, name, createDevice: async () => device });
      session.on('trackchanged', ({ track: next, remote }) => {
        const last = next && latest.get(next);
        if (last) show(watches, last.from, last.picture, remote.peer.name);
      });
      const publication = await session.publish(track, { simulcast: false });
      return new Participant(name, session, publication, camera, watches);
    } catch (error) {
      camera.stop();
      throw error;
    }
  }

  /** How many others are shown, with pictures in the last second. */
  get sees(): number {
    const now = performance.now();
    return [...this.#watches.values()].filter(({ lastAt }) => now - lastAt < 1_000).length;
  }

  /** Begins to count anew. */
  watch(): void {
    const now = performance.now();
    for (const watch of this.#watches.values()) {
      watch.since = now;
      watch.lastAt = now;
      watch.longestGapMs = 0;
      // What comes next is to follow this one.
      const last = Math.max(...watch.shown);
      watch.shown.clear();
      watch.shown.add(last);
    }
  }

  /** What was shown since watch(). */
  seen(): Seen[] {
    const now = performance.now();
    return [...this.#watches.values()].map(({ source, lastAt, longestGapMs, shown }) => {
      const numbers = [...shown].sort((a, b) => a - b);
      const between = numbers.length === 0 ? 0 : numbers.at(-1)! - numbers[0]! + 1;
      return {
        viewer: this.name,
        source,
        longestGapMs: Math.max(longestGapMs, now - lastAt),
        pictures: shown.size,
        lost: between - shown.size,
      };
    });
  }

  async leave(): Promise<void> {
    this.#camera.stop();
    await this.session.leave();
  }
}

function show(watches: Map<number, Watch>, from: number, picture: number, source: string): void {
  const now = performance.now();
  const watch = watches.get(from);
  if (!watch) {
    watches.set(from, { source, since: now, lastAt: now, longestGapMs: 0, shown: new Set([picture]) });
    return;
  }
  if (watch.shown.has(picture)) return;
  watch.shown.add(picture);
  watch.longestGapMs = Math.max(watch.longestGapMs, now - watch.lastAt);
  watch.lastAt = now;
}

let nextSource = 1;
