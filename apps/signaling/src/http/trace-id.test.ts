import { expect, it } from 'vitest';
import { traceIdOf } from './trace-id.ts';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';

it('reads the trace id, also of versions to come', () => {
  expect(traceIdOf(`00-${id}-00f067aa0ba902b7-01`)).toBe(id);
  expect(traceIdOf(`cc-${id}-00f067aa0ba902b7-01-what-comes`)).toBe(id);
});

it.each([
  undefined,
  '',
  id,
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-${id}-x-01`,
  `00-${id}\n-00f067aa0ba902b7-01`,
])('takes nothing from %s', (header) => expect(traceIdOf(header)).toBeUndefined());
