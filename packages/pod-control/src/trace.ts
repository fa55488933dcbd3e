/** Where a request stands in a trace (W3C Trace Context). */
export interface Trace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Of the span that calls: 16 hexadecimal digits. */
  readonly spanId: string;
  /** 2 hexadecimal digits; the last bit = sampled. */
  readonly flags: string;
  /** What others keep with the trace, passed on as it came. */
  readonly state?: string | undefined;
}

/** Reads `traceparent`; undefined = there is none, or none that may be believed (W3C Trace Context §3.2.2). */
export function parseTrace(
  traceparent: string | null | undefined,
  tracestate?: string | null,
): Trace | undefined {
  const parts = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(traceparent ?? '');
  if (parts === null) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = parts;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  const keep = tracestate !== null && tracestate !== undefined && /^[\x20-\x7e]{1,512}$/.test(tracestate);
  return { traceId, spanId, flags, ...(keep ? { state: tracestate } : {}) };
}

/** A span of ours below `parent`, or the first one of a new trace that nobody samples. */
export function childTrace(parent: Trace | undefined): Trace {
  const spanId = hex(8);
  if (parent === undefined) return { traceId: hex(16), spanId, flags: '00' };
  return { ...parent, spanId };
}

/** Headers that pass a trace on. */
export function traceHeaders(trace: Trace | undefined): Record<string, string> {
  if (trace === undefined) return {};
  return {
    traceparent: `00-${trace.traceId}-${trace.spanId}-${trace.flags}`,
    ...(trace.state === undefined ? {} : { tracestate: trace.state }),
  };
}

function hex(bytes: number): string {
  const drawn = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(drawn, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
