import { z } from '@hono/zod-openapi';
import { type InspectAnswer, type InspectRequest, PeerId, RoomId, StatsAnswer } from '@weir/protocol';
import type { RoomState } from '@weir/room';
import { endpoint, json, type Router } from '../http/endpoint.ts';
import type { Services } from '../services.ts';

const params = { room: RoomId, peer: PeerId };
const tag = 'inspection';
const gone = ['room-not-found', 'room-closed', 'peer-not-found', 'peer-closed'] as const;

/** What pods know of a peer's objects: RTC stats and internals. */
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
      return json(200, dumpOf(state, caller.peer.id, answers));
    },
  );
}

interface PodAnswer {
  readonly podId: string;
  readonly answer: InspectAnswer;
}

/** Asks every pod that holds something of the peer; those that do not answer are left out. */
async function inspect(
  services: Services,
  state: RoomState,
  peerId: number,
  what: InspectRequest['what'],
): Promise<PodAnswer[]> {
  const { deps, podStore } = services;
  const transports = [...state.transports.values()].filter((one) => one.peerId === peerId);
  const answers = [...Map.groupBy(transports, ({ podId }) => podId)].map(async ([podId, own]) => {
    const pod = await podStore.get(podId);
    if (pod?.lease === null || pod === undefined) return undefined;
    const ids = new Set(own.map(({ id }) => id));
    const on = (records: Iterable<{ id: number; peerId: number; transportId: number | null }>) =>
      [...records]
        .filter((one) => one.peerId === peerId && one.transportId !== null && ids.has(one.transportId))
        .map(({ id }) => id);
    try {
      const answer = await deps.pods.inspect({ id: podId, controlUrl: pod.lease.controlUrl }, state.id, {
        what,
        transports: [...ids],
        receivers: on(state.receivers.values()),
        senders: on(state.senders.values()),
      });
      return { podId, answer };
    } catch (error) {
      deps.logger.warn(
        { podId, room: state.id, error: (error as Error).message },
        'a pod could not be inspected',
      );
      return undefined;
    }
  });
  return (await Promise.all(answers)).filter((one) => one !== undefined);
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

/** object-model.md §12, with what the pods add under `worker`. */
function dumpOf(state: RoomState, peerId: number, answers: readonly PodAnswer[]): Record<string, unknown> {
  const peer = state.peers.get(peerId)!;
  const own = <R extends { readonly peerId: number }>(records: ReadonlyMap<number, R>) =>
    [...records.values()].filter((record) => record.peerId === peerId);
  const worker = (list: 'transports' | 'receivers' | 'senders', id: number) => {
    const found = answers.map(({ answer }) => answer[list][String(id)]).find((one) => one !== undefined);
    return found === undefined ? {} : { worker: found };
  };
  return {
    peerId,
    peerName: peer.name,
    ...(peer.capabilities === undefined ? {} : { capabilities: peer.capabilities }),
    transports: own(state.transports).map(({ ice, previousIce, ...transport }) => ({
      ...transport,
      // Passwords are nobody's business.
      ice: { usernameFragment: ice.usernameFragment },
      ...(previousIce === undefined
        ? {}
        : { previousIce: { usernameFragment: previousIce.usernameFragment } }),
      ...worker('transports', transport.id),
    })),
    rtpReceivers: own(state.receivers).map((receiver) => ({
      ...receiver,
      ...worker('receivers', receiver.id),
    })),
    rtpSenders: own(state.senders).map((sender) => ({ ...sender, ...worker('senders', sender.id) })),
  };
}
