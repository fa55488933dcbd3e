import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { createToken } from '../src/tokens/token.ts';
import { onEveryDatabaseAndD1 } from './databases.ts';
import { Instance, type Member, type RequestOptions } from './harness.ts';
import { capabilities, dtls, opus, vp8 } from './media.ts';
import { settle } from './virtual-clock.ts';

interface World {
  weir: Instance;
  room: string;
  alice: Member;
  bob: Member;
  /** Of alice. */
  transport: string;
  receiver: string;
  /** Of bob. */
  sender: string;
}

interface Case {
  name: string;
  request: (world: World) => Promise<[method: string, path: string, options: RequestOptions]>;
  problem: { status: number; code: string; field?: string };
  /** What the detail must say to help. */
  remedy: RegExp;
}

const nobody = '99999999';

/** Alice publishes on her transport. */
const publishing =
  (kind: 'audio' | 'video', rtpParameters: object): Case['request'] =>
  async ({ alice, transport }) => [
    'POST',
    `${alice.path}/receivers`,
    { token: alice.token, body: { kind, transportId: transport, rtpParameters } },
  ];

const cases: Case[] = [
  {
    name: 'no token',
    request: async ({ room }) => ['GET', room, {}],
    problem: { status: 401, code: 'unauthorized' },
    remedy: /Authorization: Bearer/,
  },
  {
    name: 'a token of another key',
    request: async ({ room }) => [
      'GET',
      room,
      { token: await createToken({ keyId: 'stranger', secret: 'x'.repeat(32), room: '*' }) },
    ],
    problem: { status: 401, code: 'unauthorized' },
    remedy: /No API key "stranger"/,
  },
  {
    name: 'a token with a wrong signature',
    request: async ({ room, weir }) => [
      'GET',
      room,
      { token: await weir.token({ secret: 'not the secret, but as long as one is' }) },
    ],
    problem: { status: 401, code: 'unauthorized' },
    remedy: /not signed with the secret of API key test/,
  },
  {
    name: 'an expired token',
    request: async ({ room, weir }) => ['GET', room, { token: await weir.token({ ttlSeconds: -60 }) }],
    problem: { status: 401, code: 'unauthorized' },
    remedy: /expired: get a new one/,
  },
  {
    name: 'a token that is none',
    request: async ({ room }) => ['GET', room, { token: 'abc' }],
    problem: { status: 401, code: 'unauthorized' },
    remedy: /not a JWT/,
  },
  {
    name: 'a token for another room',
    request: async ({ room, weir }) => ['GET', room, { token: await weir.token({ room: 'other' }) }],
    problem: { status: 403, code: 'forbidden' },
    remedy: /for room other, not for daily/,
  },
  {
    name: 'a room that is not there',
    request: async ({ weir }) => ['GET', '/v1/rooms/none', { token: await weir.token() }],
    problem: { status: 404, code: 'room-not-found' },
    remedy: /create it with POST \/v1\/rooms/,
  },
  {
    name: 'a room id that cannot be',
    request: async ({ weir }) => ['GET', '/v1/rooms/-bad-', { token: await weir.token() }],
    problem: { status: 404, code: 'room-not-found' },
    remedy: /must be 1 to 64 characters/,
  },
  {
    name: 'joining a room that is not there',
    request: async ({ weir }) => [
      'POST',
      '/v1/rooms/none/peers',
      { token: await weir.token(), body: { name: 'x' } },
    ],
    problem: { status: 404, code: 'room-not-found' },
    remedy: /create it/,
  },
  {
    name: 'creating a room without the grant',
    request: async ({ weir }) => ['POST', '/v1/rooms', { token: await weir.token(), body: { id: 'new' } }],
    problem: { status: 403, code: 'forbidden' },
    remedy: /grant `admin`/,
  },
  {
    name: 'creating a room that exists',
    request: async ({ weir }) => ['POST', '/v1/rooms', { token: await weir.admin(), body: { id: 'daily' } }],
    problem: { status: 409, code: 'room-exists', field: 'id' },
    remedy: /choose another id/,
  },
  {
    name: 'a codec that nobody knows',
    request: async ({ weir }) => [
      'POST',
      '/v1/rooms',
      {
        token: await weir.admin(),
        body: { id: 'new', mediaCodecs: [{ kind: 'video', mimeType: 'video/CINEPAK', clockRate: 90000 }] },
      },
    ],
    problem: { status: 422, code: 'invalid-parameter', field: 'mediaCodecs.0.mimeType' },
    remedy: /^mediaCodecs\.0\.mimeType: "video\/CINEPAK" is not known; use one of/,
  },
  {
    name: 'a limit out of range',
    request: async ({ weir }) => [
      'POST',
      '/v1/rooms',
      { token: await weir.admin(), body: { id: 'new', maxPeers: 0 } },
    ],
    problem: { status: 422, code: 'invalid-parameter', field: 'maxPeers' },
    remedy: /maxPeers: .*>=1/,
  },
  {
    name: 'more loud voices than there can be',
    request: async ({ weir, room }) => [
      'PATCH',
      room,
      { token: await weir.admin(), body: { maxLoudestAudio: 101 } },
    ],
    problem: { status: 422, code: 'invalid-parameter', field: 'maxLoudestAudio' },
    remedy: /maxLoudestAudio: .*<=100/,
  },
  {
    name: 'RED of blocks that are nothing',
    request: publishing('audio', {
      ...opus(9),
      codecs: [
        ...opus(9).codecs,
        {
          mimeType: 'audio/red',
          payloadType: 63,
          clockRate: 48000,
          channels: 2,
          parameters: { '': '111/112' },
        },
      ],
    }),
    problem: { status: 422, code: 'invalid-parameter', field: 'rtpParameters.codecs.1.parameters' },
    remedy: /names 112 as blocks; give payload types of a listed audio\/opus/,
  },
  {
    name: 'appData that is too long',
    request: async ({ weir, room }) => [
      'POST',
      `${room}/peers`,
      { token: await weir.token(), body: { name: 'x', appData: { long: 'x'.repeat(5000) } } },
    ],
    problem: { status: 422, code: 'invalid-parameter', field: 'appData' },
    remedy: /at most 4096 characters/,
  },
  {
    name: 'broken JSON',
    request: async ({ weir, room }) => [
      'POST',
      `${room}/peers`,
      { token: await weir.token(), text: '{"name":' },
    ],
    problem: { status: 400, code: 'bad-request' },
    remedy: /not JSON/,
  },
  {
    name: 'a body of another type',
    request: async ({ weir, room }) => [
      'POST',
      `${room}/peers`,
      {
        token: await weir.token(),
        text: 'name=x',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
    ],
    problem: { status: 415, code: 'unsupported-media-type' },
    remedy: /Content-Type: application\/json/,
  },
  {
    name: 'a body that is too long',
    request: async ({ weir, room }) => [
      'POST',
      `${room}/peers`,
      { token: await weir.token(), text: JSON.stringify({ name: 'x', pad: 'x'.repeat(300_000) }) },
    ],
    problem: { status: 413, code: 'payload-too-large' },
    remedy: /262144 bytes \(WEIR_MAX_BODY_BYTES\)/,
  },
  {
    name: 'a body that is no object',
    request: async ({ weir, room }) => ['POST', `${room}/peers`, { token: await weir.token(), text: '[1]' }],
    problem: { status: 422, code: 'invalid-parameter' },
    remedy: /The body: /,
  },
  {
    name: 'joining without a name',
    request: async ({ weir, room }) => ['POST', `${room}/peers`, { token: await weir.token(), body: {} }],
    problem: { status: 422, code: 'invalid-parameter', field: 'name' },
    remedy: /give one/,
  },
  {
    name: 'a name in use',
    request: async ({ weir, room }) => [
      'POST',
      `${room}/peers`,
      { token: await weir.token(), body: { name: 'alice' } },
    ],
    problem: { status: 409, code: 'name-taken', field: 'name' },
    remedy: /choose another name, or join with onTakenName "replace"/,
  },
  {
    name: 'another name than that of the token',
    request: async ({ weir, room }) => [
      'POST',
      `${room}/peers`,
      { token: await weir.token({ name: 'carol' }), body: { name: 'dave' } },
    ],
    problem: { status: 403, code: 'forbidden', field: 'name' },
    remedy: /for the name "carol" only/,
  },
  {
    name: 'joining with capabilities that cannot be',
    request: async ({ weir, room }) => [
      'POST',
      `${room}/peers`,
      {
        token: await weir.token(),
        body: {
          name: 'carol',
          rtpCapabilities: {
            codecs: [
              {
                kind: 'audio',
                mimeType: 'audio/opus',
                preferredPayloadType: 100,
                clockRate: 48000,
                channels: 2,
              },
              { kind: 'video', mimeType: 'video/VP8', preferredPayloadType: 100, clockRate: 90000 },
            ],
          },
        },
      },
    ],
    problem: {
      status: 422,
      code: 'invalid-parameter',
      field: 'rtpCapabilities.codecs.1.preferredPayloadType',
    },
    remedy: /100/,
  },
  {
    name: 'a peer that is not there',
    request: async ({ room, weir }) => [
      'GET',
      `${room}/peers/${nobody}/senders`,
      { token: await weir.token() },
    ],
    problem: { status: 404, code: 'peer-not-found' },
    remedy: /join with POST/,
  },
  {
    name: 'acting for a peer with another token',
    request: async ({ alice, bob }) => ['POST', `${alice.path}/transports`, { token: bob.token, body: {} }],
    problem: { status: 403, code: 'forbidden' },
    remedy: /joined with another token/,
  },
  {
    name: 'removing a peer with another token',
    request: async ({ alice, bob }) => ['DELETE', alice.path, { token: bob.token }],
    problem: { status: 403, code: 'forbidden' },
    remedy: /joined with another token/,
  },
  {
    name: 'closing a room without the grant',
    request: async ({ room, alice }) => ['DELETE', room, { token: alice.token }],
    problem: { status: 403, code: 'forbidden' },
    remedy: /grant `admin`/,
  },
  {
    name: 'reading another peer’s events',
    request: async ({ alice, bob }) => ['GET', `${alice.path}/events`, { token: bob.token }],
    problem: { status: 403, code: 'forbidden' },
    remedy: /joined with another token/,
  },
  {
    name: 'a cursor that is none',
    request: async ({ alice }) => ['GET', `${alice.path}/events?after=yesterday`, { token: alice.token }],
    problem: { status: 422, code: 'invalid-parameter', field: 'after' },
    remedy: /a cursor that Weir returned/,
  },
  {
    name: 'capabilities for the second time, and different',
    request: async ({ alice }) => [
      'PUT',
      `${alice.path}/capabilities`,
      { token: alice.token, body: { rtpCapabilities: { codecs: [] } } },
    ],
    problem: { status: 409, code: 'invalid-state', field: 'rtpCapabilities' },
    remedy: /already set/,
  },
  {
    name: 'a receiver before capabilities',
    request: async ({ weir, room }) => {
      const carol = await weir.join(room, 'carol');
      const transport = await carol.ok('POST', '/transports', {});
      const body = { kind: 'audio', transportId: transport.id, rtpParameters: opus(77) };
      return ['POST', `${carol.path}/receivers`, { token: carol.token, body }];
    },
    problem: { status: 409, code: 'invalid-state' },
    remedy: /capabilities/,
  },
  {
    name: 'a transport without any protocol',
    request: async ({ alice }) => [
      'POST',
      `${alice.path}/transports`,
      { token: alice.token, body: { udp: false, tcp: false } },
    ],
    problem: { status: 422, code: 'invalid-parameter', field: 'udp' },
    remedy: /could not open any IP:port/,
  },
  {
    name: 'a transport over TCP where no pod takes TCP',
    request: async ({ alice }) => [
      'POST',
      `${alice.path}/transports`,
      { token: alice.token, body: { udp: false, tcp: true } },
    ],
    problem: { status: 422, code: 'invalid-parameter', field: 'tcp' },
    remedy: /allow udp/,
  },
  {
    name: 'connecting a transport that is not there',
    request: async ({ alice }) => [
      'PUT',
      `${alice.path}/transports/${nobody}/dtls`,
      { token: alice.token, body: { dtlsParameters: dtls } },
    ],
    problem: { status: 404, code: 'transport-not-found' },
    remedy: /create one with POST/,
  },
  {
    name: 'connecting another peer’s transport',
    request: async ({ bob, transport }) => [
      'PUT',
      `${bob.path}/transports/${transport}/dtls`,
      { token: bob.token, body: { dtlsParameters: dtls } },
    ],
    problem: { status: 404, code: 'transport-not-found' },
    remedy: /create one with POST/,
  },
  {
    name: 'connecting again with another fingerprint',
    request: async ({ alice, transport }) => [
      'PUT',
      `${alice.path}/transports/${transport}/dtls`,
      {
        token: alice.token,
        body: { dtlsParameters: { fingerprints: [{ algorithm: 'sha-256', value: '00'.repeat(32) }] } },
      },
    ],
    problem: { status: 409, code: 'invalid-state', field: 'dtlsParameters' },
    remedy: /already/,
  },
  {
    name: 'a fingerprint of the wrong length',
    request: async ({ alice }) => {
      const { id } = await alice.ok('POST', '/transports', {});
      const dtlsParameters = { fingerprints: [{ algorithm: 'sha-256', value: 'AB:CD' }] };
      return ['PUT', `${alice.path}/transports/${id}/dtls`, { token: alice.token, body: { dtlsParameters } }];
    },
    problem: { status: 422, code: 'invalid-parameter', field: 'dtlsParameters.fingerprints.0.value' },
    remedy: /64 hex digits/,
  },
  {
    name: 'a negative bitrate',
    request: async ({ alice, transport }) => [
      'PATCH',
      `${alice.path}/transports/${transport}`,
      { token: alice.token, body: { maxIncomingBitrate: -1 } },
    ],
    problem: { status: 422, code: 'invalid-parameter', field: 'maxIncomingBitrate' },
    remedy: />=0/,
  },
  {
    name: 'publishing on another peer’s transport',
    request: async ({ bob, transport }) => [
      'POST',
      `${bob.path}/receivers`,
      { token: bob.token, body: { kind: 'audio', transportId: transport, rtpParameters: opus(5) } },
    ],
    problem: { status: 404, code: 'transport-not-found', field: 'transportId' },
    remedy: /create one/,
  },
  {
    name: 'publishing without a codec',
    request: publishing('audio', { ...opus(5), codecs: [] }),
    problem: { status: 422, code: 'invalid-parameter', field: 'rtpParameters.codecs' },
    remedy: /at least one codec/,
  },
  {
    name: 'publishing a codec that the room does not have',
    request: publishing('audio', {
      codecs: [{ mimeType: 'audio/PCMU', payloadType: 0, clockRate: 8000 }],
      encodings: [{ ssrc: 9 }],
    }),
    problem: { status: 422, code: 'unsupported-codec', field: 'rtpParameters.codecs' },
    remedy: /codec/,
  },
  {
    name: 'an SSRC that the transport has already',
    request: publishing('video', vp8(1000, '9')),
    problem: { status: 409, code: 'conflict', field: 'rtpParameters.encodings.0.ssrc' },
    remedy: /1000/,
  },
  {
    name: 'publishing a kind without the grant',
    request: async ({ weir, room }) => {
      const token = await weir.token({ publish: ['audio'] });
      const answer = await weir.ok('POST', `${room}/peers`, { token, body: { name: 'dave' } });
      const body = { kind: 'video', transportId: nobody, rtpParameters: vp8(5) };
      return ['POST', `${room}/peers/${answer.peer.id}/receivers`, { token, body }];
    },
    problem: { status: 403, code: 'forbidden', field: 'kind' },
    remedy: /does not grant publishing video/,
  },
  {
    name: 'parameters for a receiver that is not there',
    request: async ({ alice }) => [
      'PUT',
      `${alice.path}/receivers/${nobody}/parameters`,
      { token: alice.token, body: { rtpParameters: opus(8) } },
    ],
    problem: { status: 404, code: 'receiver-not-found' },
    remedy: /create one/,
  },
  {
    name: 'closing another peer’s receiver',
    request: async ({ bob, receiver }) => [
      'DELETE',
      `${bob.path}/receivers/${receiver}`,
      { token: bob.token },
    ],
    problem: { status: 404, code: 'receiver-not-found' },
    remedy: /create one/,
  },
  {
    name: 'binding a sender to another peer’s transport',
    request: async ({ bob, sender, transport }) => [
      'PATCH',
      `${bob.path}/senders/${sender}`,
      { token: bob.token, body: { enabled: false, transportId: transport } },
    ],
    problem: { status: 404, code: 'transport-not-found', field: 'transportId' },
    remedy: /create one/,
  },
  {
    name: 'receiving media without the grant',
    request: async ({ weir, room }) => {
      const token = await weir.token({ subscribe: false });
      const answer = await weir.ok('POST', `${room}/peers`, { token, body: { name: 'erin' } });
      return [
        'PATCH',
        `${room}/peers/${answer.peer.id}/senders/${nobody}`,
        { token, body: { transportId: nobody } },
      ];
    },
    problem: { status: 403, code: 'forbidden', field: 'transportId' },
    remedy: /does not grant receiving/,
  },
  {
    name: 'another peer’s sender',
    request: async ({ alice, sender }) => [
      'PATCH',
      `${alice.path}/senders/${sender}`,
      { token: alice.token, body: { enabled: false } },
    ],
    problem: { status: 404, code: 'sender-not-found' },
    remedy: /lists those there are/,
  },
  {
    name: 'a priority out of range',
    request: async ({ bob, sender }) => [
      'PATCH',
      `${bob.path}/senders/${sender}`,
      { token: bob.token, body: { priority: 0 } },
    ],
    problem: { status: 422, code: 'invalid-parameter', field: 'priority' },
    remedy: />=1/,
  },
  {
    name: 'a key frame of a sender that is not there',
    request: async ({ bob }) => ['POST', `${bob.path}/senders/${nobody}/keyframe`, { token: bob.token }],
    problem: { status: 404, code: 'sender-not-found' },
    remedy: /lists those there are/,
  },
  {
    name: 'an empty Idempotency-Key',
    request: async ({ room, weir }) => [
      'POST',
      `${room}/peers`,
      { token: await weir.token(), body: { name: 'x' }, headers: { 'idempotency-key': 'x'.repeat(300) } },
    ],
    problem: { status: 422, code: 'invalid-parameter', field: 'Idempotency-Key' },
    remedy: /1 to 255 characters/,
  },
  {
    name: 'a path that is not there',
    request: async ({ weir }) => ['GET', '/v2/rooms', { token: await weir.token() }],
    problem: { status: 404, code: 'not-found' },
    remedy: /see \/docs/,
  },
  {
    name: 'a report that is not signed',
    request: async () => ['POST', '/internal/pods/pod-1/reports', { body: {} }],
    problem: { status: 401, code: 'unauthorized' },
    remedy: /Authorization: Bearer <call token>/,
  },
];

onEveryDatabaseAndD1((open) => {
  async function world(): Promise<World> {
    const weir = new Instance(await open());
    await weir.lease('pod-1');
    const room = await weir.room();
    const [alice, bob] = [await weir.join(room, 'alice'), await weir.join(room, 'bob')];
    for (const one of [alice, bob]) {
      await one.ok('PUT', '/capabilities', {
        rtpCapabilities: capabilities(alice.answer.snapshot.room as never),
      });
    }
    const transport = await alice.ok('POST', '/transports', {});
    await alice.ok('PUT', `/transports/${transport.id}/dtls`, { dtlsParameters: dtls });
    const body = { kind: 'video', transportId: transport.id, rtpParameters: vp8(1000) };
    const receiver = await alice.ok('POST', '/receivers', body);
    const { senders } = await bob.ok('GET', '/senders');
    // The pod is told of all this afterwards; nothing of it is to come while a refusal is looked at.
    await settle();
    return { weir, room, alice, bob, transport: transport.id, receiver: receiver.id, sender: senders[0].id };
  }

  describe('a refusal names the problem, the field and the remedy, and changes nothing', () => {
    let shared: Promise<World> | undefined;
    it.each(cases)('$name', async ({ request, problem, remedy }) => {
      shared ??= world();
      const there = await shared;
      const [method, path, options] = await request(there);
      const before = await contents(there.weir);
      const told = there.weir.pods.updates.length;
      const answer = await there.weir.refused(method, path, options, problem);
      expect(answer.detail).toMatch(remedy);
      expect(await contents(there.weir)).toEqual(before);
      expect(there.weir.pods.updates.length).toBe(told);
    });
  });

  describe('limits', () => {
    it('a room takes so many peers and no more', async () => {
      const weir = new Instance(await open());
      const room = await weir.room('small', { maxPeers: 2 });
      const first = await weir.join(room, 'one');
      await weir.join(room, 'two');
      const request = { token: await weir.token(), body: { name: 'three' } };
      const full = { status: 409, code: 'room-full' };
      const before = await contents(weir);
      expect((await weir.refused('POST', `${room}/peers`, request, full)).detail).toMatch(/takes 2 peers/);
      expect(await contents(weir)).toEqual(before);
      // Taking a name over needs no more room.
      await weir.join(room, 'two', { onTakenName: 'replace' });
      await first.ok('DELETE', '');
      await weir.ok('POST', `${room}/peers`, request);
    });

    it('a peer may have so many transports and receivers', async () => {
      const env = { WEIR_MAX_TRANSPORTS_PER_PEER: '2', WEIR_MAX_RECEIVERS_PER_PEER: '1' };
      const weir = new Instance(await open(), { env });
      await weir.lease('pod-1');
      const alice = await weir.join(await weir.room(), 'alice');
      await alice.ok('PUT', '/capabilities', {
        rtpCapabilities: capabilities(alice.answer.snapshot.room as never),
      });
      const { id } = await alice.ok('POST', '/transports', {});
      await alice.ok('POST', '/transports', {});
      const over = { status: 409, code: 'limit-reached' };
      const options = (body: unknown) => ({ token: alice.token, body });
      await weir.refused('POST', `${alice.path}/transports`, options({}), over);
      const receiver = { kind: 'audio', transportId: id, rtpParameters: opus(1) };
      await alice.ok('POST', '/receivers', receiver);
      const second = { kind: 'video', transportId: id, rtpParameters: vp8(2) };
      expect((await weir.refused('POST', `${alice.path}/receivers`, options(second), over)).detail).toMatch(
        /may have 1 receivers: close one/,
      );
    });

    it('a token makes so many requests and must then wait', async () => {
      const weir = new Instance(await open(), { env: { WEIR_RATE_BURST: '3', WEIR_RATE_PER_SECOND: '2' } });
      const token = await weir.admin();
      const body = { id: 'daily' };
      await weir.ok('POST', '/v1/rooms', { token, body });
      await weir.ok('GET', '/v1/rooms', { token });
      await weir.ok('GET', '/v1/rooms', { token });
      const reply = await weir.call('GET', '/v1/rooms', { token });
      expect(reply).toMatchObject({ status: 429, body: { code: 'rate-limited' } });
      expect(reply.headers.get('retry-after')).toBe('1');
      // Another token is not held up.
      await weir.ok('GET', '/v1/rooms', { token: await weir.admin() });
      await weir.clock.advance(1000);
      await weir.ok('GET', '/v1/rooms', { token });
    });
  });

  describe('without a pod', () => {
    it('a transport is refused with the advice to come again', async () => {
      const weir = new Instance(await open());
      const alice = await weir.join(await weir.room(), 'alice');
      const before = await contents(weir);
      const reply = await alice.call('POST', '/transports', {});
      expect(reply).toMatchObject({ status: 503, body: { code: 'no-pod' } });
      expect(reply.headers.get('retry-after')).toBe('2');
      expect(await contents(weir)).toEqual(before);
    });

    it('a transport whose pod does not answer is taken back', async () => {
      const weir = new Instance(await open());
      await weir.lease('pod-1');
      const alice = await weir.join(await weir.room(), 'alice');
      weir.pods.down.add('pod-1');
      const headers = { 'idempotency-key': 'k1' };
      const request = { token: alice.token, body: {}, headers };
      const reply = await weir.call('POST', `${alice.path}/transports`, request);
      expect(reply).toMatchObject({ status: 503, body: { code: 'pod-unreachable' } });
      expect(reply.headers.get('retry-after')).toBe('1');
      expect((await alice.ok('GET', '/snapshot')).transports).toEqual([]);
      expect(await alice.eventTypes()).toEqual(['newtransport', 'close']);
      // The same request later is no repetition: there is no answer to repeat.
      weir.pods.down.delete('pod-1');
      await weir.ok('POST', `${alice.path}/transports`, request);
      expect(weir.pods.held('pod-1', 'daily')!.transports.size).toBe(1);
    });
  });
});

/** Everything that a refusal must leave as it is. */
async function contents(weir: Instance) {
  const tables = [
    'rooms',
    'peers',
    'transports',
    'receivers',
    'senders',
    'peer_events',
    'pods',
    'idempotency_keys',
    'revoked_tokens',
  ];
  return await weir.driver.read(tables.map((table) => sql`SELECT * FROM ${sql.identifier(table)}`));
}
