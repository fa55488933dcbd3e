import { openUdpSocket } from '@weir/testing';
import type { SocketAddress, UdpSocket } from '@weir/udp';
import { Child } from './child.ts';
import { compile } from './compile.ts';

/** Sockets of receivers that only count. What is not RTP goes its usual way. */
export interface Crowd {
  readonly sockets: readonly UdpSocket[];
  /** RTP packets that each has got since it was opened. */
  count(): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** In a C program, so that little of the machine is taken; without a compiler, here, which is said once. */
export async function openCrowd(count: number): Promise<Crowd> {
  if (count === 0) return { sockets: [], count: async () => [], close: async () => undefined };
  const program = compile('crowd');
  if ('path' in program) return await NativeCrowd.open(program.path, count);
  if (!warned)
    console.warn(
      `Receivers run in this process (${program.why}): latency and loss are worse than they could be.`,
    );
  warned = true;
  return await openNodeCrowd(count);
}

let warned = false;

async function openNodeCrowd(count: number): Promise<Crowd> {
  const inner = await Promise.all(Array.from({ length: count }, () => openUdpSocket('0.0.0.0')));
  const packets = new Array<number>(count).fill(0);
  const sockets = inner.map((socket, index): UdpSocket => {
    const outer: UdpSocket = {
      address: socket.address,
      onMessage: undefined,
      onDrained: undefined,
      onError: undefined,
      send: (data, ip, port) => socket.send(data, ip, port),
      close: () => socket.close(),
    };
    socket.onMessage = (data, ip, port) => {
      const isMedia = data[0]! >= 128 && data[0]! <= 191;
      if (!isMedia) outer.onMessage?.(data, ip, port);
      else if (data[1]! < 192 || data[1]! > 223) packets[index]! += 1;
    };
    return outer;
  });
  return {
    sockets,
    count: async () => [...packets],
    async close() {
      for (const socket of inner) socket.close();
    },
  };
}

/** Speaks with native/crowd.c, which tells the frames. */
class NativeCrowd implements Crowd {
  readonly sockets: CrowdSocket[] = [];
  readonly #child: Child;
  #unread: Buffer = Buffer.alloc(0);
  #waiting: PromiseWithResolvers<readonly number[]> | undefined;

  static async open(path: string, count: number): Promise<NativeCrowd> {
    const crowd = new NativeCrowd(path, count);
    const ports = await crowd.#answer();
    for (const [index, port] of ports.entries()) {
      crowd.sockets.push(new CrowdSocket(port, (data, ip, to) => crowd.#send(data, index, ip, to)));
    }
    return crowd;
  }

  private constructor(path: string, count: number) {
    this.#child = new Child({ command: path, args: [String(count)], binary: true });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  async count(): Promise<readonly number[]> {
    this.#child.write(frame(0, 0, 0, 0, 1));
    return await this.#answer();
  }

  async close(): Promise<void> {
    await this.#child.stop();
  }

  async #answer(): Promise<readonly number[]> {
    this.#waiting = Promise.withResolvers();
    return await Promise.race([this.#waiting.promise, this.#child.ended]);
  }

  #send(data: Uint8Array, index: number, ip: string, port: number): void {
    const address = ip.split('.').reduce((number, part) => number * 256 + Number(part), 0);
    this.#child.write(Buffer.concat([frame(data.length, index, address, port, 0), data]));
  }

  #read(chunk: Buffer): void {
    let rest = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    while (rest.length >= headBytes) {
      const size = rest.readUInt32LE(0);
      if (rest.length < headBytes + size) break;
      const data = rest.subarray(headBytes, headBytes + size);
      const isControl = rest.readUInt16LE(14) === 1;
      if (isControl) this.#waiting?.resolve(this.sockets.length === 0 ? words(data) : longWords(data));
      else {
        const ip = [...rest.subarray(8, 12)].reverse().join('.');
        this.sockets[rest.readUInt32LE(4)]?.onMessage?.(data, ip, rest.readUInt16LE(12));
      }
      rest = rest.subarray(headBytes + size);
    }
    this.#unread = rest;
  }
}

class CrowdSocket implements UdpSocket {
  readonly address: SocketAddress;
  onMessage: UdpSocket['onMessage'];
  onDrained: UdpSocket['onDrained'];
  onError: UdpSocket['onError'];
  readonly send: UdpSocket['send'];

  constructor(port: number, send: UdpSocket['send']) {
    this.address = { ip: '0.0.0.0', port, family: 'ipv4' };
    this.send = send;
  }

  /** The crowd closes all of them. */
  close(): void {}
}

const headBytes = 16;

/** The program runs on this machine, and every machine that Node runs on is little-endian. */
function frame(size: number, index: number, address: number, port: number, kind: number): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(size, 0);
  head.writeUInt32LE(index, 4);
  head.writeUInt32LE(address, 8);
  head.writeUInt16LE(port, 12);
  head.writeUInt16LE(kind, 14);
  return head;
}

function words(data: Buffer): number[] {
  return Array.from({ length: data.length / 4 }, (_, index) => data.readUInt32LE(4 * index));
}

function longWords(data: Buffer): number[] {
  return Array.from({ length: data.length / 8 }, (_, index) => Number(data.readBigUInt64LE(8 * index)));
}
