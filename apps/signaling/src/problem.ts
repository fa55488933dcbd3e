import { type Problem, type ProblemCode, problems, problemTypePrefix } from '@weir/protocol';

export interface ProblemOptions {
  /** Path of the field at fault. */
  readonly field?: string | undefined;
  readonly retryAfterSeconds?: number;
  /** The epoch that signaling knows of a pod. */
  readonly epoch?: number;
  readonly cause?: unknown;
}

/** A refusal: nothing has changed, and `detail` tells what to do. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly field: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly epoch: number | undefined;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.field = options.field;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.epoch = options.epoch;
  }

  get status(): number {
    return problems[this.code].status;
  }

  /** RFC 9457 answer. */
  toResponse(requestId?: string): Response {
    const { status, title } = problems[this.code];
    const body: Problem = {
      type: `${problemTypePrefix}${this.code}`,
      title,
      status,
      detail: this.message,
      code: this.code,
      ...(this.field === undefined ? {} : { field: this.field }),
      ...(this.epoch === undefined ? {} : { epoch: this.epoch }),
      ...(requestId === undefined ? {} : { requestId }),
    };
    const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
    if (this.retryAfterSeconds !== undefined) headers.set('retry-after', String(this.retryAfterSeconds));
    if (status === 401) headers.set('www-authenticate', 'Bearer realm="weir"');
    return new Response(JSON.stringify(body), { status, headers });
  }
}
