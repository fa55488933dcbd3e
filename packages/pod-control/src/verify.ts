import { PodReport } from '@weir/protocol';
import type { z } from 'zod';
import { PodCallRefused } from './errors.ts';
import type { PodSecrets } from './secrets.ts';
import { requireBody, signalingAudience, verifyCall } from './token.ts';

export interface VerifyOptions {
  readonly secrets: PodSecrets;
  /** Longest body accepted, in bytes. */
  readonly maxBytes?: number;
  /** Milliseconds since 1970; Date.now by default. */
  readonly now?: () => number;
  /** Pod side: start of this pod. Calls that were meant for another are refused. */
  readonly epoch?: number;
}

/**
 * Pod side: accepts a call only if signaling signed exactly this request for this pod. Answers the body, which is
 * not read before the token was found good.
 *
 * @throws PodCallRefused `unauthorized`, `pod-restarted`, `payload-too-large`
 */
export async function verifyPodCall(
  request: Request,
  podId: string,
  options: VerifyOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const call = await verifyCall(
    options.secrets,
    bearer(request),
    { podId, audience: podId, request: requestLine(request) },
    (options.now ?? Date.now)(),
  );
  if (call.issuer !== signalingAudience)
    throw new PodCallRefused('unauthorized', 'Only signaling may call a pod.');
  if (options.epoch !== undefined && call.epoch !== undefined && call.epoch !== options.epoch) {
    throw new PodCallRefused(
      'pod-restarted',
      `The call was for epoch ${String(call.epoch)} of pod ${podId}; this is epoch ${options.epoch}.`,
      { field: 'epoch' },
    );
  }
  const body = await readBody(request, options.maxBytes ?? defaultPodCallBytes);
  await requireBody(call, body);
  return body;
}

/**
 * Signaling side, for `POST /internal/pods/{pod}/reports`: accepts a report only from the pod it names.
 * The body is not read before the token was found good. Applying it exactly once by (pod, epoch, seq) is the
 * caller's.
 *
 * @throws PodCallRefused `unauthorized`, `forbidden`, `payload-too-large`, `bad-request`, `invalid-parameter`
 */
export async function verifyReport(
  request: Request,
  podId: string,
  options: VerifyOptions,
): Promise<PodReport> {
  const call = await verifyCall(
    options.secrets,
    bearer(request),
    { podId, audience: signalingAudience, request: requestLine(request) },
    (options.now ?? Date.now)(),
  );
  if (call.issuer !== podId)
    throw new PodCallRefused('forbidden', `Pod ${call.issuer} cannot report for pod ${podId}.`);
  const body = await readBody(request, options.maxBytes ?? defaultReportBytes);
  await requireBody(call, body);
  const report = parseBody(PodReport, body);
  if (report.podId !== podId) {
    throw new PodCallRefused('forbidden', `The report is that of pod ${report.podId}, not ${podId}.`, {
      field: 'podId',
    });
  }
  return report;
}

/**
 * Parses a verified body.
 *
 * @throws PodCallRefused `bad-request` (not JSON), `invalid-parameter` (names the first field at fault)
 */
export function parseBody<S extends z.ZodType>(schema: S, body: Uint8Array): z.infer<S> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new PodCallRefused('bad-request', 'The body is not JSON.', { cause: error });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join('.') ?? '';
  throw new PodCallRefused('invalid-parameter', `${field}: ${issue?.message ?? 'not acceptable'}`, {
    ...(field === '' ? {} : { field }),
    cause: parsed.error,
  });
}

/** A whole room's state may be this long. */
const defaultPodCallBytes = 16 * 1024 * 1024;
/** 1000 happenings (a few with certificates) and the versions of some thousand rooms. */
const defaultReportBytes = 4 * 1024 * 1024;

function requestLine(request: Request): string {
  return `${request.method} ${new URL(request.url).pathname}`;
}

function bearer(request: Request): string | undefined {
  return /^Bearer +([A-Za-z0-9_.-]+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
}

async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () =>
    new PodCallRefused('payload-too-large', `The body is longer than ${maxBytes} bytes.`);
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  if (request.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.byteLength;
    if (length > maxBytes) {
      await reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}
