import { describe, expect, it } from 'vitest';
import { publishLayers, viewLayers } from './quality/layered-scene.ts';
import { receiverSpec } from './specs.ts';
import { WorkerHost, workerAddress } from './worker-host.ts';

/** A simulcast publisher that does what it is told: encodings nobody wants are off until they are wanted again. */
function scene({ active = [0, 1, 2] }: { active?: readonly number[] } = {}) {
  const host = new WorkerHost({ policy: { delayMs: 10 } });
  const source = publishLayers(host);
  const { publisher, receiver } = source;
  for (const layer of publisher.layers) layer.enable(active.includes(layer.index));
  publisher.start();
  const told = () => host.of('receiver.wantedlayers').map(({ spatialLayers }) => spatialLayers);
  const obey = () => {
    const wanted = told().at(-1);
    if (wanted !== undefined)
      for (const layer of publisher.layers) layer.enable(wanted.includes(layer.index));
    host.clock.at(host.clock.now() + 50, obey);
  };
  obey();
  const watch = (rateBps: number, preferred?: number) => {
    const { viewers, senders, ip } = viewLayers(
      host,
      [receiver],
      { delayMs: 20, rateBps },
      { delayMs: 20 },
      0,
      preferred === undefined ? {} : { preferredLayers: { spatialLayer: preferred } },
    );
    const [viewer, sender] = [viewers[0]!, senders[0]!];
    host.update({ senders });
    const limit = (bps: number) =>
      host.network.setPolicy(workerAddress.ip, ip, { delayMs: 20, rateBps: bps });
    return { viewer, sender, limit };
  };
  return { host, source, publisher, receiver, told, watch };
}

describe('layers that nobody wants', () => {
  it('are told to the publisher, none of them while nobody watches, and come back for whoever needs them', () => {
    const { host, told, watch } = scene();
    host.clock.runFor(8000);
    expect(told()).toEqual([[0, 1, 2], []]);
    const low = watch(10_000_000, 0);
    host.clock.runFor(3000);
    expect(told()).toEqual([[0, 1, 2], [], [0]]);
    expect(low.viewer.shown.at(-1)?.layer).toBe(0);
    const high = watch(10_000_000);
    host.clock.runFor(8000);
    expect(told().at(-1)).toEqual([0, 1, 2]);
    expect(high.viewer.shown.at(-1)?.layer).toBe(2);
    expect(low.viewer.shown.at(-1)?.layer).toBe(0);
    // A stricter wish of the last that takes the best, then none at all.
    host.update({ senders: [{ ...high.sender, preferredLayers: { spatialLayer: 1 } }] });
    host.clock.runFor(4000);
    expect(told().at(-1)).toEqual([0, 1, 2]);
    host.clock.runFor(4000);
    expect(told().at(-1)).toEqual([0, 1]);
    expect(high.viewer.shown.at(-1)?.layer).toBe(1);
    host.update({ remove: { senders: [high.sender.id, low.sender.id] } });
    host.clock.runFor(7000);
    expect(told().at(-1)).toEqual([]);
  });

  it('are those that no bitrate carries, and they return when one does', () => {
    const { host, publisher, told, watch } = scene();
    const { viewer, limit } = watch(900_000);
    host.clock.runFor(20_000);
    expect(told().at(-1)).toEqual([0, 1]);
    const { frames } = publisher.layers[2]!;
    host.clock.runFor(20_000);
    expect(publisher.layers[2]!.frames).toBe(frames);
    const before = told().length;
    limit(5_000_000);
    host.clock.runFor(10_000);
    expect(told().at(-1)).toEqual([0, 1, 2]);
    expect(viewer.shown.at(-1)?.layer).toBe(2);
    // Up once: it does not flap.
    expect(told().length).toBe(before + 1);
    host.clock.runFor(30_000);
    expect(told().length).toBe(before + 1);
  });

  it('are not told off because the publisher itself turned them off', () => {
    const { host, publisher, told, watch } = scene();
    watch(10_000_000);
    host.clock.runFor(8000);
    const before = told().length;
    publisher.layers[2]!.broken = true;
    host.clock.runFor(20_000);
    expect(told().length).toBe(before);
    publisher.layers[2]!.broken = false;
    host.clock.runFor(20_000);
    expect(told().length).toBe(before);
  });

  it('return on a worker that never told them off', () => {
    // As the worker before it left the publisher: it knew that nobody needed more, and is gone.
    const { host, told, watch } = scene({ active: [0] });
    expect(told()).toEqual([[0, 1, 2]]);
    const { viewer } = watch(10_000_000);
    host.clock.runFor(10_000);
    expect(viewer.shown.at(-1)?.layer).toBe(2);
    expect(told()).toEqual([[0, 1, 2]]);
  });

  it('are all told again over another transport, and with other encodings', () => {
    const { host, source, receiver, told } = scene();
    host.clock.runFor(8000);
    expect(told()).toEqual([[0, 1, 2], []]);
    host.update({ receivers: [{ ...receiver, paused: true }] });
    expect(told()).toHaveLength(2);
    const other = host.connected({ peerId: source.transport.peerId });
    host.update({ receivers: [{ ...receiver, transportId: other.spec.id }] });
    expect(told()).toEqual([[0, 1, 2], [], [0, 1, 2]]);
    host.update({ receivers: [{ ...receiver, transportId: null }] });
    expect(told()).toHaveLength(3);
    host.update({ receivers: [receiver] });
    expect(told().slice(3)).toEqual([[0, 1, 2]]);
    host.update({ receivers: [{ ...receiver, encodings: receiver.encodings.slice(0, 2) }] });
    expect(told().at(-1)).toEqual([0, 1]);
  });

  it('of one stream are those that it announces', () => {
    const host = new WorkerHost();
    const { spec } = host.connected();
    const one = (scalabilityMode?: string) =>
      receiverSpec(host, spec, 'video', { encodings: [{ ssrc: host.id(), scalabilityMode }] });
    host.update({ receivers: [one(), one('L3T3_KEY'), one('L1T3')] });
    expect(host.of('receiver.wantedlayers').map(({ spatialLayers }) => spatialLayers)).toEqual([
      [0],
      [0, 1, 2],
      [0],
    ]);
  });
});
