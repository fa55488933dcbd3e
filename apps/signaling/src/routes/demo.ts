import { z } from '@hono/zod-openapi';
import { CreateRoomRequest, PeerName, RoomId } from '@weir/protocol';
import { readJson, readText } from '../http/body.ts';
import { clientAddress } from '../http/client-address.ts';
import { document, type Router } from '../http/endpoint.ts';
import { validate } from '../http/validate.ts';
import { ProblemError } from '../problem.ts';
import { createRoom } from '../rooms/create-room.ts';
import type { Services } from '../services.ts';
import { createToken } from '../tokens/token.ts';

const DemoSession = z.object({ room: RoomId, name: PeerName });
const DemoAnswer = z.object({ token: z.string(), room: RoomId });

/** What an application's backend would do, open to anybody: only with WEIR_DEMO=1. */
export function addDemoRoutes(router: Router, services: Services): void {
  const { config, clock } = services.deps;
  document(
    router,
    {
      method: 'post',
      path: '/demo/session',
      summary: 'A token for a room, which is created if it is not there; for demonstrations',
      tag: 'demo',
      params: {},
      body: DemoSession,
      answers: { 200: DemoAnswer },
      problems: ['bad-request', 'invalid-parameter', 'rate-limited'],
    },
    { public: true },
  );
  router.post('/demo/session', async (c) => {
    const text = await readText(c.req.raw, config.maxBodyBytes);
    const { room, name } = validate(DemoSession, readJson(c.req.raw, text), '');
    const wait = services.limiter.take(`demo ${clientAddress(c)}`, clock.now());
    if (wait > 0) {
      throw new ProblemError('rate-limited', `Too many sessions from one address: wait ${wait} s.`, {
        retryAfterSeconds: wait,
      });
    }
    try {
      await createRoom(services, { id: room, request: CreateRoomRequest.parse({}) });
    } catch (error) {
      if (!(error instanceof ProblemError && error.code === 'room-exists')) throw error;
    }
    const [keyId, secret] = [...config.apiKeys][0]!;
    const token = await createToken({ keyId, secret, room, name, ttlSeconds: 12 * 3600, nowMs: clock.now() });
    return Response.json({ token, room }, { headers: { 'cache-control': 'no-store' } });
  });
}
