import { EventType, problems } from '@weir/protocol';
import { beforeAll, describe, expect, it } from 'vitest';
import { onSqlite } from './databases.ts';
import { Instance } from './harness.ts';

interface Operation {
  summary?: string;
  security?: unknown[];
  requestBody?: { content: Record<string, { schema: unknown }> };
  responses: Record<string, { content?: Record<string, { schema: unknown }> }>;
}

onSqlite((open) => {
  let weir: Instance;
  let document: {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, unknown> };
  };
  beforeAll(async () => {
    weir = new Instance(await open(), { env: { WEIR_DEMO: '1' } });
    document = await weir.ok('GET', '/openapi.json');
  });

  describe('openapi.json', () => {
    it('describes every route, and no other', () => {
      const described = Object.entries(document.paths).flatMap(([path, item]) =>
        Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
      );
      const served = weir.app.router.routes
        // What describes the rest, and middleware.
        .filter(({ method, path }) => method !== 'ALL' && path !== '/openapi.json' && path !== '/docs')
        .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
      expect(new Set(described)).toEqual(new Set(served));
      expect(described.length).toBeGreaterThan(30);
    });

    it('tells of each call what it does, what it answers and how it refuses', () => {
      for (const [path, item] of Object.entries(document.paths)) {
        for (const [method, call] of Object.entries(item)) {
          const name = `${method} ${path}`;
          expect(call.summary, name).toBeTypeOf('string');
          expect(
            Object.keys(call.responses).some((status) => status.startsWith('2')),
            name,
          ).toBe(true);
          for (const [status, response] of Object.entries(call.responses)) {
            if (Number(status) >= 400)
              expect(response.content, name).toHaveProperty('application/problem+json');
          }
          if (path.startsWith('/v1/')) {
            expect(call.security, name).toEqual([{ token: [] }]);
            expect(Object.keys(call.responses), name).toEqual(
              expect.arrayContaining(['401', '403', '429', '503']),
            );
          }
        }
      }
    });

    it('refers only to schemas it has, under the names of the protocol', () => {
      const names = Object.keys(document.components.schemas);
      expect(names).toEqual(
        expect.arrayContaining(['RoomView', 'JoinRequest', 'SenderView', 'Snapshot', 'Problem', 'EventPage']),
      );
      const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
        ([, name]) => name!,
      );
      expect(references.length).toBeGreaterThan(50);
      for (const name of references) expect(names).toContain(name);
      expect(document.components.schemas.LogEvent).toMatchObject({
        properties: { type: { enum: EventType.options } },
      });
    });

    it('lists no problem that does not exist, and the page for people is there', async () => {
      const codes = Object.keys(problems);
      const told = [
        ...JSON.stringify(document).matchAll(/"description":"((?:[a-z-]+: [^;"]+;? ?)+)"/g),
      ].flatMap(([, text]) => text!.split('; ').map((part) => part.split(':')[0]!));
      expect(told.length).toBeGreaterThan(100);
      for (const code of told) expect(codes).toContain(code);
      const page = await weir.fetch('GET', '/docs');
      expect(page.headers.get('content-type')).toMatch(/text\/html/);
      expect(await page.text()).not.toMatch(/https?:\/\//);
    });
  });

  describe('browsers', () => {
    it('may call from other origins, and read what they need', async () => {
      const preflight = await weir.fetch('OPTIONS', '/v1/rooms/daily/peers', {
        headers: {
          origin: 'https://app.example',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type,idempotency-key',
        },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
      expect(preflight.headers.get('access-control-allow-headers')).toMatch(/authorization.*idempotency-key/);
      const reply = await weir.fetch('GET', '/v1/rooms/none', { headers: { origin: 'https://app.example' } });
      expect(reply.headers.get('access-control-allow-origin')).toBe('*');
      expect(reply.headers.get('access-control-expose-headers')).toMatch(/retry-after/);
    });

    it('from origins that are not listed may not', async () => {
      const strict = new Instance(await open(), { env: { WEIR_CORS_ORIGINS: 'https://app.example' } });
      const ask = async (origin: string) =>
        (await strict.fetch('GET', '/healthz', { headers: { origin } })).headers.get(
          'access-control-allow-origin',
        );
      expect(await ask('https://app.example')).toBe('https://app.example');
      expect(await ask('https://evil.example')).toBeNull();
    });
  });

  describe('demonstrations', () => {
    it('give anybody a token for one name in one room, which is made if need be', async () => {
      for (const name of ['alice', 'bob']) {
        const { token, room } = await weir.ok('POST', '/demo/session', { body: { room: 'demo', name } });
        expect(room).toBe('demo');
        const { peer } = await weir.ok('POST', '/v1/rooms/demo/peers', { token, body: {} });
        expect(peer.name).toBe(name);
        const forbidden = { status: 403, code: 'forbidden' };
        await weir.refused('POST', '/v1/rooms', { token, body: { id: 'demo2' } }, forbidden);
        await weir.refused('GET', '/v1/rooms/other', { token }, forbidden);
      }
    });

    it('are rationed by the address that asks', async () => {
      const rationed = new Instance(await open(), { env: { WEIR_DEMO: '1', WEIR_RATE_BURST: '2' } });
      const ask = async (remoteAddress: string) => {
        const request = new Request('http://weir.test/demo/session', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ room: 'demo', name: 'alice' }),
        });
        return await rationed.app.fetch(request, { incoming: { socket: { remoteAddress } } });
      };
      for (const status of [200, 200, 429]) expect((await ask('8.8.8.8')).status).toBe(status);
      expect((await ask('8.8.8.8')).headers.get('retry-after')).toBe('1');
      expect((await ask('9.9.9.9')).status).toBe(200);
    });

    it('are not there unless asked for', async () => {
      const real = new Instance(await open());
      const request = { body: { room: 'demo', name: 'alice' } };
      await real.refused('POST', '/demo/session', request, { status: 404, code: 'not-found' });
    });
  });

  it('a request id of the caller is kept, and stands in problems', async () => {
    const reply = await weir.call('GET', '/v1/rooms/none', { headers: { 'x-request-id': 'my-request.1' } });
    expect(reply.headers.get('x-request-id')).toBe('my-request.1');
    expect(reply.body.requestId).toBe('my-request.1');
    const odd = await weir.call('GET', '/v1/rooms/none', { headers: { 'x-request-id': 'a b<script>' } });
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
