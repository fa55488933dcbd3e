import { beforeEach, describe, expect, it } from 'vitest';
import {
  errors,
  type Peer,
  type Room,
  type RtpReceiver,
  type RtpSender,
  type Transport,
} from '../src/index.ts';
import {
  opusParameters,
  peerCapabilities,
  record,
  settled,
  startPeer,
  startRoom,
  vp8Parameters,
} from './fixtures.ts';

let room: Room;
let alice: Peer;
let bob: Peer;
let aliceTransport: Transport;
let bobTransport: Transport;
let receiver: RtpReceiver;
let sender: RtpSender;
let log: string[];

/** Alice sends video, and bob has a sender of it, bound to nothing yet. */
beforeEach(async () => {
  room = await startRoom();
  alice = await startPeer(room, 'alice');
  bob = await startPeer(room, 'bob');
  aliceTransport = await alice.createTransport();
  bobTransport = await bob.createTransport();
  receiver = alice.RtpReceiver('video', aliceTransport);
  await receiver.receive(vp8Parameters(1111));
  sender = bob.rtpSenders[0]!;
  log = [];
  sender.on('activechange', (active) => log.push(`activechange ${active}`));
  sender.on('parameterschange', (_parameters, active) => log.push(`parameterschange ${active}`));
  record(log, '', sender, ['transport', 'close']);
});

describe('a new RtpSender', () => {
  it('is bound to nothing, inactive, and knows where it comes from', () => {
    expect(sender).toMatchObject({ kind: 'video', active: false, closed: false, paused: false });
    expect(sender.transport).toBeUndefined();
    expect(sender.peer).toBe(bob);
    expect(sender.associatedRtpReceiver).toBe(receiver);
    expect([sender.preferredLayers, sender.currentLayers, sender.priority]).toEqual([
      undefined,
      undefined,
      1,
    ]);
  });

  it('is announced to the other peers in join order, after newrtpreceiver and parameters (7.2)', async () => {
    const carol = await startPeer(room, 'carol');
    const silent = room.Peer('dave');
    const order: string[] = [];
    record(order, 'carol', carol, ['newrtpsender']);
    record(order, 'bob', bob, ['newrtpsender']);
    record(order, 'alice', alice, ['newrtpsender', 'newrtpreceiver']);
    record(order, 'dave', silent, ['newrtpsender']);
    // Not awaited: the queue keeps the order (1.3).
    const second = alice.RtpReceiver('audio', aliceTransport);
    record(order, 'receiver', second, ['parameters', 'parameterschange']);
    await second.receive(opusParameters(2222)).then(() => order.push('resolved'));
    expect(order).toEqual([
      'alice newrtpreceiver',
      'receiver parameters',
      'bob newrtpsender',
      'carol newrtpsender',
      'resolved',
    ]);
  });

  it("has an SSRC of its own that stays, and the room's payload type", async () => {
    const before = sender.rtpParameters;
    expect(before.encodings[0]!.ssrc).not.toBe(1111);
    expect(before.codecs[0]).toMatchObject({ name: 'video/VP8', payloadType: 110 });
    await receiver.receive(vp8Parameters(3333));
    expect(sender.rtpParameters.encodings[0]!.ssrc).toBe(before.encodings[0]!.ssrc);
  });
});

describe('rtpSender.setTransport()', () => {
  it('emits activechange, then transport, then resolves; again: only transport (8.2)', async () => {
    const answer = await sender.setTransport(bobTransport);
    log.push('resolved');
    expect(answer).toBe(sender);
    expect([sender.transport, sender.active]).toEqual([bobTransport, true]);
    await sender.setTransport(bobTransport);
    expect(log).toEqual(['activechange true', ' transport', 'resolved', ' transport']);
  });

  it('gives a new muxId on another transport, and keeps it on the same (D-37)', async () => {
    await sender.setTransport(bobTransport);
    const first = sender.rtpParameters.muxId;
    expect(first).toMatch(/^\d+$/);
    await sender.setTransport(bobTransport);
    await receiver.receive(vp8Parameters(1111));
    expect(sender.rtpParameters.muxId).toBe(first);
    const other = await bob.createTransport();
    await sender.setTransport(other);
    expect(sender.transport).toBe(other);
    await sender.setTransport(bobTransport);
    expect(sender.rtpParameters.muxId).not.toBe(first);
  });

  it('refuses what 7.2 lists', async () => {
    const untyped = sender.setTransport.bind(sender) as (transport?: unknown) => Promise<unknown>;
    await expect(untyped()).rejects.toBeInstanceOf(TypeError);
    await expect(untyped({})).rejects.toBeInstanceOf(TypeError);
    await expect(sender.setTransport(aliceTransport)).rejects.toThrow('Transport does not exist');
    bobTransport.close();
    await expect(sender.setTransport(bobTransport)).rejects.toBeInstanceOf(errors.InvalidStateError);
    expect(log).toEqual([]);
  });

  it('closing the transport unbinds: its close first, then activechange false (1.6)', async () => {
    await sender.setTransport(bobTransport);
    log.length = 0;
    bobTransport.on('close', () => {
      log.push(`transport closed, active ${sender.active}, bound ${sender.transport !== undefined}`);
    });
    bobTransport.close();
    expect(log).toEqual(['transport closed, active false, bound false', 'activechange false']);
    expect(sender.closed).toBe(false);
    await sender.setTransport(await bob.createTransport());
    expect(sender.active).toBe(true);
  });

  it('an inactive sender says nothing when its transport closes', async () => {
    await sender.disable();
    await sender.setTransport(bobTransport);
    bobTransport.close();
    expect(log).toEqual([' transport']);
  });
});

describe('rtpSender.disable() and enable()', () => {
  it('change active only while bound, and emit only changes', async () => {
    await sender.disable();
    expect([sender.paused, sender.active]).toEqual([true, false]);
    await sender.setTransport(bobTransport);
    expect(sender.active).toBe(false);
    await sender.enable();
    await sender.enable();
    await sender.disable();
    await sender.disable();
    expect(log).toEqual([' transport', 'activechange true', 'activechange false']);
  });

  it('emit: false silences, anything else does not (D-22)', async () => {
    await sender.setTransport(bobTransport);
    log.length = 0;
    await sender.disable({ emit: false });
    expect(sender.active).toBe(false);
    await sender.enable({ emit: true });
    await sender.disable({});
    await sender.enable();
    await sender.disable({ emit: undefined as unknown as true });
    await sender.enable(null as unknown as object);
    expect(log).toEqual([
      'activechange true',
      'activechange false',
      'activechange true',
      'activechange false',
      'activechange true',
    ]);
  });

  it('disable() survives rebinding', async () => {
    await sender.setTransport(bobTransport);
    await sender.disable();
    await sender.setTransport(await bob.createTransport());
    expect([sender.paused, sender.active]).toEqual([true, false]);
  });
});

describe('rtpSender parameterschange', () => {
  it('comes with each repeated receive(), also if nothing differs (D-40), before the promise resolves', async () => {
    await sender.setTransport(bobTransport);
    log.length = 0;
    receiver.on('parameterschange', () => log.push('receiver parameterschange'));
    await receiver.receive(vp8Parameters(1111)).then(() => log.push('resolved'));
    await receiver.receive(vp8Parameters(1111));
    expect(log).toEqual([
      'receiver parameterschange',
      'parameterschange true',
      'resolved',
      'receiver parameterschange',
      'parameterschange true',
    ]);
  });

  it('carries the new active instead of an activechange (8.3)', async () => {
    const carol = room.Peer('carol');
    await carol.setCapabilities({ codecs: [peerCapabilities.codecs![2]!] });
    const [hers] = carol.rtpSenders;
    await hers!.setTransport(await carol.createTransport());
    const heard: string[] = [];
    hers!.on('activechange', (active) => heard.push(`activechange ${active}`));
    hers!.on('parameterschange', (parameters, active) =>
      heard.push(`parameterschange ${parameters.codecs.length} ${active} ${hers!.active}`),
    );
    const h264 = {
      name: 'video/H264',
      payloadType: 112,
      clockRate: 90000,
      parameters: { packetizationMode: 1 },
    };
    await receiver.receive({ codecs: [h264], encodings: [{ ssrc: 1111 }] });
    await receiver.receive(vp8Parameters(1111));
    expect(heard).toEqual(['parameterschange 0 false false', 'parameterschange 1 true true']);
  });
});

describe('rtpSender layers, priority, key frames', () => {
  it('keeps what was preferred and refuses nonsense', async () => {
    expect(await sender.setPreferredLayers({ spatialLayer: 1, temporalLayer: 2 })).toBe(sender);
    expect(sender.preferredLayers).toEqual({ spatialLayer: 1, temporalLayer: 2 });
    await sender.setPreferredLayers({ spatialLayer: 0 });
    expect(sender.preferredLayers).toEqual({ spatialLayer: 0 });
    const wrong = [
      undefined,
      7,
      {},
      { spatialLayer: -1 },
      { spatialLayer: 1.5 },
      { spatialLayer: 1, temporalLayer: 'a' },
    ];
    for (const layers of wrong) {
      await expect(sender.setPreferredLayers(layers as { spatialLayer: number })).rejects.toBeInstanceOf(
        TypeError,
      );
    }
    expect(sender.preferredLayers).toEqual({ spatialLayer: 0 });
    await sender.setPreferredLayers(null);
    expect(sender.preferredLayers).toBeUndefined();
  });

  it('takes priorities of 1 to 255', async () => {
    await sender.setPriority(7);
    expect(sender.priority).toBe(7);
    for (const wrong of [0, 256, 1.5, '2', undefined]) {
      await expect(sender.setPriority(wrong as number)).rejects.toBeInstanceOf(TypeError);
    }
    await sender.unsetPriority();
    expect(sender.priority).toBe(1);
  });

  it('keeps the hysteresis that was set, explains it, and refuses what is out of range', async () => {
    expect(sender.hysteresis).toBeUndefined();
    const defaults = { upMargin: 0.12, downMargin: 0.08, upHoldMs: 700, downHoldMs: 1500 };
    expect((await sender.explain()).hysteresis).toEqual(defaults);
    expect(await sender.setHysteresis({ upMargin: 0.3 })).toBe(sender);
    expect(sender.hysteresis).toEqual({ upMargin: 0.3 });
    expect((await sender.explain()).hysteresis).toEqual({ ...defaults, upMargin: 0.3 });
    for (const wrong of [undefined, 7, { upMargin: -1 }, { downMargin: 1 }, { upHoldMs: 0.5 }, { up: 1 }]) {
      await expect(sender.setHysteresis(wrong as object)).rejects.toBeInstanceOf(TypeError);
    }
    expect(sender.hysteresis).toEqual({ upMargin: 0.3 });
    await sender.setHysteresis(null);
    expect(sender.hysteresis).toBeUndefined();
  });

  it('requestKeyFrame() resolves whatever the state', async () => {
    expect(await sender.requestKeyFrame()).toBe(sender);
  });
});

describe('rtpReceiver.pause() and resume()', () => {
  it('tell every sender once and leave active alone', async () => {
    await sender.setTransport(bobTransport);
    log.length = 0;
    record(log, '', sender, ['receiverpause', 'receiverresume']);
    expect(await receiver.pause()).toBe(receiver);
    await receiver.pause();
    expect([receiver.paused, sender.receiverPaused, sender.active]).toEqual([true, true, true]);
    await receiver.resume();
    await receiver.resume();
    expect([receiver.paused, sender.receiverPaused, sender.active]).toEqual([false, false, true]);
    expect(log).toEqual([' receiverpause', ' receiverresume']);
  });

  it('paused from the start', async () => {
    const paused = alice.RtpReceiver('audio', aliceTransport, { paused: true });
    expect(paused.paused).toBe(true);
    await paused.receive(opusParameters(2222));
    expect(bob.rtpSenders[1]!.receiverPaused).toBe(true);
  });
});

describe('a closed RtpSender', () => {
  it('rejects every method with InvalidStateError, keeps its getters, and is silent', async () => {
    await sender.setTransport(bobTransport);
    log.length = 0;
    const queued = sender.disable();
    receiver.close();
    expect(log).toEqual([' close']);
    await expect(queued).rejects.toBeInstanceOf(errors.InvalidStateError);
    const calls = [
      sender.setTransport(bobTransport),
      sender.enable(),
      sender.disable(),
      sender.setPreferredLayers(null),
      sender.setPriority(2),
      sender.setHysteresis(null),
      sender.requestKeyFrame(),
      sender.dump(),
      sender.getStats(),
      sender.explain(),
    ];
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(errors.InvalidStateError);
    bobTransport.close();
    await settled();
    expect(log).toEqual([' close']);
    expect(sender.rtpParameters.codecs).toHaveLength(1);
    expect(sender.associatedRtpReceiver).toBe(receiver);
  });
});
