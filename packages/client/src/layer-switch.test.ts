import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeWeir } from '../test/fake-weir.ts';
import { enter, FakeRtpSender, fakeTrack, giveRtpSenders, pass } from '../test/harness.ts';
import { LayerSwitch } from './layer-switch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const encodings = [{ rid: 'r0' }, { rid: 'r1' }, { rid: 'r2' }];

function started(order: readonly number[] = [0, 1, 2]) {
  const sender = new FakeRtpSender(order.map((i) => encodings[i]!.rid));
  const changed = vi.fn();
  const layers = new LayerSwitch(changed);
  layers.bind(sender, encodings);
  return { sender, layers, changed };
}

describe('LayerSwitch', () => {
  it('sends everything until something is known', async () => {
    const { sender, layers } = started();
    await pass(10_000);
    expect(sender.sets).toBe(0);
    expect(layers.layers.map(({ active, wanted }) => active && wanted)).toEqual([true, true, true]);
  });

  it('switches off what nobody wants for a while, and on again at once', async () => {
    const { sender, layers, changed } = started();
    layers.want([0]);
    await pass(1_900);
    expect(sender.active).toEqual({ r0: true, r1: true, r2: true });
    await pass(200);
    expect(sender.active).toEqual({ r0: true, r1: false, r2: false });
    expect(layers.layers).toEqual([
      { spatialLayer: 0, wanted: true, active: true },
      { spatialLayer: 1, wanted: false, active: false },
      { spatialLayer: 2, wanted: false, active: false },
    ]);
    changed.mockClear();
    layers.want([0, 1, 2]);
    await pass(0);
    expect(sender.active).toEqual({ r0: true, r1: true, r2: true });
    expect(changed).toHaveBeenCalled();
  });

  it('does not flap: a wish that comes and goes changes nothing', async () => {
    const { sender, layers } = started();
    for (let i = 0; i < 20; i++) {
      layers.want([0]);
      await pass(1_000);
      layers.want([0, 1, 2]);
      await pass(1_000);
    }
    expect(sender.sets).toBe(0);
  });

  it('keeps the lowest for those who come late, and knows gaps', async () => {
    const { sender, layers } = started();
    layers.want([]);
    await pass(3_000);
    expect(sender.active).toEqual({ r0: true, r1: false, r2: false });
    layers.want([0, 2]);
    await pass(3_000);
    expect(sender.active).toEqual({ r0: true, r1: false, r2: true });
  });

  it('goes by rid, in whatever order the browser lists encodings', async () => {
    const { sender, layers } = started([2, 1, 0]);
    layers.want([0, 1]);
    await pass(3_000);
    expect(sender.active).toEqual({ r0: true, r1: true, r2: false });
  });

  it('sends everything with the next sender until it is told anew: another pod knows nothing of the first', async () => {
    const { layers } = started();
    layers.want([0]);
    await pass(3_000);
    const next = new FakeRtpSender(['r0', 'r1', 'r2']);
    layers.bind(next, encodings);
    await pass(3_000);
    expect(next.sets).toBe(0);
    expect(layers.layers.map(({ active, wanted }) => active && wanted)).toEqual([true, true, true]);
    layers.want([0, 1]);
    await pass(3_000);
    expect(next.active).toEqual({ r0: true, r1: true, r2: false });
  });

  it('leaves everything as it is where the browser refuses or has other encodings', async () => {
    const { sender, layers } = started();
    sender.refuses = true;
    layers.want([0]);
    await pass(3_000);
    expect(layers.layers.map(({ active }) => active)).toEqual([true, true, true]);
    const old = new FakeRtpSender([]);
    layers.bind(old, encodings);
    await pass(3_000);
    expect(old.sets).toBe(0);
  });

  it('has no layers for one encoding', () => {
    const layers = new LayerSwitch(() => {});
    layers.bind(new FakeRtpSender([undefined]), [{ ssrc: 1 }]);
    layers.want([]);
    expect(layers.layers).toEqual([]);
  });
});

describe('a publication', () => {
  it('follows the log: layers nobody wants are switched off, and on again after a move or a gap', async () => {
    const server = new FakeWeir();
    const { session, radio } = await enter(server);
    const senders = giveRtpSenders(radio);
    const publishing = session.publish(fakeTrack('video', 1280));
    await pass(100);
    const publication = await publishing;
    const told = vi.fn();
    publication.on('layerschange', told);
    const ada = [...server.peers.values()].find((peer) => peer.info.name === 'Ada')!;
    const tell = (spatialLayers: number[]) =>
      server.emit(ada, 'wantedlayers', 'rtpreceiver', publication.id, { spatialLayers });
    tell([0, 1]);
    await pass(3_000);
    expect(senders.at(-1)!.active).toEqual({ r0: true, r1: true, r2: false });
    expect(publication.layers.map(({ active }) => active)).toEqual([true, true, false]);
    expect(told).toHaveBeenCalled();

    server.emit(ada, 'migrate', 'peer', ada.info.id, {});
    await pass(10_000);
    expect(senders).toHaveLength(2);
    expect(senders[1]!.active).toEqual({ r0: true, r1: true, r2: true });
    tell([0, 1]);
    await pass(3_000);
    expect(senders[1]!.active).toEqual({ r0: true, r1: true, r2: false });

    // What was told in between is not known.
    server.emit(ada, 'reset', 'peer', ada.info.id, server.snapshot(ada) as never);
    await pass(100);
    expect(senders.at(-1)!.active).toEqual({ r0: true, r1: true, r2: true });
  });
});
