import { Problem } from '@weir/protocol';
import type { z } from 'zod';
import { PodControlError } from './errors.ts';
import type { PodSecrets } from './secrets.ts';
import { signCall } from './token.ts';

/** What both clients need. Only fetch and WebCrypto, so that it runs on Workers too. */
export interface CallerOptions {
  readonly secrets: PodSecrets;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** For one attempt, in milliseconds. */
  readonly attemptTimeoutMs?: number;
  /** For the call with its retry, in milliseconds. */
  readonly timeoutMs?: number;
  /** Milliseconds since 1970; Date.now by default. */
  readonly now?: () => number;
  /** More headers of each attempt, such as those of the trace it belongs to. */
  readonly headers?: () => Readonly<Record<string, string>>;
}

export interface Call<S extends z.ZodType> {
  readonly issuer: string;
  readonly audience: string;
  readonly epoch?: number | undefined;
  /** Where the callee is; may have a path of its own, which a gateway takes away again. */
  readonly baseUrl: string;
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly answer: S;
  /** Attempts; more than one only because every call here is idempotent. */
  readonly attempts: number;
  readonly signal?: AbortSignal | undefined;
  /** For this call, in milliseconds; default: that of the options. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Makes one signed call.
 *
 * @throws PodControlError, or the reason of `call.signal` when the caller gave up
 */
export async function makeCall<S extends z.ZodType>(
  options: CallerOptions,
  call: Call<S>,
): Promise<z.infer<S>> {
  const deadline = AbortSignal.timeout(call.timeoutMs ?? options.timeoutMs ?? defaultTimeoutMs);
  const text = call.body === undefined ? '' : JSON.stringify(call.body);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptCall(options, call, text, deadline);
    } catch (error) {
      if (call.signal?.aborted) throw call.signal.reason;
      const again = error instanceof PodControlError && error.failure === 'unreachable' && !deadline.aborted;
      if (!again || attempt >= call.attempts) throw error;
    }
  }
}

async function attemptCall<S extends z.ZodType>(
  options: CallerOptions,
  call: Call<S>,
  text: string,
  deadline: AbortSignal,
): Promise<z.infer<S>> {
  const body = new TextEncoder().encode(text);
  const token = await signCall(
    options.secrets,
    {
      issuer: call.issuer,
      audience: call.audience,
      epoch: call.epoch,
      request: `${call.method} ${call.path}`,
      body,
    },
    (options.now ?? Date.now)(),
  );
  const url = call.baseUrl.replace(/\/+$/, '') + call.path;
  const signals = [deadline, AbortSignal.timeout(options.attemptTimeoutMs ?? defaultAttemptTimeoutMs)];
  if (call.signal !== undefined) signals.push(call.signal);
  const send = options.fetch ?? ((input: string, init: RequestInit) => fetch(input, init));
  let response: Response;
  let answer: string;
  try {
    response = await send(url, {
      method: call.method,
      headers: {
        ...options.headers?.(),
        authorization: `Bearer ${token}`,
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(call.body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: AbortSignal.any(signals),
    });
    answer = await response.text();
  } catch (error) {
    throw new PodControlError('unreachable', `${call.method} ${url}: ${reasonOf(error)}`, { cause: error });
  }
  return readAnswer(call, url, response, answer);
}

function readAnswer<S extends z.ZodType>(
  call: Call<S>,
  url: string,
  response: Response,
  text: string,
): z.infer<S> {
  const { status } = response;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!response.ok) {
    const problem = Problem.safeParse(value).data;
    // Gateways answer these for a callee that is not there; ours always come with a problem.
    const gateway = problem === undefined && [502, 503, 504].includes(status);
    throw new PodControlError(
      gateway ? 'unreachable' : 'refused',
      `${call.method} ${url}: ${status} ${problem?.detail ?? text.slice(0, 200)}`,
      { status, problem },
    );
  }
  const parsed = call.answer.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new PodControlError('bad-answer', `${call.method} ${url}: the answer is not in the protocol`, {
    status,
    cause: parsed.error,
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  // fetch of Node hides what happened (ECONNREFUSED …) in the cause.
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}

const defaultAttemptTimeoutMs = 2000;
const defaultTimeoutMs = 3500;
