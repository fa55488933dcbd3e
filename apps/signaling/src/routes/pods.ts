import { type PodId, PodList, type PodView } from '@weir/protocol';
import { endpoint, json, type Router } from '../http/endpoint.ts';
import { ProblemError } from '../problem.ts';
import type { Services } from '../services.ts';

/** Pods, for operators. */
export function addPodRoutes(router: Router, services: Services): void {
  const { doorkeeper, podStore } = services;

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
      if (token.grants.room !== '*') {
        throw new ProblemError('forbidden', 'Pods serve all rooms: this needs a token for room `*`.');
      }
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
}
