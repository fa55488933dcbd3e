import type { AccessStore, TokenBinding } from '@weir/db';
import type { Turn } from '../rooms/turn.ts';
import { clockToleranceSeconds } from './token.ts';

/**
 * Who goes with a peer whose token is taken back: everybody in the room that joined with that token, or with
 * another one of its subject. In the order they joined; the peer itself included.
 */
export function peersWith(turn: Turn, binding: TokenBinding): number[] {
  return [...turn.state.peers.keys()].filter((peerId) => {
    const other = turn.binding(peerId);
    return other?.tokenId === binding.tokenId || other?.tokenSubject === binding.tokenSubject;
  });
}

/**
 * Takes back the token a peer joined with, and every other one that its subject was given up to now: it would
 * come again with the next one at once. What the backend issues to the subject later is good.
 *
 * @param now milliseconds since 1970
 */
export function takeBackStatements(
  access: AccessStore,
  { tokenId, tokenSubject, tokenExpiresAt }: TokenBinding,
  reason: string,
  now: number,
): ReturnType<AccessStore['revokeStatements']> {
  // A token is taken for good a little longer than it says.
  const expiresAt = Math.max(tokenExpiresAt, now) + clockToleranceSeconds * 1000;
  return [
    ...access.revokeStatements({ id: tokenId, reason, expiresAt }),
    // Without `sub` the subject is the token's own id, and there is no other.
    ...(tokenSubject === tokenId
      ? []
      : access.revokeSubjectStatements({
          subject: tokenSubject,
          reason,
          revokedAt: now,
          expiresAt: Math.max(expiresAt, now + longestTokenMs),
        })),
  ];
}

/** When the subject's other tokens expire is not known here; none is meant to live longer than this. */
const longestTokenMs = 30 * 86_400_000;
