import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { coversRoom, createTicket, createToken, verifyTicket, verifyToken } from './token.ts';

const now = 1_800_000_000_000;
const secret = 'a secret for tests of at least 32 characters';
const keys = new Map([
  ['one', secret],
  ['two', 'x'.repeat(32)],
]);
const key = { keyId: 'one', secret, nowMs: now };

/** As a backend with any other library makes it. */
function foreign(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ iss: 'one', jti: 'j1', exp: now / 1000 + 60, weir: { room: 'daily' }, ...claims })
    .setProtectedHeader({ alg: 'HS256', kid: 'one', ...header })
    .sign(new TextEncoder().encode(secret));
}

describe('tokens', () => {
  it('carry their grants, with defaults', async () => {
    const token = await createToken({
      ...key,
      room: 'daily',
      name: 'alice',
      subject: 'user-1',
      ttlSeconds: 10,
    });
    expect(await verifyToken(keys, token, now)).toEqual({
      keyId: 'one',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      subject: 'user-1',
      issuedAt: now,
      expiresAt: now + 10_000,
      grants: { room: 'daily', name: 'alice', publish: ['audio', 'video'], subscribe: true, admin: false },
    });
    await expect(createToken({ ...key, room: '' })).rejects.toThrow();
  });

  it('of any library are taken, with or without typ', async () => {
    for (const header of [{}, { typ: 'JWT' }, { typ: 'jwt' }]) {
      expect(await verifyToken(keys, await foreign({}, header), now)).toMatchObject({
        id: 'j1',
        subject: 'j1',
      });
    }
  });

  it.each([
    ['another type', {}, { typ: 'at+jwt' }, /could not be read|typ/],
    ['no jti', { jti: undefined }, {}, /claim jti/],
    ['no expiry', { exp: undefined }, {}, /claim exp/],
    ['an issuer that is not the key', { iss: 'two' }, {}, /claim iss/],
    ['another key than it names', {}, { kid: 'two' }, /not signed with the secret of API key two/],
    ['no key', {}, { kid: undefined }, /set the header kid/],
    ['no grants', { weir: undefined }, {}, /claim weir/],
    ['grants that cannot be', { weir: { room: 'daily', publish: ['smell'] } }, {}, /claim weir\.publish\.0/],
  ])('with %s are refused, and told why', async (_, claims, header, reason) => {
    const token = await foreign(claims, header);
    await expect(verifyToken(keys, token, now)).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.stringMatching(reason),
    });
  });

  it('expire, give or take a few seconds of clocks that differ', async () => {
    const token = await createToken({ ...key, room: 'daily', ttlSeconds: 10 });
    await verifyToken(keys, token, now + 14_000);
    await expect(verifyToken(keys, token, now + 16_000)).rejects.toThrow(/has expired: get a new one/);
  });

  it('are no tickets, nor tickets tokens; and a ticket ends with its token', async () => {
    const token = await createToken({ ...key, room: 'daily', ttlSeconds: 30 });
    const verified = await verifyToken(keys, token, now);
    const ticket = await createTicket(
      keys,
      verified,
      { roomId: 'daily', peerId: 12345678, ttlSeconds: 600 },
      now,
    );
    expect(await verifyTicket(keys, ticket, now)).toEqual({
      tokenId: verified.id,
      roomId: 'daily',
      peerId: 12345678,
    });
    await expect(verifyToken(keys, ticket, now)).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(verifyTicket(keys, token, now)).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(verifyTicket(keys, ticket, now + 40_000)).rejects.toThrow(/expired/);
  });

  it('cover a room by name or by the beginning of its name', () => {
    expect(coversRoom('daily', 'daily')).toBe(true);
    expect(coversRoom('daily', 'daily2')).toBe(false);
    expect(coversRoom('team-*', 'team-a')).toBe(true);
    expect(coversRoom('team-*', 'teams')).toBe(false);
    expect(coversRoom('*', 'anything')).toBe(true);
  });
});
