import { ProblemError } from '../problem.ts';

/** The body as text. @throws ProblemError `payload-too-large`, `bad-request` */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  if (request.body === null) return '';
  const tooLarge = () =>
    new ProblemError('payload-too-large', `The body is longer than ${maxBytes} bytes (WEIR_MAX_BODY_BYTES).`);
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  const reader = request.body.getReader();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let length = 0;
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (!done) length += value.byteLength;
    if (length > maxBytes) {
      await reader.cancel();
      throw tooLarge();
    }
    try {
      text += done ? decoder.decode() : decoder.decode(value, { stream: true });
    } catch (error) {
      throw new ProblemError('bad-request', 'The body is not UTF-8.', { cause: error });
    }
    if (done) return text;
  }
}

/** The body as JSON; none counts as an empty object. @throws ProblemError `unsupported-media-type`, `bad-request` */
export function readJson(request: Request, text: string): unknown {
  if (text === '') return {};
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new ProblemError(
      'unsupported-media-type',
      'Send the body as JSON, with `Content-Type: application/json`.',
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ProblemError('bad-request', `The body is not JSON: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}
