import { describe, expect, it } from 'vitest';
import { Places, type Receiver } from './places.ts';

const of = (host: string): Receiver => ({ endpointId: 'room', origin: `https://${host}` });

/** Takes as many places as may be taken while only these receivers have rooms that wait, those first that come first. */
function fill(places: Places, ...hosts: string[]): number[] {
  const held = new Map(hosts.map((host) => [host, 0]));
  for (;;) {
    const { limit, except } = places.free(0);
    const host = hosts.find((one) => !except.some(({ origin }) => origin === of(one).origin));
    if (limit === 0 || host === undefined) return [...held.values()];
    for (let i = 0; i < limit; i += 1) places.take(of(host), 1000);
    held.set(host, held.get(host)! + limit);
  }
}

describe('places for calls of webhooks', () => {
  it('go to one receiver by half at most, and to the next by half of what is left', () => {
    expect(fill(new Places(16), 'a')).toEqual([8]);
    expect(fill(new Places(16), 'a', 'b')).toEqual([8, 4]);
    expect(fill(new Places(16), 'a', 'b', 'c', 'd', 'e', 'f')).toEqual([8, 4, 2, 1, 1, 0]);
    expect(fill(new Places(1), 'a', 'b')).toEqual([1, 0]);
    expect(fill(new Places(2), 'a', 'b')).toEqual([1, 1]);
  });

  it('are free again when they are given back, or when their work was cut off', () => {
    const places = new Places(2);
    const back = places.take(of('a'), 1000);
    expect(places.free(0)).toEqual({ limit: 1, except: [of('a')] });
    places.take(of('b'), 2000);
    expect(places.free(0).limit).toBe(0);
    back();
    expect(places.free(0)).toEqual({ limit: 1, except: [of('b')] });
    expect(places.free(2001)).toEqual({ limit: 1, except: [] });
  });
});
