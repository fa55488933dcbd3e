import { z } from '@hono/zod-openapi';
import type { PodRow } from '@weir/db';
import { createIceCredentials, iceCandidates } from '@weir/ortc';
import { PodControlError } from '@weir/pod-control';
import { CreateTransportRequest, PeerId, PlainTransportView, RoomId, TransportView } from '@weir/protocol';
import { type TransportRecord, unusedId } from '@weir/room';
import type { Clock } from '../clock.ts';
import { endpoint, json, type Router } from '../http/endpoint.ts';
import { unreachableMs } from '../pods/pod-directory.ts';
import { placeOnWorker } from '../pods/worker-placement.ts';
import { ProblemError } from '../problem.ts';
import { refusals } from '../refusals.ts';
import { ownPeer } from '../rooms/owned.ts';
import type { Turn } from '../rooms/turn.ts';
import type { Services } from '../services.ts';
import { viewOfTransport } from '../views.ts';
import { plainOptions, plainProtocols } from './plain-transports.ts';

export const AnyTransportView = z.union([TransportView, PlainTransportView]);

/** Creating a transport, on whichever pod takes it. */
export function addCreateTransportRoute(router: Router, services: Services): void {
  const { deps, doorkeeper, rooms, pods, podStore, access } = services;

  endpoint(
    router,
    services,
    {
      method: 'post',
      path: '/v1/rooms/{room}/peers/{peer}/transports',
      summary:
        'Create a transport on a media pod; type `plain` is RTP without ICE and DTLS, as ffmpeg sends it',
      tag: 'transports',
      params: { room: RoomId, peer: PeerId },
      body: CreateTransportRequest,
      answers: { 201: AnyTransportView },
      problems: [
        'invalid-parameter',
        'invalid-state',
        'limit-reached',
        'no-pod',
        'pod-unreachable',
        'room-not-found',
        'room-closed',
        'peer-not-found',
        'peer-closed',
      ],
    },
    async ({ params, body, token, idempotent, key }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const { direction, appData, preferIPv4, preferIPv6, preferUdp, preferTcp } = body;
      const preferences = { preferIPv4, preferIPv6, preferUdp, preferTcp };
      const plain = plainOptions(body);
      const { udp = true, tcp = true } = plain === undefined ? body : plainProtocols;
      const most = deps.config.maxTransportsPerPeer;
      const ice = createIceCredentials(deps.random);

      /** On any pod but `without`, which could not be told. */
      const create = async (without: string | undefined) => {
        const { place, done: placed, context } = await pods.placement(without);
        let pod: PodRow | undefined;
        const plan = (turn: Turn): TransportRecord => {
          const peer = ownPeer(turn, params.peer);
          const all = [...turn.state.transports.values()];
          if (all.filter((transport) => transport.peerId === peer.id).length >= most) {
            throw new ProblemError('limit-reached', `A peer may have ${most} transports: close one first.`);
          }
          pod = place(all);
          if (without !== undefined && (pod === undefined || pod.id === without)) throw unreachable(without);
          if (pod === undefined) {
            throw new ProblemError('no-pod', 'No media pod can take a transport now: try again.', {
              retryAfterSeconds: 2,
            });
          }
          if ((udp || tcp) && iceCandidates(pod.lease!.addresses, { udp, tcp }).length === 0) {
            const detail = `tcp: media pod ${pod.id} takes no TCP; allow udp.`;
            throw new ProblemError('invalid-parameter', detail, { field: 'tcp' });
          }
          const transportId = unusedId(turn.state, deps);
          const worker = placeOnWorker({
            lease: pod.lease!,
            roomTransports: all.filter((transport) => transport.podId === pod!.id),
            random: deps.random,
          });
          const options = { direction, podId: pod.id, worker, ice, udp, tcp, appData, ...plain };
          refusals('', '', () =>
            turn.run({ type: 'transport.create', peerId: peer.id, transportId, options }),
          );
          return turn.state.transports.get(transportId)!;
        };
        const answer = (transport: TransportRecord) =>
          json(201, viewOfTransport(params.room, transport, context, preferences));
        const { value, deliveredTo } = await rooms
          .change(params.room, plan, idempotent(answer))
          .finally(placed);
        return { transport: value, answer, pod: pod!, delivered: deliveredTo(value.podId) };
      };

      const takeBack = async (id: number) => {
        await rooms.transact(
          [params.room],
          (turns) => {
            const turn = turns.get(params.room);
            if (turn?.state.transports.has(id)) {
              turn.run({ type: 'transport.close', transportId: id, reason: 'pod-unreachable' });
            }
          },
          key === undefined ? {} : { also: () => access.forgetAnswerStatements(key.scope, key.key) },
        );
      };

      let without: string | undefined;
      for (let attempt = 1; ; attempt += 1) {
        const { transport, answer, pod, delivered } = await create(without);
        const delivery = await within(deps.clock, deps.config.podDeadlineMs, delivered);
        if (delivery === 'done') return answer(transport);
        if (delivery === 'unreachable') {
          await podStore.markUnreachable(pod, deps.clock.now() + unreachableMs);
        }
        await takeBack(transport.id);
        without = pod.id;
        if (attempt === maxAttempts) throw unreachable(without);
      }
    },
  );
}

/** Two deadlines are shorter than clients wait for an answer. */
const maxAttempts = 2;

function unreachable(podId: string): ProblemError {
  const detail = `Media pod ${podId} does not answer; the transport was taken back: try again.`;
  return new ProblemError('pod-unreachable', detail, { retryAfterSeconds: 1 });
}

type Delivery = 'done' | 'unreachable' | 'failed';

/** What becomes of a delivery within `ms`. */
async function within(clock: Clock, ms: number, delivered: Promise<void>): Promise<Delivery> {
  return await new Promise((settle) => {
    const cancel = clock.after(ms, () => settle('unreachable'));
    const end = (delivery: Delivery) => {
      cancel();
      settle(delivery);
    };
    delivered.then(
      () => end('done'),
      (error: unknown) =>
        end(error instanceof PodControlError && error.failure === 'unreachable' ? 'unreachable' : 'failed'),
    );
  });
}
