import {
  MoveSenderAnswer,
  MoveSenderRequest,
  PeerId,
  RoomId,
  SenderId,
  SenderList,
  SenderView,
  UpdateSenderRequest,
} from '@weir/protocol';
import { endpoint, json, noContent, type Router } from '../http/endpoint.ts';
import { ProblemError } from '../problem.ts';
import { refusals } from '../refusals.ts';
import { ownSender, ownTransport } from '../rooms/owned.ts';
import type { Services } from '../services.ts';
import { senderViewOf, senderViewThere } from '../views.ts';

const ofPeer = { room: RoomId, peer: PeerId };
const params = { ...ofPeer, sender: SenderId };
const tag = 'senders';
const gone = ['room-not-found', 'room-closed', 'peer-not-found', 'peer-closed'] as const;

/** Senders (a client's consumers): list, bind, enable, choose layers, ask for a key frame. */
export function addSenderRoutes(router: Router, services: Services): void {
  const { doorkeeper, rooms } = services;

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/peers/{peer}/senders',
      summary: 'List what the peer can be sent',
      tag,
      params: ofPeer,
      answers: { 200: SenderList },
      problems: [...gone],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.peer(token, params.room, params.peer);
      const { state } = await doorkeeper.load(caller);
      const senders = [...state.senders.values()].filter((sender) => sender.peerId === caller.peer.id);
      return json(200, { senders: senders.map((sender) => senderViewOf(state, sender)) });
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/peers/{peer}/senders/{sender}',
      summary: 'Read a sender',
      tag,
      params,
      answers: { 200: SenderView },
      problems: ['sender-not-found', ...gone],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.peer(token, params.room, params.peer);
      const { state } = await doorkeeper.load(caller);
      const sender = ownSender({ state }, params.peer, params.sender);
      return json(200, senderViewOf(state, sender));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'patch',
      path: '/v1/rooms/{room}/peers/{peer}/senders/{sender}',
      summary:
        'Bind to a transport (what a client then consumes is in the answer), enable, choose layers, hysteresis and priority',
      tag,
      params,
      body: UpdateSenderRequest,
      answers: { 200: SenderView },
      problems: ['invalid-parameter', 'invalid-state', 'transport-not-found', 'sender-not-found', ...gone],
    },
    async ({ params, body, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const { transportId, enabled, preferredLayers, priority, hysteresis } = body;
      if (transportId !== undefined && transportId !== null && !token.grants.subscribe) {
        throw new ProblemError('forbidden', 'The token does not grant receiving media.', {
          field: 'transportId',
        });
      }
      const done = await rooms.change(params.room, (turn) => {
        const senderId = ownSender(turn, params.peer, params.sender).id;
        // Before binding: what starts disabled must not send a first packet.
        if (enabled !== undefined) turn.run({ type: enabled ? 'sender.enable' : 'sender.disable', senderId });
        if (preferredLayers !== undefined) {
          refusals('', 'preferredLayers', () =>
            turn.run({ type: 'sender.setPreferredLayers', senderId, layers: preferredLayers }),
          );
        }
        if (priority !== undefined) turn.run({ type: 'sender.setPriority', senderId, priority });
        if (hysteresis !== undefined) turn.run({ type: 'sender.setHysteresis', senderId, hysteresis });
        if (transportId !== undefined) {
          const bound =
            transportId === null ? null : ownTransport(turn, params.peer, transportId, 'transportId').id;
          refusals('', 'transportId', () =>
            turn.run({ type: 'sender.setTransport', senderId, transportId: bound, rebind: true }),
          );
        }
        return senderViewOf(turn.state, turn.state.senders.get(senderId)!);
      });
      return json(200, done.value);
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'put',
      path: '/v1/rooms/{room}/peers/{peer}/senders/{sender}/transport',
      summary:
        'Move to another transport: what to consume there is in the answer. Between media pods it is sent on both ' +
        'until this is repeated with `done`',
      tag,
      params,
      body: MoveSenderRequest,
      answers: { 200: MoveSenderAnswer },
      problems: ['invalid-parameter', 'invalid-state', 'transport-not-found', 'sender-not-found', ...gone],
    },
    async ({ params, body, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      if (!token.grants.subscribe) {
        throw new ProblemError('forbidden', 'The token does not grant receiving media.', {
          field: 'transportId',
        });
      }
      const done = await rooms.change(params.room, (turn) => {
        const senderId = ownSender(turn, params.peer, params.sender).id;
        const { id: transportId } = ownTransport(turn, params.peer, body.transportId, 'transportId');
        refusals('', 'transportId', () =>
          turn.run({ type: 'sender.move', senderId, transportId, done: body.done }),
        );
        return senderViewThere(turn.state, turn.state.senders.get(senderId)!);
      });
      return json(200, done.value);
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'post',
      path: '/v1/rooms/{room}/peers/{peer}/senders/{sender}/keyframe',
      summary: 'Ask the source for a key frame',
      tag,
      params,
      answers: { 204: null },
      problems: ['sender-not-found', ...gone],
    },
    async ({ params, token, idempotent }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      await rooms.change(
        params.room,
        (turn) => {
          const senderId = ownSender(turn, params.peer, params.sender).id;
          turn.run({ type: 'sender.requestKeyFrame', senderId });
        },
        idempotent(() => noContent),
      );
      return noContent;
    },
  );
}
