import { PodControlError } from '@weir/pod-control';
import { PodDrainAnswer, PodId, PodList, type PodView } from '@weir/protocol';
import { endpoint, json, type Router } from '../http/endpoint.ts';
import { ProblemError } from '../problem.ts';
import type { Services } from '../services.ts';
import type { VerifiedToken } from '../tokens/token.ts';

/** Pods, for operators. */
export function addPodRoutes(router: Router, services: Services): void {
  const { deps, doorkeeper, podStore } = services;

  endpoint(
    router,
    services,
    {
      method: 'get',
      path: '/v1/pods',
      summary: 'List the media pods, with the load they last reported',
      tag: 'pods',
      params: {},
      answers: { 200: PodList },
      problems: [],
    },
    async ({ token }) => {
      await doorkeeper.admin(token);
      requireAllRooms(token);
      const pods = (await podStore.list()).flatMap(({ id, epoch, lease, leasedAt }): PodView[] => {
        // It was given up, or has not told anything yet.
        if (lease === null) return [];
        const { region, version, capacity, placeable, draining, addresses, load, rooms } = lease;
        return [
          {
            id: id as PodId,
            startedAt: epoch,
            leasedAt,
            region,
            version,
            capacity,
            placeable,
            draining,
            addresses,
            load,
            rooms: Object.keys(rooms).length,
          },
        ];
      });
      return json(200, { pods });
    },
  );

  for (const method of ['post', 'delete'] as const) {
    endpoint(
      router,
      services,
      {
        method,
        path: '/v1/pods/{pod}/drain',
        summary:
          method === 'post'
            ? 'Let the peers of a media pod move to others, and place nothing new there'
            : 'Take a drain back: the pod may be given rooms again',
        tag: 'pods',
        params: { pod: PodId },
        answers: { 200: PodDrainAnswer },
        problems: ['not-found', 'pod-unreachable'],
      },
      async ({ params, token }) => {
        await doorkeeper.admin(token);
        requireAllRooms(token);
        const pod = await podStore.get(params.pod);
        if (pod === undefined || pod.lease === null) {
          throw new ProblemError(
            'not-found',
            `There is no media pod ${params.pod}: GET /v1/pods lists them.`,
          );
        }
        const ref = { id: pod.id, controlUrl: pod.lease.controlUrl, epoch: pod.epoch };
        try {
          return json(200, await (method === 'post' ? deps.pods.drain(ref) : deps.pods.undrain(ref)));
        } catch (error) {
          if (!(error instanceof PodControlError)) throw error;
          throw new ProblemError('pod-unreachable', `Media pod ${pod.id} did not take it: ${error.message}`, {
            retryAfterSeconds: 1,
            cause: error,
          });
        }
      },
    );
  }
}

/** @throws ProblemError `forbidden` */
function requireAllRooms(token: VerifiedToken): void {
  if (token.grants.room === '*') return;
  throw new ProblemError('forbidden', 'Pods serve all rooms: this needs a token for room `*`.');
}
