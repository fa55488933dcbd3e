/** Secrets shared by signaling and its pods. The first signs, every one verifies, so that they can be rotated. */
export type PodSecrets = readonly [string, ...string[]];

export const minimumPodSecretLength = 32;

/**
 * Reads `WEIR_POD_SECRETS`: comma-separated, the first signs, all verify. To rotate: put the new secret
 * second everywhere, then first everywhere, then drop the old one.
 *
 * @throws RangeError when there is none or one is shorter than 32 characters (HS256 wants 256 bits)
 */
export function parsePodSecrets(text: string | undefined): PodSecrets {
  const secrets = (text ?? '')
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '');
  const [first, ...rest] = secrets;
  if (first === undefined) {
    throw new RangeError(
      'WEIR_POD_SECRETS is empty: set it to a random text, such as `openssl rand -hex 32`',
    );
  }
  const short = secrets.findIndex((secret) => secret.length < minimumPodSecretLength);
  if (short >= 0) {
    throw new RangeError(
      `WEIR_POD_SECRETS: secret ${short + 1} has fewer than ${minimumPodSecretLength} characters; make one with \`openssl rand -hex 32\``,
    );
  }
  return [first, ...rest];
}
