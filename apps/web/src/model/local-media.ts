import { type ReadonlySignal, signal } from '@preact/signals';
import { deviceErrorText, type ErrorText } from '../lib/error-text.ts';
import { remember, remembered } from '../lib/storage.ts';
import { LevelMeter } from './level-meter.ts';

export type LocalKind = 'camera' | 'microphone';

/** One local device: what is chosen, whether it is on, and why not. */
export class LocalDevice {
  readonly kind: LocalKind;
  readonly #track = signal<MediaStreamTrack | undefined>(undefined);
  readonly #error = signal<ErrorText | undefined>(undefined);
  readonly #busy = signal(false);
  readonly #deviceId = signal('');
  /** Whether the person wants it; kept while it can't be opened. */
  readonly wanted = signal(true);
  #asked = 0;

  constructor(kind: LocalKind) {
    this.kind = kind;
    this.#deviceId.value = remembered()[kind === 'camera' ? 'cameraId' : 'microphoneId'] ?? '';
  }

  /** The living track while it is on. */
  get track(): ReadonlySignal<MediaStreamTrack | undefined> {
    return this.#track;
  }

  get error(): ReadonlySignal<ErrorText | undefined> {
    return this.#error;
  }

  /** The browser is asking the person, or the device starts. */
  get busy(): ReadonlySignal<boolean> {
    return this.#busy;
  }

  /** Empty: the system's choice. */
  get deviceId(): ReadonlySignal<string> {
    return this.#deviceId;
  }

  /** Opens it. The answer is its track, or undefined if it can't be had (see `error`). */
  async open(): Promise<MediaStreamTrack | undefined> {
    this.wanted.value = true;
    const asked = ++this.#asked;
    this.#busy.value = true;
    try {
      if (!navigator.mediaDevices) throw new DOMException('no media devices', 'SecurityError');
      const stream = await navigator.mediaDevices.getUserMedia(this.constraints());
      const [track] = stream.getTracks();
      if (asked !== this.#asked || !track) {
        track?.stop();
        return this.#track.peek();
      }
      this.adopt(track);
      return track;
    } catch (error) {
      if (asked === this.#asked) this.#error.value = deviceErrorText(error, this.kind);
      return undefined;
    } finally {
      if (asked === this.#asked) this.#busy.value = false;
    }
  }

  /** Turns it off for good: its light goes out. */
  close(): void {
    this.#asked++;
    this.wanted.value = false;
    this.#busy.value = false;
    this.#track.peek()?.stop();
    this.#track.value = undefined;
  }

  /** Takes another device of the kind; opens it if the old one was on. */
  async choose(deviceId: string): Promise<void> {
    this.#deviceId.value = deviceId;
    remember(this.kind === 'camera' ? { cameraId: deviceId } : { microphoneId: deviceId });
    if (this.wanted.peek()) await this.open();
  }

  /** What to ask the browser for. `ideal`: a device that is gone since the last visit keeps nobody out. */
  constraints(): MediaStreamConstraints {
    const id = this.#deviceId.peek();
    const device = id === '' ? {} : { deviceId: { ideal: id } };
    return this.kind === 'camera'
      ? { video: { ...device, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } }
      : { audio: { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true } };
  }

  /** Takes a track of this kind in place of the one before. */
  adopt(track: MediaStreamTrack): void {
    const previous = this.#track.peek();
    track.addEventListener('ended', () => {
      if (this.#track.peek() !== track) return;
      this.#track.value = undefined;
      this.#error.value = {
        title: `The ${this.kind} was unplugged`,
        hint: 'Plug it in again, or choose another.',
      };
    });
    this.#error.value = undefined;
    this.#track.value = track;
    previous?.stop();
  }
}

export interface DeviceList {
  cameras: MediaDeviceInfo[];
  microphones: MediaDeviceInfo[];
}

/** Camera and microphone of this machine, for preview and meeting alike. */
export class LocalMedia {
  readonly camera = new LocalDevice('camera');
  readonly microphone = new LocalDevice('microphone');
  readonly meter = new LevelMeter();
  readonly #devices = signal<DeviceList>({ cameras: [], microphones: [] });

  constructor() {
    this.microphone.track.subscribe((track) => this.meter.listen(track));
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.#list());
  }

  get devices(): ReadonlySignal<DeviceList> {
    return this.#devices;
  }

  /** Opens what is wanted and not open yet; each may be missing. */
  async openBoth(): Promise<void> {
    const missing = [this.camera, this.microphone].filter(
      (device) => device.wanted.peek() && !device.track.peek(),
    );
    if (missing.length === 2) await this.#askOnce();
    await Promise.all(missing.map((device) => device.track.peek() ?? device.open()));
    // Labels are only told once something is allowed.
    await this.#list();
  }

  closeBoth(): void {
    for (const device of [this.camera, this.microphone]) {
      const wanted = device.wanted.peek();
      device.close();
      device.wanted.value = wanted;
    }
  }

  /** One question of the browser instead of two. Who has no camera is asked for the microphone alone. */
  async #askOnce(): Promise<void> {
    const { camera, microphone } = this;
    try {
      const constraints = { ...camera.constraints(), ...microphone.constraints() };
      const stream = await navigator.mediaDevices.getUserMedia(constraints);
      for (const track of stream.getTracks()) (track.kind === 'video' ? camera : microphone).adopt(track);
    } catch {
      // Then each of them says by itself what is wrong.
    }
  }

  async #list(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    this.#devices.value = {
      cameras: all.filter((device) => device.kind === 'videoinput'),
      microphones: all.filter((device) => device.kind === 'audioinput'),
    };
  }
}
