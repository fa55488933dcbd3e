import type {
  JoinAnswer,
  LogEvent,
  ReceiverView,
  SenderView,
  Snapshot,
  TransportView,
  WireRtpCapabilities,
} from '@weir/protocol';
import { dtls, opus } from '../../apps/signaling/test/media.ts';
import { CarefulClient, Refused, type Tally } from './careful-client.ts';
import { EventSource, type Way } from './event-source.ts';
import { token } from './instances.ts';
import { View } from './view.ts';

/**
 * A client of Weir but for media: joins, publishes, and subscribes to whatever its events tell of. It speaks to one
 * address and does not care who answers there.
 */
export class Participant {
  readonly roomId: string;
  readonly name: string;
  readonly answer: JoinAnswer;
  readonly client: CarefulClient;
  readonly events: EventSource;
  /** What it knows by its snapshot and events alone. */
  readonly view: View;
  /** Orders to pause or resume that were answered, of its own receiver. */
  toggles = 0;
  receiverId: string | undefined;
  left = false;
  readonly #path: string;
  readonly #wanted: string[] = [];
  /** Senders it was told of; those it is bound to. */
  readonly #known = new Set<string>();
  readonly #bound = new Set<string>();
  #receiving: string | undefined;
  #binding: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  private constructor(
    roomId: string,
    name: string,
    client: CarefulClient,
    answer: JoinAnswer,
    tally: Tally,
    way: Way,
  ) {
    this.roomId = roomId;
    this.name = name;
    this.client = client;
    this.answer = answer;
    this.#path = `/v1/rooms/${roomId}/peers/${answer.peer.id}`;
    this.view = new View(answer.snapshot);
    for (const { id } of answer.snapshot.senders) this.#want(id);
    this.events = new EventSource(client, `${this.#path}/events`, {
      way,
      cursor: answer.snapshot.cursor,
      tally,
      onEvent: (event) => this.#hear(event),
    });
  }

  /** Joins a room that is there. @throws Refused, or Error if patience is over */
  static async join(
    base: string,
    roomId: string,
    name: string,
    options: { way: Way; tally: Tally; rtpCapabilities: WireRtpCapabilities },
  ): Promise<Participant> {
    const client = new CarefulClient(base, await token(), options.tally);
    const { rtpCapabilities } = options;
    const answer = await client.call<JoinAnswer>(
      'POST',
      `/v1/rooms/${roomId}/peers`,
      { name, rtpCapabilities },
      'join',
    );
    return new Participant(roomId, name, client, answer, options.tally, options.way);
  }

  get id(): string {
    return this.answer.peer.id;
  }

  call<T>(method: string, path: string, body?: object, what?: string): Promise<T> {
    return this.client.call<T>(method, this.#path + path, body, what);
  }

  /** Makes a transport to receive on; from then on whatever can be heard gets bound to it. */
  async receive(): Promise<void> {
    this.#receiving = (await this.#transport('recv')).id;
    this.#bindWanted();
  }

  async publish(ssrc: number): Promise<void> {
    const { id } = await this.#transport('send');
    const receiver = await this.call<ReceiverView>(
      'POST',
      '/receivers',
      { kind: 'audio', transportId: id, rtpParameters: opus(ssrc) },
      'publish',
    );
    this.receiverId = receiver.id;
  }

  /** Pauses its receiver, or resumes it. */
  async toggle(): Promise<void> {
    const paused = this.toggles % 2 === 0;
    await this.call('PATCH', `/receivers/${this.receiverId}`, { paused }, 'pause');
    this.toggles += 1;
  }

  async leave(): Promise<void> {
    this.left = true;
    await this.call('DELETE', '', undefined, 'leave');
  }

  snapshot(): Promise<Snapshot> {
    return this.call('GET', '/snapshot');
  }

  /** It is bound to everything it was told of. @throws Error if something was refused */
  async settled(): Promise<boolean> {
    await this.#binding;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#wanted.length === 0 && [...this.#known].every((id) => this.#bound.has(id));
  }

  /** How many senders it is bound to. */
  get bound(): number {
    return this.#bound.size;
  }

  #hear(event: LogEvent): void {
    try {
      this.view.apply(event);
    } catch (error) {
      this.#failure ??= new Error(`${this.name}: ${JSON.stringify(event)}`, { cause: error });
    }
    if (event.type === 'newrtpsender') this.#want((event.data as SenderView).id);
    if (event.type === 'close' && event.target.kind === 'rtpsender') this.#forget(event.target.id);
  }

  #want(senderId: string): void {
    this.#known.add(senderId);
    this.#wanted.push(senderId);
    this.#bindWanted();
  }

  #forget(senderId: string): void {
    this.#known.delete(senderId);
    this.#bound.delete(senderId);
  }

  #bindWanted(): void {
    if (this.#receiving === undefined) return;
    this.#binding = this.#binding.then(async () => {
      for (let id = this.#wanted.shift(); id !== undefined && !this.left; id = this.#wanted.shift()) {
        try {
          const order = { transportId: this.#receiving, enabled: true };
          await this.call('PATCH', `/senders/${id}`, order, 'subscribe');
          if (this.#known.has(id)) this.#bound.add(id);
        } catch (error) {
          // It has left, or whoever it wanted to hear; an event says the same.
          const gone = error instanceof Refused && (error.status === 404 || this.left);
          if (!gone) this.#failure ??= error as Error;
        }
      }
    });
  }

  async #transport(direction: 'send' | 'recv'): Promise<TransportView> {
    const transport = await this.call<TransportView>('POST', '/transports', { direction }, 'transport');
    await this.call('PUT', `/transports/${transport.id}/dtls`, { dtlsParameters: dtls });
    return transport;
  }
}
