import { createSocket } from 'node:dgram';
import { expect, test, vi } from 'vitest';
import { socketContract } from '../test/socket-contract.ts';
import { DgramSocket, openDgramSocket } from './dgram-socket.ts';

/** Turns of the event loop until the condition holds. */
async function until(done: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error('it did not happen within 15 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

socketContract('dgram', () => ({ open: () => openDgramSocket({ ip: '127.0.0.1' }), run: until }));

socketContract('dgram, IPv6', () => ({ open: () => openDgramSocket({ ip: '::1' }), run: until }));

test('a taken port is refused', async () => {
  const a = await openDgramSocket({ ip: '127.0.0.1' });
  await expect(openDgramSocket({ ip: '127.0.0.1', port: a.address.port })).rejects.toThrow('EADDRINUSE');
  a.close();
});

test('an address that is not ours, and a name, are refused', async () => {
  await expect(openDgramSocket({ ip: '192.0.2.77' })).rejects.toThrow('EADDRNOTAVAIL');
  await expect(openDgramSocket({ ip: 'localhost' })).rejects.toThrow(RangeError);
});

test('buffer sizes are what the kernel granted', async () => {
  const small = await openDgramSocket({ ip: '127.0.0.1', recvBufferBytes: 32_768, sendBufferBytes: 32_768 });
  const large = await openDgramSocket({
    ip: '127.0.0.1',
    recvBufferBytes: 131_072,
    sendBufferBytes: 131_072,
  });
  expect(small.recvBufferBytes).toBeGreaterThanOrEqual(32_768);
  expect(large.recvBufferBytes).toBeGreaterThan(small.recvBufferBytes);
  expect(large.sendBufferBytes).toBeGreaterThan(small.sendBufferBytes);
  small.close();
  large.close();
});

test('a dual-stack socket speaks IPv4 with plain addresses', async () => {
  const dual = await openDgramSocket({ ip: '::' });
  const v4 = await openDgramSocket({ ip: '127.0.0.1' });
  const got: string[] = [];
  dual.onMessage = (data, ip, port) => {
    got.push(ip);
    dual.send(data, ip, port);
  };
  v4.onMessage = (_data, ip) => got.push(ip);
  v4.send(Uint8Array.of(1), '127.0.0.1', dual.address.port);
  await until(() => got.length >= 2);
  expect(got).toEqual(['127.0.0.1', '127.0.0.1']);
  dual.close();
  v4.close();
});

test('an unreachable destination is an onError', async () => {
  const socket = await openDgramSocket({ ip: '127.0.0.1' });
  const errors: Error[] = [];
  socket.onError = (error) => errors.push(error);
  // From loopback there is no way to another network.
  socket.send(Uint8Array.of(1), '192.0.2.1', 9);
  await until(() => errors.length >= 1);
  expect(errors[0]!.message).toMatch(/EINVAL|ENETUNREACH|EPERM/);
  socket.close();
});

test('while errors last, all of them are told', async () => {
  const socket = await openDgramSocket({ ip: '127.0.0.1' });
  const peer = await openDgramSocket({ ip: '127.0.0.1' });
  let heard = 0;
  let errors = 0;
  peer.onMessage = () => heard++;
  const told = Promise.withResolvers<void>();
  socket.onError = () => {
    if (++errors === 101) told.resolve();
  };
  const toNowhere = () => socket.send(Uint8Array.of(1), '192.0.2.1', 9);
  // Some way after the one that was listened to last.
  for (let n = 0; n < 5; n++) socket.send(Uint8Array.of(1), '127.0.0.1', peer.address.port);
  while (errors === 0) {
    toNowhere();
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let n = 0; n < 100; n++) toNowhere();
  await told.promise;
  await expect.poll(() => heard).toBe(5);
  socket.close();
  peer.close();
});

/** A bound socket whose kernel takes `taken` datagrams and no more. */
async function fullSocket(taken: number) {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const given: Uint8Array[] = [];
  vi.spyOn(socket, 'send').mockImplementation((data: unknown) => {
    given.push(data as Uint8Array);
  });
  vi.spyOn(socket, 'getSendQueueCount').mockImplementation(() => Math.max(0, given.length - taken));
  return { udp: new DgramSocket(socket, 'ipv4'), given };
}

const numbered = (n: number, length = 100) => new Uint8Array(length).fill(n);

test('datagrams that wait for the kernel keep their bytes', async () => {
  const { udp, given } = await fullSocket(10);
  const data = new Uint8Array(1200);
  for (let n = 0; n < 200; n++) udp.send(data.fill(n), '127.0.0.1', 9);
  udp.send(numbered(200, 65_000), '127.0.0.1', 9);
  udp.send(numbered(201, 65_000), '127.0.0.1', 9);
  const waiting = given.slice(10);
  expect(waiting.map((bytes) => [bytes[0], bytes.at(-1)])).toEqual(waiting.map((_, i) => [i + 10, i + 10]));
  udp.close();
});

test('what the kernel has taken makes room, without new memory', async () => {
  const { udp, given } = await fullSocket(Number.POSITIVE_INFINITY);
  for (let n = 0; n < 100; n++) udp.send(numbered(n, n), '127.0.0.1', 9);
  expect(given.map((bytes) => bytes.length)).toEqual(given.map((_, n) => n));
  expect(new Set(given.map((bytes) => bytes.buffer)).size).toBe(1);
  udp.close();
});

test('when too many wait, datagrams are dropped and told', async () => {
  const { udp, given } = await fullSocket(0);
  const errors: Error[] = [];
  udp.onError = (error) => errors.push(error);
  for (let n = 0; n < 400; n++) udp.send(numbered(n), '127.0.0.1', 9);
  expect(given.length + errors.length).toBe(400);
  expect(given.length).toBeGreaterThanOrEqual(256);
  expect(given.length).toBeLessThan(256 + 16);
  expect(errors[0]?.message).toMatch(/wait for the kernel/);
  udp.close();
});
