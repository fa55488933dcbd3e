import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { openTcpListener, type TcpListener, type TcpListenerOptions } from './tcp-listener.ts';

const open: { close?: () => void; destroy?: () => void }[] = [];

afterEach(() => {
  for (const item of open.splice(0)) {
    item.destroy?.();
    item.close?.();
  }
});

async function until(done: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error('it did not happen within 15 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function listen(options: Partial<TcpListenerOptions> = {}): Promise<TcpListener> {
  const listener = await openTcpListener({ ip: '127.0.0.1', ...options });
  open.push(listener);
  return listener;
}

async function dial(listener: TcpListener): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: listener.address.port, noDelay: true });
  socket.on('error', () => {});
  open.push(socket);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

function frame(text: string): Buffer {
  return Buffer.concat([Uint8Array.of(text.length >> 8, text.length), Buffer.from(text)]);
}

test('frames go both ways, with the connection as address', async () => {
  const listener = await listen();
  const client = await dial(listener);
  const got: string[] = [];
  let drained = 0;
  listener.onMessage = (data, ip, port) => {
    got.push(Buffer.from(data).toString());
    expect([ip, port]).toEqual(['127.0.0.1', client.localPort]);
    listener.send(Buffer.from(`re: ${got.at(-1)}`), ip, port);
  };
  listener.onDrained = () => drained++;
  let answer = '';
  client.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  client.write(Buffer.concat([frame('one'), frame('two'), frame('three').subarray(0, 3)]));
  await until(() => got.length >= 2);
  client.write(frame('three').subarray(3));
  await until(() => answer.length >= 27);
  expect(got).toEqual(['one', 'two', 'three']);
  expect(answer).toBe('\0\x07re: one\0\x07re: two\0\x09re: three');
  await until(() => drained >= 2);
});

test('a closed connection is told once, and sending to it does nothing', async () => {
  const listener = await listen();
  const client = await dial(listener);
  const closed: number[] = [];
  listener.onClosed = (_ip, port) => closed.push(port);
  await until(() => listener.connectionCount === 1);
  const port = client.localPort!;
  client.end();
  await until(() => closed.length > 0);
  listener.send(Uint8Array.of(1), '127.0.0.1', port);
  expect(closed).toEqual([port]);
  expect(listener.connectionCount).toBe(0);
});

test('too long a frame closes the connection', async () => {
  const listener = await listen({ maxFrameBytes: 100 });
  const client = await dial(listener);
  let closed = 0;
  listener.onClosed = () => closed++;
  client.write(Uint8Array.of(0, 101));
  await until(() => closed === 1);
});

test('one connection more than allowed is closed at once', async () => {
  const listener = await listen({ maxConnections: 1 });
  await dial(listener);
  await until(() => listener.connectionCount === 1);
  const second = await dial(listener);
  await new Promise((resolve) => second.once('close', resolve));
  expect(listener.connectionCount).toBe(1);
});

test('what a slow receiver does not take is dropped beyond a bound', async () => {
  const listener = await listen({ maxSendBufferBytes: 100_000 });
  const client = await dial(listener);
  client.pause();
  await until(() => listener.connectionCount === 1);
  let dropped = 0;
  listener.onError = () => dropped++;
  const data = new Uint8Array(1400);
  // Kernel buffers take some megabytes before Node's own begins to fill.
  for (let i = 0; i < 50_000 && dropped === 0; i++) {
    listener.send(data, '127.0.0.1', client.localPort!);
  }
  expect(dropped).toBe(1);
});

test('a connection that never completes a frame is closed', async () => {
  const listener = await listen({ idleTimeoutMs: 40 });
  const client = await dial(listener);
  const closed = new Promise((resolve) => client.once('close', resolve));
  client.write(Uint8Array.of(0));
  await closed;
  await until(() => listener.connectionCount === 0);
});

test('a taken port is refused', async () => {
  const listener = await listen();
  await expect(openTcpListener({ ip: '127.0.0.1', port: listener.address.port })).rejects.toThrow(
    'EADDRINUSE',
  );
});

test('closing the listener closes its connections', async () => {
  const listener = await listen();
  const client = await dial(listener);
  await until(() => listener.connectionCount === 1);
  const closed = new Promise((resolve) => client.once('close', resolve));
  listener.close();
  await closed;
});
