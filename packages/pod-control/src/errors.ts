import { type Problem, type ProblemCode, problems, problemTypePrefix } from '@weir/protocol';

/** The callee refuses: the call is not signed for it, too large, or not what it claims to be. */
export class PodCallRefused extends Error {
  override readonly name = 'PodCallRefused';
  readonly code: ProblemCode;
  /** Path of the field at fault, if one is. */
  readonly field: string | undefined;

  constructor(code: ProblemCode, detail: string, options: { field?: string; cause?: unknown } = {}) {
    super(detail, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.field = options.field;
  }

  get status(): number {
    return problems[this.code].status;
  }

  toProblem(): Problem {
    const { status, title } = problems[this.code];
    return {
      type: `${problemTypePrefix}${this.code}`,
      title,
      status,
      detail: this.message,
      code: this.code,
      ...(this.field === undefined ? {} : { field: this.field }),
    };
  }

  /** RFC 9457 answer. */
  toResponse(): Response {
    return new Response(JSON.stringify(this.toProblem()), {
      status: this.status,
      headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    });
  }
}

/**
 * Why a call had no result:
 * - `unreachable`: no answer (network, deadline) or a gateway's answer; the call may have been done or not
 * - `refused`: the callee answered with an error; `status` and `problem` tell which
 * - `bad-answer`: the callee answered something that is not in the protocol
 */
export type CallFailure = 'unreachable' | 'refused' | 'bad-answer';

/** A call between signaling and a pod failed. */
export class PodControlError extends Error {
  override readonly name = 'PodControlError';
  readonly failure: CallFailure;
  readonly status: number | undefined;
  readonly problem: Problem | undefined;

  constructor(
    failure: CallFailure,
    message: string,
    options: { status?: number; problem?: Problem | undefined; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.failure = failure;
    this.status = options.status;
    this.problem = options.problem;
  }

  /** The host of the callee answered that nothing listens there: the process is gone. */
  get nobodyThere(): boolean {
    for (let cause: unknown = this.cause; cause instanceof Error; cause = cause.cause) {
      if ('code' in cause && cause.code === 'ECONNREFUSED') return true;
      if (cause instanceof AggregateError) {
        return cause.errors.length > 0 && cause.errors.every(({ code }) => code === 'ECONNREFUSED');
      }
    }
    return false;
  }
}
