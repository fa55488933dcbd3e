import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nodeSender } from './webhook-sender.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return (server.address() as AddressInfo).port;
}

const call = (signal = new AbortController().signal) => ({
  headers: { 'content-type': 'application/json', 'webhook-id': 'evt_daily_1' },
  body: '{"type":"room.created"}',
  signal,
});

describe('calling webhooks from Node', () => {
  it('posts headers and body, and tells status and Retry-After', async () => {
    const seen: unknown[] = [];
    const port = await serve(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push([request.method, request.url, request.headers['webhook-id'], body]);
      response.writeHead(503, { 'retry-after': '7' }).end('later');
    });
    const send = nodeSender({ allowPrivate: true });
    expect(await send(`http://127.0.0.1:${port}/hook?a=1`, call())).toEqual({ status: 503, retryAfter: '7' });
    expect(await send(`http://localhost:${port}/again`, call())).toMatchObject({ status: 503 });
    expect(seen).toEqual([
      ['POST', '/hook?a=1', 'evt_daily_1', '{"type":"room.created"}'],
      ['POST', '/again', 'evt_daily_1', '{"type":"room.created"}'],
    ]);
  });

  it('does not go where a name leads into the private network', async () => {
    let called = 0;
    const port = await serve((_, response) => {
      called += 1;
      response.end();
    });
    const send = nodeSender({ allowPrivate: false });
    await expect(send(`http://localhost:${port}/`, call())).rejects.toThrow(/localhost must not lead to/);
    expect(called).toBe(0);
  });

  it('follows no redirect', async () => {
    let called = 0;
    const port = await serve((_, response) => {
      called += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    const send = nodeSender({ allowPrivate: true });
    expect(await send(`http://127.0.0.1:${port}/`, call())).toMatchObject({ status: 302 });
    expect(called).toBe(1);
  });

  it('ends when it is told to, with the reason, and says why nobody answered', async () => {
    const port = await serve(() => {});
    const send = nodeSender({ allowPrivate: true });
    const controller = new AbortController();
    const sent = send(`http://127.0.0.1:${port}/`, call(controller.signal));
    controller.abort(new Error('no answer within 10 s'));
    await expect(sent).rejects.toThrow('no answer within 10 s');
    servers.pop()!.close();
    await expect(send(`http://127.0.0.1:${port}/`, call())).rejects.toThrow(
      /ECONNREFUSED|ECONNRESET|hang up/,
    );
  });

  it('does not read an answer without end', async () => {
    let sent = 0;
    let closed = () => {};
    const ended = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const port = await serve((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384))) sent += 16_384;
      };
      response.on('drain', more).on('close', closed);
      more();
    });
    const send = nodeSender({ allowPrivate: true });
    expect(await send(`http://127.0.0.1:${port}/`, call())).toMatchObject({ status: 200 });
    await ended;
    expect(sent).toBeGreaterThan(0);
  });

  it('holds no connection for a trickle, and never many for one receiver', async () => {
    const open = new Set<Socket>();
    let most = 0;
    let answered = 0;
    const port = await serve((_, response) => {
      response.writeHead(200);
      answered += 1;
      const drip = setInterval(() => response.write('.'), 100);
      response.on('close', () => clearInterval(drip));
    });
    servers.at(-1)!.on('connection', (socket) => {
      open.add(socket);
      most = Math.max(most, open.size);
      socket.on('close', () => open.delete(socket)).on('error', () => {});
    });
    const send = nodeSender({ allowPrivate: true });
    const calls = Array.from({ length: 40 }, () => send(`http://127.0.0.1:${port}/`, call()));
    expect((await Promise.all(calls)).every(({ status }) => status === 200)).toBe(true);
    expect(answered).toBe(40);
    expect(most).toBeLessThanOrEqual(16);
    await vi.waitFor(() => expect(open.size).toBe(0), { timeout: 5000 });
  }, 15_000);
});
