import { errors, jwtVerify, SignJWT } from 'jose';
import { PodCallRefused } from './errors.ts';
import { keyOfPod, type PodSecrets } from './secrets.ts';

/** Longest life of a call token, in seconds. */
export const callTokenSeconds = 60;
/** How far two clocks may be apart, in seconds. */
export const clockToleranceSeconds = 15;
/** Audience of calls from pods to signaling. A pod's audience is its id. */
export const signalingAudience = 'weir-signaling';

/** What a call token stands for: this caller, this callee, this request and no other. */
export interface CallClaims {
  readonly issuer: string;
  readonly audience: string;
  /** Start of the pod that is meant; one that was started again must not take what was for the earlier. */
  readonly epoch?: number | undefined;
  /** Method and path as the callee sees it: `PUT /v1/rooms/daily/media`. */
  readonly request: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A call whose token is good; whether its body is the signed one is still to be seen. */
export interface VerifiedCall {
  readonly issuer: string;
  /** SHA-256 in hexadecimal, as the token says. */
  readonly bodyHash: unknown;
  /** Start of the pod that is meant; undefined = whichever. */
  readonly epoch: unknown;
}

/**
 * Signs one call with the first secret (JWT, HS256), by the key that belongs to the pod at one of its ends.
 * `nowMs` is milliseconds since 1970.
 */
export async function signCall(secrets: PodSecrets, claims: CallClaims, nowMs: number): Promise<string> {
  const now = Math.floor(nowMs / 1000);
  const { epoch, issuer, audience } = claims;
  const sha = await digest(claims.body);
  return await new SignJWT({ req: claims.request, sha, ...(epoch === undefined ? {} : { epoch }) })
    .setProtectedHeader({ alg: 'HS256', typ: tokenType })
    .setIssuer(claims.issuer)
    .setAudience(claims.audience)
    .setIssuedAt(now)
    .setExpirationTime(now + callTokenSeconds)
    .sign(await keyOfPod(secrets[0], audience === signalingAudience ? issuer : audience));
}

/**
 * Checks signature (by the key of pod `podId`, made of every secret), audience, expiry, and that the token was made for this request. Whoever
 * cannot show that is not worth reading a body of: `requireBody` comes after.
 *
 * @throws PodCallRefused `unauthorized`
 */
export async function verifyCall(
  secrets: PodSecrets,
  token: string | undefined,
  expected: Pick<CallClaims, 'audience' | 'request'> & { readonly podId: string },
  nowMs: number,
): Promise<VerifiedCall> {
  if (token === undefined) {
    throw new PodCallRefused('unauthorized', 'Send `Authorization: Bearer <call token>`.');
  }
  const payload = await verifyWithAny(secrets, token, expected, nowMs);
  if (payload.exp! - payload.iat! > callTokenSeconds) {
    throw new PodCallRefused('unauthorized', `The call token lives longer than ${callTokenSeconds} s.`);
  }
  if (payload.req !== expected.request) {
    throw new PodCallRefused(
      'unauthorized',
      `The call token was made for another request than ${expected.request}.`,
    );
  }
  return { issuer: payload.iss!, bodyHash: payload.sha, epoch: payload.epoch };
}

/** The call's body must be the one that was signed. @throws PodCallRefused `unauthorized` */
export async function requireBody(call: VerifiedCall, body: Uint8Array<ArrayBuffer>): Promise<void> {
  if (call.bodyHash === (await digest(body))) return;
  throw new PodCallRefused('unauthorized', 'The call token was made for another body.');
}

async function verifyWithAny(
  secrets: PodSecrets,
  token: string,
  { audience, podId }: { audience: string; podId: string },
  nowMs: number,
) {
  for (const secret of secrets) {
    try {
      const { payload } = await jwtVerify(token, await keyOfPod(secret, podId), {
        algorithms: ['HS256'],
        typ: tokenType,
        audience,
        requiredClaims: ['iss', 'iat', 'exp', 'req', 'sha'],
        currentDate: new Date(nowMs),
        clockTolerance: clockToleranceSeconds,
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      throw new PodCallRefused('unauthorized', reasonOf(error, audience), { cause: error });
    }
  }
  throw new PodCallRefused(
    'unauthorized',
    `No secret here verifies the call token of pod ${podId}: WEIR_POD_SECRETS differs between signaling and pod, or the key is another pod's.`,
  );
}

function reasonOf(error: unknown, audience: string): string {
  if (error instanceof errors.JWTExpired) {
    return `The call token has expired; are the clocks more than ${clockToleranceSeconds} s apart?`;
  }
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud') {
    return `The call token was made for another callee than ${audience}.`;
  }
  return 'The call token could not be read.';
}

/** SHA-256 in hexadecimal. */
async function digest(body: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', body));
  let text = '';
  for (const byte of hash) text += byte.toString(16).padStart(2, '0');
  return text;
}

const tokenType = 'weir-call+jwt';
