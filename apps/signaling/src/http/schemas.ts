import { zodToOpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from '@hono/zod-openapi';
import * as protocol from '@weir/protocol';

/** Gives the schemas of the protocol their names in `openapi.json`. */
export function nameSchemas(): void {
  for (const [name, value] of Object.entries(protocol)) {
    if (value instanceof z.ZodObject) zodToOpenAPIRegistry.add(value, { _internal: { refId: name } });
  }
  // JSON within JSON has no end, so the generator must not go in.
  zodToOpenAPIRegistry.add(protocol.AppData, {
    _internal: { refId: 'AppData' },
    type: 'object',
    additionalProperties: true,
    description: 'Any JSON object of at most 4096 characters',
  });
}
