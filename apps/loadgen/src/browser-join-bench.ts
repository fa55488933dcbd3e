import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchChromium, missingBrowser } from '@weir/testing';
import { serveBenchPage } from '../bench/browser-page.ts';
import { Child, freePort } from './child.ts';
import { type Summary, summarize } from './statistics.ts';

/** Milliseconds of each phase of a join by a browser; they follow one another. */
export interface BrowserJoinResult {
  readonly browser: string;
  /** All calls to signaling that come before the first connectivity check. */
  readonly http: Summary;
  readonly ice: Summary;
  readonly dtls: Summary;
  /** From connected to the first video packet; the call that lets media flow is in between. */
  readonly firstPacket: Summary;
  /** From there to the first frame that was decoded and shown. */
  readonly firstFrame: Summary;
  readonly total: Summary;
}

const phases = ['http', 'ice', 'dtls', 'firstPacket', 'firstFrame', 'total'] as const;

/**
 * Chromium joins a running meeting `joins` times, one after the other, through signaling and a pod, with the
 * plain client of docs/examples: from the first HTTP call to a decoded frame of another browser's camera.
 *
 * @returns undefined, after a loud word, where there is no Chromium
 */
export async function benchBrowserJoin(joins: number): Promise<BrowserJoinResult | undefined> {
  if (missingBrowser('chromium') !== undefined) return undefined;
  const stack = await startStack();
  const page = await serveBenchPage();
  const browser = await launchChromium();
  try {
    const room = 'first-frame';
    const given = async (name: string) => ({
      url: stack.url,
      room,
      name,
      token: await token(stack.url, room, name),
    });
    const open = async () => {
      const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
      const tab = await context.newPage();
      await tab.goto(page.url);
      return { tab, close: () => context.close() };
    };
    const publisher = await open();
    await publisher.tab.evaluate(`bench.publish(${JSON.stringify(await given('publisher'))})`);
    const times = Object.fromEntries(phases.map((phase) => [phase, [] as number[]]));
    // The first join waits for the encoder to start; it is none of a running meeting.
    for (let count = -1; count < joins; count += 1) {
      const { tab, close } = await open();
      const lengths: Record<string, number> = await tab.evaluate(
        `bench.join(${JSON.stringify(await given(`joining-${count + 2}`))})`,
      );
      await close();
      if (count >= 0) for (const phase of phases) times[phase]!.push(lengths[phase]!);
    }
    const summary = (phase: (typeof phases)[number]) => summarize(times[phase]!);
    return {
      browser: `Chromium ${browser.version()}`,
      http: summary('http'),
      ice: summary('ice'),
      dtls: summary('dtls'),
      firstPacket: summary('firstPacket'),
      firstFrame: summary('firstFrame'),
      total: summary('total'),
    };
  } finally {
    await browser.close();
    page.close();
    await stack.stop();
  }
}

/** Signaling with a database file, and a pod: two processes, as `npm start` makes them, without the pages. */
async function startStack() {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const [port, controlPort] = [await freePort(), await freePort()];
  const shared = {
    WEIR_ENV: 'development',
    WEIR_POD_SECRETS: randomBytes(32).toString('hex'),
    WEIR_LOG_LEVEL: 'warn',
  };
  const url = `http://127.0.0.1:${port}`;
  const children: Child[] = [];
  const run = async (entry: string, env: Record<string, string>, readyUrl: string) => {
    const child = new Child({ command: process.execPath, args: [entry], env: { ...shared, ...env } });
    children.push(child);
    await child.until(async () => {
      const answer = await fetch(readyUrl).catch(() => undefined);
      return answer?.ok ? true : undefined;
    });
  };
  const stop = async () => {
    for (const child of children.toReversed()) await child.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await run(
      'apps/signaling/src/entry/node.ts',
      { PORT: String(port), DATABASE_URL: `file:${join(folder, 'weir.sqlite')}`, WEIR_DEMO: '1' },
      `${url}/readyz`,
    );
    await run(
      'apps/media-pod/src/main.ts',
      {
        WEIR_SIGNALING_URL: url,
        WEIR_MEDIA_IP: '127.0.0.1',
        WEIR_MEDIA_PORT: '0',
        WEIR_CONTROL_IP: '127.0.0.1',
        WEIR_CONTROL_PORT: String(controlPort),
      },
      `http://127.0.0.1:${controlPort}/placeable`,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

async function token(url: string, room: string, name: string): Promise<string> {
  const answer = await fetch(`${url}/demo/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ room, name }),
  });
  if (!answer.ok) throw new Error(`no demo session: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { token: string }).token;
}
