import type { SenderSpec } from '@weir/protocol';
import { nackItems } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import { type Publication, publish, type Subscription, watch } from './scene.ts';
import { room, viewerExtensions, vp8Codecs } from './specs.ts';
import type { Viewer } from './viewer.ts';
import { WorkerHost } from './worker-host.ts';

/** Every test here relies on the harness, whose engine throws when an index of a stream is sealed twice. */
function scene(changes: Partial<SenderSpec> = {}): Publication & Subscription & { host: WorkerHost } {
  // Some loss, so that RTX has numbers too.
  const host = new WorkerHost({ policy: { delayMs: 10, loss: 0.03 }, seed: 5 });
  const published = publish(host, { streams: [{ ssrc: 1111, rtxSsrc: 1112, packetsPerFrame: 10 }] });
  const watching = watch(host, published.receiver, changes);
  published.streams[0]!.start();
  return { ...published, ...watching, host };
}

/** The viewer went on: much new, nothing missing, nothing that its keys don't open or had before. */
function expectGoesOn(host: WorkerHost, viewer: Viewer, act: () => void): void {
  const before = viewer.got.size;
  const { highest } = viewer;
  act();
  host.clock.runFor(3000);
  expect(viewer.got.size).toBeGreaterThan(before + 600);
  expect(viewer.highest).toBeGreaterThan(highest + 600);
  // What was lost just before, the newest frame among it, can't be asked for in between and is too old later;
  // what is under way at the end may still come.
  const frame = 20;
  const holes = viewer.holes.map((hole) => viewer.highest - ((viewer.highest - hole) & 0xffff));
  expect(holes.filter((hole) => hole > highest + frame && hole < viewer.highest - 50)).toEqual([]);
}

describe('numbers of a sender under the same keys', () => {
  it('go on after it was unbound and bound again', () => {
    const { host, viewer, sender, endpoint } = scene();
    // Far enough that the rollover counter is no longer 0.
    expect(host.clock.runWhile(() => viewer.highest < 2 * 65_536 + 100, 240_000)).toBe(true);
    for (let i = 0; i < 3; i++) {
      expectGoesOn(host, viewer, () => {
        host.update({ senders: [{ ...sender, transportId: null, active: false }] });
        host.clock.runFor(1000);
        host.update({ senders: [{ ...sender, mid: String(i) }] });
      });
    }
    expect(viewer.arrivals.some(({ rtx }) => rtx)).toBe(true);
    expect(endpoint.unauthentic).toBe(0);
  }, 120_000);

  it('go on when it comes back from another transport', () => {
    const { host, viewer, sender, transport, endpoint } = scene();
    host.clock.runFor(5000);
    const other = host.connected({ peerId: transport.peerId });
    let elsewhere = 0;
    other.endpoint.onRtp = () => elsewhere++;
    for (let i = 0; i < 3; i++) {
      const before = elsewhere;
      host.update({ senders: [{ ...sender, transportId: other.spec.id, mid: '9' }] });
      const { size } = viewer.got;
      host.clock.runFor(2000);
      expect(elsewhere).toBeGreaterThan(before + 400);
      expect(viewer.got.size).toBeLessThan(size + 20);
      expectGoesOn(host, viewer, () => host.update({ senders: [sender] }));
    }
    expect(endpoint.unauthentic).toBe(0);
    expect(other.endpoint.unauthentic).toBe(0);
  });

  it('go on when it takes another SSRC for a while', () => {
    const { host, viewer, sender, endpoint } = scene();
    host.clock.runFor(5000);
    host.update({ senders: [{ ...sender, ssrc: 91, rtxSsrc: 92 }] });
    host.clock.runFor(1000);
    expectGoesOn(host, viewer, () => host.update({ senders: [sender] }));
    // And unbound in between.
    host.update({ senders: [{ ...sender, transportId: null }] });
    host.update({ senders: [{ ...sender, transportId: null, ssrc: 91, rtxSsrc: 92 }] });
    host.update({ senders: [{ ...sender, ssrc: 91, rtxSsrc: 92 }] });
    host.clock.runFor(1000);
    expectGoesOn(host, viewer, () => host.update({ senders: [sender] }));
    expect(endpoint.unauthentic).toBe(0);
  });

  it('go on in another sender with the same SSRCs', () => {
    const { host, viewer, sender, endpoint } = scene();
    host.clock.runFor(5000);
    expectGoesOn(host, viewer, () => {
      host.update({ remove: { senders: [sender.id] } });
      host.clock.runFor(200);
      host.update({ senders: [{ ...sender, id: host.id() }] });
    });
    expect(endpoint.unauthentic).toBe(0);
  });

  it('go on through pauses, changed parameters and an ICE restart', () => {
    const { host, viewer, sender, transport, endpoint } = scene();
    host.clock.runFor(5000);
    expectGoesOn(host, viewer, () => {
      host.update({ senders: [{ ...sender, active: false }] });
      host.clock.runFor(500);
      host.update({ senders: [sender] });
    });
    expectGoesOn(host, viewer, () => {
      const codecs = vp8Codecs({ ...room }).reverse();
      host.update({
        senders: [{ ...sender, mid: '12', codecs, headerExtensions: viewerExtensions.slice(1) }],
      });
    });
    expectGoesOn(host, viewer, () => {
      const ice = { usernameFragment: 'restarted', password: 'another-password-of-32-characters' };
      host.update({ transports: [{ ...transport, ice, previousIce: transport.ice }] });
      endpoint.ice.restart(ice);
      host.update({ senders: [{ ...sender, transportId: null }] });
      host.clock.runFor(500);
      host.update({ senders: [sender] });
    });
    expect(endpoint.unauthentic).toBe(0);
  });

  it('begin anew, with rollover counter 0, where the keys are new', () => {
    const { host, sender, transport, viewer } = scene();
    expect(host.clock.runWhile(() => viewer.highest < 2 * 65_536 + 100, 240_000)).toBe(true);
    host.update({ senders: [{ ...sender, transportId: null }], remove: { transports: [transport.id] } });
    const next = host.connected({ peerId: transport.peerId });
    const again: SenderSpec = { ...sender, transportId: next.spec.id };
    const fresh = watchAgain(host, next.endpoint, again);
    host.update({ senders: [again] });
    host.clock.runFor(3000);
    expect(fresh()).toBeGreaterThan(600);
    expect(next.endpoint.unauthentic).toBe(0);
  }, 120_000);

  it('repeat only whole packets, byte by byte, where there is no RTX', () => {
    const { host, viewer, endpoint, sender } = scene({
      rtxSsrc: undefined as never,
      codecs: vp8Codecs({ ...room }).slice(0, 1),
    });
    host.clock.runFor(5000);
    expect(host.engine.repeated).toBeGreaterThan(20);
    expect(viewer.holes.filter((hole) => ((viewer.highest - hole) & 0xffff) > 50)).toEqual([]);
    // Sent with other header extensions: asked for again, they can't be the same, and stay away.
    viewer.nacks = false;
    const lost = Uint16Array.from({ length: 5 }, (_, i) => viewer.highest - 20 + i);
    const { duplicates } = viewer;
    host.update({ senders: [{ ...sender, headerExtensions: viewerExtensions.slice(1) }] });
    const { repeated } = host.engine;
    viewer.send([{ type: 'nack', senderSsrc: 1, mediaSsrc: sender.ssrc, items: nackItems(lost, 5) }]);
    host.clock.runFor(100);
    expect(host.engine.repeated).toBe(repeated);
    expect(viewer.duplicates).toBe(duplicates);
    expect(endpoint.unauthentic).toBe(0);
  });
});

/** Counts what an endpoint decrypts of a sender. */
function watchAgain(host: WorkerHost, endpoint: Subscription['endpoint'], sender: SenderSpec): () => number {
  let count = 0;
  const from = host.clock.now();
  endpoint.onRtp = (packet) => {
    expect(host.clock.now()).toBeGreaterThanOrEqual(from);
    if (new DataView(packet.buffer, packet.byteOffset).getUint32(8) === sender.ssrc) count++;
  };
  return () => count;
}
