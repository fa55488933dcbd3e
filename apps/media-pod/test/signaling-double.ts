import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PodCallRefused, type PodSecrets, verifyReport } from '@weir/pod-control';
import type { MediaHappening, PodLease, PodReport } from '@weir/protocol';

export const secrets: PodSecrets = ['a-secret-for-tests-of-at-least-32-characters'];

/**
 * A real HTTP server in the role of signaling: verifies each report and applies it once by (pod, epoch,
 * seq). It can go away and come back on the same port.
 */
export class SignalingDouble {
  readonly applied: PodReport[] = [];
  /** Reports that came, repeats included. */
  received = 0;
  leaseSeconds = 15;
  /** Refuses as a later process's epoch does. */
  superseded = false;
  #server: Server | undefined;
  #port = 0;
  readonly #last = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get leases(): PodLease[] {
    return this.applied.flatMap((report) => (report.lease === undefined ? [] : [report.lease]));
  }

  get happenings(): MediaHappening[] {
    return this.applied.flatMap((report) => report.happenings);
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        const answer = await this.#answer(
          new Request(`http://signaling${request.url}`, {
            method: request.method ?? 'GET',
            headers: { authorization: request.headers.authorization ?? '' },
            ...(request.method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
          }),
        );
        response.statusCode = answer.status;
        response.end(await answer.text());
      });
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  /** Resolves as soon as the condition holds; looks after each report. */
  async until(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`signaling waited in vain for ${what}; heard ${JSON.stringify(this.happenings)}`));
      }, timeoutMs);
      this.#waiting.add(look);
    });
  }

  async #answer(request: Request): Promise<Response> {
    this.received += 1;
    try {
      const podId = /^\/internal\/pods\/([^/]+)\/reports$/.exec(new URL(request.url).pathname)?.[1];
      if (podId === undefined) throw new PodCallRefused('not-found', 'no such path');
      const report = await verifyReport(request, podId, { secrets });
      if (this.superseded) throw new PodCallRefused('conflict', 'a later epoch of this pod is known');
      const key = `${report.podId} ${report.epoch}`;
      const last = this.#last.get(key) ?? 0;
      if (report.seq > last) {
        this.#last.set(key, report.seq);
        this.applied.push(report);
      }
      return Response.json({ seq: Math.max(last, report.seq), leaseSeconds: this.leaseSeconds });
    } catch (error) {
      if (error instanceof PodCallRefused) return error.toResponse();
      throw error;
    } finally {
      for (const look of [...this.#waiting]) look();
    }
  }
}
