import { z } from '@hono/zod-openapi';
import * as protocol from '@weir/protocol';

/** Gives the schemas of the protocol their names in `openapi.json`. */
export function nameSchemas(): void {
  for (const [name, value] of Object.entries(protocol)) {
    if (!(value instanceof z.ZodObject) || z.globalRegistry.has(value)) continue;
    z.globalRegistry.add(value, { id: name });
  }
  // JSON within JSON has no end, so the generator must not go in.
  if (!z.globalRegistry.has(protocol.AppData)) {
    z.globalRegistry.add(protocol.AppData, {
      id: 'AppData',
      type: 'object',
      additionalProperties: true,
      description: 'Any JSON object of at most 4096 characters',
    });
  }
}
