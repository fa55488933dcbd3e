import { buildRtpPacket, parseRtcp } from '@weir/rtp';
import { expect, it } from 'vitest';
import { publish, type Subscription, watch } from './scene.ts';
import { room, vp9Codecs, wire } from './specs.ts';
import { WorkerHost, workerAddress } from './worker-host.ts';

const packetsPerLayerFrame = 3;

/** A publisher of VP9 in flexible mode (RFC 9628) without dependency descriptors. */
class Vp9Source {
  /** Spatial layers of the pictures to come; more of them come with a key picture. */
  spatialLayers = 1;
  keyPictures = 0;
  /** The first packets of the layer frames of the next key picture come after the others. */
  disorder = false;
  readonly #host: WorkerHost;
  readonly #send: (packet: Uint8Array) => unknown;
  #layersNow = 0;
  #sequence = 100;
  #pictureId = 500;
  #timestamp = 90_000;

  constructor(host: WorkerHost, send: (packet: Uint8Array) => unknown) {
    this.#host = host;
    this.#send = send;
  }

  run(ms: number): void {
    const end = this.#host.clock.now() + ms;
    while (this.#host.clock.now() < end) {
      this.#picture();
      this.#host.clock.runFor(33);
    }
  }

  wantKeyPicture(): void {
    this.#layersNow = 0;
  }

  #picture(): void {
    const key = this.#layersNow !== this.spatialLayers;
    if (key) this.keyPictures++;
    const late: Uint8Array[] = [];
    this.#layersNow = this.spatialLayers;
    this.#pictureId = (this.#pictureId + 1) & 0x7fff;
    this.#timestamp += 2970;
    for (let layer = 0; layer < this.#layersNow; layer++) {
      for (let i = 0; i < packetsPerLayerFrame; i++) {
        const first = i === 0;
        const last = i === packetsPerLayerFrame - 1;
        const payload = this.#payload(key, layer, first, last);
        this.#sequence = (this.#sequence + 1) & 0xffff;
        const marker = last && layer === this.#layersNow - 1;
        const packet = { payloadType: wire.vp8, sequenceNumber: this.#sequence, timestamp: this.#timestamp };
        const bytes = buildRtpPacket({ ...packet, ssrc: 1111, marker, payload });
        if (first && key && this.disorder) late.push(bytes);
        else this.#send(bytes);
      }
    }
    for (const bytes of late) this.#send(bytes);
    if (key) this.disorder = false;
  }

  #payload(key: boolean, layer: number, first: boolean, last: boolean): Uint8Array {
    const structure = key && layer === 0 && first;
    const flags = 0xb0 | (key ? 0 : 0x40) | (first ? 8 : 0) | (last ? 4 : 0) | (structure ? 2 : 0);
    const head = [flags, 0x80 | (this.#pictureId >> 8), this.#pictureId & 255];
    head.push((layer << 1) | (layer > 0 ? 1 : 0));
    if (!key) head.push(1 << 1);
    if (structure) head.push((this.#layersNow - 1) << 5);
    return Uint8Array.from([...head, ...new Uint8Array(40).fill(layer)]);
  }
}

/** Spatial layers of the newest pictures that a viewer got, all of which end with the only marker they have. */
function pictures({ viewer }: Subscription, newest = viewer.sorted.length): number[] {
  const byTime = [...Map.groupBy(viewer.sorted, ({ timestamp }) => timestamp).values()];
  // The newest may be on its way.
  return byTime.slice(-newest - 1, -1).map((packets) => {
    expect(packets.map(({ marker }) => marker)).toEqual(packets.map((_, i) => i === packets.length - 1));
    return new Set(packets.map(({ payload }) => payload.at(-1))).size;
  });
}

it('ends every picture of VP9 for who gets its lowest layer only, from the first that has others', () => {
  const host = new WorkerHost({ policy: { delayMs: 10 }, seed: 3 });
  const { receiver, endpoint } = publish(host, {
    streams: [],
    receiver: { mid: '0', encodings: [{ ssrc: 1111 }], codecs: vp9Codecs(wire) },
  });
  const source = new Vp9Source(host, (packet) => endpoint.sendRtp(packet));
  source.run(100);
  const low = { codecs: vp9Codecs(room), preferredLayers: { spatialLayer: 0 } };
  const all = watch(host, receiver, { codecs: vp9Codecs(room) });
  const early = watch(host, receiver, low);
  // Without RTX, what is sent again must be what was sent before.
  const plain = watch(host, receiver, { ...low, codecs: vp9Codecs(room).slice(0, 1) });
  for (const { socket } of [early, plain]) {
    host.network.setPolicy(workerAddress.ip, socket.address.ip, { delayMs: 10, loss: 0.05 });
  }
  source.run(1000);
  source.spatialLayers = 3;
  source.run(200);
  // Begins with the key picture from the cache.
  const late = watch(host, receiver, low);
  source.run(1500);
  expect(new Set(pictures(all))).toEqual(new Set([1, 3]));
  for (const viewer of [early, plain, late]) {
    const seen = pictures(viewer);
    expect(seen.length).toBeGreaterThan(40);
    expect(new Set(seen)).toEqual(new Set([1]));
  }
});

it('gives all layers to who no longer prefers the lowest, whenever they come', () => {
  const host = new WorkerHost({ policy: { delayMs: 10 } });
  const { receiver, endpoint } = publish(host, {
    streams: [],
    receiver: { mid: '0', encodings: [{ ssrc: 1111 }], codecs: vp9Codecs(wire) },
  });
  const source = new Vp9Source(host, (packet) => endpoint.sendRtp(packet));
  endpoint.onRtcp = (data) => {
    if ((parseRtcp(data) ?? []).some(({ type }) => type === 'pli')) source.wantKeyPicture();
  };
  source.run(100);
  const low = { preferredLayers: { spatialLayer: 0 } };
  const viewer = watch(host, receiver, { codecs: vp9Codecs(room), ...low });
  const { preferredLayers, ...free } = viewer.sender;
  expect(preferredLayers).toEqual(low.preferredLayers);
  source.run(1000);
  host.update({ senders: [free] });
  source.run(1000);
  const before = source.keyPictures;
  source.spatialLayers = 3;
  source.run(1000);
  expect(pictures(viewer, 20)).toEqual(Array(20).fill(3));
  // The one that brings them.
  expect(source.keyPictures).toBe(before + 1);
  // The next key picture begins in disorder, so that it can't be followed from its first packet.
  host.update({ senders: [viewer.sender] });
  source.run(1000);
  expect(pictures(viewer, 1)).toEqual([1]);
  source.disorder = true;
  host.update({ senders: [free] });
  source.run(3000);
  expect(source.disorder).toBe(false);
  expect(pictures(viewer, 20)).toEqual(Array(20).fill(3));
});
