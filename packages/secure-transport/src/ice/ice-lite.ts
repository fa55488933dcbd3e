import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Remote } from '../endpoint.ts';
import type { StunView } from '../stun/reader.ts';

export interface IceCredentials {
  readonly usernameFragment: string;
  readonly password: string;
}

export type IceState = 'new' | 'connected' | 'completed' | 'disconnected';

/** What ICE tells its transport, in this order for one packet. */
export interface IceEvents {
  tupleAdded(remote: Remote): void;
  tupleRemoved(remote: Remote): void;
  selected(remote: Remote): void;
  stateChanged(state: 'connected' | 'completed' | 'disconnected'): void;
  /** The previous username fragment is valid no more. */
  fragmentRetired(usernameFragment: string): void;
}

/**
 * The controlled, passive side of ICE-lite for one transport (RFC 8445 §2.5; object-model.md §6.5): which
 * credentials are valid, which tuples are known, which one is selected, and until when there is consent.
 */
export class IceLite {
  readonly #events: IceEvents;
  #state: IceState = 'new';
  /** Oldest first. */
  #tuples: Remote[] = [];
  #selected: Remote | undefined;
  #current: Secret;
  #previous: Secret | undefined;
  /** `#current` was used, so `#previous` is gone for good. */
  #currentUsed = false;
  #nomination = 0;
  #heardAt = 0;

  constructor(events: IceEvents, credentials: IceCredentials, previous: IceCredentials | undefined) {
    this.#events = events;
    this.#current = secretOf(credentials);
    this.#previous = previous && secretOf(previous);
  }

  get state(): IceState {
    return this.#state;
  }

  get selected(): Remote | undefined {
    return this.#selected;
  }

  get tuples(): readonly Remote[] {
    return this.#tuples;
  }

  /** Username fragments whose requests are ours. */
  usernameFragments(): string[] {
    const current = this.#current.usernameFragment;
    return this.#previous ? [current, this.#previous.usernameFragment] : [current];
  }

  /** The same credentials again change nothing; others are a restart (D-15). */
  setCredentials(credentials: IceCredentials, previous: IceCredentials | undefined): void {
    if (!isSame(this.#current, credentials)) {
      this.#current = secretOf(credentials);
      this.#currentUsed = false;
    }
    this.#previous = previous && !this.#currentUsed ? secretOf(previous) : undefined;
  }

  /** The key that authenticates the request; undefined if none does. */
  authenticate(request: StunView, ufrag: string): KeyObject | undefined {
    const secret = this.#current.usernameFragment === ufrag ? this.#current : this.#previous;
    if (secret?.usernameFragment !== ufrag || !request.verifyIntegrity(secret.key)) return undefined;
    if (secret === this.#current && !this.#currentUsed) {
      this.#currentUsed = true;
      this.#nomination = 0;
      const previous = this.#previous;
      this.#previous = undefined;
      if (previous) this.#events.fragmentRetired(previous.usernameFragment);
    }
    return secret.key;
  }

  /** Stores the tuple of an authenticated request. `select` follows. */
  noteRequest(remote: Remote, now: number): void {
    this.#heardAt = now;
    if (this.has(remote.key)) return;
    if (this.#tuples.length >= MAX_TUPLES) {
      const oldest = this.#tuples.find((tuple) => tuple !== this.#selected)!;
      this.#drop(oldest.key);
      this.#events.tupleRemoved(oldest);
    }
    this.#tuples.push(remote);
    this.#events.tupleAdded(remote);
  }

  /** Selects and changes state as the request says. */
  applyRequest(request: StunView, remote: Remote): void {
    const fresh = this.#state === 'new' || this.#state === 'disconnected';
    const nominated = (request.useCandidate || request.nomination >= 0) && this.#acceptNomination(request);
    if (nominated || fresh) this.select(remote.key);
    if (nominated) this.#become('completed');
    else if (fresh) this.#become('connected');
  }

  has(remoteKey: number): boolean {
    return this.#tuples.some((tuple) => tuple.key === remoteKey);
  }

  /** Selects a known tuple if it is not selected. */
  select(remoteKey: number): void {
    if (this.#selected?.key === remoteKey) return;
    const tuple = this.#tuples.find(({ key }) => key === remoteKey);
    if (!tuple) return;
    this.#selected = tuple;
    this.#events.selected(tuple);
  }

  /**
   * Forgets a tuple; if it was selected, the most recently added one is selected, and without any the state
   * becomes `disconnected`.
   */
  removeTuple(remoteKey: number): void {
    const tuple = this.#drop(remoteKey);
    if (!tuple) return;
    this.#events.tupleRemoved(tuple);
    if (this.#selected !== tuple) return;
    this.#selected = undefined;
    const next = this.#tuples.at(-1);
    if (next) this.select(next.key);
    else this.#become('disconnected');
  }

  /** When consent ends (RFC 7675); undefined while there is nothing to lose. */
  consentEndsAt(timeoutMs: number): number | undefined {
    return timeoutMs > 0 && this.#selected ? this.#heardAt + timeoutMs : undefined;
  }

  /** Consent has ended: every tuple is forgotten. A valid request starts anew. */
  expire(): void {
    this.#selected = undefined;
    this.#nomination = 0;
    for (const tuple of this.#tuples.splice(0)) this.#events.tupleRemoved(tuple);
    this.#become('disconnected');
  }

  /** A renomination counts if it is greater than the last one (D-19); a plain nomination always does. */
  #acceptNomination({ nomination }: StunView): boolean {
    if (nomination < 0) return true;
    if (nomination <= this.#nomination) return false;
    this.#nomination = nomination;
    return true;
  }

  #drop(remoteKey: number): Remote | undefined {
    const index = this.#tuples.findIndex(({ key }) => key === remoteKey);
    return index < 0 ? undefined : this.#tuples.splice(index, 1)[0];
  }

  #become(state: 'connected' | 'completed' | 'disconnected'): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.stateChanged(state);
  }
}

interface Secret extends IceCredentials {
  readonly key: KeyObject;
}

function secretOf(credentials: IceCredentials): Secret {
  return { ...credentials, key: createSecretKey(Buffer.from(credentials.password, 'utf8')) };
}

function isSame(a: IceCredentials, b: IceCredentials): boolean {
  return a.usernameFragment === b.usernameFragment && a.password === b.password;
}

/** D-18 */
const MAX_TUPLES = 8;
