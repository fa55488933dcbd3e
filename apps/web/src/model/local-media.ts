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
      const stream = await getMedia(this.kind, this.#deviceId.peek());
      const [track] = stream.getTracks();
      if (asked !== this.#asked || !track) {
        track?.stop();
        return this.#track.peek();
      }
      this.#take(track);
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

  #take(track: MediaStreamTrack): void {
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

async function getMedia(kind: LocalKind, deviceId: string): Promise<MediaStream> {
  // `ideal`: a device that is gone since the last visit must not keep anybody out.
  const device = deviceId === '' ? {} : { deviceId: { ideal: deviceId } };
  if (!navigator.mediaDevices) throw new DOMException('no media devices', 'SecurityError');
  return kind === 'camera'
    ? navigator.mediaDevices.getUserMedia({
        video: { ...device, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
      })
    : navigator.mediaDevices.getUserMedia({
        audio: { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
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

  /** Asks for both at once; each may be missing. */
  async openBoth(): Promise<void> {
    await Promise.all([
      this.camera.wanted.peek() && !this.camera.track.peek() ? this.camera.open() : undefined,
      this.microphone.wanted.peek() && !this.microphone.track.peek() ? this.microphone.open() : undefined,
    ]);
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

  async #list(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    this.#devices.value = {
      cameras: all.filter((device) => device.kind === 'videoinput'),
      microphones: all.filter((device) => device.kind === 'audioinput'),
    };
  }
}
