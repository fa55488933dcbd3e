import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeWeir, problem } from '../test/fake-weir.ts';
import {
  countPictures,
  enter,
  fakeTrack,
  numberMids,
  pass,
  Radio,
  refuseConsumers,
} from '../test/harness.ts';
import type { WeirError } from './index.ts';
import { Weir } from './index.ts';

let server: FakeWeir;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeWeir();
});

afterEach(() => {
  vi.useRealTimers();
});

const ada = () => [...server.peers.values()].find((peer) => peer.info.name === 'Ada')!;

describe('joining', () => {
  it('joins, sets capabilities, and knows who was there before', async () => {
    server.join('Bob');
    const { session } = await enter(server);
    expect(session.peers.map((peer) => peer.name)).toEqual(['Bob']);
    expect(session.self.name).toBe('Ada');
    expect(session.connection).toEqual({ state: 'connected', sentence: 'Connected' });
    expect(server.calls().slice(0, 2)).toEqual(['POST ', 'PUT /capabilities']);
    expect(ada().ready).toBe(true);
  });

  it('tells a taken name by its code, and replaces on demand', async () => {
    const first = await enter(server);
    await expect(enter(server)).rejects.toMatchObject({ code: 'name-taken', status: 409 });
    await enter(server, { onTakenName: 'replace' });
    await pass(0);
    expect(first.session.connection).toMatchObject({ state: 'closed', reason: 'replaced' });
  });

  it('joins once although the answer of the first attempt got lost', async () => {
    let first = true;
    server.fault = ({ method, path }) => {
      if (method !== 'POST' || !path.endsWith('/peers') || !first) return undefined;
      first = false;
      return 'lose';
    };
    const joining = enter(server);
    await pass(1000);
    await joining;
    expect(server.peers.size).toBe(1);
    expect(server.calls(/^POST $/)).toHaveLength(2);
  });

  it('gives up joining when nobody answers', async () => {
    server.fault = () => 'refuse';
    const joining = enter(server).catch((error: WeirError) => error.code);
    await pass(60_000);
    expect(await joining).toBe('network');
  });

  it('leaves no peer behind when joining is aborted halfway', async () => {
    const abort = new AbortController();
    server.fault = ({ path }) => {
      if (path.endsWith('/capabilities')) abort.abort();
      return undefined;
    };
    await expect(enter(server, { signal: abort.signal })).rejects.toMatchObject({ code: 'aborted' });
    expect(server.peers.size).toBe(0);
  });
});

describe('publishing', () => {
  it('makes one transport for all tracks and announces each', async () => {
    const { session } = await enter(server);
    const [audio, video] = await Promise.all([
      session.publish(fakeTrack('audio')),
      session.publish(fakeTrack('video'), { appData: { source: 'camera' } }),
    ]);
    expect(server.calls(/transports$/)).toEqual(['POST /transports']);
    expect(server.calls(/dtls/)).toHaveLength(1);
    expect([...ada().receivers.keys()].sort()).toEqual([audio.id, video.id].sort());
    const receiver = ada().receivers.get(video.id as never)!;
    expect(receiver.appData).toEqual({ source: 'camera' });
    expect(receiver.rtpParameters?.encodings).toHaveLength(3);
    const streams = [...ada().receivers.values()].map((each) => each.rtpParameters?.msid?.split(' ')[0]);
    expect(new Set(streams).size).toBe(1);
  });

  it('pauses, replaces the track, resumes and unpublishes', async () => {
    const { session } = await enter(server);
    const publication = await session.publish(fakeTrack('video'));
    const receiver = ada().receivers.get(publication.id as never)!;
    await publication.pause();
    expect(receiver.paused).toBe(true);
    const other = fakeTrack('video');
    await publication.replaceTrack(other);
    expect(publication.track).toBe(other);
    await publication.resume();
    expect(receiver.paused).toBe(false);
    await expect(publication.replaceTrack(fakeTrack('audio'))).rejects.toMatchObject({ field: 'track' });
    await publication.unpublish();
    expect(ada().receivers.size).toBe(0);
    expect(session.publications).toEqual([]);
    await expect(publication.pause()).rejects.toMatchObject({ code: 'closed' });
  });

  it('reports a refusal to the caller and forgets the publication', async () => {
    const { session, told } = await enter(server);
    server.fault = ({ method, path }) =>
      method === 'POST' && path.endsWith('/receivers') ? problem(403, 'forbidden') : undefined;
    await expect(session.publish(fakeTrack('audio'))).rejects.toMatchObject({
      code: 'forbidden',
      status: 403,
    });
    expect(session.publications).toEqual([]);
    expect(told).toEqual([]);
  });

  it('refuses a codec that is not in the room', async () => {
    const { session } = await enter(server);
    await expect(session.publish(fakeTrack('video'), { codec: 'AV1' })).rejects.toMatchObject({
      code: 'unsupported',
      field: 'codec',
    });
  });

  it('publishes once although an answer got lost', async () => {
    const { session } = await enter(server);
    let first = true;
    server.fault = ({ method, path }) => {
      if (method !== 'POST' || !path.endsWith('/receivers') || !first) return undefined;
      first = false;
      return 'lose';
    };
    const publishing = session.publish(fakeTrack('audio'));
    await pass(1000);
    const publication = await publishing;
    expect([...ada().receivers.keys()]).toEqual([publication.id]);
  });

  it('waits out an outage instead of failing', async () => {
    const { session } = await enter(server);
    server.fault = ({ path }) => (path.endsWith('/transports') ? 'refuse' : undefined);
    const publishing = session.publish(fakeTrack('audio'));
    await pass(120_000);
    server.fault = () => undefined;
    await pass(10_000);
    expect((await publishing).closed).toBe(false);
  });

  it('takes back a receiver that was made after the caller had left the wait', async () => {
    const { session, radio } = await enter(server);
    await session.publish(fakeTrack('audio'));
    server.fault = ({ method, path }) =>
      method === 'POST' && path.endsWith('/receivers') ? 'lose' : undefined;
    const publishing = session
      .publish(fakeTrack('video'), { simulcast: false })
      .catch((error: WeirError) => error.code);
    await pass(50);
    expect(ada().receivers.size).toBe(2);
    const lost = [...ada().receivers.keys()][1];
    radio.get('send').close();
    server.fault = () => undefined;
    void session.publications.at(-1)?.unpublish();
    await pass(1000);
    expect(await publishing).toBe('closed');
    expect([...ada().receivers.keys()]).not.toContain(lost);
  });

  it('tells when the server ends a publication', async () => {
    const { session, told } = await enter(server);
    const publication = await session.publish(fakeTrack('audio'));
    server.unpublish(ada(), publication.id);
    await pass(0);
    expect(told).toContain('publicationclosed audio');
    expect(publication.closed).toBe(true);
  });
});

describe('subscribing', () => {
  it('binds disabled, consumes, then enables', async () => {
    const bob = server.join('Bob');
    const { session, told } = await enter(server);
    const receiver = server.publish(bob, 'video', { source: 'camera' });
    await pass(10);
    expect(told).toEqual(['trackadded Bob video', 'subscribed Bob']);
    const patches = server.seen.filter(({ method }) => method === 'PATCH').map(({ body }) => body);
    expect(patches).toEqual([
      { transportId: [...ada().transports.keys()][0], enabled: false },
      { enabled: true },
    ]);
    const [subscription] = session.subscriptions;
    expect(subscription?.track?.kind).toBe('video');
    expect(subscription?.remote.receiverId).toBe(receiver.id);
    expect(subscription?.remote.appData).toEqual({ source: 'camera' });
    expect([...ada().senders.values()][0]).toMatchObject({ enabled: true, active: true });
  });

  it('gets what was published before it came, over one transport', async () => {
    const bob = server.join('Bob');
    for (const kind of ['audio', 'video', 'video'] as const) server.publish(bob, kind);
    const { session } = await enter(server);
    await pass(10);
    expect(session.subscriptions.map(({ track }) => track?.kind)).toEqual(['audio', 'video', 'video']);
    expect(server.calls(/POST .transports$/)).toHaveLength(1);
  });

  it('skips what it can not play', async () => {
    const bob = server.join('Bob');
    const { session } = await enter(server);
    server.publish(bob, 'video', { unplayable: true });
    await pass(10);
    expect(session.tracks).toHaveLength(1);
    expect(session.tracks[0]?.playable).toBe(false);
    expect(session.subscriptions).toEqual([]);
    await expect(session.subscribe(session.tracks[0]!)).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('subscribes by hand and unbinds when told to', async () => {
    const bob = server.join('Bob');
    const { session } = await enter(server, { autoSubscribe: false });
    server.publish(bob, 'audio');
    await pass(10);
    expect(session.subscriptions).toEqual([]);
    const subscription = await session.subscribe(session.tracks[0]!);
    expect(subscription.track?.kind).toBe('audio');
    await subscription.unsubscribe();
    expect([...ada().senders.values()][0]?.transportId).toBeNull();
    expect(subscription.track?.readyState).toBe('ended');
    const again = await session.subscribe(session.tracks[0]!);
    expect(again).not.toBe(subscription);
    expect(again.track?.readyState).toBe('live');
  });

  it('pauses and prefers layers', async () => {
    const bob = server.join('Bob');
    const { session } = await enter(server);
    server.publish(bob, 'video');
    await pass(10);
    const subscription = session.subscriptions[0]!;
    await subscription.setPreferredLayers({ spatialLayer: 0 });
    await subscription.pause();
    expect([...ada().senders.values()][0]).toMatchObject({
      enabled: false,
      preferredLayers: { spatialLayer: 0 },
    });
    await subscription.resume();
    await subscription.setPriority(9);
    expect([...ada().senders.values()][0]).toMatchObject({ enabled: true, priority: 9 });
    const before = server.calls(/PATCH/).length;
    await subscription.setPriority(9);
    expect(server.calls(/PATCH/)).toHaveLength(before);
    await subscription.setHysteresis({ upMargin: 0.3 });
    expect([...ada().senders.values()][0]).toMatchObject({ hysteresis: { upMargin: 0.3 } });
    await subscription.setHysteresis(null);
    expect([...ada().senders.values()][0]?.hysteresis ?? null).toBeNull();
  });

  it.each([
    ['before the binding is answered', 0],
    ['while the consumer is enabled', 1],
  ])('survives a sender that closes %s', async (_when, nth) => {
    const bob = server.join('Bob');
    const { session, told } = await enter(server);
    let patches = 0;
    const receiver = { id: '' };
    server.fault = ({ method }) => {
      if (method === 'PATCH' && patches++ === nth) server.unpublish(bob, receiver.id);
      return undefined;
    };
    receiver.id = server.publish(bob, 'video').id;
    await pass(5000);
    expect(session.subscriptions).toEqual([]);
    expect(session.tracks).toEqual([]);
    expect(told.filter((line) => line.startsWith('problem'))).toEqual([]);
    expect(told).toContain('trackremoved Bob video');
  });

  it('offers anew when the parameters changed, and not when they are the same', async () => {
    const bob = server.join('Bob');
    const { session, told } = await enter(server);
    const receiver = server.publish(bob, 'video');
    await pass(10);
    const first = session.subscriptions[0]!.track;
    const sender = [...ada().senders.values()][0]!;
    server.emit(ada(), 'parameterschange', 'rtpsender', sender.id, { rtpParameters: sender.rtpParameters });
    await pass(10);
    expect(sender.bindings).toBe(1);
    server.changeParameters(receiver.id);
    await pass(10);
    expect(sender.bindings).toBe(2);
    expect(told).toContain('trackchanged Bob');
    expect(session.subscriptions[0]!.track).not.toBe(first);
    expect(sender).toMatchObject({ enabled: true, active: true });
  });

  it('offers anew when the parameters change while it is binding', async () => {
    const bob = server.join('Bob');
    const { session } = await enter(server);
    let changed = false;
    let receiverId = '';
    server.fault = ({ method, body }) => {
      if (method === 'PATCH' && body?.enabled === true && !changed) {
        changed = true;
        server.changeParameters(receiverId);
      }
      return undefined;
    };
    receiverId = server.publish(bob, 'video').id;
    await pass(100);
    expect([...ada().senders.values()][0]).toMatchObject({ bindings: 2, enabled: true });
    expect(session.subscriptions[0]?.track?.readyState).toBe('live');
  });

  it('gives up what the browser refuses, and nothing else with it', async () => {
    const bob = server.join('Bob');
    const { session, radio, told } = await enter(server);
    server.publish(bob, 'audio');
    await pass(10);
    const guilty = server.publish(bob, 'video').id;
    server.publish(bob, 'audio');
    server.publish(bob, 'audio');
    refuseConsumers(radio, ({ trackId }) =>
      [...ada().senders.values()].some(
        ({ receiverId, consumerId }) => receiverId === guilty && consumerId === trackId,
      ),
    );
    await pass(60_000);
    expect(session.subscriptions.map(({ track }) => track?.readyState)).toEqual(['live', 'live', 'live']);
    expect(session.subscriptions.map(({ remote }) => remote.receiverId)).not.toContain(guilty);
    expect(told.filter((line) => line.startsWith('problem'))).toEqual(['problem unsupported']);
    const recv = radio.transports.filter(({ direction, closed }) => direction === 'recv' && !closed);
    expect([...ada().transports.keys()]).toEqual(recv.map(({ id }) => id));
    // The last word is a clean transport: what comes later works at once.
    server.publish(bob, 'audio');
    await pass(10);
    expect(session.subscriptions).toHaveLength(4);
    expect(session.subscriptions.at(-1)?.track?.readyState).toBe('live');
  });

  it('tells who pauses and who goes', async () => {
    const bob = server.join('Bob');
    const { told } = await enter(server);
    const receiver = server.publish(bob, 'audio');
    await pass(10);
    server.pauseReceiver(receiver.id, true);
    server.pauseReceiver(receiver.id, false);
    server.join('Eve');
    server.leave(bob);
    await pass(10);
    expect(told).toEqual([
      'trackadded Bob audio',
      'subscribed Bob',
      'trackpaused Bob',
      'trackresumed Bob',
      'peerjoined Eve',
      'unsubscribed Bob',
      'trackremoved Bob audio',
      'peerleft Bob',
    ]);
  });
});

describe('media trouble', () => {
  it('tells when media does not come up, and when it does', async () => {
    const { session, radio, told } = await enter(server);
    server.fault = ({ path }) => (path.endsWith('/transports') ? problem(503, 'no-pod') : undefined);
    const publishing = session.publish(fakeTrack('audio'));
    await pass(5000);
    expect(told).toEqual([]);
    await pass(5000);
    expect(session.connection.sentence).toBe('Audio and video are interrupted. Reconnecting…');
    server.fault = () => undefined;
    await pass(10_000);
    await publishing;
    radio.setState('send', 'connected');
    expect(session.connection.state).toBe('connected');
  });

  it('restarts ICE at once when it failed', async () => {
    const { session, radio, told } = await enter(server);
    await session.publish(fakeTrack('audio'));
    radio.setState('send', 'connected');
    radio.setState('send', 'failed');
    await pass(0);
    expect(server.calls(/ice-restart/)).toHaveLength(1);
    radio.setState('send', 'connected');
    await pass(20_000);
    expect(server.calls(/ice-restart/)).toHaveLength(1);
    expect(told).toEqual(['reconnecting', 'connected']);
  });

  it('gives a disconnected path time to heal', async () => {
    const { session, radio } = await enter(server);
    await session.publish(fakeTrack('audio'));
    radio.setState('send', 'connected');
    radio.setState('send', 'disconnected');
    await pass(2000);
    radio.setState('send', 'connected');
    await pass(20_000);
    expect(server.calls(/ice-restart/)).toEqual([]);
    radio.setState('send', 'disconnected');
    await pass(3000);
    expect(server.calls(/ice-restart/)).toHaveLength(1);
  });

  it('moves to a new transport when restarts do not help, keeping the receiver', async () => {
    const { session, radio, told } = await enter(server);
    const publication = await session.publish(fakeTrack('audio'));
    const before = radio.get('send');
    const { id } = publication;
    radio.setState('send', 'connected');
    radio.setState('send', 'failed');
    await pass(11_000);
    expect(server.calls(/ice-restart/)).toHaveLength(2);
    expect(before.closed).toBe(true);
    const after = radio.get('send');
    expect(publication.id).toBe(id);
    expect(ada().receivers.get(id as never)?.transportId).toBe(after.id);
    expect([...ada().transports.keys()]).toEqual([after.id]);
    radio.setState('send', 'connected');
    expect(told).toEqual(['reconnecting', 'connected']);
  });

  it('calls a long outage disconnected, and goes on', async () => {
    const { session, radio, told } = await enter(server);
    await session.publish(fakeTrack('audio'));
    radio.setState('send', 'connected');
    server.fault = () => 'refuse';
    server.cutStreams(ada(), true);
    radio.setState('send', 'failed');
    await pass(25_000);
    expect(session.connection.state).toBe('disconnected');
    server.fault = () => undefined;
    await pass(20_000);
    radio.setState('send', 'connected');
    expect(told.filter((state, n) => state !== told[n - 1])).toEqual([
      'reconnecting',
      'disconnected',
      'connected',
    ]);
    expect(session.connection.state).toBe('connected');
  });

  it('follows a migration: same peer, same receiver, same senders, other transports', async () => {
    const bob = server.join('Bob');
    const { session, radio, told } = await enter(server);
    const publication = await session.publish(fakeTrack('video'));
    server.publish(bob, 'audio');
    await pass(10);
    const old = { send: radio.get('send'), recv: radio.get('recv') };
    const { id } = publication;
    const [sender] = [...ada().senders.values()];
    server.emit(ada(), 'migrate', 'peer', session.self.id, { reason: 'drain' });
    await pass(100);
    expect(old.send.closed && old.recv.closed).toBe(true);
    expect(publication.id).toBe(id);
    expect(ada().receivers.get(id as never)?.transportId).toBe(radio.get('send').id);
    expect(sender).toMatchObject({ transportId: radio.get('recv').id, enabled: true, bindings: 2 });
    expect(told).toContain('trackchanged Bob');
    expect([...ada().transports.keys()].sort()).toEqual([radio.get('send').id, radio.get('recv').id].sort());
    radio.setState('send', 'connected');
    radio.setState('recv', 'connected');
    await pass(20_000);
    expect(told.filter((line) => line.endsWith('connecting'))).toEqual([]);
  });

  it('leaves a draining pod without a gap: media goes on there until it comes from the next one', async () => {
    const bob = server.join('Bob');
    const { session, radio, told } = await enter(server);
    const publication = await session.publish(fakeTrack('video'));
    server.publish(bob, 'video');
    await pass(10);
    const old = { send: radio.get('send'), recv: radio.get('recv') };
    const [sender] = [...ada().senders.values()];
    const [subscription] = session.subscriptions;
    const first = subscription!.track;
    server.elsewhere = true;
    const stats = countPictures(radio);
    server.emit(ada(), 'migrate', 'peer', session.self.id, { reason: 'drain' });
    await pass(1_000);
    // On both: the track is sent twice, and what is shown comes from the old pod.
    expect(radio.transports.filter(({ closed }) => !closed)).toHaveLength(4);
    expect(ada().receivers.get(publication.id as never)?.transportId).toBe(old.send.id);
    expect(sender?.transportId).toBe(old.recv.id);
    expect(subscription!.track).toBe(first);
    expect(told).not.toContain('trackchanged Bob');
    await publication.pause();
    await publication.resume();
    // The first picture comes from the new one.
    stats.set(radio.get('recv'), 1);
    await pass(200);
    expect(told).toContain('trackchanged Bob');
    expect(subscription!.track).not.toBe(first);
    expect(sender).toMatchObject({ transportId: radio.get('recv').id, bindings: 2, enabled: true });
    expect(old.recv.closed).toBe(true);
    expect(old.send.closed).toBe(false);
    // The others have moved too.
    server.arrive(ada(), publication.id);
    await pass(200);
    expect(old.send.closed).toBe(true);
    expect([...ada().transports.keys()].sort()).toEqual([radio.get('send').id, radio.get('recv').id].sort());
    expect(publication.closed || subscription!.closed).toBe(false);
  });

  it('is where it was going when the draining pod goes too early', async () => {
    const bob = server.join('Bob');
    const { session, radio, told } = await enter(server);
    const publication = await session.publish(fakeTrack('audio'));
    server.publish(bob, 'audio');
    await pass(10);
    const old = { send: radio.get('send'), recv: radio.get('recv') };
    server.elsewhere = true;
    countPictures(radio);
    server.emit(ada(), 'migrate', 'peer', session.self.id, { reason: 'drain' });
    await pass(500);
    server.arrive(ada(), publication.id);
    server.closeTransport(ada(), old.send.id, 'pod-lost');
    server.closeTransport(ada(), old.recv.id, 'pod-lost');
    await pass(1_000);
    expect(old.send.closed && old.recv.closed).toBe(true);
    expect([...ada().senders.values()][0]?.transportId).toBe(radio.get('recv').id);
    expect(told).toContain('trackchanged Bob');
    expect(radio.transports).toHaveLength(4);
  });

  it('follows a lost pod: transports close first, then the server asks to move', async () => {
    const bob = server.join('Bob');
    const { session, radio } = await enter(server);
    const publication = await session.publish(fakeTrack('audio'));
    server.publish(bob, 'audio');
    await pass(10);
    for (const id of [...ada().transports.keys()]) server.closeTransport(ada(), id, 'pod-lost');
    server.emit(ada(), 'migrate', 'peer', session.self.id, { reason: 'pod-lost' });
    await pass(5000);
    expect(ada().receivers.get(publication.id as never)?.transportId).toBe(radio.get('send').id);
    expect([...ada().senders.values()][0]).toMatchObject({
      transportId: radio.get('recv').id,
      enabled: true,
    });
    expect(ada().transports.size).toBe(2);
  });

  it('publishes anew when the server lost the receiver as well', async () => {
    const { session } = await enter(server);
    const publication = await session.publish(fakeTrack('audio'));
    const { id } = publication;
    let republished = 0;
    publication.on('republished', () => republished++);
    ada().receivers.delete(id as never);
    for (const transport of [...ada().transports.keys()]) server.closeTransport(ada(), transport, 'pod-lost');
    await pass(5000);
    expect(publication.id).not.toBe(id);
    expect([...ada().receivers.keys()]).toEqual([publication.id]);
    expect(republished).toBe(1);
  });

  it('moves in any order, although browsers number their m-sections from 0 again', async () => {
    const { session, radio, told } = await enter(server);
    numberMids(radio);
    const audio = await session.publish(fakeTrack('audio'));
    const video = await session.publish(fakeTrack('video'));
    const ids = [audio.id, video.id];
    // The first one is still busy when both have to move.
    let busy = true;
    server.fault = ({ method, path, body }) => {
      if (!busy || method !== 'PATCH' || !path.endsWith(audio.id) || body?.paused === undefined)
        return undefined;
      busy = false;
      return problem(503, 'store-unavailable', { 'retry-after': '2' });
    };
    const pausing = audio.pause();
    await pass(10);
    server.emit(ada(), 'migrate', 'peer', session.self.id, { transportIds: [radio.get('send').id] });
    server.fault = (request) => {
      // Nudged by the migration, it would be first again.
      return request.body?.paused === undefined ? undefined : problem(503, 'store-unavailable');
    };
    await pass(1000);
    server.fault = () => undefined;
    await pass(10_000);
    await pausing;
    expect([audio.id, video.id]).toEqual(ids);
    const moved = [...ada().receivers.values()].map(({ transportId, rtpParameters }) => [
      transportId,
      rtpParameters?.mid,
    ]);
    expect(moved).toEqual([
      [radio.get('send').id, '1'],
      [radio.get('send').id, '0'],
    ]);
    expect(told.filter((line) => line.startsWith('publicationclosed'))).toEqual([]);
  });

  it('keeps the wishes of a paused publication over a move', async () => {
    const { session, radio } = await enter(server);
    const publication = await session.publish(fakeTrack('video'));
    await publication.pause();
    server.emit(ada(), 'migrate', 'peer', session.self.id, {});
    await pass(100);
    expect(radio.transports.filter((each) => each.direction === 'send')).toHaveLength(2);
    expect(ada().receivers.get(publication.id as never)?.paused).toBe(true);
    expect(publication.paused).toBe(true);
  });

  it('brings a publication without a track back as soon as there is one', async () => {
    const { session, radio } = await enter(server);
    const publication = await session.publish(fakeTrack('video'));
    await publication.pause();
    await publication.replaceTrack(null);
    server.emit(ada(), 'migrate', 'peer', session.self.id, {});
    await pass(100);
    await publication.replaceTrack(fakeTrack('video'));
    await publication.resume();
    expect(ada().receivers.get(publication.id as never)).toMatchObject({
      paused: false,
      transportId: radio.get('send').id,
    });
  });

  it('survives a transport that the server closes in the middle of subscribing', async () => {
    const bob = server.join('Bob');
    const { session, radio } = await enter(server);
    let closed = false;
    server.fault = ({ method, body }) => {
      const [id] = [...ada().transports.keys()];
      if (method === 'PATCH' && body?.enabled === true && !closed && id) {
        closed = true;
        server.closeTransport(ada(), id, 'dtls-closed');
      }
      return undefined;
    };
    server.publish(bob, 'video');
    await pass(10_000);
    expect(session.subscriptions[0]?.track?.readyState).toBe('live');
    expect([...ada().senders.values()][0]).toMatchObject({
      transportId: radio.get('recv').id,
      enabled: true,
    });
  });
});

describe('the log', () => {
  it('resumes after cuts without telling anybody anything twice', async () => {
    const { told } = await enter(server);
    await pass(10);
    for (let round = 0; round < 20; round++) {
      server.join(`P${round}`);
      server.cutStreams(ada(), round % 2 === 0);
      server.join(`Q${round}`);
      await pass(20_000);
    }
    const expected = Array.from({ length: 20 }, (_, n) => [`peerjoined P${n}`, `peerjoined Q${n}`]).flat();
    expect(told.filter((line) => line.startsWith('peerjoined'))).toEqual(expected);
  });

  it('catches up by a snapshot: gone, new and changed', async () => {
    const bob = server.join('Bob');
    const carol = server.join('Carol');
    const { session, told } = await enter(server);
    const gone = server.publish(bob, 'audio');
    const stays = server.publish(carol, 'audio');
    await pass(10);
    told.length = 0;
    // What happens now is never told event by event.
    server.bufferStreams = true;
    const publication = await session.publish(fakeTrack('audio'));
    ada().receivers.clear();
    server.unpublish(bob, gone.id);
    server.leave(bob);
    const dave = server.join('Dave');
    server.publish(dave, 'video');
    server.pauseReceiver(stays.id, true);
    server.bufferStreams = false;
    server.emit(ada(), 'reset', 'peer', session.self.id, { ...server.snapshot(ada()) });
    await pass(100);
    expect(told).toEqual([
      'unsubscribed Bob',
      'trackremoved Bob audio',
      'peerleft Bob',
      'peerjoined Dave',
      'trackpaused Carol',
      'trackadded Dave video',
      'subscribed Dave',
    ]);
    expect(session.peers.map(({ name }) => name)).toEqual(['Carol', 'Dave']);
    expect([...ada().receivers.keys()]).toEqual([publication.id]);
  });

  it('polls when streams do not get through', async () => {
    server.bufferStreams = true;
    const { session, told } = await enter(server);
    await pass(30_000);
    server.join('Bob');
    await pass(10);
    expect(told).toContain('peerjoined Bob');
    expect(session.eventMode).toBe('poll');
  });

  it('polls from the start when asked to', async () => {
    const { told } = await enter(server, { events: 'poll' });
    await pass(70_000);
    server.join('Bob');
    await pass(10);
    expect(told).toEqual(['peerjoined Bob']);
    expect(server.seen.some(({ headers }) => headers.get('accept') === 'text/event-stream')).toBe(false);
  });
});

describe('the end', () => {
  it('leaves: the server knows, everything is closed, nothing is asked any more', async () => {
    const bob = server.join('Bob');
    const { session, radio } = await enter(server);
    const track = fakeTrack('audio');
    await session.publish(track);
    server.publish(bob, 'video');
    await pass(10);
    await session.leave();
    expect(server.peers.has(session.self.id)).toBe(false);
    expect(session.connection).toMatchObject({ state: 'closed', reason: 'left' });
    expect(radio.transports.every((transport) => transport.closed)).toBe(true);
    expect(track.readyState).toBe('live');
    const calls = server.calls().length;
    await pass(120_000);
    expect(server.calls()).toHaveLength(calls);
    await expect(session.publish(fakeTrack('audio'))).rejects.toMatchObject({ code: 'closed' });
  });

  it('leaves in the middle of publishing and subscribing', async () => {
    const bob = server.join('Bob');
    const { session } = await enter(server);
    server.fault = ({ path }) => (path.endsWith('/transports') ? 'hang' : undefined);
    const publishing = session.publish(fakeTrack('audio')).catch((error: WeirError) => error.code);
    server.publish(bob, 'video');
    await pass(10);
    await session.leave();
    expect(await publishing).toBe('closed');
    expect(session.subscriptions).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is closed when it is removed, without mourning each of its parts', async () => {
    const { session, told } = await enter(server);
    await session.publish(fakeTrack('audio'));
    await pass(0);
    server.leave(ada(), 'timeout');
    await pass(10);
    expect(session.connection).toMatchObject({ state: 'closed', reason: 'timeout' });
    expect(told).toEqual(['closed']);
    expect(server.calls(/transports$/)).toHaveLength(1);
  });

  it('is closed when the room closes', async () => {
    const second = await enter(server);
    await pass(0);
    server.emit(ada(), 'close', 'room', 'demo', {});
    await pass(10);
    expect(second.session.connection).toMatchObject({ state: 'closed', reason: 'room-closed' });
  });

  it('is closed when the server has forgotten the peer', async () => {
    const { session } = await enter(server);
    await pass(0);
    const peer = ada();
    server.peers.delete(peer.info.id);
    server.cutStreams(peer);
    await pass(5000);
    expect(session.connection).toMatchObject({ state: 'closed', reason: 'removed' });
  });

  it('keeps a short history without secrets', async () => {
    const { session } = await enter(server, { token: 'very-secret' });
    await session.publish(fakeTrack('audio'));
    const history = session.history();
    expect(history.some(({ text, status }) => text.endsWith('/receivers') && status === 201)).toBe(true);
    expect(JSON.stringify(history)).not.toContain('very-secret');
    for (let n = 0; n < 200; n++) server.emit(ada(), 'audiolevels', 'room', 'demo', { levels: [] });
    await pass(10);
    expect(session.history().length).toBeLessThan(20);
    for (let n = 0; n < 200; n++) server.join(`P${n}`);
    await pass(10);
    expect(session.history()).toHaveLength(100);
  });
});

it('needs WebRTC', async () => {
  await expect(
    Weir.join({ url: 'https://weir.test', room: 'demo', token: 't', fetch: server.fetch }),
  ).rejects.toMatchObject({ code: 'unsupported' });
  expect(server.seen).toEqual([]);
  expect(new Radio().transports).toEqual([]);
});
