import type { ProblemCode } from '@weir/protocol';
import type { z } from 'zod';
import { ProblemError } from '../problem.ts';

/**
 * Parses a value with a schema of the protocol.
 *
 * @param prefix put before the path of the field at fault
 * @throws ProblemError `invalid-parameter` naming the first field at fault
 */
export function validate<S extends z.ZodType>(schema: S, value: unknown, prefix: string): z.infer<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = deepest(parsed.error.issues[0]!);
  const field = [...(prefix === '' ? [] : [prefix]), ...issue.path.map(String)].join('.');
  throw new ProblemError('invalid-parameter', `${field === '' ? 'The body' : field}: ${issue.message}.`, {
    ...(field === '' ? {} : { field }),
  });
}

/** Ids in the path: one that cannot be is one that is not there. @throws ProblemError */
export function validateParams<P extends Record<string, z.ZodType>>(
  shape: P,
  values: Record<string, string>,
): { [K in keyof P]: z.infer<P[K]> } {
  const params: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(shape)) {
    const parsed = schema.safeParse(values[name]);
    if (!parsed.success) {
      throw new ProblemError(
        notFound[name] ?? 'not-found',
        `There is no ${name} ${JSON.stringify(values[name])}: ${parsed.error.issues[0]!.message}.`,
      );
    }
    params[name] = parsed.data;
  }
  return params as { [K in keyof P]: z.infer<P[K]> };
}

const notFound: Readonly<Record<string, ProblemCode>> = {
  room: 'room-not-found',
  peer: 'peer-not-found',
  transport: 'transport-not-found',
  receiver: 'receiver-not-found',
  sender: 'sender-not-found',
};

/** Of a union the first alternative's reason, which is nearer to the truth than "invalid input". */
function deepest(issue: z.core.$ZodIssue): { path: PropertyKey[]; message: string } {
  if (issue.code === 'invalid_union') {
    const inner = issue.errors[0]?.[0];
    if (inner !== undefined) {
      const { path, message } = deepest(inner);
      return { path: [...issue.path, ...path], message };
    }
  }
  return issue;
}
