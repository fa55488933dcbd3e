import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { json, problem } from '../test/fake-weir.ts';
import { pass } from '../test/harness.ts';
import { ApiClient, type TokenSource } from './api-client.ts';
import { parseRetryAfter, type WeirError } from './errors.ts';
import { History } from './history.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

type Answer = Response | Error | 'hang';

/** A server that gives these answers one after another, and the last one ever after. */
function scripted(answers: Answer[], token: TokenSource = 'secret') {
  const requests: { url: string; init: RequestInit; at: number }[] = [];
  const start = Date.now();
  const history = new History();
  const client = new ApiClient({
    url: 'https://weir.test/',
    token,
    history,
    random: () => 0,
    fetch: async (url, init = {}) => {
      requests.push({ url: String(url), init, at: Date.now() - start });
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      if (answer === 'hang') {
        return new Promise((_resolve, reject) => {
          init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
        });
      }
      if (answer instanceof Error) throw answer;
      return answer.clone();
    },
  });
  const header = (n: number, name: string) => new Headers(requests[n]?.init.headers).get(name);
  return { client, requests, header, history };
}

const down = new TypeError('fetch failed');

describe('ApiClient', () => {
  it('sends JSON with the token and gives the answer', async () => {
    const { client, requests, header } = scripted([json({ id: '1' }, 201)]);
    expect(await client.request({ method: 'POST', path: '/v1/x', body: { a: 1 } })).toEqual({ id: '1' });
    expect(requests[0]?.url).toBe('https://weir.test/v1/x');
    expect(requests[0]?.init.body).toBe('{"a":1}');
    expect(header(0, 'authorization')).toBe('Bearer secret');
    expect(header(0, 'content-type')).toBe('application/json');
  });

  it.each([
    ['no network', down],
    ['429', problem(429, 'rate-limited')],
    ['502', new Response('<h1>Bad Gateway</h1>', { status: 502 })],
    ['503', problem(503, 'no-pod')],
    ['504', new Response('', { status: 504 })],
  ])('tries again after %s, with the same key', async (_name, failure) => {
    const { client, requests, header } = scripted([failure, failure, json({ ok: true })]);
    const answer = client.request({ method: 'POST', path: '/v1/x' });
    await pass(5000);
    expect(await answer).toEqual({ ok: true });
    expect(requests).toHaveLength(3);
    expect(header(0, 'idempotency-key')).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set([0, 1, 2].map((n) => header(n, 'idempotency-key'))).size).toBe(1);
  });

  it('gives each request a key of its own, and none to what is idempotent by nature', async () => {
    const { client, header } = scripted([json({})]);
    await client.request({ method: 'POST', path: '/v1/x' });
    await client.request({ method: 'POST', path: '/v1/x' });
    await client.request({ method: 'PATCH', path: '/v1/x' });
    expect(header(0, 'idempotency-key')).not.toBe(header(1, 'idempotency-key'));
    expect(header(2, 'idempotency-key')).toBeNull();
  });

  it('waits as long as Retry-After says', async () => {
    const { client, requests } = scripted([problem(503, 'no-pod', { 'retry-after': '7' }), json({})]);
    const answer = client.request({ method: 'GET', path: '/v1/x' });
    await pass(6_990);
    expect(requests).toHaveLength(1);
    await pass(20);
    await answer;
    expect(requests[1]?.at).toBe(7_000);
  });

  it('does not wait any longer when nudged', async () => {
    const { client, requests } = scripted([
      problem(503, 'no-pod', { 'retry-after': '60' }),
      problem(503, 'no-pod', { 'retry-after': '60' }),
      json({}),
    ]);
    const answer = client.request({ method: 'GET', path: '/v1/x' });
    await pass(5_000);
    client.nudge();
    await pass(0);
    expect(requests.map(({ at }) => at)).toEqual([0, 5_000]);
    client.nudge();
    await answer;
    expect(requests).toHaveLength(3);
  });

  it.each([
    [400, 'bad-request'],
    [403, 'forbidden'],
    [409, 'name-taken'],
    [422, 'invalid-parameter'],
    [500, 'internal'],
  ])('does not repeat a %d', async (status, code) => {
    const { client, requests } = scripted([problem(status, code)]);
    await expect(client.request({ method: 'POST', path: '/v1/x' })).rejects.toMatchObject({
      name: 'WeirError',
      code,
      status,
      detail: `because ${code}`,
    });
    expect(requests).toHaveLength(1);
  });

  it('takes a page of a proxy for what its status says', async () => {
    const { client } = scripted([new Response('<html>', { status: 404 })]);
    await expect(client.request({ method: 'GET', path: '/v1/x' })).rejects.toMatchObject({
      code: 'not-found',
      status: 404,
    });
    const other = scripted([new Response('<html>', { status: 200 })]);
    await expect(other.client.request({ method: 'GET', path: '/v1/x' })).rejects.toMatchObject({
      code: 'bad-answer',
    });
  });

  it('gives up after its attempts, or never', async () => {
    const { client, requests } = scripted([down]);
    const few = client.request({ method: 'GET', path: '/v1/x', attempts: 3 }).catch((e: WeirError) => e.code);
    await pass(60_000);
    expect(await few).toBe('network');
    expect(requests).toHaveLength(3);

    const abort = new AbortController();
    const many = client
      .request({ method: 'GET', path: '/v1/x', attempts: Number.POSITIVE_INFINITY, signal: abort.signal })
      .catch((e: WeirError) => e.code);
    await pass(3_600_000);
    expect(requests.length).toBeGreaterThan(500);
    abort.abort();
    expect(await many).toBe('aborted');
    const sofar = requests.length;
    await pass(60_000);
    expect(requests).toHaveLength(sofar);
  });

  it('does not wait for an answer for ever', async () => {
    const { client } = scripted(['hang']);
    const answer = client
      .request({ method: 'GET', path: '/v1/x', attempts: 1, timeoutMs: 2_000 })
      .catch((e: WeirError) => e.code);
    await pass(2_001);
    expect(await answer).toBe('timeout');
  });

  it('can be aborted while it waits for the answer', async () => {
    const { client } = scripted(['hang']);
    const abort = new AbortController();
    const answer = client
      .request({ method: 'GET', path: '/v1/x', signal: abort.signal })
      .catch((e: WeirError) => e.code);
    await pass(10);
    abort.abort();
    expect(await answer).toBe('aborted');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('asks for a fresh token once when the old one is refused', async () => {
    let issued = 0;
    const { client, header } = scripted(
      [problem(401, 'unauthorized'), json({ ok: 1 })],
      () => `t${++issued}`,
    );
    expect(await client.request({ method: 'GET', path: '/v1/x' })).toEqual({ ok: 1 });
    expect([header(0, 'authorization'), header(1, 'authorization')]).toEqual(['Bearer t1', 'Bearer t2']);

    const refused = scripted([problem(401, 'unauthorized')], () => 'same');
    await expect(refused.client.request({ method: 'GET', path: '/v1/x' })).rejects.toMatchObject({
      code: 'unauthorized',
    });
    expect(refused.requests).toHaveLength(2);
  });

  it('says farewell without waiting, in a request that outlives the page', async () => {
    const { client, requests } = scripted([json({})]);
    client.farewell('/v1/early');
    expect(requests).toEqual([]);
    await client.request({ method: 'GET', path: '/v1/x' });
    client.farewell('/v1/x');
    expect(requests[1]?.init).toMatchObject({ method: 'DELETE', keepalive: true });
  });

  it('writes each attempt into the history', async () => {
    const { client, history } = scripted([problem(503, 'no-pod'), json({})]);
    const answer = client.request({ method: 'POST', path: '/v1/x' });
    await pass(1000);
    await answer;
    expect(history.entries()).toMatchObject([
      { kind: 'http', text: 'POST /v1/x', status: 503, error: 'no-pod' },
      { kind: 'http', text: 'POST /v1/x', status: 200 },
    ]);
  });
});

it.each([
  [null, undefined],
  ['5', 5000],
  ['soon', undefined],
  ['Thu, 01 Jan 1970 00:01:30 GMT', 30_000],
  ['Thu, 01 Jan 1970 00:00:10 GMT', 0],
])('reads Retry-After %s', (value, expected) => {
  expect(parseRetryAfter(value, 60_000)).toBe(expected);
});
