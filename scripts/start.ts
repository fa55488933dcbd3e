import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { styleText } from 'node:util';
import { runStage } from './stages.ts';
import { pagesAreStale } from './start/pages.ts';
import { freeTcpPort, freeUdpPort } from './start/ports.ts';
import { Service } from './start/service.ts';

/**
 * `npm start`: signaling and one media pod as two processes, as in production, with development settings, a
 * database file and the demo pages. If one of them ends, the other is ended too: nothing restarts silently.
 */
const help = `Starts Weir on this machine: signaling, one media pod and the pages.

Usage: npm start [-- --help]

Environment (all optional):
  PORT, WEIR_PORT           TCP port of pages and API. Default: 3000; 0 = any free one.
  WEIR_MEDIA_PORT           UDP and TCP port of media. Default: 40000, or any free one if that is taken.
  WEIR_ANNOUNCED_ADDRESSES  Addresses to announce to browsers on other machines, such as this machine's public one.
  DATABASE_URL              Default: file:.weir/weir.sqlite
  WEIR_LOG_LEVEL            debug, info, warn, error, silent. Default: info.
Every other setting of the two programs is passed on:
  node apps/signaling/src/entry/node.ts --help
  node apps/media-pod/src/main.ts --help`;

/** A setting that is empty counts as missing. */
const given: Readonly<Record<string, string | undefined>> = process.env;
const root = resolve(import.meta.dirname, '..');
const readyDeadlineMs = 60_000;
const stopPatienceMs = 12_000;
const parentCheckMs = 500;

process.exitCode = process.argv.includes('--help') || process.argv.includes('-h') ? showHelp() : await main();

function showHelp(): number {
  console.log(help);
  return 0;
}

/** @returns exit code */
async function main(): Promise<number> {
  const wanted = readPort(given.PORT || given.WEIR_PORT || '3000');
  if (wanted === undefined) return fail('PORT must be a whole number from 0 to 65535.');
  const port = await freeTcpPort(wanted);
  if (port === undefined) {
    return fail(
      `Port ${wanted} is taken. End the program that uses it, or take another port: PORT=${wanted + 1} npm start`,
    );
  }
  const mediaPort = given.WEIR_MEDIA_PORT || String((await freeMediaPort(40_000)) ?? 0);
  const controlPort = given.WEIR_CONTROL_PORT || String(await freeTcpPort(0));

  if (pagesAreStale(root)) {
    const built = await runStage({ name: 'pages', command: ['npm', 'run', 'build', '-w', 'apps/web'] });
    if (!built) return fail('The pages could not be built; the lines above say why.');
  }
  mkdirSync(join(root, '.weir'), { recursive: true });

  const shared = {
    ...given,
    WEIR_ENV: given.WEIR_ENV || 'development',
    WEIR_POD_SECRETS: given.WEIR_POD_SECRETS || randomBytes(32).toString('hex'),
    WEIR_LOG_FORMAT: given.WEIR_LOG_FORMAT || 'pretty',
    ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}),
  };
  const signaling = () =>
    new Service({
      name: 'signaling',
      entry: 'apps/signaling/src/entry/node.ts',
      root,
      colour: 'cyan',
      readyUrl: `http://127.0.0.1:${port}/readyz`,
      env: {
        ...shared,
        PORT: String(port),
        DATABASE_URL: given.DATABASE_URL || `file:${join(root, '.weir/weir.sqlite')}`,
        WEIR_DEMO: given.WEIR_DEMO || '1',
        WEIR_WEB_ROOT: given.WEIR_WEB_ROOT || join(root, 'apps/web/dist'),
      },
    });
  const pod = () =>
    new Service({
      name: 'pod',
      entry: 'apps/media-pod/src/main.ts',
      root,
      colour: 'magenta',
      // Placeable means that signaling has taken the lease: the whole chain works.
      readyUrl: `http://127.0.0.1:${controlPort}/placeable`,
      env: {
        ...shared,
        WEIR_SIGNALING_URL: given.WEIR_SIGNALING_URL || `http://127.0.0.1:${port}`,
        WEIR_MEDIA_PORT: mediaPort,
        WEIR_CONTROL_PORT: controlPort,
        WEIR_CONTROL_IP: given.WEIR_CONTROL_IP || '127.0.0.1',
      },
    });
  return await supervise([signaling, pod], port);
}

/**
 * Starts one service after the other, each when the one before it is ready. Then waits until something ends:
 * a service by itself, which is a failure, or all of them because we are told to.
 *
 * @returns exit code
 */
async function supervise(starters: readonly (() => Service)[], port: number): Promise<number> {
  const services: Service[] = [];
  const told = Promise.withResolvers<undefined>();
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) {
        for (const service of services) service.kill();
        process.exit(130);
      }
      told.resolve(undefined);
    });
  }
  onNpmGone(() => told.resolve(undefined));
  const deadline = performance.now() + readyDeadlineMs;
  let failure: string | undefined;
  let up = true;
  for (const start of starters) {
    const service = start();
    services.push(service);
    const outcome = await Promise.race([isReady(service, deadline), service.ended, told.promise]);
    if (outcome === true) continue;
    failure = outcome;
    up = false;
    break;
  }
  if (up) {
    announce(port);
    failure = await Promise.race([told.promise, ...services.map((service) => service.ended)]);
  }

  stopping = true;
  if (failure === undefined) say('Ending. Ctrl-C once more ends at once.');
  else say(styleText('red', `${failure}; ending the rest.`));
  // The pod first: it has a last report for signaling.
  for (const service of services.toReversed()) await service.stop(stopPatienceMs);
  return failure === undefined ? 0 : 1;
}

/** npm passes SIGTERM to the shell between it and us, which ends without passing it on. */
function onNpmGone(told: () => void): void {
  if (given.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) told();
  }, parentCheckMs).unref();
}

/** @returns true, or a sentence about what is not */
async function isReady(service: Service, deadline: number): Promise<true | string> {
  while (!(await service.isReady())) {
    if (!service.running) return await service.ended;
    if (performance.now() > deadline) {
      return `${service.name} was not ready after ${readyDeadlineMs / 1000} s; its lines above say why`;
    }
    await pause(100);
  }
  return true;
}

function announce(port: number): void {
  say(
    [
      '',
      `  ${styleText(['bold', 'green'], 'Weir is running.')} Open ${styleText('bold', `http://localhost:${port}`)}`,
      `  API reference: http://localhost:${port}/docs`,
      '  Ctrl-C ends it.',
      '',
    ].join('\n'),
  );
}

function readPort(text: string): number | undefined {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

/** Media wants the same number for UDP and TCP. */
async function freeMediaPort(port: number): Promise<number | undefined> {
  return (await freeUdpPort(port)) === undefined ? undefined : await freeTcpPort(port);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(sentence: string): number {
  process.stderr.write(`${styleText('red', sentence)}\n`);
  return 1;
}
