import { z } from '@hono/zod-openapi';
import { Cursor, EventPage, PeerId, RoomId } from '@weir/protocol';
import { eventStream } from '../events/event-stream.ts';
import { eventPage, poll } from '../events/long-poll.ts';
import { document, endpoint, json, type Router } from '../http/endpoint.ts';
import { validate, validateParams } from '../http/validate.ts';
import { ProblemError } from '../problem.ts';
import type { Services } from '../services.ts';
import { createTicket } from '../tokens/token.ts';

const params = { room: RoomId, peer: PeerId };
const query = {
  after: Cursor.optional().meta({
    description: 'Cursor of the last event that was read; `Last-Event-ID` counts more.',
  }),
  wait: z.coerce
    .number()
    .min(0)
    .max(60)
    .default(0)
    .meta({ description: 'Seconds to hold the answer if there is nothing new.' }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(500)
    .meta({ description: 'Most events in one answer.' }),
  ticket: z
    .string()
    .optional()
    .meta({ description: 'In place of the Authorization header, for EventSource.' }),
};
const Ticket = z.object({ ticket: z.string(), expiresInSeconds: z.number() });
const tag = 'events';

/** Events of a peer: short poll, long poll and Server-Sent Events on one URL, and tickets for EventSource. */
export function addEventRoutes(router: Router, services: Services): void {
  const { deps, doorkeeper, limiter } = services;
  const spec = {
    method: 'get',
    path: '/v1/rooms/{room}/peers/{peer}/events',
    summary: 'Events after a cursor; with `Accept: text/event-stream` as Server-Sent Events',
    tag,
    params,
    query,
    answers: { 200: EventPage, 204: null, 304: null },
    problems: ['invalid-parameter', 'room-not-found', 'peer-not-found', 'peer-closed'],
  } as const;
  document(router, spec);
  router.get('/v1/rooms/:room/peers/:peer/events', async (c) => {
    const now = deps.clock.now();
    const ids = validateParams(params, c.req.param());
    const asked = validate(z.object(query), c.req.query(), '');
    const reader = await doorkeeper.reader(
      {
        authorization: c.req.header('authorization'),
        ticket: asked.ticket,
        roomId: ids.room,
        peer: ids.peer,
      },
      now,
    );
    Object.assign(c.get('logFields'), ids, { token: reader.tokenId });
    const waitSeconds = limiter.take(`events ${reader.tokenId}`, now);
    if (waitSeconds > 0) {
      throw new ProblemError(
        'rate-limited',
        `Too many reads: wait ${waitSeconds} s, or hold them with wait=25.`,
        {
          retryAfterSeconds: waitSeconds,
        },
      );
    }
    const after = Number(validate(Cursor, c.req.header('last-event-id') || asked.after || '0', 'after'));
    const at = { roomId: ids.room, peerId: reader.peerId, after };
    const { signal } = c.req.raw;
    const streams = /\btext\/event-stream\b/i.test(c.req.header('accept') ?? '');
    if (streams) {
      const left =
        reader.closedAt === null ? undefined : await services.reader.page(at.roomId, at.peerId, after, 1);
      // Nothing will ever come again: this tells EventSource to stay away.
      if (left?.ended === true && left.events.length === 0) return new Response(null, { status: 204 });
      return eventStream(services, { ...at, signal });
    }
    const waitMs = Math.min(asked.wait, maxWaitSeconds) * 1000;
    const page = await poll(services, { ...at, waitMs, limit: asked.limit, signal });
    if (page === undefined || (page.ended && page.events.length === 0)) {
      throw new ProblemError(
        'peer-closed',
        `Peer ${ids.peer} has left, and its events were read: join again.`,
      );
    }
    // The log behind a cursor is the same as long as its end is.
    const etag = `"${page.lastSeq}"`;
    const headers: Record<string, string> = { 'cache-control': 'no-store', etag };
    if (page.events.length === 0) headers['retry-after'] = String(waitMs > 0 ? 0 : shortPollSeconds);
    if (page.events.length === 0 && c.req.header('if-none-match') === etag) {
      return new Response(null, { status: 304, headers });
    }
    return Response.json(eventPage(page), { headers });
  });

  endpoint(
    router,
    services,
    {
      method: 'post',
      path: '/v1/rooms/{room}/peers/{peer}/events/ticket',
      summary: 'A ticket to read the events with, for EventSource, which cannot send headers',
      tag,
      params,
      answers: { 201: Ticket },
      problems: ['room-not-found', 'room-closed', 'peer-not-found', 'peer-closed'],
    },
    async ({ params, token, now }) => {
      const caller = await doorkeeper.peer(token, params.room, params.peer);
      const { apiKeys, ticketSeconds } = deps.config;
      const ticket = await createTicket(
        apiKeys,
        token,
        { roomId: params.room, peerId: caller.peer.id, ttlSeconds: ticketSeconds },
        now,
      );
      return json(201, { ticket, expiresInSeconds: ticketSeconds });
    },
  );
}

/** Proxies give up on silent answers after 30 s. */
const maxWaitSeconds = 25;
/** How often a client that does not hold its reads should come. */
const shortPollSeconds = 2;
