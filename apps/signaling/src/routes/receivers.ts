import { rtpParametersFromWire } from '@weir/ortc';
import {
  CreateReceiverRequest,
  MoveReceiverRequest,
  PeerId,
  ReceiverId,
  ReceiverView,
  RoomId,
  SetReceiverParametersRequest,
  UpdateReceiverRequest,
} from '@weir/protocol';
import { type ReceiverRecord, unusedId } from '@weir/room';
import { endpoint, json, noContent, type Router } from '../http/endpoint.ts';
import { ProblemError } from '../problem.ts';
import { refusals } from '../refusals.ts';
import { ownPeer, ownReceiver, ownTransport } from '../rooms/owned.ts';
import type { Services } from '../services.ts';
import type { VerifiedToken } from '../tokens/token.ts';
import { receiverView } from '../views.ts';

const ofPeer = { room: RoomId, peer: PeerId };
const params = { ...ofPeer, receiver: ReceiverId };
const tag = 'receivers';
const gone = ['room-not-found', 'room-closed', 'peer-not-found', 'peer-closed'] as const;

/** Receivers (a client's producers): create with parameters, set them again, pause, move, close. */
export function addReceiverRoutes(router: Router, services: Services): void {
  const { deps, doorkeeper, rooms } = services;

  endpoint(
    router,
    services,
    {
      method: 'post',
      path: '/v1/rooms/{room}/peers/{peer}/receivers',
      summary: 'Publish: create a receiver and tell its parameters, in one step',
      tag,
      params: ofPeer,
      body: CreateReceiverRequest,
      answers: { 201: ReceiverView },
      problems: [
        'invalid-parameter',
        'unsupported-codec',
        'invalid-state',
        'conflict',
        'limit-reached',
        'transport-not-found',
        ...gone,
      ],
    },
    async ({ params, body, token, idempotent }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const { kind, appData, paused, keyFrameRequestDelayMs, alwaysForward } = body;
      requirePublish(token, kind, 'kind');
      const most = deps.config.maxReceiversPerPeer;
      const answer = (receiver: ReceiverRecord) => json(201, receiverView(receiver));
      const done = await rooms.change(
        params.room,
        (turn) => {
          const peer = ownPeer(turn, params.peer);
          const transport = ownTransport(turn, params.peer, body.transportId, 'transportId');
          if ([...turn.state.receivers.values()].filter((one) => one.peerId === peer.id).length >= most) {
            throw new ProblemError('limit-reached', `A peer may have ${most} receivers: close one first.`);
          }
          const receiverId = unusedId(turn.state, deps);
          const created = { peerId: peer.id, receiverId, kind, transportId: transport.id };
          refusals('', '', () =>
            turn.run({
              type: 'receiver.create',
              ...created,
              appData,
              paused,
              keyFrameRequestDelayMs,
              alwaysForward,
            }),
          );
          const rtpParameters = rtpParametersFromWire(body.rtpParameters);
          refusals('parameters', 'rtpParameters', () =>
            turn.run({ type: 'receiver.receive', receiverId, rtpParameters }),
          );
          return turn.state.receivers.get(receiverId)!;
        },
        idempotent(answer),
      );
      return answer(done.value);
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/peers/{peer}/receivers/{receiver}',
      summary: 'Read a receiver',
      tag,
      params,
      answers: { 200: ReceiverView },
      problems: ['receiver-not-found', ...gone],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.peer(token, params.room, params.peer);
      const receiver = (await doorkeeper.load(caller)).state.receivers.get(Number(params.receiver));
      if (receiver?.peerId !== caller.peer.id) {
        throw new ProblemError(
          'receiver-not-found',
          `Peer ${params.peer} has no receiver ${params.receiver}.`,
        );
      }
      return json(200, receiverView(receiver));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'put',
      path: '/v1/rooms/{room}/peers/{peer}/receivers/{receiver}/parameters',
      summary: 'Tell new parameters of what is sent',
      tag,
      params,
      body: SetReceiverParametersRequest,
      answers: { 200: ReceiverView },
      problems: ['invalid-parameter', 'unsupported-codec', 'conflict', 'receiver-not-found', ...gone],
    },
    async ({ params, body, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const rtpParameters = rtpParametersFromWire(body.rtpParameters);
      const done = await rooms.change(params.room, (turn) => {
        const { id, kind } = ownReceiver(turn, params.peer, params.receiver);
        requirePublish(token, kind);
        refusals('parameters', 'rtpParameters', () =>
          turn.run({ type: 'receiver.receive', receiverId: id, rtpParameters }),
        );
        return turn.state.receivers.get(id)!;
      });
      return json(200, receiverView(done.value));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'put',
      path: '/v1/rooms/{room}/peers/{peer}/receivers/{receiver}/transport',
      summary:
        'Move to another transport. Between media pods it is received on both until nobody needs the old one; ' +
        'the event `transport` tells when',
      tag,
      params,
      body: MoveReceiverRequest,
      answers: { 200: ReceiverView },
      problems: [
        'invalid-parameter',
        'unsupported-codec',
        'conflict',
        'transport-not-found',
        'receiver-not-found',
        ...gone,
      ],
    },
    async ({ params, body, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const rtpParameters = rtpParametersFromWire(body.rtpParameters);
      const done = await rooms.change(params.room, (turn) => {
        const { id, kind } = ownReceiver(turn, params.peer, params.receiver);
        requirePublish(token, kind);
        const { id: transportId } = ownTransport(turn, params.peer, body.transportId, 'transportId');
        refusals('parameters', 'rtpParameters', () =>
          turn.run({ type: 'receiver.move', receiverId: id, transportId, rtpParameters }),
        );
        return turn.state.receivers.get(id)!;
      });
      return json(200, receiverView(done.value));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'patch',
      path: '/v1/rooms/{room}/peers/{peer}/receivers/{receiver}',
      summary: 'Pause, resume, move to another transport, change appData',
      tag,
      params,
      body: UpdateReceiverRequest,
      answers: { 200: ReceiverView },
      problems: ['invalid-parameter', 'conflict', 'transport-not-found', 'receiver-not-found', ...gone],
    },
    async ({ params, body, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const done = await rooms.change(params.room, (turn) => {
        const receiver = ownReceiver(turn, params.peer, params.receiver);
        const receiverId = receiver.id;
        const { transportId, paused, appData } = body;
        // Whoever may not publish may still stop.
        if (transportId !== undefined || paused === false) requirePublish(token, receiver.kind);
        if (appData !== undefined) turn.run({ type: 'receiver.setAppData', receiverId, appData });
        if (transportId !== undefined && Number(transportId) !== receiver.transportId) {
          const transport = ownTransport(turn, params.peer, transportId, 'transportId');
          refusals('', 'transportId', () =>
            turn.run({ type: 'receiver.setTransport', receiverId, transportId: transport.id }),
          );
        }
        if (paused !== undefined)
          turn.run({ type: paused ? 'receiver.pause' : 'receiver.resume', receiverId });
        return turn.state.receivers.get(receiverId)!;
      });
      return json(200, receiverView(done.value));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'delete',
      path: '/v1/rooms/{room}/peers/{peer}/receivers/{receiver}',
      summary: 'Stop publishing',
      tag,
      params,
      answers: { 204: null },
      problems: ['receiver-not-found', ...gone],
    },
    async ({ params, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      await rooms.change(params.room, (turn) => {
        const { id } = ownReceiver(turn, params.peer, params.receiver);
        turn.run({ type: 'receiver.close', receiverId: id });
      });
      return noContent;
    },
  );
}

/** The token at hand may be another one than that which published. @throws ProblemError `forbidden` */
function requirePublish(token: VerifiedToken, kind: ReceiverRecord['kind'], field?: string): void {
  if (token.grants.publish.some((granted) => granted === kind)) return;
  throw new ProblemError(
    'forbidden',
    `The token does not grant publishing ${kind}.`,
    field === undefined ? {} : { field },
  );
}
