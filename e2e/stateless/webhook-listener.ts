import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebhookEvent } from '@weir/protocol';
import type { Random } from '@weir/testing';

/** An application's backend: a tenth of what it gets it refuses, or takes without saying so. */
export class WebhookListener {
  readonly received: { id: string; event: WebhookEvent }[] = [];
  refused = 0;
  unanswered = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(random: Random): Promise<WebhookListener> {
    const listener: WebhookListener = new WebhookListener(
      createServer(async (request, response) => {
        let body = '';
        try {
          for await (const chunk of request) body += chunk;
        } catch {
          // Whoever called was killed in the midst of it.
          return;
        }
        const fate = random.int(20);
        if (fate === 0) {
          listener.refused += 1;
          response.writeHead(503).end();
          return;
        }
        listener.received.push({ id: String(request.headers['webhook-id']), event: JSON.parse(body) });
        if (fate === 1) {
          listener.unanswered += 1;
          response.destroy();
        } else response.writeHead(204).end();
      }),
    );
    await new Promise<void>((listening) => listener.#server.listen(0, '127.0.0.1', listening));
    return listener;
  }

  /** What instances need to know to call it. */
  get env(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    return {
      WEIR_WEBHOOKS: JSON.stringify([{ id: 'backend', url: `http://127.0.0.1:${port}/` }]),
      WEIR_WEBHOOK_SECRETS: `whsec_${Buffer.from('a secret of tests with processes').toString('base64')}`,
      WEIR_WEBHOOK_ALLOW_HTTP: '1',
      WEIR_WEBHOOK_ALLOW_PRIVATE: '1',
      // What a killed instance was about to deliver is free again after this and 15 s.
      WEIR_WEBHOOK_TIMEOUT_SECONDS: '5',
      WEIR_WEBHOOK_ATTEMPTS: '1000',
    };
  }

  /** The room's story as it is known after dealing with each id once. */
  storyOf(room: string): { seq: number; type: string }[] {
    const told = new Map<string, { seq: number; type: string }>();
    for (const { id, event } of this.received) {
      if (event.room === room && !told.has(id)) told.set(id, { seq: event.seq, type: event.type });
    }
    return [...told.values()];
  }

  get repeated(): number {
    return this.received.length - new Set(this.received.map(({ id }) => id)).size;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((closed) => this.#server.close(() => closed()));
  }
}
