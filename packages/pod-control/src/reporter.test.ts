import type { MediaHappening, PodLease, PodReport } from '@weir/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reporter } from './reporter.ts';

const reporter = (options: Partial<ConstructorParameters<typeof Reporter>[0]> = {}) =>
  new Reporter({ podId: 'pod-1', epoch: 7, random: () => 0, lingerMs: 0, passingLingerMs: 0, ...options });

const dtls = (
  transportId: number,
  state: 'connecting' | 'connected' | 'failed' = 'connected',
): MediaHappening => ({
  type: 'transport.dtls',
  roomId: 'daily',
  transportId,
  state,
});
const ice = (transportId: number, state: 'connected' | 'disconnected'): MediaHappening => ({
  type: 'transport.ice',
  roomId: 'daily',
  transportId,
  state,
});
const score = (senderId: number, value: number): MediaHappening => ({
  type: 'sender.score',
  roomId: 'daily',
  senderId,
  score: value,
  receiverScore: 10,
});
const layers = (senderId: number, spatialLayer: number): MediaHappening => ({
  type: 'sender.layers',
  roomId: 'daily',
  senderId,
  layers: { spatialLayer },
});
const levels = (audioLevel: number): MediaHappening => ({
  type: 'audio.levels',
  roomId: 'daily',
  levels: [{ receiverId: 10000001, audioLevel }],
});
const lease = (cpu: number): PodLease => ({
  controlUrl: 'http://127.0.0.1:4001',
  region: 'here',
  version: '1',
  addresses: [{ ip: '127.0.0.1', family: 'ipv4', protocol: 'udp', port: 40000 }],
  fingerprints: [{ algorithm: 'sha-256', value: '00' }],
  capacity: 10,
  placeable: true,
  draining: false,
  load: { transports: 0, receivers: 0, senders: 0, cpu, egressPps: 0, egressBps: 0, loopLagMs: 0 },
  rooms: {},
});

/** Drains everything with a signaling that always answers. */
function drain(machine: Reporter, now = 0): MediaHappening[] {
  const told: MediaHappening[] = [];
  for (;;) {
    const report = machine.next(now);
    if (report === undefined) return told;
    told.push(...report.happenings);
    machine.acknowledge({ seq: report.seq, leaseSeconds: 15 }, now);
  }
}

describe('Reporter', () => {
  it('numbers reports and has one in flight', () => {
    const machine = reporter();
    machine.renew(lease(0.1), 0);
    machine.push(dtls(1), 0);
    const first = machine.next(0);
    expect(first).toMatchObject({
      podId: 'pod-1',
      epoch: 7,
      seq: 1,
      lease: lease(0.1),
      happenings: [dtls(1)],
    });
    machine.push(dtls(2), 0);
    expect(machine.next(0)).toBeUndefined();
    expect(machine.nextTimeout()).toBeUndefined();
    machine.acknowledge({ seq: 1, leaseSeconds: 15 }, 5);
    expect(machine.next(5)).toMatchObject({ seq: 2, happenings: [dtls(2)] });
    expect(machine.status).toMatchObject({ leaseSeconds: 15, leaseAcknowledgedAt: 0 });
  });

  it('gives the same report again, later and later, until it is acknowledged', () => {
    const machine = reporter({ backoffMs: { first: 100, greatest: 1000 }, random: () => 0.5 });
    machine.push(dtls(1), 0);
    const first = machine.next(0);
    const delays: number[] = [];
    let now = 0;
    for (let attempt = 0; attempt < 6; attempt += 1) {
      machine.fail(now);
      machine.push(dtls(2), now);
      machine.renew(lease(0.5), now);
      const again = machine.nextTimeout()!;
      expect(again.reason).toBe('again');
      expect(machine.next(again.at - 1)).toBeUndefined();
      delays.push(again.at - now);
      now = again.at;
      expect(machine.next(now)).toBe(first);
    }
    expect(delays).toEqual([75, 150, 300, 600, 750, 750]);
    machine.acknowledge({ seq: 1, leaseSeconds: 15 }, now);
    expect(machine.next(now)).toMatchObject({ seq: 2, lease: lease(0.5) });
  });

  it('spreads attempts of many pods over the whole delay', () => {
    const at = (random: number) => {
      const machine = reporter({ backoffMs: { first: 100, greatest: 100 }, random: () => random });
      machine.push(dtls(1), 0);
      machine.next(0);
      machine.fail(0);
      return machine.nextTimeout()!.at;
    };
    expect([at(0), at(0.5), at(0.99)]).toEqual([50, 75, 99.5]);
  });

  it('lets state changes wait a moment for company, and passing values longer', () => {
    const machine = reporter({ lingerMs: 4, passingLingerMs: 200 });
    machine.push(score(1, 9), 0);
    expect(machine.nextTimeout()).toEqual({ at: 200, reason: 'report' });
    machine.push(dtls(1), 10);
    expect(machine.nextTimeout()).toEqual({ at: 14, reason: 'report' });
    expect(machine.next(13)).toBeUndefined();
    expect(machine.next(14)?.happenings).toEqual([score(1, 9), dtls(1)]);
  });

  it('cuts a backlog into reports of at most maxBatch', () => {
    const machine = reporter({ maxBatch: 3 });
    for (let id = 1; id <= 7; id += 1) machine.push(dtls(id), 0);
    const sizes: number[] = [];
    for (let report = machine.next(0); report !== undefined; report = machine.next(0)) {
      sizes.push(report.happenings.length);
      machine.acknowledge({ seq: report.seq, leaseSeconds: 15 }, 0);
    }
    expect(sizes).toEqual([3, 3, 1]);
    expect(machine.settled).toBe(true);
  });

  it('does not take an answer to an older report for an acknowledgement', () => {
    const machine = reporter();
    machine.push(dtls(1), 0);
    machine.next(0);
    machine.acknowledge({ seq: 1, leaseSeconds: 15 }, 0);
    machine.push(dtls(2), 0);
    const second = machine.next(0);
    machine.acknowledge({ seq: 1, leaseSeconds: 15 }, 0);
    expect(machine.settled).toBe(false);
    expect(machine.next(machine.nextTimeout()!.at)).toBe(second);
  });

  it('keeps only the latest lease that was not sent', () => {
    const machine = reporter();
    machine.renew(lease(0.1), 0);
    machine.renew(lease(0.2), 1);
    expect(machine.next(1)?.lease).toEqual(lease(0.2));
  });

  it('drops only the happening that signaling refuses for good', () => {
    const machine = reporter();
    for (let id = 1; id <= 9; id += 1) machine.push(dtls(id), 0);
    machine.renew(lease(0.3), 0);
    const applied: MediaHappening[] = [];
    const leases: PodLease[] = [];
    let seq = 0;
    for (let report = machine.next(0); report !== undefined; report = machine.next(0)) {
      expect(report.seq).toBe(seq + 1);
      if (report.happenings.some((one) => one.type === 'transport.dtls' && one.transportId === 5)) {
        machine.refuse(0);
        continue;
      }
      applied.push(...report.happenings);
      if (report.lease !== undefined) leases.push(report.lease);
      seq = report.seq;
      machine.acknowledge({ seq, leaseSeconds: 15 }, 0);
    }
    expect(applied).toEqual([1, 2, 3, 4, 6, 7, 8, 9].map((id) => dtls(id)));
    expect(leases).toEqual([lease(0.3)]);
    expect(machine.status.refused).toBe(1);
    expect(machine.settled).toBe(true);
  });
});

describe('a backlog', () => {
  it('keeps the latest score, layers and levels of an object, at their first place', () => {
    const machine = reporter();
    machine.push(score(1, 3), 0);
    machine.push(layers(1, 0), 0);
    machine.push(levels(-60), 0);
    machine.push(dtls(1), 0);
    machine.push(score(1, 8), 0);
    machine.push(layers(1, 2), 0);
    machine.push(levels(-20), 0);
    machine.push(score(2, 5), 0);
    expect(drain(machine)).toEqual([score(1, 8), layers(1, 2), levels(-20), dtls(1), score(2, 5)]);
  });

  it('stays small in ten minutes without signaling, and tells how everything stands', () => {
    const machine = reporter();
    machine.push(dtls(1, 'connecting'), 0);
    const stuck = machine.next(0)!;
    machine.fail(0);
    const transports = 500;
    let changes = 0;
    for (let second = 0; second < 600; second += 1) {
      for (let id = 1; id <= transports; id += 1) {
        machine.push(score(id, second % 11), second * 1000);
        if (second % 7 === id % 7) {
          machine.push(ice(id, (second / 7) % 2 < 1 ? 'disconnected' : 'connected'), second * 1000);
          changes += 1;
        }
      }
      machine.push(levels(-(second % 127)), second * 1000);
      machine.renew(lease(second), second * 1000);
    }
    for (let id = 1; id <= transports; id += 1) machine.push(ice(id, 'connected'), 600_000);
    expect(changes).toBeGreaterThan(40_000);
    expect(machine.status.queued).toBeLessThanOrEqual(transports * 9 + 1);
    expect(machine.status.shed).toBe(0);

    expect(machine.next(600_000)).toBe(stuck);
    machine.acknowledge({ seq: 1, leaseSeconds: 15 }, 600_000);
    const told = drain(machine, 600_000);
    for (let id = 1; id <= transports; id += 1) {
      const states = told.filter((one) => one.type === 'transport.ice' && one.transportId === id);
      expect(states.at(-1)).toEqual(ice(id, 'connected'));
      const scores = told.filter((one) => one.type === 'sender.score' && one.senderId === id);
      expect(scores).toEqual([score(id, 599 % 11)]);
    }
  });

  it('has a last bound: passing values go first, then the past of closed transports, then the oldest', () => {
    const machine = reporter({ maxQueued: 100 });
    for (let id = 1; id <= 50; id += 1) machine.push(score(id, 1), 0);
    for (let id = 1; id <= 50; id += 1) machine.push(dtls(id), 0);
    machine.push({ type: 'transport.closed', roomId: 'daily', transportId: 1, reason: 'ice' }, 0);
    expect(machine.status).toMatchObject({ queued: 50, shed: 51 });
    for (let id = 100; id < 160; id += 1) machine.push(dtls(id), 0);
    expect(machine.status.queued).toBeLessThanOrEqual(100);
    const told = drain(machine);
    expect(told.at(-1)).toEqual(dtls(159));
    expect(told).not.toContainEqual(dtls(2));
    expect(told).not.toContainEqual(dtls(1));
    expect(told.length + machine.status.shed).toBe(50 + 50 + 1 + 60);
  });

  it('does not keep counting ICE states that were told', () => {
    const machine = reporter();
    for (let round = 0; round < 20; round += 1) {
      machine.push(ice(1, 'disconnected'), 0);
      machine.push(ice(1, 'connected'), 0);
      expect(drain(machine)).toEqual([ice(1, 'disconnected'), ice(1, 'connected')]);
    }
  });
});

describe('exactly once', () => {
  /** What may become of one attempt. */
  const fate = fc.constantFrom('delivered', 'lost', 'answer lost', 'twice', 'late twin', 'refused for now');

  it('holds under lost, repeated and late requests and answers', () => {
    fc.assert(
      fc.property(
        fc.array(fate, { maxLength: 60 }),
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 60 }),
        (fates, bursts) => {
          const machine = reporter({ maxBatch: 4 });
          const applied: MediaHappening[] = [];
          const seqs: number[] = [];
          let last = 0;
          /** Signaling, as the protocol asks for: (epoch, seq) once. */
          const apply = (report: PodReport) => {
            if (report.seq > last) {
              last = report.seq;
              seqs.push(report.seq);
              applied.push(...report.happenings);
            }
            return { seq: last, leaseSeconds: 15 };
          };
          const twins: PodReport[] = [];
          let now = 0;
          let id = 0;
          const pushed: MediaHappening[] = [];
          const attempt = (what: string) => {
            const report = machine.next(now);
            if (report === undefined) return;
            if (what === 'lost' || what === 'refused for now') return machine.fail(now);
            const answer = apply(structuredClone(report));
            if (what === 'answer lost') return machine.fail(now);
            if (what === 'twice') apply(structuredClone(report));
            if (what === 'late twin') twins.push(structuredClone(report));
            return machine.acknowledge(answer, now);
          };
          for (const [index, burst] of bursts.entries()) {
            for (let count = 0; count < burst; count += 1) {
              id += 1;
              pushed.push(dtls(id));
              machine.push(dtls(id), now);
            }
            now = Math.max(now + 1, machine.nextTimeout()?.at ?? 0);
            attempt(fates[index] ?? 'delivered');
            if (index % 3 === 2) for (const twin of twins.splice(0)) apply(twin);
          }
          for (let turn = 0; turn < 200 && !machine.settled; turn += 1) {
            now = Math.max(now, machine.nextTimeout()?.at ?? now);
            attempt('delivered');
          }
          expect(machine.settled).toBe(true);
          expect(applied).toEqual(pushed);
          expect(seqs).toEqual(seqs.map((_, index) => index + 1));
        },
      ),
      { seed: 20270101, numRuns: 300 },
    );
  });
});
