import { WebhookEventType } from '@weir/protocol';
import { z } from 'zod';

/** A webhook of the deployment, called for every room. */
export interface WebhookEndpoint {
  readonly id: string;
  readonly url: string;
  /** Types it wants; undefined = all. */
  readonly events?: readonly WebhookEventType[] | undefined;
  /** `whsec_…`; every one signs, so that a receiver can change from one to the next. */
  readonly secrets: readonly string[];
}

/** How webhooks are called. */
export interface WebhookSettings {
  readonly endpoints: readonly WebhookEndpoint[];
  /** For webhooks of rooms, and for endpoints without secrets of their own. */
  readonly secrets: readonly string[];
  /** Whether plain `http:` may be called. */
  readonly allowHttp: boolean;
  /** Whether addresses of private networks and of this machine may be called. */
  readonly allowPrivate: boolean;
  readonly timeoutMs: number;
  /** Calls at once, per instance. */
  readonly concurrency: number;
  /** Attempts before a line is given up. */
  readonly attempts: number;
  /** How long what is not delivered, and what was given up, is kept. */
  readonly retentionMs: number;
  /** How often an instance looks for what others left, in milliseconds. */
  readonly pollMs: number;
}

const secret = z
  .string()
  .regex(
    /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/,
    'must be whsec_ and at least 24 bytes in Base64; make one with `echo whsec_$(openssl rand -base64 32)`',
  );

/** Comma-separated secrets. */
export const webhookSecrets = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .pipe(z.array(secret));

const endpoint = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, 'must be 1 to 32 characters of A-Z a-z 0-9 _ -'),
  url: z.url(),
  events: z.array(WebhookEventType).min(1).optional(),
  secrets: z.array(secret).default([]),
});

/** JSON list of endpoints. */
export const webhookEndpoints = z
  .string()
  .default('[]')
  .transform((text, context): WebhookEndpoint[] => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'must be JSON: [{"id":"main","url":"https://…"}]' });
      return z.NEVER;
    }
    const parsed = z.array(endpoint).safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      context.addIssue({ code: 'custom', message: `${issue.path.join('.')}: ${issue.message}` });
      return z.NEVER;
    }
    const ids = parsed.data.map(({ id }) => id);
    if (new Set(ids).size < ids.length || ids.includes(roomEndpoint)) {
      context.addIssue({ code: 'custom', message: `ids must differ, and none may be "${roomEndpoint}"` });
      return z.NEVER;
    }
    return parsed.data;
  });

/** What stands for the id of a room's own webhook. */
export const roomEndpoint = 'room';
