import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { createCertificate } from '@weir/secure-transport';
import { describe, expect, it } from 'vitest';
import { createWorker } from '../src/in-process-worker.ts';
import { errors, type LogEntry, Server, type ServerOptions } from '../src/index.ts';
import { Server as ServerObject } from '../src/server.ts';
import type { Worker } from '../src/worker.ts';
import { mediaCodecs, next, opusParameters, record, startPeer, startServer } from './fixtures.ts';

const loopback = { numWorkers: 1, rtcIPv4: '127.0.0.1', rtcIPv6: false, logLevel: 'error' } as const;

/** The error of a server that can't start. */
async function failure(options: unknown): Promise<Error> {
  const server = Server(options as ServerOptions);
  const [error] = await next<[Error]>(server, 'close');
  return error;
}

const portsOf = async (server: Server) => {
  const room = await server.createRoom();
  const { iceLocalCandidates } = await room.Peer('port').createTransport();
  return iceLocalCandidates.map(({ protocol, port }) => [protocol, port] as const);
};

describe('starting', () => {
  it('failures come at least one macrotask after the call (D-6)', async () => {
    const log: string[] = [];
    const server = Server({ logLevel: 'chicken' as 'warn' });
    record(log, 'server', server, ['close']);
    await Promise.resolve();
    expect([log, server.closed]).toEqual([[], false]);
    await next(server, 'close');
    expect(log).toEqual(['server close']);
  });

  it.each<[string, unknown, RegExp]>([
    ['an unknown log level', { logLevel: 'chicken' }, /logLevel/],
    ['an address of another host', { rtcIPv4: '192.0.2.77', rtcIPv6: false }, /rtcIPv4/],
    ['what is no address', { rtcIPv4: 'localhost' }, /rtcIPv4/],
    ['an IPv6 address as rtcIPv4', { rtcIPv4: '::1' }, /rtcIPv4/],
    ['0.0.0.0', { rtcIPv4: '0.0.0.0' }, /rtcIPv4/],
    ['::', { rtcIPv6: '::' }, /rtcIPv6/],
    ['an IPv4 address as rtcIPv6', { rtcIPv6: '127.0.0.1' }, /rtcIPv6/],
    ['no family at all', { rtcIPv4: false, rtcIPv6: false }, /no usable IP/],
    ['too few ports for the workers', { numWorkers: 4, rtcMinPort: 20_000, rtcMaxPort: 20_300 }, /ports/],
    [
      'files that are not there',
      { dtlsCertificateFile: '/no/cert', dtlsPrivateKeyFile: '/no/key' },
      /ENOENT/,
    ],
    ['wrong listen infos', { webRtcServer: { listenInfos: [] } }, /listenInfos/],
    ['appData that is none', { appData: 7 }, /appData/],
  ])('%s closes the server with an Error', async (_what, options, message) => {
    const error = await failure({ ...loopback, ...(options as object) });
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toMatch(message);
  });

  it('certificate and key that do not belong together close it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-'));
    try {
      const file = (name: string, text: string) => {
        writeFileSync(join(folder, name), text);
        return join(folder, name);
      };
      const [one, other] = [createCertificate(), createCertificate()];
      const error = await failure({
        ...loopback,
        dtlsCertificateFile: file('a.pem', one.certPem),
        dtlsPrivateKeyFile: file('b.pem', other.keyPem),
      });
      expect(error.message).toMatch(/does not belong/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('closed before it started: no room, no socket, one close', async () => {
    const server = Server(loopback);
    const log: string[] = [];
    record(log, 'server', server, ['close']);
    const room = server.createRoom();
    server.close();
    server.close();
    await expect(room).rejects.toBeInstanceOf(errors.InvalidStateError);
    await expect(server.dump()).rejects.toBeInstanceOf(errors.InvalidStateError);
    await expect(server.getResourceUsage()).rejects.toBeInstanceOf(errors.InvalidStateError);
    expect(log).toEqual(['server close']);
  });

  it('warns of unknown options', async () => {
    const entries: LogEntry[] = [];
    const server = startServer({
      logLevel: 'warn',
      logger: (entry) => entries.push(entry),
      roomCodecs: [],
    } as ServerOptions);
    await server.createRoom();
    expect(entries.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'ignoring the unknown option "roomCodecs"'],
    ]);
    entries.length = 0;
    await server.updateSettings({ logLevel: 'error' });
    const depth = { kind: 'audio', name: 'audio/opus', clockRate: 8000, numChannels: 2 } as const;
    await server.createRoom({ mediaCodecs: [depth] });
    expect(entries).toEqual([]);
    await server.updateSettings({ logLevel: 'WARN' as 'warn' });
    await server.createRoom({ mediaCodecs: [depth] });
    expect(entries.map(({ message }) => message)).toEqual(["the room can't carry audio/opus"]);
  });
});

// Below 10000: neither where servers are by default, nor where the kernel takes ports from.
describe('ports', () => {
  it("are one number for UDP and TCP, inside the worker's share of the range", async () => {
    const ports = await portsOf(startServer({ rtcMinPort: 6_200, rtcMaxPort: 6_599 }));
    expect(ports.map(([protocol]) => protocol)).toEqual(['udp', 'tcp']);
    expect(ports[0]![1]).toBe(ports[1]![1]);
    expect(ports[0]![1]).toBeGreaterThanOrEqual(6_200);
    expect(ports[0]![1]).toBeLessThanOrEqual(6_599);
  });

  it('are different for each worker', async () => {
    const server = startServer({ numWorkers: 3, rtcMinPort: 6_600, rtcMaxPort: 7_199 });
    const seen = new Set<number>();
    for (let i = 0; i < 60 && seen.size < 3; i++)
      for (const [, port] of await portsOf(server)) seen.add(port);
    expect([...seen].sort().map((port) => Math.floor((port - 6_600) / 199))).toEqual([0, 1, 2]);
  });

  it('skip what others have bound', async () => {
    const taken = await Promise.all(
      Array.from({ length: 99 }, async (_, i) => {
        const socket = createSocket('udp4');
        await new Promise<void>((done) => socket.bind(5_200 + i, '127.0.0.1', done));
        return socket;
      }),
    );
    const ports = await portsOf(startServer({ rtcMinPort: 5_200, rtcMaxPort: 5_300 }));
    expect(ports[0]![1]).toBe(5_299);
    const error = await failure({ ...loopback, rtcMinPort: 5_200, rtcMaxPort: 5_300 });
    expect(error.message).toMatch(/no free port/);
    for (const socket of taken) socket.close();
  });

  it('can be given exactly, with an announced address (webRtcServer)', async () => {
    const server = startServer({
      webRtcServer: {
        listenInfos: [
          { protocol: 'udp', ip: '127.0.0.1', port: 5_123, announcedAddress: 'media.example.org' },
          { protocol: 'tcp', ip: '127.0.0.1' },
        ],
      },
    });
    const { iceLocalCandidates } = await (await server.createRoom()).Peer('alice').createTransport();
    expect(iceLocalCandidates).toMatchObject([
      { protocol: 'udp', ip: 'media.example.org', port: 5_123, family: 'ipv4' },
      { protocol: 'tcp', ip: '127.0.0.1', family: 'ipv4' },
    ]);
    const udpOnly = startServer({ webRtcServer: { listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] } });
    const peer = (await udpOnly.createRoom()).Peer('alice');
    await expect(peer.createTransport({ udp: false })).rejects.toThrow('could not open any IP:port');
    const error = await failure({
      ...loopback,
      rtcIPv4: undefined,
      webRtcServer: { listenInfos: [{ protocol: 'udp', ip: '127.0.0.1', port: 5_123 }] },
    });
    expect(error.message).toMatch(/EADDRINUSE/);
  });

  it('are free again after close()', async () => {
    const options = { rtcMinPort: 5_400, rtcMaxPort: 5_500 };
    for (let i = 0; i < 3; i++) {
      const server = startServer(options);
      await portsOf(server);
      server.close();
    }
    expect(await portsOf(startServer(options))).toHaveLength(2);
  });
});

describe('workers', () => {
  it("have ids of v1's form and carry the rooms in the dump", async () => {
    const server = startServer({ numWorkers: 2 });
    const rooms = [await server.createRoom({ mediaCodecs }), await server.createRoom({ mediaCodecs })];
    const { workers } = await server.dump();
    expect(workers.map(({ workerId }) => workerId.replace(/^[a-zA-Z]{8}/, ''))).toEqual(['#1', '#2']);
    const shown = workers.flatMap((worker) => worker.rooms.map(({ roomId }) => roomId));
    expect(shown.sort()).toEqual(rooms.map(({ id }) => id).sort());
    rooms[0]!.close();
    const after = (await server.dump()).workers.flatMap((worker) => worker.rooms.map(({ roomId }) => roomId));
    expect(after).toEqual([rooms[1]!.id]);
  });

  it('tell what they use', async () => {
    const server = startServer({ numWorkers: 2 });
    const usage = await server.getResourceUsage();
    expect(usage).toHaveLength(2);
    expect(usage[0]!.workerId).toMatch(/^[a-z]{8}#1$/);
    expect(usage[0]!.ru_utime).toBeGreaterThan(0);
    expect(usage[0]!.ru_maxrss).toBeGreaterThan(1000);
    expect(usage[0]!.receivedPackets).toBe(0);
  });

  it('have their orders before the first listener hears of a closing (D-5)', async () => {
    const log: string[] = [];
    const server = new ServerObject(loopback, async (...args) => {
      const worker = await createWorker(...args);
      const { apply } = worker;
      worker.apply = (update, whole) => {
        const { transports, receivers, senders } = update.remove;
        log.push(`remove ${transports.length} ${receivers.length} ${senders.length}`);
        apply.call(worker, update, whole);
      };
      return worker;
    });
    const room = await server.createRoom({ mediaCodecs });
    const [alice, bob] = [await startPeer(room, 'alice'), await startPeer(room, 'bob')];
    const transport = await alice.createTransport();
    const receiver = alice.RtpReceiver('audio', transport);
    await receiver.receive(opusParameters(1));
    await bob.rtpSenders[0]!.setTransport(await bob.createTransport());
    log.length = 0;
    record(log, 'transport', transport, ['close']);
    record(log, 'receiver', receiver, ['close']);
    record(log, 'sender', bob.rtpSenders[0]!, ['close']);
    alice.close();
    expect(log).toEqual(['remove 1 1 1', 'transport close', 'receiver close', 'sender close']);
    server.close();
  });

  it('that die close their rooms without error; the last one closes the server with it (1.6)', async () => {
    const workers: Worker[] = [];
    const server = new ServerObject({ ...loopback, numWorkers: 2, logger: () => {} }, async (...args) => {
      const worker = await createWorker(...args);
      workers.push(worker);
      return worker;
    });
    const log: string[] = [];
    server.on('close', (error) => log.push(`server ${error?.message}`));
    const rooms = new Map<Worker, Awaited<ReturnType<Server['createRoom']>>[]>();
    for (let i = 0; i < 40; i++) {
      const room = await server.createRoom({ mediaCodecs });
      const id = (await server.dump()).workers.find((worker) =>
        worker.rooms.some(({ roomId }) => roomId === room.id),
      );
      const worker = workers.find((each) => each.id === id!.workerId)!;
      rooms.set(worker, [...(rooms.get(worker) ?? []), room]);
      if (rooms.size === 2) break;
      room.on('close', (error) => log.push(`room ${error}`));
    }
    const [first, second] = [...rooms.keys()] as [Worker, Worker];
    const [room] = rooms.get(first)!;
    const peer = await startPeer(room!, 'alice');
    const transport = await peer.createTransport();
    const before = rooms.get(first)!.length;
    first.onDied?.(new Error('first'));
    expect(log).toEqual(Array.from({ length: before }, () => 'room undefined'));
    expect([first.closed, transport.closed, server.closed]).toEqual([true, true, false]);
    // New rooms go where there is still a worker.
    await server.createRoom({ mediaCodecs });
    expect((await server.dump()).workers.map(({ workerId }) => workerId)).toEqual([second.id]);
    second.onDied?.(new Error('second'));
    expect(log.at(-1)).toBe('server second');
    expect(server.closed).toBe(true);
  });

  it('that refuse an order die, and what was asked meanwhile is answered', async () => {
    const workers: Worker[] = [];
    const entries: LogEntry[] = [];
    const server = new ServerObject(
      { ...loopback, logger: (entry) => entries.push(entry) },
      async (...args) => {
        const worker = await createWorker(...args);
        workers.push(worker);
        return worker;
      },
    );
    await server.createRoom({ mediaCodecs });
    const closed = next<[Error]>(server, 'close');
    // An order that no room gives: the worker can't hold what it was told any more.
    workers[0]!.apply(null as unknown as Parameters<Worker['apply']>[0], () => {
      throw new Error('never asked');
    });
    expect((await closed)[0]).toBeInstanceOf(Error);
    await expect(server.createRoom()).rejects.toBeInstanceOf(errors.InvalidStateError);
    expect(entries.map(({ message }) => message)).toEqual(['a media worker failed', 'a worker died']);
  });
});

describe('the process', () => {
  it('closes all servers when it exits', async () => {
    const code = `
      import { Server } from '@weir/sfu';
      const server = Server(${JSON.stringify(loopback)});
      const room = await server.createRoom();
      room.on('close', () => console.log('room closed'));
      server.on('close', () => console.log('server closed'));
      process.exit(0);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
      cwd: resolve(import.meta.dirname, '..'),
      timeout: 15_000,
    });
    expect(stdout).toBe('room closed\nserver closed\n');
  });

  it('ends by itself when its servers are closed', async () => {
    const code = `
      import { Server } from '@weir/sfu';
      const server = Server(${JSON.stringify(loopback)});
      const room = await server.createRoom({ mediaCodecs: ${JSON.stringify(mediaCodecs)} });
      room.on('audiolevels', () => {});
      await room.createActiveSpeakerObserver();
      const peer = room.Peer('alice');
      await peer.createTransport();
      server.close();
      console.log('done');`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
      cwd: resolve(import.meta.dirname, '..'),
      timeout: 15_000,
    });
    expect(stdout).toBe('done\n');
  });
});
