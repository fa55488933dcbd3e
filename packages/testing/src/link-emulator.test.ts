import type { UdpSocket } from '@weir/udp';
import { afterEach, describe, expect, test } from 'vitest';
import { createLinkEmulator, type LinkEmulator, type LinkEmulatorOptions } from './link-emulator.ts';
import { openUdpSocket } from './udp-socket.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

interface Heard {
  readonly data: Uint8Array;
  readonly port: number;
  readonly at: number;
}

async function socketWithEars(): Promise<{ socket: UdpSocket; heard: Heard[] }> {
  const socket = await openUdpSocket();
  const heard: Heard[] = [];
  socket.onMessage = (data, _ip, port) =>
    heard.push({ data: Uint8Array.from(data), port, at: performance.now() });
  open.push(socket);
  return { socket, heard };
}

async function emulate(options: Omit<LinkEmulatorOptions, 'target'>): Promise<{
  emulator: LinkEmulator;
  pod: Awaited<ReturnType<typeof socketWithEars>>;
  client: Awaited<ReturnType<typeof socketWithEars>>;
}> {
  const pod = await socketWithEars();
  const client = await socketWithEars();
  const emulator = await createLinkEmulator({ ...options, target: pod.socket.address });
  open.push(emulator);
  return { emulator, pod, client };
}

/** The test's own time limit bounds it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function numbered(i: number, size = 100): Uint8Array {
  const data = new Uint8Array(size);
  new DataView(data.buffer).setUint32(0, i);
  return data;
}

function numbers(heard: readonly Heard[]): number[] {
  return heard.map(({ data }) => new DataView(data.buffer).getUint32(0));
}

describe('link emulator', () => {
  test('passes both ways; the pod sees each client as a remote of its own', async () => {
    const { emulator, pod, client } = await emulate({});
    const other = await socketWithEars();
    client.socket.send(numbered(1), emulator.address.ip, emulator.address.port);
    other.socket.send(numbered(2), emulator.address.ip, emulator.address.port);
    await until(() => pod.heard.length === 2);
    expect(pod.heard[0]!.port).not.toBe(pod.heard[1]!.port);
    for (const { data, port } of pod.heard) pod.socket.send(data, '127.0.0.1', port);
    await until(() => client.heard.length + other.heard.length === 2);
    expect(numbers(client.heard)).toEqual([1]);
    expect(numbers(other.heard)).toEqual([2]);
    expect(client.heard[0]!.port).toBe(emulator.address.port);
    expect(emulator.clients.map(({ port }) => port).sort()).toEqual(
      [client.socket.address.port, other.socket.address.port].sort(),
    );
  });

  test('delay with jitter: not too early, in order', async () => {
    const { emulator, pod, client } = await emulate({ up: { delayMs: 20, jitterMs: 15 } });
    const sent: number[] = [];
    for (let i = 0; i < 200; i++) {
      sent.push(performance.now());
      client.socket.send(numbered(i), emulator.address.ip, emulator.address.port);
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => pod.heard.length === 200);
    expect(numbers(pod.heard)).toEqual(sent.map((_, i) => i));
    for (const [i, { at }] of pod.heard.entries()) expect(at - sent[i]!).toBeGreaterThanOrEqual(19.9);
  });

  test('loss, duplicates and reordering by seed; counters tell', async () => {
    const { emulator, pod, client } = await emulate({
      seed: 4,
      up: { loss: 0.3, duplicate: 0.2, reorder: 0.3, reorderMs: 5 },
    });
    for (let i = 0; i < 500; i++) {
      client.socket.send(numbered(i), emulator.address.ip, emulator.address.port);
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const counters = () => emulator.counters().up;
    await until(() => counters().offered === 500 && pod.heard.length === counters().delivered);
    expect(counters().lost).toBeGreaterThan(100);
    expect(counters().lost).toBeLessThan(200);
    expect(counters().duplicated).toBeGreaterThan(30);
    expect(new Set(numbers(pod.heard)).size).toBe(500 - counters().lost);
    const arrived = numbers(pod.heard);
    expect(arrived).not.toEqual([...arrived].sort((a, b) => a - b));
  });

  test('a policy changes while it runs, for all or for one; down is apart from up', async () => {
    const { emulator, pod, client } = await emulate({ up: { loss: 1 } });
    const other = await socketWithEars();
    for (const each of [client, other])
      each.socket.send(numbered(0), emulator.address.ip, emulator.address.port);
    await until(() => emulator.counters().up.lost === 2);
    expect(pod.heard).toEqual([]);
    emulator.setPolicy({ up: {} });
    emulator.clients.find(({ port }) => port === other.socket.address.port)!.setPolicy({ down: { loss: 1 } });
    for (const each of [client, other])
      each.socket.send(numbered(1), emulator.address.ip, emulator.address.port);
    await until(() => pod.heard.length === 2);
    for (const { port } of pod.heard) pod.socket.send(numbered(9), '127.0.0.1', port);
    await until(() => client.heard.length === 1 && emulator.counters().down.lost === 1);
    expect(other.heard).toEqual([]);
  });

  test('a rate limit: bytes arrive no faster than that', async () => {
    const { emulator, pod, client } = await emulate({ up: { rateBps: 800_000, queueBytes: 100_000 } });
    const start = performance.now();
    for (let i = 0; i < 50; i++)
      client.socket.send(numbered(i, 500), emulator.address.ip, emulator.address.port);
    await until(() => pod.heard.length === 50);
    // 50 × 500 bytes at 100 bytes per ms.
    expect(pod.heard.at(-1)!.at - start).toBeGreaterThanOrEqual(249);
    expect(numbers(pod.heard)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
});
