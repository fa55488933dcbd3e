/**
 * The headers of a call, after Standard Webhooks: `webhook-signature` is `v1,` and the HMAC-SHA256 of
 * `id.timestamp.body` in Base64, once for each secret, with spaces between.
 *
 * @param secrets `whsec_` and the key in Base64
 * @param nowMs milliseconds since 1970
 */
export async function signatureHeaders(
  secrets: readonly string[],
  message: { id: string; body: string },
  nowMs: number,
): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signed = new TextEncoder().encode(`${message.id}.${timestamp}.${message.body}`);
  const signatures: string[] = [];
  for (const secret of secrets) {
    const bytes = Uint8Array.from(atob(secret.replace(/^whsec_/, '')), (letter) => letter.charCodeAt(0));
    const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
    ]);
    const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, signed));
    signatures.push(`v1,${btoa(String.fromCharCode(...mac))}`);
  }
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
