import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type OutgoingHttpHeaders, request } from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JoinAnswer, LogEvent } from '@weir/protocol';
import { startPostgres } from '../../packages/testing/src/postgres.ts';
import { pause } from '../weir.ts';
import { quantile } from './careful-client.ts';
import { SignalingProcess, token } from './instances.ts';

/**
 * Load figures of signaling: real processes, one machine, this process asks. Rates are told as shares of the rate
 * of a bare route in the same run, since only that can be compared between machines.
 */
const help = `Measures signaling on SQLite and Postgres: rates as shares of a bare route, and the way from commit to reader.
Takes about two minutes; prints Markdown.

Usage: npm run bench:signaling [-- options]

  --seconds N    how long each figure is taken; default 4
  --write FILE   write the page there, too: docs/benchmarks-signaling.md`;

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(help);
  process.exit();
}

const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};
const measureMs = Number(option('seconds') ?? 4) * 1000;
const concurrency = 16;
const slices = 10;
const readers = 100;
const peersPerRoom = 10;
const env = { WEIR_RATE_PER_SECOND: '1000000', WEIR_RATE_BURST: '1000000', WEIR_PEER_TIMEOUT_SECONDS: '600' };

const agent = new Agent({ keepAlive: true, maxSockets: 512 });
const admin = await token({ admin: true });
/** What else the machine had to do in the minute before. */
const [busyBefore = 0] = loadavg();

interface Reply {
  readonly status: number;
  readonly text: string;
}

/** The cheapest client there is, so that the server is what is measured. */
function ask(url: string, method = 'GET', body?: object): Promise<Reply> {
  const headers: OutgoingHttpHeaders = { authorization: `Bearer ${admin}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A call that must succeed. @throws Error */
async function must<T>(url: string, method = 'GET', body?: object): Promise<T> {
  const { status, text } = await ask(url, method, body);
  if (status >= 300) throw new Error(`${method} ${url}: ${status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

interface Rate {
  readonly perSecond: number;
  /** Of the rate of the bare route, measured in between. */
  readonly share: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Repeats `once` on some connections for a while. @returns how many milliseconds each took */
async function repeat(ms: number, connections: number, once: () => Promise<unknown>): Promise<Slice> {
  const started = performance.now();
  const took: number[] = [];
  const worker = async () => {
    while (performance.now() - started < ms) {
      const before = performance.now();
      await once();
      took.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return { took, ms: performance.now() - started };
}

interface Slice {
  readonly took: number[];
  readonly ms: number;
}

/**
 * The rate of something, in slices between slices of the bare route: whatever else the machine does slows down both.
 *
 * @param counted how often it happened until now; default: as often as `once` was called
 */
async function rate(
  url: string,
  once: () => Promise<unknown>,
  options: { connections?: number; counted?: () => number } = {},
): Promise<Rate> {
  const { connections = concurrency, counted } = options;
  const bare = { count: 0, ms: 0 };
  const own = { count: 0, ms: 0 };
  const took: number[] = [];
  await repeat(measureMs / 4, connections, once);
  for (let slice = 0; slice < slices; slice += 1) {
    const beside = await repeat(measureMs / slices / 2, concurrency, () => must(`${url}/healthz`));
    bare.count += beside.took.length;
    bare.ms += beside.ms;
    const before = counted?.() ?? 0;
    const measured = await repeat(measureMs / slices, connections, once);
    own.count += counted === undefined ? measured.took.length : counted() - before;
    own.ms += measured.ms;
    took.push(...measured.took);
  }
  const perSecond = own.count / (own.ms / 1000);
  const share = perSecond / (bare.count / (bare.ms / 1000));
  return { perSecond, share, p50Ms: quantile(took, 0.5), p99Ms: quantile(took, 0.99) };
}

/** Opens an event stream and calls back for each event. @returns how to close it, once its first bytes are there */
function listen(url: string, onEvent: (event: LogEvent) => void): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${admin}`, accept: 'text/event-stream' };
    const sent = request(url, { headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        resolve(() => sent.destroy());
        const frames = (text + chunk).split('\n\n');
        text = frames.pop() ?? '';
        for (const frame of frames) {
          const data = /^data: (.*)$/m.exec(frame)?.[1];
          if (data !== undefined) onEvent(JSON.parse(data));
        }
      });
      answer.on('error', () => {});
    });
    sent.on('error', reject);
    sent.end();
  });
}

let rooms = 0;
async function newRoom(url: string): Promise<string> {
  rooms += 1;
  const id = `load-${rooms}`;
  await must(`${url}/v1/rooms`, 'POST', { id, maxPeers: 1000 });
  return `/v1/rooms/${id}`;
}

let names = 0;
async function enter(url: string, room: string): Promise<JoinAnswer> {
  names += 1;
  return await must<JoinAnswer>(`${url}${room}/peers`, 'POST', { name: `peer-${names}` });
}

/** An audience of one room that reads streams of one instance. */
async function audience(size: number, url: string, room: string, onEvent: (event: LogEvent) => void) {
  const closers: (() => void)[] = [];
  for (let index = 0; index < size; index += 1) {
    const { peer, snapshot } = await enter(url, room);
    const path = `${room}/peers/${peer.id}/events?after=${snapshot.cursor}`;
    closers.push(await listen(`${url}${path}`, onEvent));
  }
  return () => {
    for (const close of closers) close();
  };
}

interface Figures {
  readonly bare: Rate;
  readonly read: Rate;
  readonly join: Rate;
  readonly fanOut: Rate;
}

async function figures(url: string): Promise<Figures> {
  const bare = await rate(url, () => must(`${url}/healthz`));
  const one = await newRoom(url);
  const read = await rate(url, () => must(`${url}${one}`));
  let room: Promise<string> | undefined;
  let entered = 0;
  const joined = await rate(url, async () => {
    // Rooms are made on the way, which is a tenth of the writes.
    if (entered % peersPerRoom === 0) room = newRoom(url);
    entered += 1;
    await enter(url, await room!);
  });
  return { bare, read, join: joined, fanOut: await fanOut(url) };
}

/** Events that arrive at 100 readers while one peer after the other comes and goes. */
async function fanOut(url: string): Promise<Rate> {
  const room = await newRoom(url);
  let arrived = 0;
  const close = await audience(readers, url, room, () => {
    arrived += 1;
  });
  const comeAndGo = async () => {
    const { peer } = await enter(url, room);
    await must(`${url}${room}/peers/${peer.id}`, 'DELETE');
  };
  const measured = await rate(url, comeAndGo, { connections: 1, counted: () => arrived });
  close();
  return measured;
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly events: number;
}

/** From a commit at `writer` to twenty streams of `reader`: a peer comes or goes about ten times a second. */
async function latency(writer: string, reader: string): Promise<Latency> {
  const room = await newRoom(writer);
  const ms: number[] = [];
  const close = await audience(20, reader, room, ({ type, time, data }) => {
    if (String(data.name).startsWith('visitor') && type !== 'reset') ms.push(Date.now() - time);
  });
  const until = performance.now() + measureMs * 2;
  for (let visit = 0; performance.now() < until; visit += 1) {
    const { peer } = await must<JoinAnswer>(`${writer}${room}/peers`, 'POST', { name: `visitor-${visit}` });
    // Not in step with any interval of the server's.
    await pause(60 + Math.random() * 80);
    await must(`${writer}${room}/peers/${peer.id}`, 'DELETE');
    await pause(60 + Math.random() * 80);
  }
  await pause(1500);
  close();
  return { p50: quantile(ms, 0.5), p99: quantile(ms, 0.99), events: ms.length };
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-load-'));
  const postgres = await startPostgres();
  const running: SignalingProcess[] = [];
  const start = async (name: string, database: string, more: Record<string, string> = {}) => {
    const started = await SignalingProcess.start(name, database, { ...env, ...more });
    running.push(started);
    return started;
  };
  const stopAll = () => Promise.all(running.splice(0).map((one) => one.stop()));
  try {
    const file = `file:${join(folder, 'weir.sqlite')}`;
    const results: [string, Figures][] = [];
    const latencies: [string, Latency][] = [];

    const first = await start('sqlite', file, { WEIR_POLL_MS: '500' });
    results.push(['SQLite', await figures(first.url)]);
    latencies.push(['in process (SQLite)', await latency(first.url, first.url)]);
    // Nothing wakes readers of another process on one SQLite file: they look again and again, as on D1.
    const second = await start('sqlite-2', file, { WEIR_POLL_MS: '500' });
    latencies.push(['polling every 500 ms (another process)', await latency(first.url, second.url)]);
    await stopAll();

    if ('missing' in postgres) console.error(`!!! Postgres is NOT measured: ${postgres.missing}`);
    else {
      const one = await start('postgres', postgres.url);
      results.push(['Postgres 15', await figures(one.url)]);
      const other = await start('postgres-2', postgres.url);
      latencies.push(['LISTEN/NOTIFY (another process, Postgres)', await latency(one.url, other.url)]);
    }
    const text = report(results, latencies);
    console.log(text);
    const path = option('write');
    if (path !== undefined) writeFileSync(path, text);
  } finally {
    await stopAll();
    if (!('missing' in postgres)) await postgres.stop();
    agent.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(results: readonly [string, Figures][], latencies: readonly [string, Latency][]): string {
  const [processor] = cpus();
  const row = (what: string, { perSecond, share, p50Ms, p99Ms }: Rate) =>
    `| ${what} | ${perSecond.toFixed(0)} | ${(100 * share).toFixed(1)} % | ${p50Ms.toFixed(1)} | ${p99Ms.toFixed(1)} |`;
  const tables = results.map(([database, { bare, read, join, fanOut }]) =>
    [
      `### ${database}`,
      '',
      '| What | per second | share of the bare route | p50, ms | p99, ms |',
      '|---|---:|---:|---:|---:|',
      row('`GET /healthz` (bare Hono route)', { ...bare, share: 1 }),
      row('`GET /v1/rooms/{room}`', read),
      row(`\`POST …/peers\` (join, rooms of ${peersPerRoom})`, join),
      row(`events delivered to ${readers} streams (times: one join and one leave)`, fanOut),
      '',
    ].join('\n'),
  );
  return [
    '# Load figures of signaling',
    '',
    `Made by \`npm run bench:signaling\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${processor?.model.trim()}, ` +
      `Node ${process.version}, ${process.platform}; load average ${busyBefore.toFixed(1)} before the start.`,
    '',
    'One signaling process on the machine that asks; client, server and database share its processors, so the rates are',
    'lower bounds, and only the shares should be compared: each is measured in slices between slices of the bare route, so',
    `that whatever else the machine does slows down both. Every figure is of ${measureMs / 1000} s after a warm-up of a quarter of that,`,
    `over ${concurrency} connections without pipelining. Every request but \`/healthz\` verifies a JWT and reads whether it was taken`,
    'back. The fan-out is of one writer, who joins and leaves without pause: it tells what one room can do, not the process.',
    '',
    ...tables,
    '## From commit to reader',
    '',
    'Twenty event streams of one room, in which somebody joins or leaves some times a second. Counted from the time in',
    'the event, which is taken before the commit, to its arrival; so the commit itself is in it.',
    '',
    '| Wake-up | p50, ms | p99, ms | events |',
    '|---|---:|---:|---:|',
    ...latencies.map(
      ([name, { p50, p99, events }]) => `| ${name} | ${p50.toFixed(0)} | ${p99.toFixed(0)} | ${events} |`,
    ),
    '',
  ].join('\n');
}

await main();
