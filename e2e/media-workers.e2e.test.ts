import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { secrets } from '../apps/media-pod/test/signaling-double.ts';
import { startPod } from '../apps/media-pod/test/start-pod.ts';
import { Bot, type BotTransport, talk } from './bot.ts';
import { freePort, until } from './weir.ts';

/** Signaling as a process, and a pod of two media workers in this one, so that one of them can be killed. */

let url = '';
let signaling: ChildProcess;
let pod: Awaited<ReturnType<typeof startPod>>;

beforeAll(async () => {
  const root = join(import.meta.dirname, '..');
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  signaling = spawn(join(root, 'node_modules/.bin/node'), ['apps/signaling/src/entry/node.ts'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      WEIR_ENV: 'development',
      WEIR_DEMO: '1',
      WEIR_POD_SECRETS: secrets.join(),
      WEIR_LOG_LEVEL: 'warn',
      DATABASE_URL: 'file::memory:',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await until('signaling is ready', async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok);
  pod = await startPod({ url }, { WEIR_WORKERS: '2', WEIR_LEASE_SECONDS: '1' });
  await until('the pod is placeable', async () => (await fetch(`${pod.ref.controlUrl}/placeable`)).ok);
});

afterAll(async () => {
  await pod?.pod.stop(0);
  signaling?.kill('SIGKILL');
  if (signaling?.exitCode === null) await once(signaling, 'exit');
});

interface Conversation {
  readonly roomId: string;
  readonly speaker: Bot;
  readonly listener: Bot;
  readonly send: BotTransport;
  readonly receive: BotTransport;
  readonly receiverId: string;
  readonly senderId: string;
  /** Sequence numbers that the listener got. */
  readonly heard: number[];
  stop(): void;
}

const ssrc = 4242;

async function converse(roomId: string): Promise<Conversation> {
  const [speaker, listener] = [await Bot.join(url, roomId, 'alice'), await Bot.join(url, roomId, 'bob')];
  const send = await speaker.connected('send');
  const receive = await listener.connected('recv');
  const receiverId = await speaker.publishAudio(send, ssrc);
  const senderId = await listener.subscribe(receive);
  const heard: number[] = [];
  receive.endpoint.onRtp = (packet) => heard.push((packet[2]! << 8) | packet[3]!);
  const { stop } = talk(send.endpoint, ssrc);
  await until(`${roomId} is heard`, async () => heard.length > 10);
  return { roomId, speaker, listener, send, receive, receiverId, senderId, heard, stop };
}

/** The worker that a transport's candidates lead to; fails if they lead to none, or to both. */
function workerOf({ view }: BotTransport): number {
  const leadsTo = (port: number) =>
    pod.workers.ports.findIndex(({ udp, tcp }) => port === udp || port === tcp);
  const workers = new Set(view.iceCandidates.map(({ port }) => leadsTo(port)));
  expect([...workers]).toEqual([expect.toSatisfy((worker: number) => worker >= 0)]);
  return [...workers][0]!;
}

/** A conversation on each worker: idle workers share rooms by chance, so some are ended again. */
async function converseOnBoth(): Promise<[Conversation, Conversation]> {
  const first = await converse('call-0');
  for (let n = 1; n < 30; n += 1) {
    const other = await converse(`call-${n}`);
    if (workerOf(other.send) !== workerOf(first.send)) return [first, other];
    other.stop();
    await Promise.all([other.speaker.leave(), other.listener.leave()]);
  }
  throw new Error('29 rooms in a row came to one of two workers');
}

it('candidates lead to the worker of the room; when it dies the others hear nothing of it, and its peers build anew', async () => {
  const [dying, living] = await converseOnBoth();
  for (const call of [dying, living]) {
    expect(workerOf(call.receive)).toBe(workerOf(call.send));
    expect(pod.workers.workerOf(call.roomId)).toBe(workerOf(call.send));
  }

  const from = living.heard.length;
  const died = workerOf(dying.send);
  await pod.workers.terminate(died);
  const reasons = await until('both hear that their transports are closed', async () => {
    const heard = await Promise.all(
      [dying.speaker, dying.listener].map(async (bot) => {
        const { events } = await bot.call<{
          events: { type: string; target: { kind: string; id: string }; data: { reason?: string } }[];
        }>('GET', `/events?after=${bot.cursor}`);
        return events.find(({ type, target }) => type === 'close' && target.kind === 'transport')?.data
          .reason;
      }),
    );
    return heard.every((reason) => reason !== undefined) && heard;
  });
  expect(reasons).toEqual(['worker-died', 'worker-died']);

  // As the client library does: new transports for what has lost its own. Peers, receivers and senders are still there.
  dying.stop();
  const send = await dying.speaker.connected('send');
  const receive = await dying.listener.connected('recv');
  expect(workerOf(receive)).toBe(workerOf(send));
  await dying.speaker.call('PATCH', `/receivers/${dying.receiverId}`, { transportId: send.id });
  await dying.listener.call('PATCH', `/senders/${dying.senderId}`, { transportId: receive.id });
  let again = 0;
  receive.endpoint.onRtp = () => {
    again += 1;
  };
  const { stop } = talk(send.endpoint, ssrc);
  await until('the call goes on', async () => again > 10);
  stop();

  living.stop();
  const numbers = living.heard.slice(from);
  expect(numbers.length).toBeGreaterThan(10);
  expect(numbers).toEqual(numbers.map((_, n) => (numbers[0]! + n) & 0xffff));
  expect(pod.workers.restarts).toEqual(died === 0 ? [1, 0] : [0, 1]);
  for (const { speaker, listener } of [dying, living]) await Promise.all([speaker.leave(), listener.leave()]);
});
