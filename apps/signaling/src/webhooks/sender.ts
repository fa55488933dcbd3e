/** What a webhook answered. */
export interface WebhookAnswer {
  readonly status: number;
  /** `Retry-After`, as it was sent. */
  readonly retryAfter?: string | undefined;
}

/**
 * Makes one call, never follows a redirect and does not read the answer's body.
 *
 * @throws Error when there is no answer, or none may be asked for
 */
export type WebhookSender = (
  url: string,
  call: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly signal: AbortSignal;
  },
) => Promise<WebhookAnswer>;

/** Calls by `fetch`, for platforms whose `fetch` leads to the internet only. */
export const fetchSender: WebhookSender = async (url, { headers, body, signal }) => {
  const answer = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
  await answer.body?.cancel();
  return { status: answer.status, retryAfter: answer.headers.get('retry-after') ?? undefined };
};
