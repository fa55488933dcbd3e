import type { LogEvent } from '@weir/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeWeir, type Fault, problem } from '../test/fake-weir.ts';
import { pass } from '../test/harness.ts';
import { ApiClient } from './api-client.ts';
import type { WeirError } from './errors.ts';
import { EventFeed } from './event-feed.ts';
import type { FeedMode } from './feed-policy.ts';
import { History } from './history.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function open(server: FakeWeir, mode: FeedMode, token: string | (() => string) = 'secret') {
  const peer = server.join('Ada');
  const events: LogEvent[] = [];
  const states: string[] = [];
  const api = new ApiClient({
    url: 'https://weir.test',
    token,
    fetch: server.fetch,
    history: new History(),
    random: () => 0.5,
  });
  const feed = new EventFeed({
    api,
    path: `/v1/rooms/demo/peers/${peer.info.id}/events`,
    cursor: '0',
    mode,
    random: () => 0.5,
    onEvent: (event) => events.push(event),
    onUp: (how) => states.push(`up ${how}`),
    onDown: (error: WeirError) => states.push(`down ${error.code}`),
    onEnd: (error: WeirError) => states.push(`end ${error.code}`),
  });
  feed.start();
  const say = (text: string) => server.emit(peer, 'score', 'rtpsender', '1', { text });
  const heard = () => events.map((event) => event.data.text);
  return { peer, feed, states, say, heard, events };
}

describe.each<FeedMode>(['sse', 'poll'])('reading by %s', (mode) => {
  it('gives each event once, in order, whatever happens to the connections', async () => {
    const trouble = fc.constantFrom(
      'say',
      'say',
      'say',
      'cut',
      'tear',
      'refuse',
      'lose',
      '503',
      'long',
      'short',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(trouble, { maxLength: 60 }), async (script) => {
        const server = new FakeWeir();
        server.overlap = script.length % 3;
        const { peer, feed, say, heard } = open(server, mode);
        let fault: Fault;
        server.fault = () => {
          const now = fault;
          fault = undefined;
          return now;
        };
        let said = 0;
        for (const step of script) {
          if (step === 'say') say(String(said++));
          if (step === 'cut' || step === 'tear') server.cutStreams(peer, step === 'tear');
          if (step === 'refuse' || step === 'lose') fault = step;
          if (step === '503') fault = problem(503, 'store-unavailable');
          if (step === 'long') await pass(20_000);
          if (step === 'short') await pass(100);
        }
        fault = undefined;
        await pass(60_000);
        feed.stop();
        expect(heard()).toEqual(Array.from({ length: said }, (_, n) => String(n)));
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  it('passes over what it has already seen', async () => {
    const server = new FakeWeir();
    const { peer, say, heard, feed } = open(server, mode);
    server.overlap = 2;
    say('a');
    say('b');
    await pass(10);
    server.cutStreams(peer);
    say('c');
    await pass(5000);
    expect(heard()).toEqual(['a', 'b', 'c']);
    expect(feed.cursor).toBe('3');
    feed.stop();
  });

  it.each([
    [410, 'peer-closed'],
    [404, 'peer-not-found'],
    [403, 'forbidden'],
    [401, 'unauthorized'],
  ])('ends at a %d', async (status, code) => {
    const server = new FakeWeir();
    server.fault = () => problem(status, code);
    const { states } = open(server, mode);
    await pass(100);
    expect(states).toEqual([`end ${code}`]);
    await pass(100_000);
    expect(server.seen).toHaveLength(1);
  });

  it('gets a fresh token when the old one expired', async () => {
    const server = new FakeWeir();
    let issued = 0;
    server.fault = ({ headers }) =>
      headers.get('authorization') === 'Bearer t1' ? problem(401, 'unauthorized') : undefined;
    const { states, say, heard, feed } = open(server, mode, () => `t${++issued}`);
    say('a');
    await pass(2000);
    expect(heard()).toEqual(['a']);
    expect(states).toEqual(['down unauthorized', `up ${mode}`]);
    feed.stop();
  });

  it('leaves no timer behind when stopped', async () => {
    const server = new FakeWeir();
    const { feed } = open(server, mode);
    await pass(100);
    feed.stop();
    await pass(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('streaming', () => {
  it('reconnects when nothing came for 40 seconds, heartbeats included', async () => {
    const server = new FakeWeir();
    const { states, say, heard, feed } = open(server, 'sse');
    await pass(100_000);
    expect(server.seen).toHaveLength(1);
    server.bufferStreams = true;
    say('while dead');
    await pass(30_000);
    server.bufferStreams = false;
    // The next heartbeat would save it: this connection is really dead.
    expect(heard()).toEqual([]);
    server.bufferStreams = true;
    await pass(15_000);
    expect(server.seen.length).toBeGreaterThan(1);
    server.bufferStreams = false;
    await pass(30_000);
    expect(heard()).toEqual(['while dead']);
    expect(states[0]).toBe('up sse');
    feed.stop();
  });

  it('goes unnoticed through rotations', async () => {
    const server = new FakeWeir();
    const { peer, states, feed, say, heard } = open(server, 'sse');
    for (let n = 0; n < 5; n++) {
      await pass(300_000);
      say(String(n));
      server.cutStreams(peer);
      await pass(500);
    }
    expect(states).toEqual(['up sse']);
    expect(heard()).toEqual(['0', '1', '2', '3', '4']);
    feed.stop();
  });

  it('polls when a proxy answers with something else', async () => {
    const server = new FakeWeir();
    server.fault = ({ headers }) =>
      headers.get('accept') === 'text/event-stream'
        ? new Response('<html>', { headers: { 'content-type': 'text/html' } })
        : undefined;
    const { states, say, heard, feed } = open(server, 'sse');
    await pass(10);
    say('a');
    await pass(10);
    expect(heard()).toEqual(['a']);
    expect(states).toEqual(['down bad-answer', 'up poll']);
    feed.stop();
  });

  it('goes back to streaming once it gets through again', async () => {
    const server = new FakeWeir();
    server.bufferStreams = true;
    const { feed, say, heard } = open(server, 'sse');
    await pass(25_000);
    expect(feed.mode).toBe('poll');
    server.bufferStreams = false;
    await pass(120_000);
    expect(feed.mode).toBe('sse');
    say('a');
    await pass(10);
    expect(heard()).toEqual(['a']);
    feed.stop();
  });

  it('takes over the cursor of a reset, even a lower one', async () => {
    const server = new FakeWeir();
    const { peer, events, feed, say } = open(server, 'sse');
    for (let n = 0; n < 5; n++) say(String(n));
    await pass(10);
    peer.log.length = 0;
    server.emit(peer, 'reset', 'peer', peer.info.id, {});
    say('after');
    await pass(10);
    expect(events.slice(-2).map(({ type, cursor }) => [type, cursor])).toEqual([
      ['reset', '1'],
      ['score', '2'],
    ]);
    feed.stop();
  });

  it('tries at once when nudged', async () => {
    const server = new FakeWeir();
    server.fault = () => 'refuse';
    const { states, feed } = open(server, 'sse');
    await pass(60_000);
    const before = server.seen.length;
    server.fault = () => undefined;
    feed.nudge();
    await pass(0);
    expect(server.seen).toHaveLength(before + 1);
    expect(states.at(-1)).toBe('up sse');
    feed.stop();
  });
});
