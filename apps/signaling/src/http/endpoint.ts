import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { Problem, type ProblemCode, problems } from '@weir/protocol';
import type { Context } from 'hono';
import { hashRequest, type IdempotencyKey } from '../idempotency.ts';
import { ProblemError } from '../problem.ts';
import { AlreadyAnswered, type Answer, idempotencyMismatch, type TransactOptions } from '../rooms/rooms.ts';
import type { Services } from '../services.ts';
import type { VerifiedToken } from '../tokens/token.ts';
import { readJson, readText } from './body.ts';
import { validate, validateParams } from './validate.ts';

export interface Env {
  Variables: { requestId: string; logFields: Record<string, unknown> };
}

export type Router = OpenAPIHono<Env>;

type Shape = Record<string, z.ZodType>;
type Values<S extends Shape> = { [K in keyof S]: z.infer<S[K]> };

/** One call of the API: what `openapi.json` says and what is checked come from the same words. */
export interface EndpointSpec<P extends Shape, Q extends Shape, B extends z.ZodType> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/v1/rooms/{room}`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly params: P;
  readonly query?: Q;
  readonly body?: B;
  /** Status -> schema of the answer; null = no body. */
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
  readonly problems: readonly ProblemCode[];
}

/** A request that was understood; whether it is granted is still to be found out. */
export interface Call<P extends Shape, Q extends Shape, B extends z.ZodType> {
  readonly c: Context<Env>;
  readonly params: Values<P>;
  readonly query: Values<Q>;
  readonly body: z.infer<B>;
  readonly token: VerifiedToken;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** For `rooms.change()`: stores the answer with the change, if the request has an Idempotency-Key. */
  idempotent<T>(answer: (value: T) => Answer): Pick<TransactOptions<T>, 'idempotency'>;
  readonly key: IdempotencyKey | undefined;
}

/** Adds a call that needs a token. */
export function endpoint<
  P extends Shape,
  Q extends Shape = Record<never, never>,
  B extends z.ZodType = z.ZodUndefined,
>(
  router: Router,
  services: Services,
  spec: EndpointSpec<P, Q, B>,
  handle: (call: Call<P, Q, B>) => Promise<Answer | Response>,
): void {
  document(router, spec);
  const path = spec.path.replaceAll(/\{(\w+)\}/g, ':$1');
  router.on(spec.method.toUpperCase(), path, async (c) => {
    const { deps, doorkeeper, limiter, access } = services;
    const now = deps.clock.now();
    const token = await doorkeeper.token(c.req.header('authorization'), now);
    Object.assign(c.get('logFields'), c.req.param(), { key: token.keyId, token: token.id });
    const wait = limiter.take(`${token.keyId} ${token.id}`, now);
    if (wait > 0) {
      throw new ProblemError('rate-limited', `This token makes too many requests: wait ${wait} s.`, {
        retryAfterSeconds: wait,
      });
    }
    const params = validateParams(spec.params, c.req.param());
    const query = validate(z.object(spec.query ?? ({} as Q)), c.req.query(), '') as Values<Q>;
    const text = spec.method === 'get' ? '' : await readText(c.req.raw, deps.config.maxBodyBytes);
    const key = spec.method === 'post' ? await idempotencyKey(c, token, text) : undefined;
    if (key !== undefined) {
      const most = deps.config.idempotencyKeysPerToken;
      const { answer: stored, kept } = await access.answers(key.scope, key.key, most);
      // Many may share a token, and none of them must be locked out. Those who repeat a request do it soon.
      if (stored === undefined && kept >= most) await access.evictAnswers(key.scope, Math.ceil(most / 10));
      if (stored !== undefined) {
        // What was granted once may have been taken back since.
        await doorkeeper.repeater(token, c.req.param('room'));
        if (stored.requestHash !== key.requestHash) throw idempotencyMismatch();
        return send({ status: stored.status, body: stored.answer });
      }
    }
    const body = (
      spec.body === undefined ? undefined : validate(spec.body, readJson(c.req.raw, text), '')
    ) as z.infer<B>;
    try {
      const answer = await handle({
        c,
        params,
        query,
        body,
        token,
        now,
        key,
        idempotent: (answerOf) => (key === undefined ? {} : { idempotency: { key, answer: answerOf } }),
      });
      return answer instanceof Response ? answer : send(answer);
    } catch (error) {
      if (error instanceof AlreadyAnswered) return send(error.answer);
      throw error;
    }
  });
}

/** Puts a call into `openapi.json`. */
export function document<P extends Shape, Q extends Shape, B extends z.ZodType>(
  router: Router,
  spec: EndpointSpec<P, Q, B>,
  options: { public?: boolean } = {},
): void {
  const responses: Record<string, { description: string; content?: Record<string, { schema: z.ZodType }> }> =
    {};
  for (const [status, schema] of Object.entries(spec.answers)) {
    responses[status] = {
      description: Number(status) === 204 ? 'Done' : 'The answer',
      ...(schema === null ? {} : { content: { 'application/json': { schema } } }),
    };
  }
  const codes: ProblemCode[] =
    options.public === true ? [...spec.problems] : [...commonProblems, ...spec.problems];
  for (const status of new Set(codes.map((code) => problems[code].status))) {
    const described = codes.filter((code) => problems[code].status === status);
    responses[status] = {
      description: [...new Set(described)].map((code) => `${code}: ${problems[code].title}`).join('; '),
      content: { 'application/problem+json': { schema: Problem } },
    };
  }
  const headers =
    spec.method === 'post' && options.public !== true
      ? {
          headers: z.object({
            'Idempotency-Key': z.string().max(maxKeyLength).optional().meta({
              description:
                'A repetition with the same key and body within some minutes gives the first answer.',
            }),
          }),
        }
      : {};
  router.openAPIRegistry.registerPath(
    createRoute({
      method: spec.method,
      path: spec.path,
      summary: spec.summary,
      tags: [spec.tag],
      ...(options.public === true ? {} : { security: [{ token: [] }] }),
      request: {
        params: z.object(spec.params),
        ...(spec.query === undefined ? {} : { query: z.object(spec.query) }),
        ...headers,
        ...(spec.body === undefined
          ? {}
          : { body: { required: true, content: { 'application/json': { schema: spec.body } } } }),
      },
      responses,
    }),
  );
}

/** An answer with a JSON body. */
export function json(status: number, value: unknown): Answer {
  return { status, body: JSON.stringify(value) };
}

export const noContent: Answer = { status: 204, body: '' };

function send({ status, body }: Answer): Response {
  const headers = { 'cache-control': 'no-store' };
  if (body === '') return new Response(null, { status, headers });
  return new Response(body, { status, headers: { ...headers, 'content-type': 'application/json' } });
}

async function idempotencyKey(
  c: Context<Env>,
  token: VerifiedToken,
  text: string,
): Promise<IdempotencyKey | undefined> {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return undefined;
  if (key === '' || key.length > maxKeyLength) {
    throw new ProblemError('invalid-parameter', `An Idempotency-Key has 1 to ${maxKeyLength} characters.`, {
      field: 'Idempotency-Key',
    });
  }
  return {
    // With the grants: a lesser token of the same subject must not get what was answered to a greater one.
    scope: `${token.keyId} ${token.subject} ${JSON.stringify(token.grants)}`,
    key,
    requestHash: await hashRequest(c.req.method, c.req.path, text),
  };
}

const maxKeyLength = 255;
const commonProblems = [
  'bad-request',
  'unauthorized',
  'forbidden',
  'rate-limited',
  'store-unavailable',
  'internal',
] as const satisfies ProblemCode[];
