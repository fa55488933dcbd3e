/** The trace id of a W3C `traceparent` header (Trace Context §3.2); undefined = none, or not a valid one. */
export function traceIdOf(header: string | undefined): string | undefined {
  const id = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/.exec(header ?? '')?.[1];
  return id === undefined || /^0+$/.test(id) ? undefined : id;
}
