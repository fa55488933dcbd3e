import { execFileSync } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { GenericContainer, Wait } from 'testcontainers';
import { ensureDocker, ensureImage } from './docker.ts';

/** A real PostgreSQL in a container. */
export interface TestPostgres {
  /** `postgres://…`, an empty database. */
  readonly url: string;
  /** An outage: connections break, new ones are refused. */
  halt(): void;
  /** The end of the outage: the same data on the same port. */
  start(): void;
  stop(): Promise<void>;
}

const image = 'weir-postgres:15';

/**
 * Makes the images that tests start containers of, so that no test waits for it.
 *
 * @returns undefined, or the reason why there is no Docker engine
 * @throws Error under CI=true if there is none
 */
export async function ensureTestImages(): Promise<string | undefined> {
  const missing = await ensureDocker();
  if (missing === undefined) {
    ensureImage(image, join(import.meta.dirname, '../../../infra/docker/postgres.Dockerfile'));
  }
  return missing;
}

/**
 * Starts PostgreSQL 15.
 *
 * @returns the server, or the reason why there is none
 * @throws Error under CI=true if there is none
 */
export async function startPostgres(): Promise<TestPostgres | { readonly missing: string }> {
  const missing = await ensureTestImages();
  if (missing !== undefined) return { missing };
  const container = await new GenericContainer(image)
    .withExposedPorts({ container: 5432, host: await freePort() })
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/))
    .start();
  const docker = (verb: string) => {
    execFileSync('docker', [verb, container.getId()], { stdio: 'ignore' });
  };
  return {
    url: `postgres://weir@127.0.0.1:${container.getMappedPort(5432)}/weir`,
    halt: () => docker('stop'),
    start: () => docker('start'),
    async stop() {
      await container.stop();
    },
  };
}

/** A fixed port survives a restart of the container, a mapped one does not. */
function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}
