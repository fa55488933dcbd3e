import { z } from '@hono/zod-openapi';
import { document, type EndpointSpec, type Router } from '../http/endpoint.ts';
import type { Services } from '../services.ts';
import { docsPage } from './docs-page.ts';

type Plain = EndpointSpec<Record<never, never>, Record<never, never>, z.ZodUndefined>;

const tag = 'system';
const Health = z.object({ status: z.literal('ok') });

/** Health, readiness, metrics and the description of the API. */
export function addSystemRoutes(router: Router, services: Services): void {
  const { deps, housekeeping, stopping } = services;
  const describe = (
    path: string,
    summary: string,
    schema: z.ZodType | null,
    problems: Plain['problems'] = [],
  ) =>
    document(
      router,
      { method: 'get', path, summary, tag, params: {}, answers: { 200: schema }, problems },
      { public: true },
    );

  describe('/healthz', 'Alive: this process answers', Health);
  router.get('/healthz', () => Response.json({ status: 'ok' }, { headers: noStore }));

  describe('/readyz', 'Ready: the database answers and no stop is under way', Health, ['store-unavailable']);
  router.get('/readyz', async () => {
    if (stopping.stopped) return Response.json({ status: 'stopping' }, { status: 503, headers: noStore });
    await housekeeping.ping();
    return Response.json({ status: 'ok' }, { headers: noStore });
  });

  describe('/metrics', 'Prometheus metrics', null, ['not-found']);
  router.get('/metrics', async (c) => {
    const rendered = await deps.metrics.render();
    if (rendered === undefined) return c.notFound();
    return new Response(rendered.text, { headers: { ...noStore, 'content-type': rendered.contentType } });
  });

  router.get('/openapi.json', () => Response.json(openApiDocument(router)));
  router.get('/docs', (c) => c.html(docsPage));
}

/** OpenAPI 3.1 of all routes. */
export function openApiDocument(router: Router): Record<string, unknown> {
  const described = router.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Weir',
      version: '1',
      description:
        'Signaling of the Weir SFU. Refusals are application/problem+json (RFC 9457) and change nothing.',
    },
  });
  described.components = {
    ...described.components,
    securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
  };
  return described as unknown as Record<string, unknown>;
}

const noStore = { 'cache-control': 'no-store' };
