import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Random } from '@weir/testing';

/**
 * A dumb load balancer: each request goes to an instance drawn at random, to another one if nobody listens there.
 * It remembers nothing of clients, checks no health, and repeats nothing that was sent: when an instance dies,
 * its answers break off.
 */
export class RandomProxy {
  readonly #server: Server;
  readonly #targets: readonly { readonly port: number; readonly agent: Agent }[];
  readonly #random: Random;
  /** Requests that came; those refused since no instance listened; answers that broke off. */
  readonly counts = { requests: 0, unanswered: 0, broken: 0 };

  #held: Promise<void> | undefined;

  private constructor(ports: readonly number[], random: Random) {
    this.#targets = ports.map((port) => ({ port, agent: new Agent({ keepAlive: true }) }));
    this.#random = random;
    this.#server = createServer(async (incoming, outgoing) => {
      this.counts.requests += 1;
      await this.#held;
      this.#forward(incoming, outgoing, this.#drawn());
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  static async start(ports: readonly number[], random: Random): Promise<RandomProxy> {
    const proxy = new RandomProxy(ports, random);
    await new Promise<void>((done) => proxy.#server.listen(0, '127.0.0.1', done));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Lets nothing through until the answered function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return () => {
      this.#held = undefined;
      resolve();
    };
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    this.#server.closeAllConnections();
    await closed;
    for (const { agent } of this.#targets) agent.destroy();
  }

  /** All targets in a random order. */
  #drawn(): { port: number; agent: Agent }[] {
    const left = [...this.#targets];
    const drawn: { port: number; agent: Agent }[] = [];
    while (left.length > 0) drawn.push(...left.splice(this.#random.int(left.length), 1));
    return drawn;
  }

  #forward(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    targets: { port: number; agent: Agent }[],
  ): void {
    const [target, ...others] = targets;
    if (target === undefined) {
      this.counts.unanswered += 1;
      outgoing.writeHead(502, { 'content-type': 'text/plain' }).end('no instance');
      return;
    }
    const { method, url, headers } = incoming;
    const upstream = request({
      host: '127.0.0.1',
      port: target.port,
      agent: target.agent,
      method,
      path: url,
      headers,
    });
    const breakOff = () => {
      if (outgoing.destroyed) return;
      this.counts.broken += 1;
      outgoing.destroy();
    };
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      // Nothing was sent: somebody else may take it.
      if (error.code === 'ECONNREFUSED' && !outgoing.headersSent) this.#forward(incoming, outgoing, others);
      else breakOff();
    });
    upstream.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('error', breakOff);
      answer.on('aborted', breakOff);
      answer.pipe(outgoing);
    });
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) upstream.destroy();
    });
    upstream.on('socket', (socket) => {
      // The body is taken from the client only once somebody listens.
      if (socket.connecting) socket.once('connect', () => incoming.pipe(upstream));
      else incoming.pipe(upstream);
    });
  }
}
