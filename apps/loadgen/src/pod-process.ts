import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { PodCallRefused, type PodRef, type PodSecrets, verifyReport } from '@weir/pod-control';
import type { PodLease } from '@weir/protocol';

/**
 * A media pod as a process of its own, as in production. In the role of signaling there is only what the
 * pod needs: somebody who takes its lease.
 */
export class PodProcess {
  readonly ref: PodRef;
  readonly lease: PodLease;
  readonly secrets: PodSecrets;
  readonly #child: ChildProcess;
  readonly #signaling: Server;

  /**
   * @param profileFolder where Node leaves a CPU profile of the pod, for Chromium's developer tools
   * @throws Error with the pod's output when it does not come up within 30 s
   */
  static async start(profileFolder?: string): Promise<PodProcess> {
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
    let output = '';
    const child = spawn(process.execPath, [...profiling, 'apps/media-pod/src/main.ts'], {
      cwd: resolve(import.meta.dirname, '../../..'),
      env: {
        PATH: process.env.PATH,
        WEIR_SIGNALING_URL: `http://127.0.0.1:${(signaling.address() as AddressInfo).port}`,
        WEIR_POD_SECRETS: secrets[0],
        WEIR_POD_ID: podId,
        WEIR_MEDIA_IP: '127.0.0.1',
        WEIR_MEDIA_PORT: '0',
        WEIR_CONTROL_IP: '127.0.0.1',
        WEIR_CONTROL_PORT: '0',
        WEIR_DRAIN_SECONDS: '0',
        WEIR_LOG_LEVEL: 'warn',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    const late = setTimeout(
      () => first.reject(new Error(`the pod did not come up in 30 s:\n${output}`)),
      30_000,
    );
    child.once('exit', (code) => first.reject(new Error(`the pod ended with ${code}:\n${output}`)));
    try {
      return new PodProcess(podId, await first.promise, secrets, child, signaling);
    } catch (error) {
      child.kill('SIGKILL');
      signaling.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  private constructor(
    podId: string,
    lease: PodLease,
    secrets: PodSecrets,
    child: ChildProcess,
    signaling: Server,
  ) {
    this.ref = { id: podId, controlUrl: lease.controlUrl };
    this.lease = lease;
    this.secrets = secrets;
    this.#child = child;
    this.#signaling = signaling;
  }

  /** User and system time of the process so far, in microseconds (proc_pid_stat(5), fields 14 and 15). */
  cpuMicros(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    // The name, in brackets, may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * microsPerTick;
  }

  /** Resident memory in bytes. */
  residentBytes(): number {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(
      readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'),
    )?.[1];
    return Number(kilobytes ?? 0) * 1024;
  }

  /** Values of the pod's metrics without labels. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.ref.controlUrl}/metrics`)).text();
    return new Map([...text.matchAll(/^(\w+) (\S+)$/gm)].map(([, name, value]) => [name!, Number(value)]));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      const insist = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
      await once(this.#child, 'exit');
      clearTimeout(insist);
    }
    this.#signaling.close();
    this.#signaling.closeAllConnections();
  }
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const microsPerTick = 10_000;
