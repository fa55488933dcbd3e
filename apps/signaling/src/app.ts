import { OpenAPIHono } from '@hono/zod-openapi';
import { ConflictError, StoreUnavailableError } from '@weir/db';
import { PodCallRefused } from '@weir/pod-control';
import { RoomError } from '@weir/room';
import { cors } from 'hono/cors';
import { routePath } from 'hono/route';
import type { Dependencies } from './deps.ts';
import type { Env, Router } from './http/endpoint.ts';
import { nameSchemas } from './http/schemas.ts';
import { traceIdOf } from './http/trace-id.ts';
import { ProblemError } from './problem.ts';
import { addDemoRoutes } from './routes/demo.ts';
import { addEventRoutes } from './routes/events.ts';
import { addInspectRoutes } from './routes/inspect.ts';
import { addInternalRoutes } from './routes/internal.ts';
import { addPeerRoutes } from './routes/peers.ts';
import { addPodRoutes } from './routes/pods.ts';
import { addReceiverRoutes } from './routes/receivers.ts';
import { addRoomRoutes } from './routes/rooms.ts';
import { addSenderRoutes } from './routes/senders.ts';
import { addSystemRoutes } from './routes/system.ts';
import { addTransportRoutes } from './routes/transports.ts';
import { createServices, type Services } from './services.ts';
import { Stopping } from './stopping.ts';

export interface App {
  readonly router: Router;
  readonly services: Services;
  /** `platform` is what the server knows of the connection. */
  fetch(request: Request, platform?: object): Promise<Response>;
  /** Ends streams and held answers, so that their clients go elsewhere. */
  shutDown(): void;
}

/** The whole of signaling over its dependencies. Starts nothing by itself. */
export function createApp(deps: Dependencies): App {
  nameSchemas();
  const stopping = new Stopping();
  const services = createServices(deps, stopping);
  const router: Router = new OpenAPIHono<Env>();
  router.use('*', async (c, next) => {
    const given = c.req.header('x-request-id');
    const requestId = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : crypto.randomUUID();
    c.set('requestId', requestId);
    const trace = traceIdOf(c.req.header('traceparent'));
    c.set('logFields', trace === undefined ? {} : { trace });
    const started = deps.clock.now();
    await next();
    c.res.headers.set('x-request-id', requestId);
    const { status } = c.res;
    const ms = deps.clock.now() - started;
    deps.metrics.request({ method: c.req.method, route: routePath(c, -1), status }, ms / 1000);
    const fields = {
      request: requestId,
      method: c.req.method,
      path: c.req.path,
      status,
      ms,
      ...c.get('logFields'),
    };
    if (status >= 500) deps.logger.error(fields, 'request failed');
    else deps.logger.debug(fields, 'request');
  });
  const { corsOrigins } = deps.config;
  router.use(
    '*',
    cors({
      origin: corsOrigins === '*' ? '*' : [...corsOrigins],
      allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowHeaders: [
        'authorization',
        'content-type',
        'idempotency-key',
        'if-none-match',
        'last-event-id',
        'traceparent',
        'x-request-id',
      ],
      exposeHeaders: ['etag', 'retry-after', 'x-request-id'],
      maxAge: 3600,
    }),
  );
  addRoomRoutes(router, services);
  addPeerRoutes(router, services);
  addTransportRoutes(router, services);
  addReceiverRoutes(router, services);
  addSenderRoutes(router, services);
  addEventRoutes(router, services);
  addInspectRoutes(router, services);
  addPodRoutes(router, services);
  addInternalRoutes(router, services);
  addSystemRoutes(router, services);
  if (deps.config.demo) addDemoRoutes(router, services);
  router.notFound((c) =>
    new ProblemError('not-found', `There is no ${c.req.method} ${c.req.path}; see /docs.`).toResponse(
      c.get('requestId'),
    ),
  );
  router.onError((error, c) => {
    const requestId = c.get('requestId');
    if (error instanceof PodCallRefused) return error.toResponse();
    if (error instanceof ProblemError) return error.toResponse(requestId);
    if (error instanceof RoomError) {
      return new ProblemError(error.code, error.message, { field: error.field }).toResponse(requestId);
    }
    const fields = { request: requestId, ...c.get('logFields'), error: error.message, stack: error.stack };
    // Others were faster every time: that passes, as an outage does.
    if (error instanceof StoreUnavailableError || error instanceof ConflictError) {
      deps.logger.error(fields, 'the database does not answer, or not to us');
      const problem = new ProblemError('store-unavailable', 'Nothing is known to have changed: try again.', {
        retryAfterSeconds: 1,
      });
      return problem.toResponse(requestId);
    }
    deps.logger.error(fields, 'a request hit a defect');
    return new ProblemError(
      'internal',
      'This is a defect of Weir; the request id helps to find it.',
    ).toResponse(requestId);
  });
  return {
    router,
    services,
    fetch: async (request, platform) => await router.fetch(request, platform),
    shutDown: () => stopping.stop(),
  };
}
