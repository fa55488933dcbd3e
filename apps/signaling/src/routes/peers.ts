import { z } from '@hono/zod-openapi';
import {
  capabilitiesFromWire,
  capabilitiesToWire,
  effectivePeerCapabilities,
  parsePeerCapabilities,
} from '@weir/ortc';
import {
  CapabilitiesAnswer,
  CapabilitiesRequest,
  JoinAnswer,
  JoinRequest,
  PeerId,
  PeerInfo,
  RoomId,
  Snapshot,
  type WireRtpCapabilities,
} from '@weir/protocol';
import { unusedId } from '@weir/room';
import { peerNotFound } from '../auth.ts';
import { endpoint, json, noContent, type Router } from '../http/endpoint.ts';
import { ProblemError } from '../problem.ts';
import { refusals } from '../refusals.ts';
import type { Turn } from '../rooms/turn.ts';
import type { Services } from '../services.ts';
import { peersWith, takeBackStatements } from '../tokens/take-back.ts';
import type { VerifiedToken } from '../tokens/token.ts';
import { peerInfo, snapshotView } from '../views.ts';

const params = { room: RoomId, peer: PeerId };
const tag = 'peers';

/** Peers: join, list, read, capabilities, snapshot, leave. */
export function addPeerRoutes(router: Router, services: Services): void {
  const { deps, doorkeeper, rooms, pods, access, reader } = services;

  endpoint(
    router,
    services,
    {
      method: 'post',
      path: '/v1/rooms/{room}/peers',
      summary: 'Join a room',
      tag,
      params: { room: RoomId },
      body: JoinRequest,
      answers: { 201: JoinAnswer },
      problems: ['invalid-parameter', 'room-not-found', 'room-closed', 'name-taken', 'room-full'],
    },
    async ({ params, body, token, now, idempotent }) => {
      await doorkeeper.room(token, params.room);
      const name = joinName(token, body.name);
      const { iceServers } = deps.config;
      const context = { pod: () => undefined, iceServers };
      const plan = (turn: Turn) => {
        const replaced = [...turn.state.peers.values()].find((peer) => peer.name === name);
        if (replaced !== undefined && body.onTakenName === 'reject') {
          throw new ProblemError(
            'name-taken',
            `${JSON.stringify(name)} is in room ${params.room}: choose another name, or join with onTakenName "replace".`,
            { field: 'name' },
          );
        }
        const loser = replaced === undefined ? undefined : turn.binding(replaced.id);
        const own = loser?.tokenId === token.id || loser?.tokenSubject === token.subject;
        const revoked = own ? undefined : loser;
        const others =
          revoked === undefined ? [] : peersWith(turn, revoked).filter((id) => id !== replaced?.id);
        const living = turn.state.peers.size - (replaced === undefined ? 0 : 1) - others.length;
        if (living >= turn.details.maxPeers) {
          throw new ProblemError(
            'room-full',
            `Room ${params.room} takes ${turn.details.maxPeers} peers: wait until one leaves.`,
          );
        }
        refusals('', '', () =>
          turn.runAll(others.map((id) => ({ type: 'peer.close', peerId: id, reason: 'replaced' }))),
        );
        const peerId = unusedId(turn.state, deps);
        turn.bind(peerId, {
          tokenId: token.id,
          tokenSubject: token.subject,
          tokenExpiresAt: token.expiresAt,
        });
        const replace = body.onTakenName === 'replace';
        refusals('', '', () => turn.run({ type: 'peer.join', peerId, name, replace, appData: body.appData }));
        if (body.rtpCapabilities !== undefined)
          setCapabilities(turn, peerId, body.rtpCapabilities, body.sendRtpCapabilities);
        const { room, state, details } = turn;
        const snapshot = snapshotView({ ...room, state, details }, peerId, turn.eventsOf(peerId), context);
        return { peer: snapshot.self, snapshot, revoked };
      };
      type Joined = ReturnType<typeof plan>;
      const answer = ({ peer, snapshot }: Joined) => json(201, { peer, snapshot, iceServers });
      const done = await rooms.change(params.room, plan, {
        ...idempotent(answer),
        recheck: () => doorkeeper.room(token, params.room),
        also: ({ revoked }) => [
          // Whoever is removed in this very moment must not come in.
          access.goodGuard(token, params.room),
          ...(revoked === undefined
            ? []
            : takeBackStatements(access, revoked, 'another peer took the name', now)),
        ],
      });
      return answer(done.value);
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/peers',
      summary: 'List the peers of a room, in the order they joined',
      tag,
      params: { room: RoomId },
      answers: { 200: z.object({ peers: z.array(PeerInfo) }) },
      problems: ['room-not-found', 'room-closed'],
    },
    async ({ params, token }) => {
      const room = await doorkeeper.load(await doorkeeper.room(token, params.room));
      return json(200, { peers: [...room.state.peers.values()].map(peerInfo) });
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/peers/{peer}',
      summary: 'Read a peer',
      tag,
      params,
      answers: { 200: PeerInfo },
      problems: ['room-not-found', 'room-closed', 'peer-not-found', 'peer-closed'],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.room(token, params.room);
      const peer = (await doorkeeper.load(caller)).state.peers.get(Number(params.peer));
      if (peer !== undefined) return json(200, peerInfo(peer));
      const { peer: known } = await access.check({
        tokenId: token.id,
        roomId: params.room,
        peerId: Number(params.peer),
      });
      if (known === undefined) throw peerNotFound(params.peer, params.room);
      throw new ProblemError('peer-closed', `Peer ${params.peer} has left.`);
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'delete',
      path: '/v1/rooms/{room}/peers/{peer}',
      summary:
        'Leave, or remove a peer, whose token, with all that its subject has by now, is then taken back; repeating it does no harm',
      tag,
      params,
      answers: { 204: null },
      problems: ['room-not-found', 'peer-not-found'],
    },
    async ({ params, token, now }) => {
      const peerId = Number(params.peer);
      try {
        const caller = await doorkeeper.peer(token, params.room, params.peer);
        const { tokenId, tokenSubject } = caller.peer;
        const own = tokenId === token.id || tokenSubject === token.subject;
        const reason = own ? 'left' : 'removed';
        const done = await rooms.change(
          params.room,
          (turn) => {
            const binding = turn.binding(peerId);
            const going = own || binding === undefined ? [peerId] : peersWith(turn, binding);
            refusals('', '', () =>
              turn.runAll(going.map((id) => ({ type: 'peer.close', peerId: id, reason }))),
            );
            return { binding, closed: going.length };
          },
          {
            also: ({ binding }) =>
              own || binding === undefined
                ? []
                : takeBackStatements(access, binding, 'the peer was removed from the room', now),
          },
        );
        deps.metrics.peersClosed(reason, done.value.closed);
      } catch (error) {
        const gone =
          error instanceof ProblemError && (error.code === 'peer-closed' || error.code === 'room-closed');
        if (!gone) throw error;
      }
      return noContent;
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'put',
      path: '/v1/rooms/{room}/peers/{peer}/capabilities',
      summary: 'Set what the peer can play (and send), once; answers what of it works in this room',
      tag,
      params,
      body: CapabilitiesRequest,
      answers: { 200: CapabilitiesAnswer },
      problems: [
        'invalid-parameter',
        'invalid-state',
        'room-not-found',
        'room-closed',
        'peer-not-found',
        'peer-closed',
      ],
    },
    async ({ params, body, token }) => {
      const peerId = Number(params.peer);
      await doorkeeper.peer(token, params.room, params.peer);
      const done = await rooms.change(params.room, (turn) => {
        const known = turn.state.peers.get(peerId)?.capabilities;
        // A client that lost the answer just repeats.
        if (known === undefined || !repeats(turn, known, body.rtpCapabilities)) {
          setCapabilities(turn, peerId, body.rtpCapabilities, body.sendRtpCapabilities);
        }
        return turn.state.peers.get(peerId)!.capabilities!;
      });
      return json(200, { rtpCapabilities: capabilitiesToWire(done.value) });
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/peers/{peer}/snapshot',
      summary: 'The peer’s whole view, with the cursor at which it is true',
      tag,
      params,
      answers: { 200: Snapshot },
      problems: ['room-not-found', 'room-closed', 'peer-not-found', 'peer-closed'],
    },
    async ({ params, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const snapshot = await reader.snapshot(params.room, Number(params.peer), await pods.viewContext());
      if (snapshot === undefined)
        throw new ProblemError('peer-closed', `Peer ${params.peer} has left: join again.`);
      return json(200, snapshot);
    },
  );
}

function joinName(token: VerifiedToken, wanted: string | undefined): string {
  const granted = token.grants.name;
  const name = wanted ?? granted;
  if (name === undefined) {
    throw new ProblemError('invalid-parameter', 'name: give one, the token has none.', { field: 'name' });
  }
  if (granted !== undefined && name !== granted) {
    throw new ProblemError('forbidden', `The token is for the name ${JSON.stringify(granted)} only.`, {
      field: 'name',
    });
  }
  return name;
}

function setCapabilities(
  turn: Turn,
  peerId: number,
  capabilities: WireRtpCapabilities,
  sendCapabilities: WireRtpCapabilities | undefined,
): void {
  refusals('capabilities', 'rtpCapabilities', () =>
    turn.run({
      type: 'peer.setCapabilities',
      peerId,
      capabilities: capabilitiesFromWire(capabilities),
      ...(sendCapabilities === undefined ? {} : { sendCapabilities: capabilitiesFromWire(sendCapabilities) }),
    }),
  );
}

/** Whether setting `wire` again would give what is set already. */
function repeats(turn: Turn, known: unknown, wire: WireRtpCapabilities): boolean {
  const parsed = refusals('capabilities', 'rtpCapabilities', () =>
    parsePeerCapabilities(capabilitiesFromWire(wire)),
  );
  const effective = effectivePeerCapabilities(turn.state.capabilities, parsed);
  return JSON.stringify(effective) === JSON.stringify(known);
}
