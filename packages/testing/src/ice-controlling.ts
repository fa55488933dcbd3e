import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { StunAttribute, StunBuilder, StunClass, StunView } from '@weir/secure-transport';
import type { UdpSocket } from '@weir/udp';
import type { Clock, Timer } from './clock.ts';

export interface IceOptions {
  readonly usernameFragment?: string;
  /**
   * `regular`: one pair is nominated after its check succeeded. `aggressive`: every check nominates.
   * `renomination`: NOMINATION with a rising value, as libwebrtc does. `none`: never.
   */
  readonly nomination?: 'regular' | 'aggressive' | 'renomination' | 'none';
  /** Between checks of a pair that has not succeeded; default 50. */
  readonly checkIntervalMs?: number;
  /** Between consent checks of the selected pair; default 2,500 as in Chromium. */
  readonly consentIntervalMs?: number;
}

interface Path {
  readonly socket: UdpSocket;
  readonly ip: string;
  readonly port: number;
  succeeded: boolean;
  /** A nomination was asked for and is not yet confirmed: its NOMINATION value, 0 for USE-CANDIDATE. */
  nominating: number | undefined;
  /** Transactions on their way. */
  readonly open: Map<string, { nominates: boolean; sentAt: number }>;
}

/** The controlling side of ICE against an ICE-lite SFU: it checks, nominates, and asks for consent. */
export class IceControlling {
  /** A first check has succeeded. */
  onWritable: (() => void) | undefined;
  /** A nomination was confirmed. */
  onNominated: (() => void) | undefined;
  /** Confirmed: code of each error response. */
  readonly errors: number[] = [];
  /** Success responses. */
  successes = 0;
  /** Address that the SFU sees, from the last response. */
  mappedAddress: { ip: string; port: number } | undefined;
  readonly usernameFragment: string;
  readonly #clock: Clock;
  readonly #options: IceOptions;
  readonly #candidates: readonly { readonly ip: string; readonly port: number }[];
  #remoteUfrag: string;
  #key: KeyObject;
  readonly #sockets: UdpSocket[] = [];
  readonly #paths: Path[] = [];
  #selected: Path | undefined;
  #nomination = 0;
  #writable = false;
  #timer: Timer | undefined;
  #nextConsent = 0;
  /** `pauseConsent` was called. */
  #silent = false;

  constructor(
    clock: Clock,
    remote: {
      readonly ice: { readonly usernameFragment: string; readonly password: string };
      readonly candidates: readonly { readonly ip: string; readonly port: number }[];
    },
    options: IceOptions,
  ) {
    this.#clock = clock;
    this.#options = options;
    this.#candidates = remote.candidates;
    this.#remoteUfrag = remote.ice.usernameFragment;
    this.#key = createSecretKey(Buffer.from(remote.ice.password));
    this.usernameFragment = options.usernameFragment ?? randomBytes(4).toString('hex');
  }

  get selected(): { socket: UdpSocket; ip: string; port: number } | undefined {
    return this.#selected;
  }

  addSocket(socket: UdpSocket): void {
    this.#sockets.push(socket);
    for (const { ip, port } of this.#candidates) {
      this.#paths.push({ socket, ip, port, succeeded: false, nominating: undefined, open: new Map() });
    }
  }

  start(): void {
    this.#tick();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#silent = true;
  }

  /** Sends no request any more, but goes on with all else: consent will expire. */
  pauseConsent(): void {
    this.#silent = true;
  }

  resumeConsent(): void {
    this.#silent = false;
    this.#tick();
  }

  /** New credentials of the SFU, as after an ICE restart. */
  restart(ice: { readonly usernameFragment: string; readonly password: string }): void {
    this.#remoteUfrag = ice.usernameFragment;
    this.#key = createSecretKey(Buffer.from(ice.password));
    for (const path of this.#paths) {
      path.succeeded = false;
      path.open.clear();
    }
    this.#tick();
  }

  /** Nominates the pair of this socket and the nth candidate, when its check has succeeded. */
  nominate(socket: UdpSocket, candidate = 0): void {
    const wanted = this.#candidates[candidate]!;
    const path = this.#paths.find(
      (each) => each.socket === socket && each.ip === wanted.ip && each.port === wanted.port,
    );
    if (!path) throw new Error('no such pair');
    path.nominating = this.#options.nomination === 'renomination' ? ++this.#nomination : 0;
    this.#tick();
  }

  /** Over the selected pair; false without one. */
  send(datagram: Uint8Array): boolean {
    if (!this.#selected) return false;
    this.#selected.socket.send(datagram, this.#selected.ip, this.#selected.port);
    return true;
  }

  /** A STUN message has come. */
  handle(socket: UdpSocket, data: Uint8Array, ip: string, port: number): void {
    const view = new StunView();
    if (!view.read(data)) return;
    const id = Buffer.from(view.transactionId()).toString('hex');
    const path = this.#paths.find(
      (each) => each.socket === socket && each.ip === ip && each.port === port && each.open.has(id),
    );
    if (!path) return;
    if (view.messageClass === StunClass.error) {
      this.errors.push(view.errorCode);
      path.open.delete(id);
    } else if (view.messageClass === StunClass.success && view.verifyIntegrity(this.#key)) {
      this.#succeed(path, id, view);
    }
  }

  #succeed(path: Path, id: string, view: StunView): void {
    const { nominates } = path.open.get(id)!;
    path.open.clear();
    path.succeeded = true;
    this.successes++;
    this.mappedAddress = view.xorMappedAddress();
    this.#selected ??= path;
    if (nominates) {
      path.nominating = undefined;
      this.#selected = path;
      this.onNominated?.();
    } else if (path === this.#selected && !this.#writable && this.#mode !== 'none') {
      path.nominating = this.#mode === 'renomination' ? ++this.#nomination : 0;
    }
    const first = !this.#writable;
    this.#writable = true;
    if (first) this.onWritable?.();
    if (path.nominating !== undefined) this.#tick();
  }

  get #mode(): NonNullable<IceOptions['nomination']> {
    return this.#options.nomination ?? 'regular';
  }

  /** Sends what is due, and wakes up again. */
  #tick(): void {
    this.#timer?.cancel();
    if (this.#silent) return;
    const now = this.#clock.now();
    const interval = this.#options.checkIntervalMs ?? 50;
    const consent = now >= this.#nextConsent;
    if (consent) this.#nextConsent = now + (this.#options.consentIntervalMs ?? 2_500);
    let busy = false;
    for (const path of this.#paths) {
      const waiting = !path.succeeded || path.nominating !== undefined;
      busy ||= waiting;
      if (waiting || (consent && path === this.#selected)) this.#check(path, now);
    }
    // A pair that never answers is asked at the pace of consent once another one works.
    const calm = this.#writable && !this.#paths.some((path) => path.nominating !== undefined);
    this.#timer = this.#clock.at(busy && !calm ? now + interval : this.#nextConsent, () => this.#tick());
  }

  #check(path: Path, now: number): void {
    const id = randomBytes(12);
    const nominates = path.nominating !== undefined || this.#mode === 'aggressive';
    const builder = new StunBuilder(StunClass.request, id)
      .text(StunAttribute.username, `${this.#remoteUfrag}:${this.usernameFragment}`)
      .attribute(StunAttribute.iceControlling, randomBytes(8));
    if (path.nominating && this.#mode === 'renomination') {
      builder.u32(StunAttribute.nomination, path.nominating);
    } else if (nominates) {
      builder.attribute(StunAttribute.useCandidate, new Uint8Array(0));
    }
    const request = builder
      .u32(StunAttribute.priority, 1_853_824_767)
      .integrity(this.#key)
      .fingerprint()
      .finish();
    for (const [key, { sentAt }] of path.open) if (now - sentAt > 5_000) path.open.delete(key);
    path.open.set(id.toString('hex'), { nominates, sentAt: now });
    path.socket.send(request, path.ip, path.port);
  }
}
