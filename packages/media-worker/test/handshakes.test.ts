import { describe, expect, it } from 'vitest';
import { publish, watch } from './scene.ts';
import { WorkerHost } from './worker-host.ts';

/** Datagrams of DTLS that the worker sends; each step of a handshake is answered by some. */
function countDtls(host: WorkerHost): () => number {
  let sent = 0;
  const { engine } = host;
  const sendRaw = engine.sendRaw.bind(engine);
  engine.sendRaw = (path, datagram) => {
    if (datagram[0]! >= 20 && datagram[0]! <= 63) sent += 1;
    sendRaw(path, datagram);
  };
  return () => sent;
}

describe('many joins at once', () => {
  it('do not hold up those who are known: their checks are answered first, strangers a few per turn', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 }, gather: true });
    const { endpoint, spec } = host.connected();
    host.clock.runFor(100);
    const joining = Array.from({ length: 100 }, () => host.transport());
    const tuples: number[] = [];
    for (const step of ['handleBatch', 'handleTimeout'] as const) {
      const real = host.worker[step].bind(host.worker) as (...args: unknown[]) => void;
      host.worker[step] = (...args: unknown[]) => {
        const before = host.of('transport.tuple').length;
        real(...args);
        host.settle();
        tuples.push(host.of('transport.tuple').length - before);
      };
    }
    for (const one of joining) one.endpoint.start();
    expect(host.clock.runWhile(() => joining.some((one) => one.endpoint.state !== 'connected'), 5000)).toBe(
      true,
    );
    expect(Math.max(...tuples)).toBeLessThanOrEqual(24);
    expect(tuples.filter((count) => count > 0).length).toBeGreaterThanOrEqual(5);
    // Consent of the one who was there goes on all the while.
    host.clock.runFor(40_000);
    expect(endpoint.state).toBe('connected');
    expect(
      host
        .of('transport.ice')
        .filter(({ transportId }) => transportId === spec.id)
        .at(-1)?.state,
    ).toBe('completed');
  });

  it('are worked off in small steps, between which packets get their turn', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 }, gather: true });
    const { receiver, streams } = publish(host);
    const { viewer } = watch(host, receiver);
    streams[0]!.start();
    host.clock.runFor(500);

    const sent = countDtls(host);
    const steps: number[] = [];
    for (const step of ['handleBatch', 'handleTimeout'] as const) {
      const real = host.worker[step].bind(host.worker) as (...args: unknown[]) => void;
      host.worker[step] = (...args: unknown[]) => {
        const before = sent();
        real(...args);
        steps.push(sent() - before);
      };
    }
    const joining = Array.from({ length: 40 }, () => host.transport());
    for (const { endpoint } of joining) endpoint.start();
    expect(
      host.clock.runWhile(() => joining.some(({ endpoint }) => endpoint.state !== 'connected'), 5000),
    ).toBe(true);

    // Two steps of a handshake per turn; the longest answer (ServerHello to ServerHelloDone) is a few datagrams.
    expect(Math.max(...steps)).toBeLessThanOrEqual(8);
    expect(steps.filter((count) => count > 0).length).toBeGreaterThanOrEqual(40);
    host.clock.runFor(500);
    expect(viewer.holes).toEqual([]);
    expect(viewer.arrivals.at(-1)!.at).toBeGreaterThan(host.clock.now() - 100);
  });

  it('that wait while their transport goes are forgotten, and the worker has nothing due for them', () => {
    const host = new WorkerHost({ policy: { delayMs: 10 }, gather: true });
    const joining = Array.from({ length: 20 }, () => host.transport());
    for (const { endpoint } of joining) endpoint.start();
    host.clock.runWhile(() => host.worker.nextTimeout()?.reason !== 'handshakes', 5000);
    expect(host.worker.nextTimeout()).toEqual({ at: host.clock.now(), reason: 'handshakes' });
    host.update({ remove: { transports: joining.map(({ spec }) => spec.id) } });
    const sent = countDtls(host);
    host.clock.runFor(0);
    expect(sent()).toBe(0);
    expect(host.worker.nextTimeout()?.reason).not.toBe('handshakes');
  });
});
