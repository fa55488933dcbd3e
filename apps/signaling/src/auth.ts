import type { Access, AccessStore, LoadedRoom, RoomStore } from '@weir/db';
import type { AppConfig } from './config.ts';
import { ProblemError } from './problem.ts';
import { roomNotFound } from './rooms/rooms.ts';
import { coversRoom, type VerifiedToken, verifyTicket, verifyToken } from './tokens/token.ts';

/** Who is asking, and what of the path was found. */
export interface RoomCaller {
  readonly token: VerifiedToken;
  readonly room: { readonly id: string; readonly version: number };
}

export interface PeerCaller extends RoomCaller {
  readonly peer: { readonly id: number } & NonNullable<Access['peer']>;
}

/** What a reader of events may do: read the events of one peer. */
export interface ReaderCaller {
  readonly roomId: string;
  readonly peerId: number;
  readonly tokenId: string;
  readonly closedAt: number | null;
}

/** Finds out who asks, and refuses whom it is not granted. One token check and one cheap read per request. */
export class Doorkeeper {
  readonly #config: AppConfig;
  readonly #access: AccessStore;
  readonly #rooms: RoomStore;

  constructor(config: AppConfig, access: AccessStore, rooms: RoomStore) {
    this.#config = config;
    this.#access = access;
    this.#rooms = rooms;
  }

  /** The bearer of a request. @throws ProblemError `unauthorized` */
  async token(authorization: string | undefined, now: number): Promise<VerifiedToken> {
    const bearer = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (bearer === undefined) {
      throw new ProblemError(
        'unauthorized',
        'Send `Authorization: Bearer <token>`; your backend makes tokens.',
      );
    }
    return await verifyToken(this.#config.apiKeys, bearer, now);
  }

  /** An administrator of something, for calls that name no room. */
  async admin(token: VerifiedToken): Promise<void> {
    requireGood(await this.#access.check({ tokenId: token.id, holder: token }));
    if (!token.grants.admin)
      throw new ProblemError('forbidden', 'This needs a token with the grant `admin`.');
  }

  /** A caller that was answered before, and is answered the same again. @throws ProblemError `forbidden` */
  async repeater(token: VerifiedToken, roomId: string | undefined): Promise<void> {
    if (roomId !== undefined) requireRoom(token, roomId);
    requireGood(await this.#access.check({ tokenId: token.id, holder: token }));
  }

  /** A caller of an open room. @throws ProblemError `forbidden`, `room-not-found`, `room-closed` */
  async room(token: VerifiedToken, roomId: string, options: { admin?: boolean } = {}): Promise<RoomCaller> {
    requireRoom(token, roomId);
    const access = await this.#access.check({ tokenId: token.id, holder: token, roomId });
    requireGood(access);
    if (options.admin === true && !token.grants.admin) {
      throw new ProblemError('forbidden', 'This needs a token with the grant `admin`.');
    }
    return { token, room: { id: roomId, ...openRoom(access, roomId) } };
  }

  /**
   * A caller that acts for a peer: with the token it joined with, another one of the same subject, or an
   * administrator's.
   *
   * @throws ProblemError `forbidden`, `room-not-found`, `room-closed`, `peer-not-found`, `peer-closed`
   */
  async peer(token: VerifiedToken, roomId: string, peer: string): Promise<PeerCaller> {
    requireRoom(token, roomId);
    const peerId = Number(peer);
    const access = await this.#access.check({ tokenId: token.id, holder: token, roomId, peerId });
    requireGood(access);
    if (access.room === undefined) throw roomNotFound(roomId);
    if (access.peer === undefined) throw peerNotFound(peer, roomId);
    const { tokenId, tokenSubject, closedAt } = access.peer;
    if (tokenId !== token.id && tokenSubject !== token.subject && !token.grants.admin) {
      throw new ProblemError(
        'forbidden',
        `Peer ${peer} joined with another token: use that one, or one with the grant admin.`,
      );
    }
    const room = { id: roomId, ...openRoom(access, roomId) };
    if (closedAt !== null) throw new ProblemError('peer-closed', `Peer ${peer} has left: join again.`);
    return { token, room, peer: { id: peerId, ...access.peer } };
  }

  /** A reader of a peer's log, which may also be that of a peer that has left. */
  async reader(
    request: { authorization: string | undefined; ticket: string | undefined; roomId: string; peer: string },
    now: number,
  ): Promise<ReaderCaller> {
    const { roomId, peer } = request;
    const peerId = Number(peer);
    if (request.authorization === undefined && request.ticket !== undefined) {
      const ticket = await verifyTicket(this.#config.apiKeys, request.ticket, now);
      if (ticket.roomId !== roomId || ticket.peerId !== peerId) {
        throw new ProblemError('forbidden', 'The ticket was made for the events of another peer.');
      }
      const access = await this.#access.check({ tokenId: ticket.tokenId, roomId, peerId });
      requireGood(access);
      return this.#reader(access, roomId, peer, ticket.tokenId);
    }
    const token = await this.token(request.authorization, now);
    requireRoom(token, roomId);
    const access = await this.#access.check({ tokenId: token.id, holder: token, roomId, peerId });
    // Whoever was removed may read why.
    if (access.peer === undefined || access.peer.closedAt === null) requireGood(access);
    const reader = this.#reader(access, roomId, peer, token.id);
    const { tokenId, tokenSubject } = access.peer!;
    if (tokenId !== token.id && tokenSubject !== token.subject && !token.grants.admin) {
      throw new ProblemError(
        'forbidden',
        `Peer ${peer} joined with another token: use that one, or one with the grant admin.`,
      );
    }
    return reader;
  }

  #reader(access: Access, roomId: string, peer: string, tokenId: string): ReaderCaller {
    if (access.room === undefined) throw roomNotFound(roomId);
    if (access.peer === undefined) throw peerNotFound(peer, roomId);
    return { roomId, peerId: Number(peer), tokenId, closedAt: access.peer.closedAt };
  }

  /** The room a caller was let into, at the version it was let in at or later. */
  async load(caller: RoomCaller): Promise<LoadedRoom> {
    const room = await this.#rooms.load(caller.room.id, caller.room.version);
    if (room === undefined) throw roomNotFound(caller.room.id);
    return room;
  }
}

export function requireRoom(token: VerifiedToken, roomId: string): void {
  if (coversRoom(token.grants.room, roomId)) return;
  throw new ProblemError('forbidden', `The token is for room ${token.grants.room}, not for ${roomId}.`);
}

export function peerNotFound(peer: string, roomId: string): ProblemError {
  return new ProblemError(
    'peer-not-found',
    `There is no peer ${peer} in room ${roomId}: join with POST …/peers.`,
  );
}

function requireGood(access: Access): void {
  if (access.revoked === undefined) return;
  throw new ProblemError(
    'forbidden',
    `The token was taken back: ${access.revoked}. Get a new one from your backend.`,
  );
}

function openRoom(access: Access, roomId: string): { version: number } {
  if (access.room === undefined) throw roomNotFound(roomId);
  if (access.room.closedAt !== null) throw new ProblemError('room-closed', `Room ${roomId} was closed.`);
  return { version: access.room.version };
}
