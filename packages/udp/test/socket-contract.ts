import { expect, test } from 'vitest';
import type { UdpSocket } from '../src/socket.ts';

/** What the suite needs of an implementation. */
export interface SocketWorld {
  open(): Promise<UdpSocket>;
  /** Lets datagrams that were sent arrive, until `done` says so. Throws when it never does. */
  run(done: () => boolean): Promise<void>;
}

/** What every UdpSocket does; run by each implementation's test. */
export function socketContract(name: string, createWorld: () => SocketWorld): void {
  test(`${name}: the bound port is known`, async () => {
    const world = createWorld();
    const a = await world.open();
    const b = await world.open();
    expect(a.address.port).toBeGreaterThan(0);
    expect(b.address.port).not.toBe(a.address.port);
    a.close();
    b.close();
  });

  test(`${name}: a datagram arrives once, unchanged, with its sender's address`, async () => {
    const world = createWorld();
    const a = await world.open();
    const b = await world.open();
    const got: { text: string; ip: string; port: number }[] = [];
    b.onMessage = (data, ip, port) => got.push({ text: Buffer.from(data).toString(), ip, port });
    a.send(Buffer.from('hello'), b.address.ip, b.address.port);
    await world.run(() => got.length >= 1);
    expect(got).toEqual([{ text: 'hello', ip: a.address.ip, port: a.address.port }]);
    a.close();
    b.close();
  });

  test(`${name}: the sender may reuse its bytes at once`, async () => {
    const world = createWorld();
    const a = await world.open();
    const b = await world.open();
    const got: number[] = [];
    b.onMessage = (data) => got.push(data[0]!);
    // A Buffer, whose slice() would be no copy.
    const bytes = Buffer.alloc(1000);
    for (let i = 0; i < 50; i++) {
      bytes.fill(i);
      a.send(bytes, b.address.ip, b.address.port);
    }
    bytes.fill(255);
    await world.run(() => got.length >= 50);
    expect(got).toEqual(Array.from({ length: 50 }, (_, i) => i));
    a.close();
    b.close();
  });

  test(`${name}: onDrained follows the datagrams of a turn, once`, async () => {
    const world = createWorld();
    const a = await world.open();
    const b = await world.open();
    const log: string[] = [];
    b.onMessage = () => log.push('message');
    b.onDrained = () => log.push('drained');
    for (let i = 0; i < 10; i++) a.send(Uint8Array.of(i), b.address.ip, b.address.port);
    await world.run(() => log.filter((l) => l === 'message').length >= 10 && log.at(-1) === 'drained');
    // The kernel may spread them over several turns, but never two signals in a row, none before a message.
    expect(log.filter((l) => l === 'message')).toHaveLength(10);
    expect(log[0]).toBe('message');
    expect(log.join(' ')).not.toContain('drained drained');
    a.close();
    b.close();
  });

  test(`${name}: an empty datagram is a datagram`, async () => {
    const world = createWorld();
    const a = await world.open();
    const b = await world.open();
    const lengths: number[] = [];
    b.onMessage = (data) => lengths.push(data.length);
    a.send(new Uint8Array(0), b.address.ip, b.address.port);
    a.send(new Uint8Array(1), b.address.ip, b.address.port);
    await world.run(() => lengths.length >= 2);
    expect(lengths).toEqual([0, 1]);
    a.close();
    b.close();
  });

  test(`${name}: what can't be sent is an onError, never a throw`, async () => {
    const world = createWorld();
    const a = await world.open();
    const b = await world.open();
    const errors: Error[] = [];
    a.onError = (error) => errors.push(error);
    a.send(new Uint8Array(1), b.address.ip, 0);
    a.send(new Uint8Array(70_000), b.address.ip, b.address.port);
    await world.run(() => errors.length >= 2);
    expect(errors).toHaveLength(2);
    a.close();
    b.close();
  });

  test(`${name}: a closed socket is silent, and closing twice is closing once`, async () => {
    const world = createWorld();
    const a = await world.open();
    const b = await world.open();
    const c = await world.open();
    let late = 0;
    b.onMessage = () => late++;
    b.onDrained = () => late++;
    let arrived = 0;
    c.onMessage = () => arrived++;
    a.send(Uint8Array.of(1), b.address.ip, b.address.port);
    b.close();
    b.close();
    a.send(Uint8Array.of(2), b.address.ip, b.address.port);
    b.send(Uint8Array.of(3), c.address.ip, c.address.port);
    a.send(Uint8Array.of(4), c.address.ip, c.address.port);
    await world.run(() => arrived >= 1);
    expect(late).toBe(0);
    expect(arrived).toBe(1);
    a.close();
    c.close();
  });
}
