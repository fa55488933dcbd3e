import { describe, expect, it } from 'vitest';
import { publish } from './scene.ts';
import { WorkerHost, workerAddress } from './worker-host.ts';

/** A browser that only sends has no report of ours to answer, so its round trip shows in repairs alone. */
describe('the path of a publisher', () => {
  const scene = (delayMs: number) => {
    const host = new WorkerHost({ seed: 7, policy: { delayMs, loss: 0.05 } });
    const { transport, socket, receiver, streams } = publish(host);
    streams[0]!.start();
    const move = (delay: number) => {
      const policy = { delayMs: delay, loss: 0.05 };
      host.network.setPolicy(workerAddress.ip, socket.address.ip, policy);
      host.network.setPolicy(socket.address.ip, workerAddress.ip, policy);
    };
    const rtt = () => Number(host.stats('transports', transport.id)[0]!.roundTripTime);
    const inbound = () => host.stats('receivers', receiver.id)[0]!;
    return { host, move, rtt, inbound };
  };

  it.each([5, 40, 120])('of %d ms each way is learnt from repairs', (delayMs) => {
    const { host, rtt, inbound } = scene(delayMs);
    host.clock.runFor(10_000);
    expect(rtt()).toBeGreaterThanOrEqual(delayMs * 2);
    // Some repairs are the answer to a second request.
    expect(rtt()).toBeLessThan(delayMs * 2 * 1.6 + 20);
    // Those under way are not lost.
    expect(inbound().packetsLost).toBeLessThan(5);
    // Nearly every packet is asked for once or twice.
    expect(Number(inbound().nackPacketCount)).toBeLessThan(Number(inbound().packetsRepaired) * 1.5);
  });

  it('that becomes longer is learnt anew, and nothing is lost meanwhile', () => {
    const { host, move, rtt, inbound } = scene(40);
    host.clock.runFor(10_000);
    move(150);
    host.clock.runFor(20_000);
    expect(rtt()).toBeGreaterThan(280);
    expect(rtt()).toBeLessThan(550);
    expect(Number(inbound().packetsLost)).toBeLessThan(5);
    move(40);
    host.clock.runFor(20_000);
    expect(rtt()).toBeLessThan(150);
  });
});
