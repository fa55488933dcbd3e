import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { migrate, openPostgres } from '@weir/db';
import { type LocalPostgres, missingPostgres, startLocalPostgres } from '@weir/testing';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken } from '../src/tokens/token.ts';

const secret = 'a secret for tests of at least 32 characters';
const missing = missingPostgres();
if (missing !== undefined) console.warn(`!!! Lambda is NOT tested: ${missing}`);

interface Result {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
  isBase64Encoded: boolean;
}

type Handler = (event: object, context?: object) => Promise<Result>;
type StreamHandler = (event: object, stream: Collected, context?: object) => Promise<void>;

/** What the platform would send on, with when it came. */
class Collected extends Writable {
  metadata: { statusCode: number; headers: Record<string, string> } | undefined;
  text = '';

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Events as AWS documents them: HTTP API and function URL (2.0), REST API (1.0), and load balancer. */
const events = {
  v2: (method: string, path: string, headers: Record<string, string>, body?: unknown, query = '') => ({
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: { 'x-forwarded-proto': 'https', host: 'weir.example', ...headers },
    requestContext: {
      accountId: 'anonymous',
      apiId: 'abc',
      domainName: 'abc.lambda-url.eu-central-1.on.aws',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '8.8.8.8', userAgent: 'test' },
      requestId: 'request',
      stage: '$default',
      time: '28/Nov/2026:17:00:00 +0000',
      timeEpoch: 1795885200000,
    },
    ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)).toString('base64') }),
    isBase64Encoded: body !== undefined,
  }),
  v1: (method: string, path: string, headers: Record<string, string>, body?: unknown) => ({
    version: '1.0',
    resource: '/{proxy+}',
    path,
    httpMethod: method,
    headers: { Host: 'weir.example', ...headers },
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    requestContext: {
      httpMethod: method,
      path,
      domainName: 'weir.example',
      identity: { sourceIp: '8.8.8.8' },
      requestId: 'request',
      stage: 'prod',
    },
    body: body === undefined ? null : JSON.stringify(body),
    isBase64Encoded: false,
  }),
  alb: (
    method: string,
    path: string,
    headers: Record<string, string>,
    query: Record<string, string> = {},
  ) => ({
    requestContext: {
      elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/weir/1' },
    },
    httpMethod: method,
    path,
    queryStringParameters: query,
    headers: { host: 'weir.example', 'x-forwarded-for': '8.8.8.8', ...headers },
    body: '',
    isBase64Encoded: false,
  }),
};

/** The bundle that is deployed, called as the platform calls it. */
describe.skipIf(missing !== undefined)('signaling on Lambda with Postgres', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-lambda-'));
  let server: LocalPostgres | undefined;
  let lambda: {
    handler: StreamHandler;
    bufferedHandler: Handler;
    scheduledHandler: () => Promise<void>;
    close: () => Promise<void>;
  };
  const before = { ...process.env };

  beforeAll(async () => {
    server = await startLocalPostgres();
    const driver = openPostgres(server.url, { maxConnections: 1 });
    await migrate(driver);
    await driver.close();
    Object.assign(process.env, {
      DATABASE_URL: server.url,
      WEIR_API_KEYS: `test:${secret}`,
      WEIR_POD_SECRETS: 'another secret for tests of at least 32 characters',
      WEIR_POLL_MS: '50',
      WEIR_STREAM_SECONDS: '2',
      WEIR_LOG_LEVEL: 'error',
    });
    const outfile = join(folder, 'lambda.cjs');
    const bundled = await build({
      entryPoints: [join(import.meta.dirname, '../src/entry/lambda.ts')],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['pg-native'],
      outfile,
      metafile: true,
      logLevel: 'silent',
    });
    const [output] = Object.values(bundled.metafile.outputs);
    const native = Object.entries(output!.inputs).filter(
      ([path, { bytesInOutput }]) => bytesInOutput > 0 && /better-sqlite3|\/pino\//.test(path),
    );
    expect(native).toEqual([]);
    // The runtime's own: it marks handlers that stream, and puts status and headers before the body.
    Object.assign(globalThis, {
      awslambda: {
        streamifyResponse: (handler: StreamHandler) => handler,
        HttpResponseStream: {
          from: (stream: Collected, metadata: Collected['metadata']) => Object.assign(stream, { metadata }),
        },
      },
    });
    const module = await import(outfile);
    lambda = module.default ?? module;
  }, 120_000);
  afterAll(async () => {
    await lambda?.close();
    await server?.stop();
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Reflect.deleteProperty(globalThis, 'awslambda');
    rmSync(folder, { recursive: true, force: true });
  });

  it('answers events of every kind, streams, and holds back nothing that buffers', async () => {
    const token = await createToken({ keyId: 'test', secret, room: '*', admin: true });
    const auth = { authorization: `Bearer ${token}` };
    const json = { ...auth, 'content-type': 'application/json' };
    const made = await lambda.bufferedHandler(events.v2('POST', '/v1/rooms', json, { id: 'daily' }));
    expect(made).toMatchObject({ statusCode: 201, isBase64Encoded: false });
    expect(JSON.parse(made.body)).toMatchObject({ id: 'daily' });
    const joined = await lambda.bufferedHandler(
      events.v1('POST', '/v1/rooms/daily/peers', json, { name: 'alice' }),
    );
    const { peer } = JSON.parse(joined.body);
    const refused = await lambda.bufferedHandler(events.alb('GET', '/v1/rooms/daily', {}));
    expect(refused.statusCode).toBe(401);
    expect(refused.headers['content-type']).toBe('application/problem+json');

    const path = `/v1/rooms/daily/peers/${peer.id}/events`;
    const accept = { ...auth, accept: 'text/event-stream' };
    const stream = new Collected();
    const streaming = lambda.handler(events.v2('GET', path, accept, undefined, 'after=0'), stream);
    await expect.poll(() => stream.text).toMatch(/^retry: \d+\n: hello\n\n/);
    expect(stream.metadata).toMatchObject({
      statusCode: 200,
      headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    });
    await lambda.bufferedHandler(events.v1('POST', '/v1/rooms/daily/peers', json, { name: 'bob' }));
    await expect.poll(() => stream.text).toContain('event: newpeer');
    expect(stream.writableEnded).toBe(false);
    // Ended by signaling, so that the function's time-out does not cut it.
    await streaming;
    expect(stream.writableEnded).toBe(true);
    expect(stream.text).toMatch(/retry: \d+\n$/);

    // Behind what buffers the events that are there come at once, and silence lasts no longer than a gateway waits.
    const buffered = await lambda.bufferedHandler(events.alb('GET', path, accept, { after: '0' }));
    expect(buffered.body).toMatch(/^retry: \d+\n: hello\n\nid: 1\nevent: newpeer\n.*\n\nretry: \d+\n$/);
    const held = lambda.bufferedHandler(events.v2('GET', path, auth, undefined, 'after=1&wait=20'));
    await lambda.bufferedHandler(events.v2('POST', '/v1/rooms/daily/peers', json, { name: 'carol' }));
    expect(JSON.parse((await held).body)).toMatchObject({ cursor: '2', events: [{ type: 'newpeer' }] });
    await lambda.scheduledHandler();
    expect((await lambda.bufferedHandler(events.v2('GET', '/readyz', {}))).statusCode).toBe(200);
  }, 60_000);
});
