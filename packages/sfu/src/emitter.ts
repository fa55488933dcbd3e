import { EventEmitter } from 'node:events';
import { fire } from './internal.ts';

/** Events every object has beside its own (D-2). */
export interface CommonEvents {
  /** A listener threw, or its promise was rejected. Nothing else comes of it. */
  listenererror: [eventName: string, error: unknown];
}

type EventMap<Events> = Record<keyof Events, unknown[]>;
type Name<Events> = Extract<keyof Events, string>;
type ListenerOf<Events, E extends keyof Events> = (
  ...args: Events[E] extends unknown[] ? Events[E] : never
) => void;

/**
 * The EventEmitter under every class of this package. It differs from Node's in three ways: the names and
 * arguments of events are checked by the compiler; `[fire]()` contains what listeners throw (D-2), so that
 * an application's mistake can't break the room; and a subclass is told when listeners come and go, even
 * by `removeAllListeners()`, which drops the usual `newListener` hooks together with everything else.
 */
export class SafeEmitter<Events extends EventMap<Events>> extends EventEmitter {
  constructor() {
    super();
    this.setMaxListeners(Number.POSITIVE_INFINITY);
  }

  /** Called when a listener throws and nobody listens to `listenererror`. */
  protected onListenerError(eventName: string, error: unknown): void {
    console.error(`[weir] a listener of "${eventName}" failed:`, error);
  }

  /** Called after listeners were added or removed. */
  protected onListenersChanged(): void {}

  /** Whether listeners must not hear this event (any more). */
  protected isSilent(_event: string): boolean {
    return false;
  }

  /**
   * Calls the listeners in order, as long as the object may speak. A listener that throws, or whose promise is rejected, is reported and the
   * next one is called. Returns whether there were listeners.
   */
  [fire]<E extends Name<Events & CommonEvents>>(
    event: E,
    ...args: (Events & CommonEvents)[E] extends infer A extends unknown[] ? A : never
  ): boolean {
    const listeners = this.rawListeners(event);
    for (const listener of listeners) {
      // The one before may have closed the object, and its `close` is the last that is heard of it.
      if (this.isSilent(event)) break;
      try {
        const result: unknown = Reflect.apply(listener, this, args);
        if (result instanceof Promise) result.catch((error: unknown) => this.#report(event, error));
      } catch (error) {
        this.#report(event, error);
      }
    }
    return listeners.length > 0;
  }

  #report(event: string, error: unknown): void {
    if (event === 'listenererror' || this.listenerCount('listenererror') === 0) {
      this.onListenerError(event, error);
      return;
    }
    for (const listener of this.rawListeners('listenererror')) {
      try {
        Reflect.apply(listener, this, [event, error]);
      } catch (second) {
        this.onListenerError('listenererror', second);
      }
    }
  }

  override on<E extends Name<Events & CommonEvents>>(
    event: E,
    listener: ListenerOf<Events & CommonEvents, E>,
  ): this {
    super.on(event, listener);
    this.onListenersChanged();
    return this;
  }

  override addListener<E extends Name<Events & CommonEvents>>(
    event: E,
    listener: ListenerOf<Events & CommonEvents, E>,
  ): this {
    return this.on(event, listener);
  }

  override prependListener<E extends Name<Events & CommonEvents>>(
    event: E,
    listener: ListenerOf<Events & CommonEvents, E>,
  ): this {
    super.prependListener(event, listener);
    this.onListenersChanged();
    return this;
  }

  // Node's once() and prependOnceListener() call this.on() and this.prependListener().
  override once<E extends Name<Events & CommonEvents>>(
    event: E,
    listener: ListenerOf<Events & CommonEvents, E>,
  ): this {
    return super.once(event, listener);
  }

  override prependOnceListener<E extends Name<Events & CommonEvents>>(
    event: E,
    listener: ListenerOf<Events & CommonEvents, E>,
  ): this {
    return super.prependOnceListener(event, listener);
  }

  // A listener added by once() removes itself through this.removeListener().
  override removeListener<E extends Name<Events & CommonEvents>>(
    event: E,
    listener: ListenerOf<Events & CommonEvents, E>,
  ): this {
    super.removeListener(event, listener);
    this.onListenersChanged();
    return this;
  }

  override off<E extends Name<Events & CommonEvents>>(
    event: E,
    listener: ListenerOf<Events & CommonEvents, E>,
  ): this {
    return this.removeListener(event, listener);
  }

  override removeAllListeners(event?: Name<Events & CommonEvents>): this {
    if (event === undefined) super.removeAllListeners();
    else super.removeAllListeners(event);
    this.onListenersChanged();
    return this;
  }
}
