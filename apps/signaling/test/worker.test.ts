import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type D1Binding, migrate, openD1 } from '@weir/db';
import { SignalingClient } from '@weir/pod-control';
import type { WebhookEvent } from '@weir/protocol';
import type { Miniflare, Response as MiniflareResponse } from 'miniflare';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken } from '../src/tokens/token.ts';
import { capabilities, dtls, vp8 } from './media.ts';
import { StreamReader } from './stream-reader.ts';
import { secrets } from './webhook-receiver.ts';
import { bundleWorker } from './worker-bundle.ts';

const secret = 'a secret for tests of at least 32 characters';
const podSecret = 'another secret for tests of at least 32 characters';
const missing = missingWorkerd();
if (missing !== undefined) console.warn(`!!! Workers are NOT tested: ${missing}`);

/** The real thing: the bundled program in workerd, with its own D1. */
describe.skipIf(missing !== undefined)('signaling on Workers with D1', () => {
  let miniflare: Miniflare;
  /** What a pod behind its control URL was told. */
  const told: { path: string; body: { put: { senders: unknown[] } } }[] = [];

  /** What the webhook was told. */
  const heard: WebhookEvent[] = [];

  beforeAll(async () => {
    const bundled = await bundleWorker();
    const { Miniflare: Start, Response } = await import('miniflare');
    miniflare = new Start({
      modules: true,
      script: bundled.text,
      compatibilityDate: '2025-11-01',
      compatibilityFlags: ['nodejs_als'],
      d1Databases: ['DB'],
      bindings: {
        WEIR_API_KEYS: `test:${secret}`,
        WEIR_POD_SECRETS: podSecret,
        WEIR_POLL_MS: '50',
        WEIR_STREAM_SECONDS: '30',
        WEIR_LOG_LEVEL: 'error',
        WEIR_WEBHOOKS: JSON.stringify([{ id: 'main', url: 'https://backend.example/' }]),
        WEIR_WEBHOOK_SECRETS: secrets[0],
      },
      outboundService: async (request: {
        url: string;
        json(): Promise<unknown>;
      }): Promise<MiniflareResponse> => {
        if (request.url.startsWith('https://backend.example/')) {
          const event = (await request.json()) as WebhookEvent;
          heard.push(event);
          const refused =
            event.room === 'refused' && heard.filter(({ room }) => room === 'refused').length === 1;
          return new Response(null, { status: refused ? 500 : 204 });
        }
        const body = (await request.json()) as (typeof told)[number]['body'] & { version: number };
        told.push({ path: new URL(request.url).pathname, body });
        return Response.json({ applied: true, version: body.version });
      },
    });
    const database = openD1((await miniflare.getD1Database('DB')) as unknown as D1Binding);
    // Two deploys at once.
    const applied = await Promise.all([migrate(database), migrate(database)]);
    expect(new Set(applied.flat()).size).toBe(applied.flat().length);
    expect(await migrate(database)).toEqual([]);
  }, 120_000);
  afterAll(() => miniflare?.dispose());

  const send = async (url: string, init: RequestInit = {}): Promise<Response> =>
    (await miniflare.dispatchFetch(`http://weir.test${url}`, init as never)) as unknown as Response;
  const token = () => createToken({ keyId: 'test', secret, room: '*', admin: true });

  async function call(
    bearer: string,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) {
    const response = await send(path, {
      method,
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  it('goes the straight path, and streams what happens', async () => {
    const admin = await token();
    const pod = new SignalingClient({
      podId: 'pod-1',
      urls: ['http://weir.test'],
      secrets: [podSecret],
      fetch: (url, init) => send(new URL(url).pathname, init),
    });
    const lease = {
      controlUrl: 'http://pod-1.test',
      region: 'default',
      version: 'test',
      addresses: [{ ip: '127.0.0.1', family: 'ipv4' as const, protocol: 'udp' as const, port: 40000 }],
      fingerprints: [{ algorithm: 'sha-256' as const, value: 'ab'.repeat(32) }],
      capacity: 100,
      placeable: true,
      draining: false,
      load: { transports: 0, receivers: 0, senders: 0, cpu: 0, egressPps: 0, egressBps: 0, loopLagMs: 0 },
      rooms: {},
    };
    const epoch = Date.now();
    await pod.report({ podId: 'pod-1' as never, epoch, seq: 1, lease, happenings: [] });
    expect((await call(admin, 'POST', '/v1/rooms', { id: 'daily' })).status).toBe(201);
    const join = async (name: string) => {
      const bearer = await token();
      const { body } = await call(bearer, 'POST', '/v1/rooms/daily/peers', { name });
      const path = `/v1/rooms/daily/peers/${body.peer.id}`;
      const room = body.snapshot.room;
      expect(
        (await call(bearer, 'PUT', `${path}/capabilities`, { rtpCapabilities: capabilities(room) })).status,
      ).toBe(200);
      return { bearer, path };
    };
    const [alice, bob] = [await join('alice'), await join('bob')];
    const stream = await send(`${bob.path}/events?after=1`, {
      headers: { authorization: `Bearer ${bob.bearer}`, accept: 'text/event-stream' },
    });
    const reader = new StreamReader(stream);
    const transport = (await call(alice.bearer, 'POST', `${alice.path}/transports`, {})).body;
    expect(
      (
        await call(alice.bearer, 'PUT', `${alice.path}/transports/${transport.id}/dtls`, {
          dtlsParameters: dtls,
        })
      ).status,
    ).toBe(204);
    const published = await call(alice.bearer, 'POST', `${alice.path}/receivers`, {
      kind: 'video',
      transportId: transport.id,
      rtpParameters: vp8(1000),
    });
    expect(published.status).toBe(201);
    await reader.until(() => reader.events.some(({ event }) => event === 'newrtpsender'));
    const sender = JSON.parse(reader.events.at(-1)!.data).data;
    const receiving = (await call(bob.bearer, 'POST', `${bob.path}/transports`, {})).body;
    const bound = await call(bob.bearer, 'PATCH', `${bob.path}/senders/${sender.id}`, {
      transportId: receiving.id,
    });
    expect(bound.body).toMatchObject({ active: true, consumerId: `${sender.id}.1` });
    const happening = {
      roomId: 'daily',
      type: 'transport.ice' as const,
      transportId: Number(receiving.id),
      state: 'completed' as const,
    };
    await pod.report({ podId: 'pod-1' as never, epoch, seq: 2, happenings: [happening] });
    await reader.until(() => reader.events.some(({ event }) => event === 'icestatechange'));
    await reader.cancel();
    // What is told after the answer is told, too.
    expect(told.some(({ body }) => body.put.senders.length === 1)).toBe(true);
    expect(told[0]!.path).toBe('/v1/rooms/daily/media');
  }, 120_000);

  it('holds polls, repeats answers, and keeps refusals without effect', async () => {
    const bearer = await token();
    await call(bearer, 'POST', '/v1/rooms', { id: 'polls' });
    const key = { 'idempotency-key': 'k' };
    const first = await call(bearer, 'POST', '/v1/rooms/polls/peers', { name: 'alice' }, key);
    expect(await call(bearer, 'POST', '/v1/rooms/polls/peers', { name: 'alice' }, key)).toEqual(first);
    expect((await call(bearer, 'POST', '/v1/rooms/polls/peers', { name: 'alice' })).body.code).toBe(
      'name-taken',
    );
    const path = `/v1/rooms/polls/peers/${first.body.peer.id}`;
    const held = call(bearer, 'GET', `${path}/events?after=0&wait=20`);
    await call(bearer, 'POST', '/v1/rooms/polls/peers', { name: 'bob' });
    expect((await held).body).toMatchObject({ cursor: '1', events: [{ type: 'newpeer' }] });
  }, 120_000);

  it('of 40 that join a room for 10 at the same time, exactly 10 come in', async () => {
    const bearer = await token();
    await call(bearer, 'POST', '/v1/rooms', { id: 'full', maxPeers: 10 });
    const replies = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        call(bearer, 'POST', '/v1/rooms/full/peers', { name: `guest ${index}` }),
      ),
    );
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(10);
    expect(replies.filter(({ body }) => body.code === 'room-full')).toHaveLength(30);
    expect((await call(bearer, 'GET', '/v1/rooms/full')).body.peerCount).toBe(10);
  }, 120_000);

  it('tells webhooks after the answer, and what failed again when its time has come', async () => {
    const bearer = await token();
    await call(bearer, 'POST', '/v1/rooms', { id: 'told' });
    await call(bearer, 'POST', '/v1/rooms/told/peers', { name: 'alice' });
    await call(bearer, 'POST', '/v1/rooms', { id: 'refused' });
    const types = (id: string) => heard.flatMap(({ room, type }) => (room === id ? [type] : []));
    const worker = (await miniflare.getWorker()) as unknown as Scheduled;
    await expect.poll(() => types('told'), { timeout: 20_000 }).toEqual(['room.created', 'peer.joined']);
    await expect.poll(() => types('refused').length, { timeout: 20_000 }).toBe(1);
    const again = async () => {
      await worker.scheduled({ cron: '* * * * *' });
      return types('refused');
    };
    await expect.poll(again, { timeout: 30_000, interval: 300 }).toEqual(['room.created', 'room.created']);
  }, 120_000);

  it('sweeps when its time has come', async () => {
    const worker = (await miniflare.getWorker()) as unknown as Scheduled;
    expect((await worker.scheduled({ cron: '* * * * *' })).outcome).toBe('ok');
    expect((await send('/readyz')).status).toBe(200);
  });
});

interface Scheduled {
  scheduled(event: { cron: string }): Promise<{ outcome: string }>;
}

function missingWorkerd(): string | undefined {
  try {
    const workerd = createRequire(createRequire(import.meta.url).resolve('miniflare')).resolve('workerd');
    if (existsSync(workerd)) return undefined;
  } catch {
    // Below.
  }
  if (process.env.CI === 'true') throw new Error('workerd is not installed');
  return 'workerd is not installed (npm install)';
}
