import { z } from '@hono/zod-openapi';
import type { RoomDetails } from '@weir/db';
import { CreateRoomRequest, RoomId, RoomList, RoomView, UpdateRoomRequest } from '@weir/protocol';
import { requireRoom } from '../auth.ts';
import { endpoint, json, noContent, type Router } from '../http/endpoint.ts';
import { ProblemError } from '../problem.ts';
import { createRoom } from '../rooms/create-room.ts';
import type { Services } from '../services.ts';
import { coversRoom } from '../tokens/token.ts';
import { roomView, summaryView } from '../views.ts';
import { requireWebhook } from '../webhooks/room-webhook.ts';

const params = { room: RoomId };
const tag = 'rooms';

/** Rooms: create, list, read, change, close. */
export function addRoomRoutes(router: Router, services: Services): void {
  const { doorkeeper, rooms, store, deps } = services;

  endpoint(
    router,
    services,
    {
      method: 'post',
      path: '/v1/rooms',
      summary: 'Create a room',
      tag,
      params: {},
      body: CreateRoomRequest,
      answers: { 201: RoomView },
      problems: ['invalid-parameter', 'room-exists'],
    },
    async ({ body, token, key }) => {
      await doorkeeper.admin(token);
      const id = body.id ?? newRoomId(token.grants.room, deps.random);
      requireRoom(token, id);
      const answer = (room: Parameters<typeof roomView>[0]) => json(201, roomView(room));
      const room = await createRoom(services, {
        id,
        request: body,
        idempotency: key === undefined ? undefined : { key, answer },
      });
      return answer(room);
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms',
      summary: 'List open rooms, oldest first',
      tag,
      params: {},
      query: {
        limit: z.coerce.number().int().min(1).max(500).default(100),
        after: z
          .string()
          .regex(/^[0-9]{1,15}\.[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'must be `next` of an earlier list')
          .optional(),
      },
      answers: { 200: RoomList },
      problems: ['invalid-parameter'],
    },
    async ({ query, token }) => {
      await doorkeeper.admin(token);
      const { limit, after } = query;
      const dot = after?.indexOf('.') ?? 0;
      const pattern = token.grants.room;
      const page = await store.list({
        limit: limit + 1,
        prefix: pattern.replace(/\*$/, ''),
        ...(after === undefined
          ? {}
          : { after: { createdAt: Number(after.slice(0, dot)), id: after.slice(dot + 1) } }),
      });
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return json(200, {
        rooms: shown.filter((room) => coversRoom(pattern, room.id)).map(summaryView),
        ...(page.length > limit && last !== undefined ? { next: `${last.createdAt}.${last.id}` } : {}),
      });
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}',
      summary: 'Read a room, with the capabilities that a client loads',
      tag,
      params,
      answers: { 200: RoomView },
      problems: ['room-not-found', 'room-closed'],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.room(token, params.room);
      return json(200, roomView(await doorkeeper.load(caller)));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'patch',
      path: '/v1/rooms/{room}',
      summary: 'Change limits, times to live, how many are heard, and metadata',
      tag,
      params,
      body: UpdateRoomRequest,
      answers: { 200: RoomView },
      problems: ['invalid-parameter', 'room-not-found', 'room-closed'],
    },
    async ({ params, body, token }) => {
      await doorkeeper.room(token, params.room, { admin: true });
      requireWebhook(deps.config.webhooks, body.webhook ?? undefined);
      const given = Object.entries(body).filter(([, value]) => value !== undefined);
      const done = await rooms.change(params.room, (turn) => {
        const merged = { ...turn.details, ...Object.fromEntries(given) };
        // What is set to null is there no more.
        const details = Object.entries(merged).filter(([, value]) => value !== null);
        const { maxLoudestAudio } = body;
        if (maxLoudestAudio !== undefined) turn.run({ type: 'room.setMaxLoudestAudio', maxLoudestAudio });
        turn.setDetails(Object.fromEntries(details) as unknown as RoomDetails);
      });
      return json(200, roomView(done.rooms.get(params.room)!));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'delete',
      path: '/v1/rooms/{room}',
      summary: 'Close a room; repeating it does no harm',
      tag,
      params,
      answers: { 204: null },
      problems: ['room-not-found'],
    },
    async ({ params, token }) => {
      try {
        await doorkeeper.room(token, params.room, { admin: true });
        await rooms.change(params.room, (turn) => turn.run({ type: 'room.close' }));
      } catch (error) {
        if (!(error instanceof ProblemError && error.code === 'room-closed')) throw error;
      }
      return noContent;
    },
  );
}

/** An id that the grant covers. */
function newRoomId(pattern: string, random: () => number): string {
  if (!pattern.endsWith('*')) return pattern;
  const prefix = pattern.slice(0, -1);
  const letters = () => random().toString(36).padStart(7, '0');
  return `${prefix === '' ? 'room-' : prefix}${letters()}${letters()}`.slice(0, 64);
}
