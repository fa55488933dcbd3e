import { z } from '@hono/zod-openapi';
import { createIceCredentials, dtlsParametersFromWire, iceCandidates, iceParametersToWire } from '@weir/ortc';
import {
  ConnectTransportRequest,
  CreateTransportRequest,
  IceRestartAnswer,
  PeerId,
  PlainTransportView,
  RoomId,
  TransportCheckAnswer,
  TransportId,
  TransportView,
  UpdateTransportRequest,
} from '@weir/protocol';
import { type TransportRecord, unusedId } from '@weir/room';
import type { Clock } from '../clock.ts';
import { endpoint, json, noContent, type Router } from '../http/endpoint.ts';
import { heedSilence } from '../pods/silence.ts';
import { placeOnWorker } from '../pods/worker-placement.ts';
import { ProblemError } from '../problem.ts';
import { refusals } from '../refusals.ts';
import { ownPeer, ownTransport } from '../rooms/owned.ts';
import type { Turn } from '../rooms/turn.ts';
import type { Services } from '../services.ts';
import { viewOfTransport } from '../views.ts';
import {
  addPlainTransportRoutes,
  plainOptions,
  plainProtocols,
  refuseWebRtcLimits,
} from './plain-transports.ts';

const ofPeer = { room: RoomId, peer: PeerId };
const params = { ...ofPeer, transport: TransportId };
const tag = 'transports';
const AnyTransportView = z.union([TransportView, PlainTransportView]);
const gone = ['room-not-found', 'room-closed', 'peer-not-found', 'peer-closed'] as const;

/** Transports: create, connect, restart ICE, limit, read, close. */
export function addTransportRoutes(router: Router, services: Services): void {
  const { deps, doorkeeper, rooms, pods, access } = services;
  addPlainTransportRoutes(router, services);

  endpoint(
    router,
    services,
    {
      method: 'post',
      path: '/v1/rooms/{room}/peers/{peer}/transports',
      summary:
        'Create a transport on a media pod; type `plain` is RTP without ICE and DTLS, as ffmpeg sends it',
      tag,
      params: ofPeer,
      body: CreateTransportRequest,
      answers: { 201: AnyTransportView },
      problems: ['invalid-parameter', 'invalid-state', 'limit-reached', 'no-pod', 'pod-unreachable', ...gone],
    },
    async ({ params, body, token, idempotent, key }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const { place, done: placed, context } = await pods.placement();
      const { direction, appData, preferIPv4, preferIPv6, preferUdp, preferTcp } = body;
      const preferences = { preferIPv4, preferIPv6, preferUdp, preferTcp };
      const plain = plainOptions(body);
      const { udp = true, tcp = true } = plain === undefined ? body : plainProtocols;
      const most = deps.config.maxTransportsPerPeer;
      const ice = createIceCredentials(deps.random);
      const done = await rooms
        .change(
          params.room,
          (turn): TransportRecord => {
            const peer = ownPeer(turn, params.peer);
            const all = [...turn.state.transports.values()];
            if (all.filter((transport) => transport.peerId === peer.id).length >= most) {
              throw new ProblemError('limit-reached', `A peer may have ${most} transports: close one first.`);
            }
            const pod = place(all.map((transport) => transport.podId));
            if (pod === undefined) {
              throw new ProblemError('no-pod', 'No media pod can take a transport now: try again.', {
                retryAfterSeconds: 2,
              });
            }
            if ((udp || tcp) && iceCandidates(pod.lease!.addresses, { udp, tcp }).length === 0) {
              throw new ProblemError(
                'invalid-parameter',
                `tcp: media pod ${pod.id} takes no TCP; allow udp.`,
                {
                  field: 'tcp',
                },
              );
            }
            const transportId = unusedId(turn.state, deps);
            const worker = placeOnWorker({
              lease: pod.lease!,
              roomTransports: all.filter((transport) => transport.podId === pod.id),
              random: deps.random,
            });
            const options = { direction, podId: pod.id, worker, ice, udp, tcp, appData, ...plain };
            refusals('', '', () =>
              turn.run({ type: 'transport.create', peerId: peer.id, transportId, options }),
            );
            return turn.state.transports.get(transportId)!;
          },
          idempotent((transport: TransportRecord) =>
            json(201, viewOfTransport(params.room, transport, context, preferences)),
          ),
        )
        .finally(placed);
      const transport = done.value;
      const reached = await within(deps.clock, deps.config.podDeadlineMs, done.delivered);
      if (!reached) {
        await rooms.transact(
          [params.room],
          (turns) => {
            const turn = turns.get(params.room);
            if (turn?.state.transports.has(transport.id)) {
              turn.run({ type: 'transport.close', transportId: transport.id, reason: 'pod-unreachable' });
            }
          },
          key === undefined ? {} : { also: () => access.forgetAnswerStatements(key.scope, key.key) },
        );
        throw new ProblemError(
          'pod-unreachable',
          `Media pod ${transport.podId} does not answer; the transport was taken back: try again.`,
          { retryAfterSeconds: 1 },
        );
      }
      return json(201, viewOfTransport(params.room, transport, context, preferences));
    },
  );

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

/** Whether `work` succeeds within `ms`. */
async function within(clock: Clock, ms: number, work: Promise<void>): Promise<boolean> {
  return await new Promise((settle) => {
    const cancel = clock.after(ms, () => settle(false));
    work.then(
      () => {
        cancel();
        settle(true);
      },
      () => {
        cancel();
        settle(false);
      },
    );
  });
}
