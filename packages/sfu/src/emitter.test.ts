import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SafeEmitter } from './emitter.ts';
import { fire } from './internal.ts';

interface Events {
  ping: [n: number];
  close: [error?: Error];
}

class Thing extends SafeEmitter<Events> {
  readonly reported: unknown[] = [];
  readonly counts: number[] = [];

  protected override onListenerError(eventName: string, error: unknown): void {
    this.reported.push([eventName, error]);
  }

  protected override onListenersChanged(): void {
    // Listeners may be added before this class's fields exist only by its own constructor; there are none.
    this.counts.push(this.listenerCount('ping'));
  }
}

describe('SafeEmitter', () => {
  it('calls the remaining listeners after one threw, and reports it', () => {
    const thing = new Thing();
    const heard: number[] = [];
    const failure = new Error('mine');
    thing.on('ping', () => {
      throw failure;
    });
    thing.on('ping', (n) => heard.push(n));
    expect(thing[fire]('ping', 7)).toBe(true);
    expect(heard).toEqual([7]);
    expect(thing.reported).toEqual([['ping', failure]]);
  });

  it('reports the rejection of an asynchronous listener', async () => {
    const thing = new Thing();
    const failure = new Error('later');
    thing.on('ping', async () => {
      throw failure;
    });
    thing[fire]('ping', 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(thing.reported).toEqual([['ping', failure]]);
  });

  it('gives failures to listenererror if somebody listens, and survives that listener too', () => {
    const thing = new Thing();
    const heard: unknown[] = [];
    const failure = new Error('mine');
    const second = new Error('again');
    thing.on('listenererror', (eventName, error) => heard.push([eventName, error]));
    thing.on('listenererror', () => {
      throw second;
    });
    thing.on('ping', () => {
      throw failure;
    });
    thing[fire]('ping', 1);
    expect(heard).toEqual([['ping', failure]]);
    expect(thing.reported).toEqual([['listenererror', second]]);
  });

  it('calls a once() listener once, also when it throws', () => {
    const thing = new Thing();
    let calls = 0;
    thing.once('ping', () => {
      calls++;
      throw new Error('mine');
    });
    thing[fire]('ping', 1);
    thing[fire]('ping', 2);
    expect(calls).toBe(1);
  });

  it('tells of every way in which listeners come and go', () => {
    const thing = new Thing();
    const listener = () => {};
    thing.on('ping', listener);
    thing.addListener('ping', listener);
    thing.prependListener('ping', listener);
    thing.once('ping', listener);
    thing.prependOnceListener('ping', listener);
    expect(thing.counts.at(-1)).toBe(5);
    thing[fire]('ping', 1);
    expect(thing.counts.at(-1)).toBe(3);
    thing.off('ping', listener);
    expect(thing.counts.at(-1)).toBe(2);
    thing.removeListener('ping', listener);
    expect(thing.counts.at(-1)).toBe(1);
    thing.removeAllListeners();
    expect(thing.counts.at(-1)).toBe(0);
    thing.on('ping', listener);
    expect(thing.counts.at(-1)).toBe(1);
    thing.removeAllListeners('ping');
    expect(thing.counts.at(-1)).toBe(0);
  });

  it('has no limit of listeners and works with events.once()', async () => {
    const thing = new Thing();
    expect(thing.getMaxListeners()).toBe(Number.POSITIVE_INFINITY);
    const closed = once(thing, 'close');
    thing[fire]('close');
    expect(await closed).toEqual([]);
  });
});
