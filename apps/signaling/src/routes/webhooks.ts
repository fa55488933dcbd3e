import { z } from '@hono/zod-openapi';
import type { DeadLetter } from '@weir/db';
import {
  type RoomId,
  type WebhookDeadLetter,
  WebhookDeadLetterList,
  WebhookEventType,
  WebhookList,
} from '@weir/protocol';
import { endpoint, json, noContent, type Router } from '../http/endpoint.ts';
import { ProblemError } from '../problem.ts';
import type { Services } from '../services.ts';
import { coversRoom, type VerifiedToken } from '../tokens/token.ts';
import { endpointOf, shownUrl } from '../webhooks/listeners.ts';
import { webhookEvent } from '../webhooks/message.ts';

const letterId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,32}\.evt_[A-Za-z0-9_~-]{1,64}_[0-9]{1,16}$/, 'must be an id of the list');
const tag = 'webhooks';

/** What webhooks have not heard, for operators. A token sees the rooms it covers. */
export function addWebhookRoutes(router: Router, services: Services): void {
  const { deps, doorkeeper, webhooks, deliverer } = services;
  const settings = deps.config.webhooks;

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/webhooks',
      summary:
        'The webhooks of the deployment, and the rooms that a webhook has not heard all of (up to 500)',
      tag,
      params: {},
      answers: { 200: WebhookList },
      problems: [],
    },
    async ({ token }) => {
      await doorkeeper.admin(token);
      const pattern = token.grants.room;
      const backlog = (await webhooks.backlog(500, prefixOf(pattern)))
        .filter(({ roomId }) => coversRoom(pattern, roomId))
        .map((cursor) => ({
          endpoint: cursor.endpointId,
          room: cursor.roomId as RoomId,
          url: shownUrlOf(cursor),
          waiting: cursor.head - cursor.cursor,
          attempts: cursor.attempts,
          nextAt: cursor.nextAt!,
          lastError: cursor.lastError,
        }));
      const endpoints = settings.endpoints.map(({ id, url, events }) => ({
        id,
        url: shownUrl(url),
        events: [...(events ?? WebhookEventType.options)],
      }));
      return json(200, { endpoints, backlog });
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/webhooks/dead-letters',
      summary: 'Events that were given up for a webhook, oldest first',
      tag,
      params: {},
      query: {
        limit: z.coerce.number().int().min(1).max(500).default(100),
        after: z
          .string()
          .regex(/^[0-9]{1,15}:[A-Za-z0-9_.~-]{1,128}$/, 'must be `next` of an earlier list')
          .optional(),
      },
      answers: { 200: WebhookDeadLetterList },
      problems: ['invalid-parameter'],
    },
    async ({ query, token }) => {
      await doorkeeper.admin(token);
      const { limit, after } = query;
      const pattern = token.grants.room;
      const colon = after?.indexOf(':') ?? 0;
      const page = await webhooks.deadLetters({
        limit: limit + 1,
        prefix: prefixOf(pattern),
        ...(after === undefined
          ? {}
          : { after: { failedAt: Number(after.slice(0, colon)), id: after.slice(colon + 1) } }),
      });
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return json(200, {
        deadLetters: shown.filter(({ roomId }) => coversRoom(pattern, roomId)).map(view),
        ...(page.length > limit && last !== undefined ? { next: `${last.failedAt}:${last.id}` } : {}),
      });
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'post',
      path: '/v1/webhooks/dead-letters/{letter}/retry',
      summary: 'Deliver an event that was given up, now, with the id it always had; it then leaves the list',
      tag,
      params: { letter: letterId },
      answers: { 204: null },
      problems: ['not-found', 'webhook-failed'],
    },
    async ({ params, token }) => {
      const letter = await letterOf(token, params.letter);
      const target = endpointOf(settings, letter);
      if (target === undefined) {
        throw new ProblemError(
          'webhook-failed',
          `No webhook "${letter.endpointId}" is configured: put it into WEIR_WEBHOOKS again, or delete the letter.`,
        );
      }
      const outcome = await deliverer.call(target, letter);
      if (!outcome.delivered) {
        throw new ProblemError('webhook-failed', `The webhook did not take the event: ${outcome.error}.`);
      }
      await webhooks.forgetDeadLetter(letter.id);
      return noContent;
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'delete',
      path: '/v1/webhooks/dead-letters/{letter}',
      summary: 'Forget an event that was given up; repeating it does no harm',
      tag,
      params: { letter: letterId },
      answers: { 204: null },
      problems: [],
    },
    async ({ params, token }) => {
      try {
        await webhooks.forgetDeadLetter((await letterOf(token, params.letter)).id);
      } catch (error) {
        if (!(error instanceof ProblemError && error.code === 'not-found')) throw error;
      }
      return noContent;
    },
  );

  /** @throws ProblemError `forbidden`, `not-found` */
  async function letterOf(token: VerifiedToken, id: string): Promise<DeadLetter> {
    await doorkeeper.admin(token);
    const letter = await webhooks.deadLetter(id);
    // One of a room that is not covered is not there.
    if (letter !== undefined && coversRoom(token.grants.room, letter.roomId)) return letter;
    throw new ProblemError(
      'not-found',
      `There is no dead letter ${id}: it was delivered, deleted, or too old.`,
    );
  }

  function shownUrlOf(cursor: { endpointId: string; url: string }): string {
    const url = endpointOf(settings, cursor)?.url;
    return url === undefined ? '' : shownUrl(url);
  }

  function view(letter: DeadLetter): WebhookDeadLetter {
    const { id, endpointId, failedAt, attempts, lastError } = letter;
    return {
      id,
      endpoint: endpointId,
      url: shownUrlOf(letter),
      event: webhookEvent(letter),
      failedAt,
      attempts,
      lastError,
    };
  }
}

function prefixOf(pattern: string): string {
  return pattern.replace(/\*$/, '');
}
