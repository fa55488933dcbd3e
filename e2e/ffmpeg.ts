import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { caller, post } from './bot.ts';
import { missingPrograms } from './programs.ts';
import { until } from './weir.ts';

/** Why there is no ffmpeg here; undefined = there is. @throws Error as missingPrograms() does */
export function missingFfmpeg(): string | undefined {
  return missingPrograms(['ffmpeg', 'ffprobe'], '-version', 'ffmpeg');
}

/** A running ffmpeg; ended by its process id. */
export class Ffmpeg {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #errors = '';

  constructor(args: readonly string[]) {
    this.#child = spawn('ffmpeg', ['-hide_banner', '-nostdin', '-loglevel', 'warning', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    this.#ended = new Promise((done) => this.#child.once('exit', (code) => done(code)));
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it complained about. */
  get errors(): string {
    return this.#errors;
  }

  /** Its exit code. @throws Error with its complaints if it has not ended by itself after so long */
  async ends(timeoutMs: number): Promise<number | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, failed) => {
      timer = setTimeout(
        () => failed(new Error(`ffmpeg still runs after ${timeoutMs} ms: ${this.#errors}`)),
        timeoutMs,
      );
    });
    try {
      return await Promise.race([this.#ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits until it holds these UDP ports. */
  async listens(...ports: readonly number[]): Promise<void> {
    await until(`ffmpeg holds the ports ${ports.join(', ')}`, async () => {
      if (!this.running) throw new Error(`ffmpeg ended: ${this.#errors}`);
      const held = udpPorts();
      return ports.every((port) => held.has(port));
    });
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** UDP ports that are bound on this machine (proc(5), /proc/net/udp). */
function udpPorts(): Set<number> {
  const lines = readFileSync('/proc/net/udp', 'utf8').trim().split('\n').slice(1);
  return new Set(lines.map((line) => Number.parseInt(/:([0-9A-F]{4}) /.exec(line)?.[1] ?? '0', 16)));
}

/** An even port that is free together with the next one, as RTP and RTCP want them. */
export async function freePortPair(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const rtp = 20_000 + 2 * Math.floor(Math.random() * 5_000);
    const bound = await Promise.allSettled([bind(rtp), bind(rtp + 1)]);
    const sockets = bound.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    await Promise.all(sockets.map((socket) => new Promise<void>((done) => socket.close(done))));
    if (sockets.length === 2) return rtp;
  }
  throw new Error('no two free UDP ports in a row among 20000…29999');
}

function bind(port: number): Promise<Socket> {
  return new Promise((done, failed) => {
    const socket = createSocket('udp4');
    socket.once('error', failed);
    socket.bind(port, () => done(socket));
  });
}

/** What ffprobe says of a file, with every frame decoded. */
export interface Probe {
  readonly streams: { codec_type: string; codec_name: string; nb_read_frames: string }[];
  readonly format: { duration: string };
  /** What the decoders complained about; empty if all is well. */
  readonly errors: string;
}

/**
 * Reads and decodes a whole file. (Not `ffmpeg -f null`: that also complains of times, and ffmpeg itself moves a
 * stream a little when the first sender report shows how sound and pictures belong together.)
 *
 * @throws Error with ffprobe's words if it does not accept the file
 */
export function probe(file: string): Probe {
  const entries = 'stream=codec_type,codec_name,nb_read_frames:format=duration';
  const args = ['-v', 'error', '-count_frames', '-show_entries', entries, '-of', 'json', file];
  const { status, stdout, stderr } = spawnSync('ffprobe', args, { encoding: 'utf8', timeout: 30_000 });
  if (status !== 0) throw new Error(`ffprobe ${file}: ${stderr}`);
  return { ...(JSON.parse(stdout) as Omit<Probe, 'errors'>), errors: stderr.trim() };
}

/** How many decoded pictures of a file differ from all others, and its loudest sample in dBFS (0 is the most). */
export function contents(file: string): { pictures: number; loudestDb: number } {
  const decode = (...args: string[]) =>
    spawnSync('ffmpeg', ['-hide_banner', '-nostdin', '-i', file, ...args, '-'], {
      encoding: 'utf8',
      timeout: 30_000,
    });
  const hashes = decode('-map', '0:v', '-f', 'framemd5').stdout.match(/\b[0-9a-f]{32}$/gm) ?? [];
  const heard = decode('-map', '0:a', '-af', 'volumedetect', '-f', 'null').stderr;
  return {
    pictures: new Set(hashes).size,
    loudestDb: Number(/max_volume: (-?[\d.]+) dB/.exec(heard)?.[1] ?? Number.NaN),
  };
}

/** A peer that has opus and VP8, or other codecs named, and nothing more, as programs without WebRTC do; media by plain RTP. */
export class PlainPeer {
  readonly #call: ReturnType<typeof caller>;

  private constructor(call: ReturnType<typeof caller>) {
    this.#call = call;
  }

  static async join(
    url: string,
    room: string,
    name: string,
    mimeTypes = /^(audio\/opus|video\/VP8)$/i,
  ): Promise<PlainPeer> {
    const session = (await (await post(`${url}/demo/session`, { room, name })).json()) as { token: string };
    const outside = caller(`${url}/v1/rooms/${room}`, session.token);
    const { rtpCapabilities } = (await outside('GET', '')) as { rtpCapabilities: { codecs: Codec[] } };
    const codecs = rtpCapabilities.codecs.filter(({ mimeType }) => mimeTypes.test(mimeType));
    const joined = (await outside('POST', '/peers', { name, rtpCapabilities: { codecs } })) as {
      peer: { id: string };
    };
    return new PlainPeer(caller(`${url}/v1/rooms/${room}/peers/${joined.peer.id}`, session.token));
  }

  call<T>(method: string, path: string, body?: object): Promise<T> {
    return this.#call(method, path, body) as Promise<T>;
  }

  transport(options: object): Promise<PlainView> {
    return this.call('POST', '/transports', { type: 'plain', ...options });
  }

  /** The peer's senders, once there are so many. */
  senders(count: number): Promise<Sender[]> {
    return until(`there are ${count} senders`, async () => {
      const { senders } = await this.call<{ senders: Sender[] }>('GET', '/senders');
      return senders.length === count ? senders : undefined;
    });
  }

  async leave(): Promise<void> {
    await this.call('DELETE', '').catch(() => undefined);
  }
}

export interface PlainView {
  readonly id: string;
  readonly ip: string;
  readonly port: number;
  readonly remote?: { readonly ip: string; readonly port: number };
}

export interface Sender {
  readonly id: string;
  readonly kind: 'audio' | 'video';
  readonly rtpParameters: { readonly codecs: readonly (Codec & { payloadType: number })[] };
}

interface Codec {
  readonly mimeType: string;
}
