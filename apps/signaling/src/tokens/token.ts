import { Grants, RoomId } from '@weir/protocol';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import { ProblemError } from '../problem.ts';

/** API keys: id -> secret. Every one verifies. */
export type ApiKeys = ReadonlyMap<string, string>;

/** A token that was found good. */
export interface VerifiedToken {
  readonly keyId: string;
  /** `jti`. */
  readonly id: string;
  /** `sub`, or the `jti` again: tokens of one subject may act for the same peers. */
  readonly subject: string;
  readonly grants: Grants;
  /** Milliseconds since 1970; 0 = it does not say. */
  readonly issuedAt: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface CreateTokenOptions {
  readonly keyId: string;
  readonly secret: string;
  /** Room id, or a pattern with `*` at its end. */
  readonly room: string;
  /** The only name the token may join with. */
  readonly name?: string;
  readonly publish?: readonly ('audio' | 'video')[];
  readonly subscribe?: boolean;
  readonly admin?: boolean;
  /** Give the same subject to a later token, and it may act for the peers of this one. */
  readonly subject?: string;
  /** Default: one hour. */
  readonly ttlSeconds?: number;
  /** Milliseconds since 1970; default: now. */
  readonly nowMs?: number;
}

/**
 * Makes a token as an application's backend would: a JWT (HS256) signed with an API key's secret.
 *
 * @throws ZodError when a grant is out of range
 */
export async function createToken(options: CreateTokenOptions): Promise<string> {
  const { keyId, secret, room, name, publish, subscribe, admin, subject } = options;
  const grants = Grants.parse({ room, name, publish, subscribe, admin });
  const issuedAt = Math.floor((options.nowMs ?? Date.now()) / 1000);
  const token = new SignJWT({ weir: grants })
    .setProtectedHeader({ alg: 'HS256', typ: ordinaryType, kid: keyId })
    .setIssuer(keyId)
    .setJti(crypto.randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + (options.ttlSeconds ?? 3600));
  if (subject !== undefined) token.setSubject(subject);
  return await token.sign(encoder.encode(secret));
}

/**
 * Checks signature, expiry and grants of an API token.
 *
 * @throws ProblemError `unauthorized`
 */
export async function verifyToken(keys: ApiKeys, token: string, nowMs: number): Promise<VerifiedToken> {
  const { keyId, payload } = await verifyJwt(keys, token, ordinaryType, nowMs);
  const grants = Grants.safeParse(payload.weir);
  if (!grants.success) {
    const issue = grants.error.issues[0]!;
    throw unauthorized(
      `The token's claim ${['weir', ...issue.path].join('.')} is not acceptable: ${issue.message}.`,
    );
  }
  return {
    keyId,
    id: payload.jti!,
    subject: payload.sub ?? payload.jti!,
    grants: grants.data,
    issuedAt: Math.floor((payload.iat ?? 0) * 1000),
    expiresAt: Math.floor(payload.exp! * 1000),
  };
}

/** What a stream ticket stands for: reading the events of one peer, no more. */
export interface StreamTicket {
  readonly tokenId: string;
  readonly roomId: string;
  readonly peerId: number;
}

/** A ticket for EventSource, which cannot send headers. Signed with the key of the token it stands for. */
export async function createTicket(
  keys: ApiKeys,
  token: VerifiedToken,
  ticket: { roomId: string; peerId: number; ttlSeconds: number },
  nowMs: number,
): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1000);
  return await new SignJWT({ room: ticket.roomId, peer: ticket.peerId })
    .setProtectedHeader({ alg: 'HS256', typ: ticketType, kid: token.keyId })
    .setIssuer(token.keyId)
    .setJti(token.id)
    .setExpirationTime(Math.min(issuedAt + ticket.ttlSeconds, Math.floor(token.expiresAt / 1000)))
    .sign(encoder.encode(keys.get(token.keyId)!));
}

/** @throws ProblemError `unauthorized` */
export async function verifyTicket(keys: ApiKeys, ticket: string, nowMs: number): Promise<StreamTicket> {
  const { payload } = await verifyJwt(keys, ticket, ticketType, nowMs);
  const room = RoomId.safeParse(payload.room);
  if (!room.success || typeof payload.peer !== 'number') throw unauthorized('The ticket could not be read.');
  return { tokenId: payload.jti!, roomId: room.data, peerId: payload.peer };
}

/** Whether a grant for `pattern` covers a room. */
export function coversRoom(pattern: string, roomId: string): boolean {
  return pattern.endsWith('*') ? roomId.startsWith(pattern.slice(0, -1)) : pattern === roomId;
}

async function verifyJwt(keys: ApiKeys, token: string, typ: string, nowMs: number) {
  const keyId = keyIdOf(token);
  const secret = keys.get(keyId);
  if (secret === undefined)
    throw unauthorized(`No API key ${JSON.stringify(keyId)} is known here (header kid).`);
  try {
    const { payload } = await jwtVerify(token, encoder.encode(secret), {
      algorithms: ['HS256'],
      issuer: keyId,
      // Many libraries leave it out of ordinary tokens; a ticket always says what it is.
      ...(typ === ordinaryType && typeOf(token) === undefined ? {} : { typ }),
      requiredClaims: ['exp', 'jti'],
      currentDate: new Date(nowMs),
      clockTolerance: clockToleranceSeconds,
    });
    return { keyId, payload };
  } catch (error) {
    throw unauthorized(reasonOf(error, keyId), error);
  }
}

function keyIdOf(token: string): string {
  try {
    const { kid } = decodeProtectedHeader(token);
    if (typeof kid === 'string') return kid;
  } catch {
    throw unauthorized('The token is not a JWT.');
  }
  throw unauthorized('The token names no API key: set the header kid to its id.');
}

function typeOf(token: string): unknown {
  return decodeProtectedHeader(token).typ;
}

function reasonOf(error: unknown, keyId: string): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired: get a new one from your backend.';
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return `The token is not signed with the secret of API key ${keyId}.`;
  }
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The token's claim ${error.claim}: ${error.message}.`;
  return 'The token could not be read: it must be a JWT signed with HS256.';
}

function unauthorized(detail: string, cause?: unknown): ProblemError {
  return new ProblemError('unauthorized', detail, cause === undefined ? {} : { cause });
}

const encoder = new TextEncoder();
const ordinaryType = 'JWT';
const ticketType = 'weir-ticket+jwt';
/** How far a backend's clock may be behind or ahead of ours. */
export const clockToleranceSeconds = 5;
