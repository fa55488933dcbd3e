import { z } from '@hono/zod-openapi';
import {
  type InspectAnswer,
  type InspectRequest,
  MediaExplanation,
  PeerId,
  RoomId,
  SenderExplanation,
  SenderId,
  StatsAnswer,
} from '@weir/protocol';
import { explainSender, type RoomState, type SenderRecord } from '@weir/room';
import { dumpPeer, dumpRoom } from '../dumps.ts';
import { endpoint, json, type Router } from '../http/endpoint.ts';
import { ownSender } from '../rooms/owned.ts';
import type { Services } from '../services.ts';

const params = { room: RoomId, peer: PeerId };
const tag = 'inspection';
const gone = ['room-not-found', 'room-closed', 'peer-not-found', 'peer-closed'] as const;

/** What pods know of the objects of a peer or a room: RTC stats, internals, and why a picture is as it is. */
export function addInspectRoutes(router: Router, services: Services): void {
  const { doorkeeper } = services;

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/peers/{peer}/stats',
      summary: 'RTC stats of the peer’s transports, receivers and senders, as far as their pods answer',
      tag,
      params,
      answers: { 200: StatsAnswer },
      problems: [...gone],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.peer(token, params.room, params.peer);
      const { state } = await doorkeeper.load(caller);
      const answers = await inspect(services, state, caller.peer.id, 'stats');
      return json(200, { stats: answers.flatMap(({ answer }) => statsOf(answer)) });
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/peers/{peer}/dump',
      summary: 'Internals of the peer and its objects, for debugging',
      tag,
      params,
      answers: { 200: z.record(z.string(), z.unknown()) },
      problems: [...gone],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.peer(token, params.room, params.peer);
      const { state } = await doorkeeper.load(caller);
      const answers = await inspect(services, state, caller.peer.id, 'dump');
      return json(200, dumpPeer(state, caller.peer.id, answers));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/peers/{peer}/senders/{sender}/explain',
      summary: 'Why a sender forwards what it forwards: estimate, layers, and the one limit that decides',
      tag,
      params: { ...params, sender: SenderId },
      answers: { 200: SenderExplanation },
      problems: ['sender-not-found', ...gone],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.peer(token, params.room, params.peer);
      const { state } = await doorkeeper.load(caller);
      const sender = ownSender({ state }, params.peer, params.sender);
      const media = await mediaExplanation(services, state, sender);
      return json(200, explainSender(state, sender.id, media));
    },
  );

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/rooms/{room}/dump',
      summary: 'Internals of a room, of everybody in it, and which senders each receiver has, for debugging',
      tag,
      params: { room: RoomId },
      answers: { 200: z.record(z.string(), z.unknown()) },
      problems: ['room-not-found', 'room-closed'],
    },
    async ({ params, token }) => {
      const caller = await doorkeeper.room(token, params.room, { admin: true });
      const { state } = await doorkeeper.load(caller);
      return json(200, dumpRoom(state, await inspect(services, state, undefined, 'dump')));
    },
  );
}

interface PodAnswer {
  readonly podId: string;
  readonly answer: InspectAnswer;
}

/** Asks every pod that holds something of the peer (undefined: of anybody); who does not answer is left out. */
async function inspect(
  services: Services,
  state: RoomState,
  peerId: number | undefined,
  what: InspectRequest['what'],
): Promise<PodAnswer[]> {
  const isMeant = (one: { peerId: number }) => peerId === undefined || one.peerId === peerId;
  const transports = [...state.transports.values()].filter(isMeant);
  const answers = [...Map.groupBy(transports, ({ podId }) => podId)].map(async ([podId, own]) => {
    const ids = new Set(own.map(({ id }) => id));
    const on = (records: Iterable<{ id: number; peerId: number; transportId: number | null }>) =>
      [...records]
        .filter((one) => isMeant(one) && one.transportId !== null && ids.has(one.transportId))
        .map(({ id }) => id);
    const answer = await ask(services, state.id, podId, {
      what,
      transports: [...ids],
      receivers: on(state.receivers.values()),
      senders: on(state.senders.values()),
    });
    return answer === undefined ? undefined : { podId, answer };
  });
  return (await Promise.all(answers)).filter((one) => one !== undefined);
}

/** What the pod of a sender's transport says of it; undefined if none does. */
async function mediaExplanation(
  services: Services,
  state: RoomState,
  sender: SenderRecord,
): Promise<MediaExplanation | undefined> {
  const transport = sender.transportId === null ? undefined : state.transports.get(sender.transportId);
  if (transport === undefined) return undefined;
  const answer = await ask(services, state.id, transport.podId, {
    what: 'explain',
    transports: [],
    receivers: [],
    senders: [sender.id],
  });
  // A pod of an older version knows no explanations.
  return MediaExplanation.safeParse(answer?.senders[sender.id]?.[0]).data;
}

/** Undefined, with a line in the log, if the pod is gone or does not answer. */
async function ask(
  { deps, podStore }: Services,
  roomId: string,
  podId: string,
  request: InspectRequest,
): Promise<InspectAnswer | undefined> {
  const pod = await podStore.get(podId);
  if (pod?.lease === null || pod === undefined) return undefined;
  try {
    const ref = { id: podId, controlUrl: pod.lease.controlUrl, epoch: pod.epoch };
    return await deps.pods.inspect(ref, roomId, request);
  } catch (error) {
    deps.logger.warn(
      { podId, room: roomId, error: (error as Error).message },
      'a pod could not be inspected',
    );
    return undefined;
  }
}

function statsOf(answer: InspectAnswer): Record<string, unknown>[] {
  return [
    ...Object.entries(answer.transports).map(([transportId, stats]) => ({ transportId, ...stats })),
    ...Object.entries(answer.receivers).flatMap(([receiverId, list]) =>
      list.map((stats) => ({ receiverId, ...stats })),
    ),
    ...Object.entries(answer.senders).flatMap(([senderId, list]) =>
      list.map((stats) => ({ senderId, ...stats })),
    ),
  ];
}
