import {
  type DrainState,
  PodCallRefused,
  type PodSecrets,
  parseBody,
  parseTrace,
  verifyPodCall,
} from '@weir/pod-control';
import { InspectRequest, type RoomId, RoomId as RoomIdSchema, RoomMediaUpdate } from '@weir/protocol';
import { type Context, Hono } from 'hono';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Worker } from './worker.ts';

export interface ControlOptions {
  readonly podId: string;
  readonly secrets: PodSecrets;
  readonly worker: Pick<Worker, 'apply' | 'inspect' | 'rooms'>;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Start of this pod, as signaling knows it. */
  epoch(): number;
  /** Milliseconds since 1970, for call tokens; Date.now by default. */
  readonly now?: () => number;
  drain(): DrainState;
  undrain(): DrainState;
  /** Why not; undefined = yes. */
  whyNotReady(): string | undefined;
  whyNotPlaceable(): string | undefined;
}

/**
 * What signaling may ask of a pod, and what Kubernetes and Prometheus look at. Only signaling's calls change
 * anything; they are signed for this pod.
 */
export function createControl(options: ControlOptions): Hono {
  const { worker, metrics, log } = options;
  const app = new Hono();

  const verified = (context: Context) =>
    verifyPodCall(context.req.raw, options.podId, {
      secrets: options.secrets,
      epoch: options.epoch(),
      ...(options.now === undefined ? {} : { now: options.now }),
    });

  app.use('/v1/*', async (context, next) => {
    await next();
    log.debug({ ...callFields(context), status: context.res.status }, 'a control call');
  });

  app.put('/v1/rooms/:room/media', async (context) => {
    const update = parseBody(RoomMediaUpdate, await verified(context));
    if (update.roomId !== roomOf(context)) {
      throw new PodCallRefused('invalid-parameter', 'roomId: differs from the room of the path', {
        field: 'roomId',
      });
    }
    return context.json(await worker.apply(update));
  });

  app.post('/v1/rooms/:room/inspect', async (context) => {
    const request = parseBody(InspectRequest, await verified(context));
    return context.json(await worker.inspect(roomOf(context), request));
  });

  app.get('/v1/rooms', async (context) => {
    await verified(context);
    return context.json({ rooms: await worker.rooms() });
  });

  app.get('/v1/pulse', async (context) => {
    await verified(context);
    return context.json({ podId: options.podId, epoch: options.epoch() });
  });

  app.post('/v1/drain', async (context) => {
    await verified(context);
    return context.json(options.drain());
  });

  app.delete('/v1/drain', async (context) => {
    await verified(context);
    return context.json(options.undrain());
  });

  // Alive: that this is answered shows that the event loop turns. Nothing else may matter here, least of
  // all signaling: a restart would end calls that run perfectly well without it.
  app.get('/healthz', (context) => context.json({ alive: true }));
  app.get('/readyz', (context) => answer(context, 'ready', options.whyNotReady()));
  app.get('/placeable', (context) => answer(context, 'placeable', options.whyNotPlaceable()));

  app.get('/metrics', async (context) => {
    context.header('content-type', metrics.contentType);
    return context.body(await metrics.text());
  });

  app.notFound((context) =>
    new PodCallRefused(
      'not-found',
      `A media pod has no ${context.req.method} ${context.req.path}.`,
    ).toResponse(),
  );
  app.onError((error, context) => {
    const call = callFields(context);
    if (error instanceof PodCallRefused) {
      log.warn({ ...call, code: error.code }, `refused a control call: ${error.message}`);
      return error.toResponse();
    }
    log.error({ ...call, err: error }, 'a control call failed');
    return new PodCallRefused('internal', 'The pod could not do this; its log says why.').toResponse();
  });
  return app;
}

/** What logs say of a call: also the trace it belongs to, which signaling's logs have too. */
function callFields({ req }: Context): Record<string, string> {
  const trace = parseTrace(req.header('traceparent'))?.traceId;
  return { method: req.method, path: req.path, ...(trace === undefined ? {} : { trace }) };
}

function roomOf(context: Context): RoomId {
  const parsed = RoomIdSchema.safeParse(context.req.param('room'));
  if (parsed.success) return parsed.data;
  throw new PodCallRefused('invalid-parameter', `room: ${parsed.error.issues[0]?.message ?? 'not an id'}`, {
    field: 'room',
  });
}

function answer(context: Context, question: 'ready' | 'placeable', whyNot: string | undefined): Response {
  if (whyNot === undefined) return context.json({ [question]: true });
  return context.json({ [question]: false, why: whyNot }, 503);
}
