/** Secrets shared by signaling and its pods. The first signs, every one verifies, so that they can be rotated. */
export type PodSecrets = readonly [string, ...string[]];

export const minimumPodSecretLength = 32;

const podKeyPrefix = 'weir-pod-key-';

/**
 * The key of one pod, derived from a secret (HKDF, RFC 5869), as text for that pod's WEIR_POD_SECRETS. Whoever
 * steals it can speak for this pod only. A text that is such a key already stays as it is.
 */
export async function podKeyText(secret: string, podId: string): Promise<string> {
  if (secret.startsWith(podKeyPrefix)) return secret;
  const key = await keyOfPod(secret, podId);
  return podKeyPrefix + [...key].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What calls from and to a pod are signed with. */
export async function keyOfPod(secret: string, podId: string): Promise<Uint8Array<ArrayBuffer>> {
  if (secret.startsWith(podKeyPrefix)) {
    const text = secret.slice(podKeyPrefix.length);
    return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  }
  const name = `${podId} ${secret}`;
  const known = derived.get(name);
  if (known !== undefined) return known;
  const bytes = (value: string) => new TextEncoder().encode(value);
  const material = await crypto.subtle.importKey('raw', bytes(secret), 'HKDF', false, ['deriveBits']);
  const parameters = { name: 'HKDF', hash: 'SHA-256', salt: bytes('weir pod key'), info: bytes(podId) };
  const key = new Uint8Array(await crypto.subtle.deriveBits(parameters, material, 256));
  if (derived.size >= mostDerived) derived.clear();
  derived.set(name, key);
  return key;
}

/** Deriving costs more than signing. */
const derived = new Map<string, Uint8Array<ArrayBuffer>>();
const mostDerived = 1000;

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
  const broken = secrets.findIndex(
    (secret) => secret.startsWith(podKeyPrefix) && !/^[0-9a-f]{64}$/.test(secret.slice(podKeyPrefix.length)),
  );
  if (broken >= 0) {
    throw new RangeError(
      `WEIR_POD_SECRETS: secret ${broken + 1} is not a whole pod key; make it again with \`npm run pod-key\``,
    );
  }
  return [first, ...rest];
}
