/** What the app counts. `entry/` gives it to Prometheus; Workers have no use for it. */
export interface Metrics {
  request(labels: { method: string; route: string; status: number }, seconds: number): void;
  /** A reader of events came (+1) or went (-1). */
  readers(kind: 'stream' | 'poll', change: 1 | -1): void;
  eventsAppended(count: number): void;
  commit(outcome: 'done' | 'conflict' | 'refused', seconds: number): void;
  mediaDelivery(outcome: 'delta' | 'whole' | 'failed', seconds: number): void;
  report(outcome: 'applied' | 'repeated' | 'refused', happenings: number): void;
  peersClosed(reason: string, count: number): void;
  /** A call of a webhook; `lagSeconds` from the commit to the acknowledgement. */
  webhook(
    outcome: 'delivered' | 'refused' | 'failed' | 'given up',
    seconds: number,
    lagSeconds?: number,
  ): void;
  /** Text for `GET /metrics`; undefined = there is none here. */
  render(): Promise<{ text: string; contentType: string }> | undefined;
}

export const noMetrics: Metrics = {
  request() {},
  readers() {},
  eventsAppended() {},
  commit() {},
  mediaDelivery() {},
  report() {},
  peersClosed() {},
  webhook() {},
  render: () => undefined,
};
