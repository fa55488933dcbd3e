import { ExtensionTable, extensionUri, RtpHeader, readAudioLevel } from '@weir/rtp';
import type { RtpReceiver } from './rtp-receiver.ts';
import type { Worker } from './worker.ts';

interface Watcher {
  onPacket(packet: Uint8Array): void;
  onClosed(): void;
}

/** Lets several watchers share the one tap that a worker offers per receiver. */
export class PacketTaps {
  readonly #worker: Worker;
  readonly #roomId: string;
  readonly #watchers = new Map<RtpReceiver, Set<Watcher>>();

  constructor(worker: Worker, roomId: string) {
    this.#worker = worker;
    this.#roomId = roomId;
  }

  /**
   * Calls `onPacket` for each accepted packet; the bytes are only valid during the call. `onClosed` is called
   * when the receiver closes, before the application hears of it. Returns the end of it.
   */
  watch(receiver: RtpReceiver, onPacket: Watcher['onPacket'], onClosed = () => {}): () => void {
    const watcher: Watcher = { onPacket, onClosed };
    const watchers = this.#watchers.get(receiver) ?? new Set();
    watchers.add(watcher);
    if (watchers.size === 1) {
      this.#watchers.set(receiver, watchers);
      this.#worker.tap(this.#roomId, receiver.id, (packet) => {
        for (const each of [...watchers]) each.onPacket(packet);
      });
    }
    return () => {
      if (!watchers.delete(watcher) || watchers.size > 0) return;
      this.#watchers.delete(receiver);
      this.#worker.tap(this.#roomId, receiver.id, undefined);
    };
  }

  /** Ends every watch of a receiver. */
  close(receiver: RtpReceiver): void {
    const watchers = this.#watchers.get(receiver);
    if (watchers === undefined) return;
    this.#watchers.delete(receiver);
    this.#worker.tap(this.#roomId, receiver.id, undefined);
    for (const watcher of watchers) watcher.onClosed();
    watchers.clear();
  }

  /** Calls `listener` with the level in dBov (0 loudest, -127 silence) of each packet that carries one. */
  watchAudioLevels(
    receiver: RtpReceiver,
    listener: (level: number) => void,
    onClosed?: () => void,
  ): () => void {
    const onPacket = (packet: Uint8Array) => {
      const id = receiver.rtpParameters?.headerExtensions.find(isAudioLevel)?.id;
      if (id === undefined || !header.parse(packet, 0, packet.length)) return;
      extensions.read(packet, header);
      if (extensions.has(id)) {
        // 0 - x, because -0 isn't deeply equal to 0.
        listener(0 - readAudioLevel(packet, extensions.offset(id), extensions.length(id)));
      }
    };
    return this.watch(receiver, onPacket, onClosed);
  }
}

function isAudioLevel(extension: { uri: string }): boolean {
  return extension.uri === extensionUri.audioLevel;
}

const header = new RtpHeader();
const extensions = new ExtensionTable();
