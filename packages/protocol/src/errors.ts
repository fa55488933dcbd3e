import { z } from 'zod';

/** Stable codes of refusals, with the HTTP status and a title for people (RFC 9457). */
export const problems = {
  'bad-request': { status: 400, title: 'The request could not be read' },
  'invalid-parameter': { status: 422, title: 'A field has a value that Weir cannot accept' },
  unauthorized: { status: 401, title: 'A valid token is needed' },
  forbidden: { status: 403, title: 'The token does not grant this' },
  'not-found': { status: 404, title: 'No such resource' },
  'room-not-found': { status: 404, title: 'No such room' },
  'peer-not-found': { status: 404, title: 'No such peer in this room' },
  'transport-not-found': { status: 404, title: 'No such transport of this peer' },
  'receiver-not-found': { status: 404, title: 'No such receiver of this peer' },
  'sender-not-found': { status: 404, title: 'No such sender of this peer' },
  'room-closed': { status: 410, title: 'The room is closed' },
  'peer-closed': { status: 410, title: 'The peer has left' },
  'room-exists': { status: 409, title: 'A room with this id exists' },
  'name-taken': { status: 409, title: 'The name is in use in this room' },
  'room-full': { status: 409, title: 'The room is full' },
  'limit-reached': { status: 409, title: 'A limit of this peer or room is reached' },
  'invalid-state': { status: 409, title: 'The call came in a state that does not allow it' },
  conflict: { status: 409, title: 'The parameters collide with those of another object' },
  'unsupported-codec': { status: 422, title: 'No codec of the request is supported here' },
  'unsupported-media-type': { status: 415, title: 'The content type is not supported' },
  'idempotency-mismatch': { status: 422, title: 'The Idempotency-Key was used with another request' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'no-pod': { status: 503, title: 'No media pod can take this now' },
  'pod-unreachable': { status: 503, title: 'The media pod does not answer' },
  'pod-restarted': { status: 409, title: 'The media pod was started again' },
  'pod-given-up': { status: 409, title: 'Signaling has given this media pod up' },
  'store-unavailable': { status: 503, title: 'The database does not answer' },
  'webhook-failed': { status: 502, title: 'The webhook did not take the event' },
  internal: { status: 500, title: 'Something went wrong inside Weir' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

/** application/problem+json (RFC 9457). `type` is `https://weir.dev/problems/<code>`. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  /** What is wrong here, and what to do about it. */
  detail: z.string(),
  code: z.string(),
  /** Path of the field at fault, such as `rtpParameters.codecs.0.payloadType`. */
  field: z.string().optional(),
  /** `conflict`, `pod-given-up`: the epoch that signaling knows; a later one would be taken. */
  epoch: z.number().int().optional(),
  /** The request this answers; also in logs. */
  requestId: z.string().optional(),
});
export type Problem = z.infer<typeof Problem>;

export const problemTypePrefix = 'https://weir.dev/problems/';
