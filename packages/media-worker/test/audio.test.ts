import { buildRtpPacket } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import { publish } from './scene.ts';
import { receiverSpec, senderSpec, viewerExtensions, wire } from './specs.ts';
import { Viewer } from './viewer.ts';
import { WorkerHost } from './worker-host.ts';

describe('audio', () => {
  it('levels are averaged over half a second, loudest first, and silence is told once', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const peers = [70, 20].map((level, i) => {
      const { spec, endpoint } = host.connected();
      const receiver = receiverSpec(host, spec, 'audio');
      host.update({ receivers: [receiver] });
      let sequence = 10;
      const send = () => {
        // Alternating, so that an average is needed: -level and -(level + 3), truncated towards zero.
        const data = Uint8Array.of(0x80 | (level + (sequence % 2 === 0 ? 0 : 3)));
        endpoint.sendRtp(
          buildRtpPacket({
            payloadType: wire.opus,
            sequenceNumber: sequence,
            timestamp: 960 * sequence,
            ssrc: 2222,
            extensions: [{ id: 1, data }],
            payload: Uint8Array.of(1, 2, 3, i),
          }),
        );
        sequence++;
      };
      return { receiver, send };
    });
    for (let i = 0; i < 100; i++) {
      for (const { send } of peers) send();
      host.clock.runFor(20);
    }
    const levels = host.of('audio.levels');
    expect(levels.length).toBeGreaterThanOrEqual(3);
    expect(levels[1]!.levels).toEqual([
      { receiverId: peers[1]!.receiver.id, audioLevel: -21 },
      { receiverId: peers[0]!.receiver.id, audioLevel: -71 },
    ]);
    host.clock.runFor(3000);
    const silent = host.of('audio.levels').slice(levels.length);
    expect(silent.at(-1)!.levels).toEqual([]);
    expect(silent.filter((h) => h.levels.length === 0)).toHaveLength(1);
    // Without discontinuous transmission a silent stream is a dead one.
    expect(host.of('receiver.score').at(-1)!.scores[0]!.score).toBe(0);
  });

  it('names who speaks: not who coughs, not who is paused, and the next when one is gone', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const peers = [0, 1].map(() => {
      const { spec, endpoint } = host.connected();
      const receiver = receiverSpec(host, spec, 'audio');
      host.update({ receivers: [receiver] });
      let sequence = 10;
      const send = (level: number) => {
        endpoint.sendRtp(
          buildRtpPacket({
            payloadType: wire.opus,
            sequenceNumber: sequence,
            timestamp: 960 * sequence,
            ssrc: 2222,
            extensions: [{ id: 1, data: Uint8Array.of(0x80 | level) }],
            payload: Uint8Array.of(1, 2, 3),
          }),
        );
        sequence++;
      };
      return { receiver, send, id: receiver.id };
    });
    const [first, second] = [peers[0]!, peers[1]!];
    /** Speech has gaps, by which the noise floor is known; everybody else is at -90 dBov. */
    const run = (speaker: typeof first | undefined, ms: number) => {
      const before = host.of('audio.speaker').length;
      for (let t = 0; t < ms; t += 20) {
        for (const peer of peers) peer.send(peer === speaker && Math.floor(t / 100) % 4 !== 3 ? 25 : 90);
        host.clock.runFor(20);
      }
      return host.of('audio.speaker').slice(before);
    };
    const names = (id: number) => [{ type: 'audio.speaker', roomId: 'room-1', receiverId: id }];

    expect(run(first, 3000)).toEqual(names(first.id));
    expect(run(second, 60)).toEqual([]);
    expect(run(first, 2000)).toEqual([]);
    expect(run(second, 3000)).toEqual(names(second.id));
    host.update({ receivers: [{ ...first.receiver, paused: true }] });
    expect(run(first, 3000)).toEqual([]);
    host.update({ receivers: [{ ...first.receiver, paused: false }] });
    expect(run(first, 3000)).toEqual(names(first.id));
    host.update({ remove: { receivers: [first.id] } });
    expect(run(undefined, 1000)).toEqual(names(second.id));
  });

  it('is forwarded at once, from any packet on, with its level under the id of the viewer', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const { spec, endpoint } = host.connected();
    const receiver = receiverSpec(host, spec, 'audio');
    host.update({ receivers: [receiver] });
    const watching = host.connected();
    const sender = senderSpec(host, watching.spec, receiver);
    const viewer = new Viewer(host, watching.endpoint, sender);
    watching.endpoint.onRtp = (packet) => viewer.handleRtp(packet);
    host.update({ senders: [sender] });
    for (let i = 0; i < 50; i++) {
      endpoint.sendRtp(
        buildRtpPacket({
          payloadType: wire.opus,
          sequenceNumber: 65_520 + i,
          timestamp: 0xffff_ff00 + 960 * i,
          ssrc: 2222,
          extensions: [{ id: 1, data: Uint8Array.of(0x90) }],
          payload: Uint8Array.of(i, 2, 3),
        }),
      );
      host.clock.runFor(20);
    }
    expect(viewer.got.size).toBe(50);
    expect(viewer.holes).toEqual([]);
    const level = viewerExtensions.find(({ uri }) => uri.endsWith('audio-level'))!.id;
    expect([...viewer.got.values()].every((got) => got.extensions.get(level)?.[0] === 0x90)).toBe(true);
    expect(viewer.sorted.map((got) => got.payload[0])).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
});

describe('video orientation', () => {
  it('is told when it changes', () => {
    const host = new WorkerHost({ policy: { delayMs: 5 } });
    const { endpoint, receiver } = publish(host);
    [0, 0, 1, 1, 9, 4].forEach((value, i) => {
      endpoint.sendRtp(
        buildRtpPacket({
          payloadType: wire.vp8,
          sequenceNumber: i,
          timestamp: i * 3000,
          ssrc: 1111,
          extensions: [{ id: 13, data: Uint8Array.of(value) }],
          payload: Uint8Array.of(0x10, 0x10, 0),
        }),
      );
      host.clock.runFor(30);
    });
    const base = { type: 'receiver.videoorientation', roomId: 'room-1', receiverId: receiver.id };
    expect(host.of('receiver.videoorientation')).toEqual([
      { ...base, camera: false, flip: false, rotation: 0 },
      { ...base, camera: false, flip: false, rotation: 90 },
      { ...base, camera: true, flip: false, rotation: 90 },
      { ...base, camera: false, flip: true, rotation: 0 },
    ]);
  });
});
