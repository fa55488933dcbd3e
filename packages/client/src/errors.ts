import type { ProblemCode } from '@weir/protocol';

/** Codes of refusals by Weir, and of what can go wrong on this side. */
export type WeirErrorCode =
  | ProblemCode
  /** No answer: the network or the server is away. */
  | 'network'
  /** The answer did not come in time. */
  | 'timeout'
  /** An answer that is not Weir's, such as a proxy's error page. */
  | 'bad-answer'
  /** The session, publication or subscription was closed meanwhile. */
  | 'closed'
  /** The caller's AbortSignal fired. */
  | 'aborted'
  /** This browser cannot do it. */
  | 'unsupported'
  /** The browser refused a media operation. */
  | 'media';

export interface WeirErrorFields {
  code: WeirErrorCode;
  /** What is wrong and what to do, for people. */
  detail: string;
  /** HTTP status, 0 if there was no answer. */
  status?: number;
  /** Path of the field at fault. */
  field?: string | undefined;
  /** Find the request in the server's logs by this. */
  requestId?: string | undefined;
  /** What Retry-After asked for. */
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** The only kind of error that the SDK throws or reports. */
export class WeirError extends Error {
  override readonly name = 'WeirError';
  readonly code: WeirErrorCode;
  readonly status: number;
  readonly detail: string;
  readonly field: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(fields: WeirErrorFields) {
    super(fields.detail, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.status = fields.status ?? 0;
    this.detail = fields.detail;
    this.field = fields.field;
    this.requestId = fields.requestId;
    this.retryAfterMs = fields.retryAfterMs;
  }

  /** Whether the same request may succeed later without any change. */
  get transient(): boolean {
    return (
      this.code === 'network' ||
      this.code === 'timeout' ||
      this.status === 429 ||
      this.status === 502 ||
      this.status === 503 ||
      this.status === 504
    );
  }

  static closed(what: string): WeirError {
    return new WeirError({ code: 'closed', detail: `${what} is closed` });
  }

  static aborted(cause?: unknown): WeirError {
    return new WeirError({ code: 'aborted', detail: 'The call was aborted', cause });
  }

  /** Wraps what the browser or mediasoup-client threw. */
  static media(action: string, cause: unknown): WeirError {
    if (cause instanceof WeirError) return cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    const unsupported = cause instanceof Error && cause.name === 'UnsupportedError';
    return new WeirError({
      code: unsupported ? 'unsupported' : 'media',
      detail: `${action} failed: ${text}`,
      cause,
    });
  }
}

/**
 * Makes an error of a refusal. A body that is not problem+json (a proxy's page) is told by its status.
 *
 * @param now milliseconds since 1970, to read a Retry-After that is a date
 */
export async function errorOfResponse(response: Response, now: number): Promise<WeirError> {
  const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), now);
  let body: unknown;
  try {
    body = await response.json();
  } catch {
    body = undefined;
  }
  if (isProblem(body)) {
    return new WeirError({
      code: body.code as WeirErrorCode,
      status: response.status,
      detail: body.detail,
      field: body.field,
      requestId: body.requestId,
      retryAfterMs,
    });
  }
  return new WeirError({
    code: fallbackCode(response.status),
    status: response.status,
    detail: `The server answered ${response.status} without saying why`,
    retryAfterMs,
  });
}

/** Seconds or an HTTP date (RFC 9110 §10.2.3), as milliseconds from `now`; undefined if absent or unreadable. */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function isProblem(
  body: unknown,
): body is { code: string; detail: string; field?: string; requestId?: string } {
  if (typeof body !== 'object' || body === null) return false;
  const { code, detail } = body as Record<string, unknown>;
  return typeof code === 'string' && typeof detail === 'string';
}

function fallbackCode(status: number): WeirErrorCode {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not-found';
  if (status === 410) return 'peer-closed';
  if (status === 429) return 'rate-limited';
  return 'bad-answer';
}
