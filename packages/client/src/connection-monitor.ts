import {
  type CloseReason,
  type ConnectionFacts,
  type ConnectionInfo,
  describeConnection,
  disconnectedAfterMs,
} from './connection.ts';

/** Follows what works and what does not, and tells when the sentence for people changes. */
export class ConnectionMonitor {
  readonly #mediaInterrupted: () => boolean;
  readonly #onChange: (info: ConnectionInfo) => void;
  #closed: CloseReason | undefined;
  #eventsUp = true;
  #downSince = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #info: ConnectionInfo;

  constructor(mediaInterrupted: () => boolean, onChange: (info: ConnectionInfo) => void) {
    this.#mediaInterrupted = mediaInterrupted;
    this.#onChange = onChange;
    this.#info = describeConnection(this.#facts());
  }

  get info(): ConnectionInfo {
    return this.#info;
  }

  /** Undefined while the session lives. */
  get closed(): CloseReason | undefined {
    return this.#closed;
  }

  close(reason: CloseReason): void {
    this.#closed = reason;
    this.refresh();
  }

  setEventsUp(up: boolean): void {
    if (this.#eventsUp === up) return;
    this.#eventsUp = up;
    this.refresh();
  }

  /** Looks at everything again. */
  refresh(): void {
    const { closed, eventsUp, mediaInterrupted } = this.#facts();
    const down = !closed && (!eventsUp || mediaInterrupted);
    if (!down) {
      this.#downSince = 0;
      clearTimeout(this.#timer);
    } else if (this.#downSince === 0) {
      this.#downSince = Date.now();
      this.#timer = setTimeout(() => this.refresh(), disconnectedAfterMs);
    }
    const next = describeConnection(this.#facts());
    if (next.state === this.#info.state && next.sentence === this.#info.sentence) return;
    this.#info = next;
    this.#onChange(next);
  }

  #facts(): ConnectionFacts {
    return {
      closed: this.#closed,
      eventsUp: this.#eventsUp,
      mediaInterrupted: this.#mediaInterrupted(),
      downForMs: this.#downSince === 0 ? 0 : Date.now() - this.#downSince,
    };
  }
}
