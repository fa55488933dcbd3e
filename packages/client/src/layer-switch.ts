import type { types } from 'mediasoup-client';

/** A spatial layer that a publication announced, from low to high. */
export interface PublishedLayer {
  spatialLayer: number;
  /** Somebody in the room has a use for it. */
  wanted: boolean;
  /** The browser may encode and send it. */
  active: boolean;
}

/** Parameters of a browser's sender, as far as they are touched here. */
export type LayeredSender = Pick<RTCRtpSender, 'getParameters' | 'setParameters'>;

/** What nobody has wanted for so long is switched off; what is wanted again is switched on at once. */
const offAfterMs = 2_000;

/**
 * Switches encodings of simulcast off that nobody has a use for, and on again. The lowest one always stays: who comes
 * late shall see something at once. Where the browser refuses, everything is sent as before.
 */
export class LayerSwitch {
  readonly #onChange: () => void;
  #sender: LayeredSender | undefined;
  #rids: readonly (string | undefined)[] = [];
  #wanted: ReadonlySet<number> | undefined;
  #active: boolean[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = Promise.resolve();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Empty unless several encodings are sent. */
  get layers(): PublishedLayer[] {
    return this.#active.map((active, spatialLayer) => ({
      spatialLayer,
      wanted: this.#isWanted(spatialLayer),
      active,
    }));
  }

  /**
   * The browser sends with another sender from now on, in which all encodings are active. It goes to another transport,
   * so what was told may be the word of a pod that is gone, and the new one thinks that everything is sent.
   */
  bind(sender: LayeredSender | undefined, encodings: types.RtpParameters['encodings']): void {
    this.#sender = sender;
    this.#wanted = undefined;
    this.#rids = encodings?.map(({ rid }) => rid) ?? [];
    this.#active = this.#rids.length > 1 ? this.#rids.map(() => true) : [];
    this.#plan();
  }

  /** The server told which spatial layers are wanted; undefined: nothing is known, so all are. */
  want(spatialLayers: readonly number[] | undefined): void {
    this.#wanted = spatialLayers && new Set(spatialLayers);
    this.#plan();
    this.#onChange();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#sender = undefined;
    this.#active = [];
  }

  #isWanted(layer: number): boolean {
    return this.#wanted === undefined || this.#wanted.has(layer);
  }

  #plan(): void {
    clearTimeout(this.#timer);
    const wanted = this.#active.map((_, layer) => layer === 0 || this.#isWanted(layer));
    const raised = this.#active.map((active, layer) => active || wanted[layer]!);
    if (differ(raised, this.#active)) this.#apply(raised);
    // Viewers come and go, and estimates move: what is switched off has been useless for a while.
    if (differ(wanted, raised)) this.#timer = setTimeout(() => this.#apply(wanted), offAfterMs);
  }

  /** One after the other: parameters that were read before another change was made are refused by the browser. */
  #apply(active: boolean[]): void {
    const sender = this.#sender;
    if (sender === undefined) return;
    this.#active = active;
    this.#running = this.#running.then(async () => {
      if (this.#sender !== sender) return;
      try {
        await setActive(sender, this.#rids, this.#active);
      } catch {
        // It ended, or can't: then what was sent is sent on.
        if (this.#sender === sender) this.#read(sender);
      }
      this.#onChange();
    });
  }

  #read(sender: LayeredSender): void {
    const { encodings = [] } = sender.getParameters();
    if (encodings.length === this.#active.length)
      this.#active = encodings.map(({ active }) => active !== false);
  }
}

/**
 * Without a negotiation: mediasoup-client's `setMaxSpatialLayer()` makes one, which would hold up others, and knows no
 * gaps.
 */
async function setActive(
  sender: LayeredSender,
  rids: readonly (string | undefined)[],
  active: readonly boolean[],
): Promise<void> {
  const parameters = sender.getParameters();
  const { encodings } = parameters;
  // Firefox lists encodings in an order of its own, and old ones list none.
  if (encodings?.length !== active.length) throw new TypeError('the browser has other encodings');
  let changes = false;
  for (const [i, encoding] of encodings.entries()) {
    const layer = encoding.rid === undefined ? i : rids.indexOf(encoding.rid);
    const wanted = active[layer];
    if (wanted === undefined || encoding.active === wanted) continue;
    encoding.active = wanted;
    changes = true;
  }
  if (changes) await sender.setParameters(parameters);
}

function differ(a: readonly boolean[], b: readonly boolean[]): boolean {
  return a.some((value, i) => value !== b[i]);
}
