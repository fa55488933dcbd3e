import { z } from 'zod';

/** The operations of RFC 6902 that overlays use. */
export const JsonPatch = z.array(
  z.discriminatedUnion('op', [
    z.strictObject({ op: z.literal('add'), path: z.string().startsWith('/'), value: z.unknown() }),
    z.strictObject({ op: z.literal('replace'), path: z.string().startsWith('/'), value: z.unknown() }),
    z.strictObject({ op: z.literal('remove'), path: z.string().startsWith('/') }),
  ]),
);

/**
 * Changes `target` in place.
 *
 * @throws RangeError naming the path that does not exist; what came before has then been done
 */
export function applyJsonPatch(target: object, patch: z.infer<typeof JsonPatch>): void {
  for (const operation of patch) {
    const { op, path } = operation;
    const keys = path
      .slice(1)
      .split('/')
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = keys.pop()!;
    let parent: unknown = target;
    for (const key of keys) parent = member(parent, key, path);
    if (parent === null || typeof parent !== 'object') throw missing(path);
    if (Array.isArray(parent)) {
      const index = last === '-' && op === 'add' ? parent.length : Number(last);
      const most = op === 'add' ? parent.length : parent.length - 1;
      if (!Number.isInteger(index) || index < 0 || index > most) throw missing(path);
      if (op === 'add') parent.splice(index, 0, operation.value);
      else if (op === 'replace') parent[index] = operation.value;
      else parent.splice(index, 1);
    } else {
      const fields = parent as Record<string, unknown>;
      if (op !== 'add' && !Object.hasOwn(fields, last)) throw missing(path);
      if (op === 'remove') delete fields[last];
      else fields[last] = operation.value;
    }
  }
}

function member(parent: unknown, key: string, path: string): unknown {
  if (parent === null || typeof parent !== 'object' || !Object.hasOwn(parent, key)) throw missing(path);
  return (parent as Record<string, unknown>)[key];
}

function missing(path: string): RangeError {
  return new RangeError(`${path} does not exist`);
}
