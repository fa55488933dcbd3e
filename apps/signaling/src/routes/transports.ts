import { createIceCredentials, dtlsParametersFromWire, iceParametersToWire } from '@weir/ortc';
import {
  ConnectTransportRequest,
  IceRestartAnswer,
  PeerId,
  RoomId,
  TransportCheckAnswer,
  TransportId,
  UpdateTransportRequest,
} from '@weir/protocol';
import { endpoint, json, noContent, type Router } from '../http/endpoint.ts';
import { heedSilence } from '../pods/silence.ts';
import { ProblemError } from '../problem.ts';
import { refusals } from '../refusals.ts';
import { ownTransport } from '../rooms/owned.ts';
import type { Turn } from '../rooms/turn.ts';
import type { Services } from '../services.ts';
import { viewOfTransport } from '../views.ts';
import { AnyTransportView, addCreateTransportRoute } from './create-transport.ts';
import { addPlainTransportRoutes, refuseWebRtcLimits } from './plain-transports.ts';

const ofPeer = { room: RoomId, peer: PeerId };
const params = { ...ofPeer, transport: TransportId };
const tag = 'transports';
const gone = ['room-not-found', 'room-closed', 'peer-not-found', 'peer-closed'] as const;

/** Transports: create, connect, restart ICE, limit, read, close. */
export function addTransportRoutes(router: Router, services: Services): void {
  const { deps, doorkeeper, rooms, pods } = services;
  addCreateTransportRoute(router, services);
  addPlainTransportRoutes(router, services);

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/peers/{peer}/transports/{transport}',
      summary: 'Read a transport',
      tag,
      params,
      answers: { 200: AnyTransportView },
      problems: ['transport-not-found', ...gone],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.peer(token, params.room, params.peer);
      const { state } = await doorkeeper.load(caller);
      const transport = ownTransport({ state }, params.peer, params.transport);
      return json(200, viewOfTransport(params.room, transport, await pods.viewContext()));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'put',
      path: '/v1/rooms/{room}/peers/{peer}/transports/{transport}/dtls',
      summary: 'Give the client’s DTLS parameters; repeating the same ones does no harm',
      tag,
      params,
      body: ConnectTransportRequest,
      answers: { 204: null },
      problems: ['invalid-parameter', 'invalid-state', 'transport-not-found', ...gone],
    },
    async ({ params, body, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      await rooms.change(params.room, (turn) => {
        const { id } = ownTransport(turn, params.peer, params.transport);
        const parameters = dtlsParametersFromWire(body.dtlsParameters);
        refusals('dtls', 'dtlsParameters', () =>
          turn.run({ type: 'transport.connect', transportId: id, parameters, repeatable: true }),
        );
      });
      return noContent;
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'post',
      path: '/v1/rooms/{room}/peers/{peer}/transports/{transport}/ice-restart',
      summary: 'New ICE credentials; the old ones work until the new ones are used',
      tag,
      params,
      answers: { 200: IceRestartAnswer },
      problems: ['invalid-state', 'transport-not-found', ...gone],
    },
    async ({ params, token, idempotent }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const ice = createIceCredentials(deps.random);
      const answer = () => json(200, { iceParameters: iceParametersToWire(ice) });
      await rooms.change(
        params.room,
        (turn) => {
          const { id, type } = ownTransport(turn, params.peer, params.transport);
          if (type === 'plain') throw new ProblemError('invalid-state', 'A plain transport has no ICE.');
          refusals('', '', () => turn.run({ type: 'transport.restartIce', transportId: id, ice }));
        },
        idempotent(answer),
      );
      return answer();
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'post',
      path: '/v1/rooms/{room}/peers/{peer}/transports/{transport}/check',
      summary: 'Say that no media comes any more: the pod is looked at, and left if it is gone',
      tag,
      params,
      answers: { 200: TransportCheckAnswer },
      problems: ['transport-not-found', ...gone],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.peer(token, params.room, params.peer);
      const { state } = await doorkeeper.load(caller);
      const transport = ownTransport({ state }, params.peer, params.transport);
      return json(200, { pod: await heedSilence(services, params.room, transport) });
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'patch',
      path: '/v1/rooms/{room}/peers/{peer}/transports/{transport}',
      summary: 'Limit bitrates; 0 takes a limit away',
      tag,
      params,
      body: UpdateTransportRequest,
      answers: { 200: AnyTransportView },
      problems: ['invalid-parameter', 'transport-not-found', ...gone],
    },
    async ({ params, body, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const done = await rooms.change(params.room, (turn) => {
        const { id, type } = ownTransport(turn, params.peer, params.transport);
        if (type === 'plain') refuseWebRtcLimits(body);
        refusals('', '', () => turn.run({ type: 'transport.setBitrates', transportId: id, ...body }));
        return turn.state.transports.get(id)!;
      });
      return json(200, viewOfTransport(params.room, done.value, await pods.viewContext()));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'delete',
      path: '/v1/rooms/{room}/peers/{peer}/transports/{transport}',
      summary: 'Close a transport with the receivers on it; its senders are unbound',
      tag,
      params,
      answers: { 204: null },
      problems: ['transport-not-found', ...gone],
    },
    async ({ params, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      await rooms.change(params.room, (turn: Turn) => {
        const { id } = ownTransport(turn, params.peer, params.transport);
        turn.run({ type: 'transport.close', transportId: id, closeReceivers: true });
      });
      return noContent;
    },
  );
}
