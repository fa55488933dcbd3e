/** One line of what the session did lately. */
export interface HistoryEntry {
  /** Milliseconds since 1970. */
  time: number;
  kind: 'http' | 'event' | 'state' | 'media';
  /** For people: `POST /v1/rooms/demo/peers`, `newrtpsender rtpsender 12345678`. */
  text: string;
  /** Of a request. */
  status?: number;
  durationMs?: number;
  /** Code of the error, if it failed. */
  error?: string;
}

/** Keeps the last entries for a bug report. Tokens, ICE passwords and media never enter it. */
export class History {
  readonly #entries: HistoryEntry[] = [];
  readonly #limit: number;

  constructor(limit = 100) {
    this.#limit = limit;
  }

  add(entry: Omit<HistoryEntry, 'time'>): void {
    this.#entries.push({ time: Date.now(), ...entry });
    if (this.#entries.length > this.#limit) this.#entries.shift();
  }

  /** Oldest first. */
  entries(): HistoryEntry[] {
    return [...this.#entries];
  }
}
