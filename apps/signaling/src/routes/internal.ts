import { verifyReport } from '@weir/pod-control';
import { PodId, PodReport, PodReportAnswer } from '@weir/protocol';
import { document, type Router } from '../http/endpoint.ts';
import { validateParams } from '../http/validate.ts';
import { takeReport } from '../pods/reports.ts';
import type { Services } from '../services.ts';

const params = { pod: PodId };

/** Calls of media pods, signed with the shared secrets. */
export function addInternalRoutes(router: Router, services: Services): void {
  const { config, clock } = services.deps;
  document(
    router,
    {
      method: 'post',
      path: '/internal/pods/{pod}/reports',
      summary: 'A media pod reports: its lease and what happened; applied once by (pod, epoch, seq)',
      tag: 'internal',
      params,
      body: PodReport,
      answers: { 200: PodReportAnswer },
      problems: [
        'unauthorized',
        'forbidden',
        'bad-request',
        'invalid-parameter',
        'payload-too-large',
        'conflict',
      ],
    },
    { public: true },
  );
  router.post('/internal/pods/:pod/reports', async (c) => {
    const { pod } = validateParams(params, c.req.param());
    Object.assign(c.get('logFields'), { pod });
    const report = await verifyReport(c.req.raw, pod, { secrets: config.podSecrets, now: clock.now });
    return Response.json(await takeReport(services, report), { headers: { 'cache-control': 'no-store' } });
  });
}
