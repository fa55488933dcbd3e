import { WeirError } from '@weir/client';

/** Gets a token for a person in a room from the demo's own backend. @throws WeirError */
export async function requestToken(room: string, name: string): Promise<string> {
  let response: Response;
  try {
    response = await fetch('/demo/session', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ room, name }),
    });
  } catch (cause) {
    throw new WeirError({ code: 'network', detail: 'The server cannot be reached', cause });
  }
  const body: unknown = await response.json().catch(() => undefined);
  const fields = (body ?? {}) as { token?: unknown; code?: unknown; detail?: unknown };
  if (response.ok && typeof fields.token === 'string') return fields.token;
  throw new WeirError({
    code: (typeof fields.code === 'string' ? fields.code : codeOf(response.status)) as WeirError['code'],
    status: response.status,
    detail: typeof fields.detail === 'string' ? fields.detail : `The server answered ${response.status}`,
  });
}

function codeOf(status: number): WeirError['code'] {
  if (status === 404) return 'not-found';
  if (status === 429) return 'rate-limited';
  return status >= 500 ? 'store-unavailable' : 'bad-answer';
}
