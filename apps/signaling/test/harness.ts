import { type Driver, inProcessWakeUps, type WakeUps } from '@weir/db';
import { SignalingClient, type SignalingClientOptions } from '@weir/pod-control';
import type { JoinAnswer, MediaHappening, PodLease, Problem } from '@weir/protocol';
import { expect } from 'vitest';
import { type App, createApp } from '../src/app.ts';
import { type AppConfig, appConfig, readEnvironment } from '../src/config.ts';
import { type Logger, silentLogger } from '../src/logger.ts';
import { noMetrics } from '../src/metrics.ts';
import type { Scopes } from '../src/scope.ts';
import { Sweeper } from '../src/sweeper.ts';
import { type CreateTokenOptions, createToken } from '../src/tokens/token.ts';
import type { WebhookSender } from '../src/webhooks/sender.ts';
import type { TestDatabase } from './databases.ts';
import { FakePods } from './fake-pods.ts';
import { settle, VirtualClock, watched } from './virtual-clock.ts';

const key = { keyId: 'test', secret: 'a secret for tests of at least 32 characters' };
export const podSecrets = ['another secret for tests of at least 32 characters'] as const;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

export interface RequestOptions {
  readonly token?: string | undefined;
  readonly body?: unknown;
  /** Sent as it is. */
  readonly text?: string;
  readonly headers?: Record<string, string>;
}

/** One instance of signaling over a database; several may share database, clock and pods. */
export class Instance {
  readonly app: App;
  readonly driver: Driver;
  readonly clock: VirtualClock;
  readonly pods: FakePods;
  readonly config: AppConfig;
  readonly sweeper: Sweeper;

  constructor(
    database: TestDatabase,
    options: {
      clock?: VirtualClock;
      pods?: FakePods;
      wakeUps?: WakeUps;
      random?: () => number;
      env?: Record<string, string>;
      sendWebhook?: WebhookSender;
      logger?: Logger;
      scopes?: Scopes;
    } = {},
  ) {
    this.clock = options.clock ?? new VirtualClock();
    this.pods = options.pods ?? new FakePods();
    this.driver = watched(database.connect());
    this.config = appConfig(readEnvironment({ WEIR_RATE_BURST: '100000', ...options.env }), {
      apiKeys: new Map([[key.keyId, key.secret]]),
      podSecrets,
    });
    this.app = createApp({
      config: this.config,
      driver: this.driver,
      wakeUps: options.wakeUps ?? inProcessWakeUps(),
      pods: this.pods,
      clock: this.clock,
      random: options.random ?? (() => Math.floor(Math.random() * 2 ** 32)),
      logger: options.logger ?? silentLogger,
      ...(options.scopes === undefined ? {} : { scopes: options.scopes }),
      metrics: noMetrics,
      sendWebhook: options.sendWebhook ?? (() => Promise.reject(new Error('no webhook is expected here'))),
    });
    this.sweeper = new Sweeper(this.app.services, 1000);
  }

  /** A token for a room; `admin` for everything in it. */
  token(options: Partial<CreateTokenOptions> = {}): Promise<string> {
    return createToken({ ...key, room: '*', nowMs: this.clock.now(), ...options });
  }

  admin(): Promise<string> {
    return this.token({ admin: true });
  }

  async fetch(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const { token, body, text, headers } = options;
    const sent = text ?? (body === undefined ? null : JSON.stringify(body));
    return await this.app.fetch(
      new Request(`http://weir.test${path}`, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(sent === null ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: sent,
      }),
    );
  }

  async call(method: string, path: string, options: RequestOptions = {}): Promise<Reply> {
    const response = await this.fetch(method, path, options);
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
  }

  /** A call that must succeed. */
  async ok(method: string, path: string, options: RequestOptions = {}): Promise<Reply['body']> {
    const reply = await this.call(method, path, options);
    if (reply.status >= 300) {
      throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    }
    return reply.body;
  }

  /** A call that must be refused with this problem. */
  async refused(
    method: string,
    path: string,
    options: RequestOptions,
    problem: { status: number; code: string; field?: string },
  ): Promise<Problem> {
    const reply = await this.call(method, path, options);
    const { status, code, field } = reply.body;
    expect({ status: reply.status, code, field }, JSON.stringify(reply.body)).toEqual({
      field: undefined,
      ...problem,
    });
    expect(status).toBe(reply.status);
    expect(reply.headers.get('content-type')).toBe('application/problem+json');
    expect(reply.body.type).toBe(`https://weir.dev/problems/${code}`);
    return reply.body;
  }

  /** Creates a room and answers its path. */
  async room(id = 'daily', body: Record<string, unknown> = {}): Promise<string> {
    await this.ok('POST', '/v1/rooms', { token: await this.admin(), body: { id, ...body } });
    return `/v1/rooms/${id}`;
  }

  /** Joins with a token of its own. */
  async join(room: string, name: string, body: Record<string, unknown> = {}): Promise<Member> {
    const token = await this.token();
    const answer: JoinAnswer = await this.ok('POST', `${room}/peers`, { token, body: { name, ...body } });
    return new Member(this, `${room}/peers/${answer.peer.id}`, token, answer);
  }

  /** A pod says that it is there (again). */
  async lease(podId: string, change: Partial<PodLease> = {}): Promise<void> {
    await this.pod(podId).report([], change);
  }

  readonly #podStates = new Map<string, TestPod>();

  pod(podId: string): TestPod {
    const known = this.#podStates.get(podId) ?? new TestPod(this, podId);
    this.#podStates.set(podId, known);
    return known;
  }
}

/** A peer as its client sees it. */
export class Member {
  readonly instance: Instance;
  readonly path: string;
  readonly token: string;
  readonly answer: JoinAnswer;
  readonly id: string;
  cursor: string;

  constructor(instance: Instance, path: string, token: string, answer: JoinAnswer) {
    this.instance = instance;
    this.path = path;
    this.token = token;
    this.answer = answer;
    this.id = answer.peer.id;
    this.cursor = answer.snapshot.cursor;
  }

  call(method: string, path: string, body?: unknown): Promise<Reply> {
    return this.instance.call(method, this.path + path, { token: this.token, body });
  }

  ok(method: string, path: string, body?: unknown): Promise<Reply['body']> {
    return this.instance.ok(method, this.path + path, { token: this.token, body });
  }

  /** Events since the last call. */
  async events(): Promise<
    { type: string; target: { kind: string; id: string }; data: Record<string, unknown> }[]
  > {
    const page = await this.ok('GET', `/events?after=${this.cursor}&limit=1000`);
    this.cursor = page.cursor;
    return page.events;
  }

  async eventTypes(): Promise<string[]> {
    return (await this.events()).map((event) => event.type);
  }
}

/** Reports as a pod sends them, signed, through pod-control's own client. */
export class TestPod {
  readonly id: string;
  readonly #instance: Instance;
  epoch: number;
  seq = 0;
  #lease: Partial<PodLease> = {};

  constructor(instance: Instance, id: string) {
    this.#instance = instance;
    this.id = id;
    this.epoch = instance.clock.now();
  }

  lease(): PodLease {
    return {
      controlUrl: `http://${this.id}.test`,
      region: 'default',
      version: 'test',
      addresses: [
        { ip: '127.0.0.1', family: 'ipv4', protocol: 'udp', port: 40000 },
        { ip: '::1', family: 'ipv6', protocol: 'udp', port: 40000 },
      ],
      fingerprints: [{ algorithm: 'sha-256', value: 'ab'.repeat(32) }],
      capacity: 100,
      placeable: true,
      draining: false,
      load: { transports: 0, receivers: 0, senders: 0, cpu: 0, egressPps: 0, egressBps: 0, loopLagMs: 0 },
      rooms: this.#instance.pods.versions(this.id),
      ...this.#lease,
    };
  }

  client(change: Partial<SignalingClientOptions> = {}): SignalingClient {
    return new SignalingClient({
      podId: this.id,
      urls: ['http://weir.test'],
      secrets: podSecrets,
      now: this.#instance.clock.now,
      fetch: async (url, init) => await this.#instance.app.fetch(new Request(url, init)),
      ...change,
    });
  }

  async report(happenings: MediaHappening[] = [], change: Partial<PodLease> = {}): Promise<void> {
    this.#lease = { ...this.#lease, ...change };
    this.seq += 1;
    await this.client().report({
      podId: this.id as never,
      epoch: this.epoch,
      seq: this.seq,
      lease: this.lease(),
      happenings,
    });
    await settle();
  }

  /** A new process with this name. */
  async restart(): Promise<void> {
    this.#instance.pods.restart(this.id);
    this.epoch += 1000;
    this.seq = 0;
    await this.report();
  }
}
