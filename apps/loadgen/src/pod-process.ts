import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { PodCallRefused, type PodRef, type PodSecrets, verifyReport } from '@weir/pod-control';
import type { PodLease } from '@weir/protocol';
import { Child } from './child.ts';

/**
 * A media pod as a process of its own, as in production. In the role of signaling there is only what the
 * pod needs: somebody who takes its lease.
 */
export class PodProcess {
  readonly ref: PodRef;
  readonly lease: PodLease;
  readonly secrets: PodSecrets;
  readonly #child: Child;
  readonly #signaling: Server;

  /**
   * @param engine `native` fails where it was not built
   * @param profileFolder where Node leaves a CPU profile of the pod, for Chromium's developer tools
   * @throws Error with the pod's output when it does not come up within 30 s
   */
  static async start(engine: 'auto' | 'node' | 'native', profileFolder?: string): Promise<PodProcess> {
    const secrets: PodSecrets = [randomBytes(32).toString('hex')];
    const podId = 'bench';
    const first = Promise.withResolvers<PodLease>();
    const signaling = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const call = new Request(`http://signaling${request.url}`, {
        method: 'POST',
        headers: { authorization: request.headers.authorization ?? '' },
        body: Buffer.concat(chunks),
      });
      try {
        const { lease, seq } = await verifyReport(call, podId, { secrets });
        if (lease !== undefined) first.resolve(lease);
        response.end(JSON.stringify({ seq, leaseSeconds: 15 }));
      } catch (error) {
        if (!(error instanceof PodCallRefused)) throw error;
        response.statusCode = error.status;
        response.end(JSON.stringify(error.toProblem()));
      }
    });
    signaling.listen(0, '127.0.0.1');
    await once(signaling, 'listening');

    const profiling =
      profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profileFolder)}`];
    const child = new Child({
      command: process.execPath,
      args: [...profiling, 'apps/media-pod/src/main.ts'],
      env: {
        WEIR_SIGNALING_URL: `http://127.0.0.1:${(signaling.address() as AddressInfo).port}`,
        WEIR_POD_SECRETS: secrets[0],
        WEIR_POD_ID: podId,
        WEIR_ENGINE: engine,
        WEIR_WORKERS: '1',
        WEIR_MEDIA_IP: '127.0.0.1',
        WEIR_MEDIA_PORT: '0',
        WEIR_CONTROL_IP: '127.0.0.1',
        WEIR_CONTROL_PORT: '0',
        WEIR_DRAIN_SECONDS: '0',
        WEIR_LOG_LEVEL: 'warn',
      },
    });
    try {
      let lease: PodLease | undefined;
      void first.promise.then((taken) => {
        lease = taken;
      });
      return new PodProcess(podId, await child.until(() => lease), secrets, child, signaling);
    } catch (error) {
      await child.stop();
      signaling.close();
      throw error;
    }
  }

  private constructor(podId: string, lease: PodLease, secrets: PodSecrets, child: Child, signaling: Server) {
    this.ref = { id: podId, controlUrl: lease.controlUrl };
    this.lease = lease;
    this.secrets = secrets;
    this.#child = child;
    this.#signaling = signaling;
  }

  /** User and system time of the process so far, in microseconds. */
  cpuMicros(): number {
    return this.#child.cpuMicros();
  }

  /** Resident memory in bytes. */
  residentBytes(): number {
    return this.#child.residentBytes();
  }

  async stop(): Promise<void> {
    await this.#child.stop();
    this.#signaling.close();
    this.#signaling.closeAllConnections();
  }
}
