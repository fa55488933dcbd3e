import { type DrainState, PodClient } from '@weir/pod-control';
import type { InspectAnswer, InspectRequest, MediaUpdateAnswer, RoomMediaUpdate } from '@weir/protocol';
import { createCertificate } from '@weir/secure-transport';
import { pino } from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { createControl } from './control.ts';
import { openWorker } from './open-worker.ts';

const secret = 'a-secret-for-tests-of-at-least-32-characters';
const logged: string[] = [];
const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
const config = readConfig({
  WEIR_SIGNALING_URL: 'http://127.0.0.1:9',
  WEIR_POD_SECRETS: secret,
  WEIR_MEDIA_IP: '127.0.0.1',
  WEIR_MEDIA_PORT: '0',
});
const worker = await openWorker(config, log, { index: 0, certificate: createCertificate() });
afterAll(() => worker.close());

let drained: DrainState = { draining: false, transports: 0 };
const app = createControl({
  podId: 'pod-1',
  secrets: [secret],
  epoch: () => 7,
  worker,
  metrics: { contentType: 'text/plain', text: async () => 'weir_pod_transports 0\n' },
  log,
  drain: () => {
    drained = { draining: true, transports: 0 };
    return drained;
  },
  undrain: () => {
    drained = { draining: false, transports: 0 };
    return drained;
  },
  whyNotReady: () => undefined,
  whyNotPlaceable: () => (drained.draining ? 'the pod is draining' : undefined),
});

/** Signaling's own client, straight into the app. */
const client = new PodClient({ secrets: [secret], fetch: async (url, init) => await app.request(url, init) });
const pod = { id: 'pod-1', controlUrl: 'http://pod' };
const update: RoomMediaUpdate = {
  roomId: 'daily',
  version: 1,
  base: null,
  put: { transports: [], receivers: [], senders: [] },
  remove: { transports: [], receivers: [], senders: [] },
  keyFrames: [],
};

/** A call signed as signaling does, with something about it changed on the way. */
async function tampered(
  change: (url: string, init: RequestInit) => [string, RequestInit],
): Promise<Response> {
  let answer: Response | undefined;
  const through = new PodClient({
    secrets: [secret],
    fetch: async (url, init) => {
      answer = await app.request(...change(url, init));
      return answer.clone();
    },
  });
  await through.applyMedia(pod, update).catch(() => {});
  return answer!;
}

describe('control API', () => {
  it('takes updates and answers what the worker answers', async () => {
    expect(await client.applyMedia(pod, { ...update, base: 3, version: 4 })).toEqual({
      applied: false,
      version: 0,
    } satisfies MediaUpdateAnswer);
  });

  it('inspects: what the worker does not hold is absent', async () => {
    const request: InspectRequest = { what: 'dump', transports: [10_000_001], receivers: [], senders: [] };
    expect(await client.inspect(pod, 'daily', request)).toEqual({
      transports: {},
      receivers: {},
      senders: {},
    } satisfies InspectAnswer);
  });

  it('drains and takes it back', async () => {
    expect(await client.drain(pod)).toEqual({ draining: true, transports: 0 });
    expect((await app.request('/placeable')).status).toBe(503);
    expect(await client.undrain(pod)).toEqual({ draining: false, transports: 0 });
    expect((await app.request('/placeable')).status).toBe(200);
  });

  it.each([
    ['GET', '/v1/rooms'],
    ['PUT', '/v1/rooms/daily/media'],
    ['POST', '/v1/rooms/daily/inspect'],
    ['POST', '/v1/drain'],
    ['DELETE', '/v1/drain'],
  ])('refuses %s %s without a signature, and changes nothing', async (method, path) => {
    const answer = await app.request(path, { method });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({ code: 'unauthorized' });
    expect(drained.draining).toBe(false);
  });

  it('refuses a call for another pod', async () => {
    const other = new PodClient({
      secrets: [secret],
      fetch: async (url, init) => await app.request(url, init),
    });
    await expect(other.drain({ id: 'pod-2', controlUrl: 'http://pod' })).rejects.toMatchObject({
      status: 401,
    });
    expect(drained.draining).toBe(false);
  });

  it('refuses a call whose body or path was changed on the way', async () => {
    const body = JSON.stringify({ ...update, version: 99 });
    expect((await tampered((url, init) => [url, { ...init, body }])).status).toBe(401);
    expect((await tampered((url, init) => [url.replace('daily', 'weekly'), init])).status).toBe(401);
    expect(await worker.rooms()).toEqual({});
  });

  it('refuses a body that is too long before it is read', async () => {
    const answer = await tampered((url, init) => [
      url,
      { ...init, headers: { ...init.headers, 'content-length': String(17 * 1024 * 1024) } },
    ]);
    expect(answer.status).toBe(413);
  });

  it('logs which trace a call belongs to, and nothing that is secret', async () => {
    logged.length = 0;
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traced = new PodClient({
      secrets: [secret],
      headers: () => ({ traceparent: `00-${trace}-00f067aa0ba902b7-01` }),
      fetch: async (url, init) => {
        tokens.push(new Headers(init.headers).get('authorization')!.slice('Bearer '.length));
        return await app.request(url, init);
      },
    });
    const tokens: string[] = [];
    await traced.applyMedia(pod, update);
    const ice = { usernameFragment: 'fragment', password: 'a password that nobody may see' };
    const wrong = { ...update, put: { ...update.put, transports: [{ id: 1, ice }] } };
    await expect(traced.applyMedia(pod, wrong as unknown as RoomMediaUpdate)).rejects.toThrow();
    const lines = logged.map((line) => JSON.parse(line));
    expect(lines.filter((line) => line.trace === trace).map(({ status, code }) => status ?? code)).toEqual([
      200,
      'invalid-parameter',
      422,
    ]);
    expect(tokens).toHaveLength(2);
    for (const hidden of [secret, ice.password, ...tokens]) expect(logged.join()).not.toContain(hidden);
  });

  it('names the field at fault', async () => {
    const wrong = { ...update, put: { ...update.put, senders: [{ id: -1 }] } } as unknown as RoomMediaUpdate;
    const error = await client.applyMedia(pod, wrong).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      status: 422,
      problem: { code: 'invalid-parameter', field: 'put.senders.0.id' },
    });
  });

  it('answers unknown paths and bad room ids like everything else', async () => {
    expect(await (await app.request('/nothing')).json()).toMatchObject({ status: 404, code: 'not-found' });
    const request: InspectRequest = { what: 'stats', transports: [], receivers: [], senders: [] };
    await expect(client.inspect(pod, 'no room', request)).rejects.toMatchObject({
      status: 422,
      problem: { field: 'room' },
    });
  });

  it('shows health and metrics to anybody who reaches the port', async () => {
    expect(await (await app.request('/healthz')).json()).toEqual({ alive: true });
    expect(await (await app.request('/readyz')).json()).toEqual({ ready: true });
    expect(await (await app.request('/metrics')).text()).toContain('weir_pod_transports');
  });
});
