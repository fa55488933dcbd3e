import { expect, it } from 'vitest';
import { childTrace, parseTrace, traceHeaders } from './trace.ts';

const given = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

it('a trace is read and passed on under a span of ours', () => {
  const trace = parseTrace(given, 'vendor=1')!;
  expect(trace).toEqual({
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    flags: '01',
    state: 'vendor=1',
  });
  const child = childTrace(trace);
  expect(child.spanId).not.toBe(trace.spanId);
  expect(traceHeaders(child)).toEqual({
    traceparent: `00-${trace.traceId}-${child.spanId}-01`,
    tracestate: 'vendor=1',
  });
  expect(parseTrace(traceHeaders(childTrace(undefined)).traceparent)).toMatchObject({ flags: '00' });
  expect(traceHeaders(undefined)).toEqual({});
});

it.each([
  undefined,
  '',
  'nonsense',
  given.toUpperCase(),
  given.replace('00-', 'ff-'),
  `${given}-more`,
  given.replace(/4bf9[0-9a-f]+/, '0'.repeat(32)),
  given.replace('00f067aa0ba902b7', '0'.repeat(16)),
  `${given}\r\nx: y`,
])('%j is no trace', (header) => {
  expect(parseTrace(header)).toBeUndefined();
});

it('later versions may say more', () => {
  expect(parseTrace(`${given.replace('00-', '01-')}-more`)).toMatchObject({ flags: '01' });
  expect(parseTrace(given, 'a\nb')).not.toHaveProperty('state');
});
