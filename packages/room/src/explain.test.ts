import type { MediaExplanation, SenderLimit } from '@weir/protocol';
import { describe, expect, it } from 'vitest';
import { explainSender } from './explain.ts';
import { createRoomState } from './room-state.ts';
import type { ReceiverRecord, RoomState, SenderRecord } from './state.ts';

const transport = {
  connected: true,
  transport: {
    estimateBps: 812_000,
    availableBps: 812_000,
    limit: 'delay',
    acknowledgedBps: 640_000,
    allocatedBps: 560_000,
    wantedBps: 1_900_000,
    queueMs: 4,
    lossFraction: 0,
    rttMs: 42,
  },
} as const;

const media: MediaExplanation = {
  ...transport,
  source: [0, 1, 2].map((i) => ({
    spatialLayer: i,
    rid: `r${i}`,
    live: true,
    bitrateBps: 150_000 * 3 ** i,
  })),
  candidates: [0, 1, 2].map((i) => ({ spatialLayer: i, temporalLayer: 2, bitrateBps: 150_000 * 3 ** i })),
  allocated: { spatialLayer: 1, temporalLayer: 2 },
  current: { spatialLayer: 1, temporalLayer: 2 },
  allocatedBps: 450_000,
  limit: 'bandwidth',
  neededBps: 1_560_000,
  awaitsKeyFrame: false,
};

const best = {
  allocated: { spatialLayer: 2, temporalLayer: 2 },
  current: { spatialLayer: 2, temporalLayer: 2 },
  limit: 'none',
} as const;

interface Changes {
  readonly sender?: Partial<SenderRecord>;
  readonly receiver?: Partial<ReceiverRecord>;
  readonly media?: Partial<MediaExplanation> | undefined;
}

function room({ sender, receiver }: Changes): RoomState {
  const state = createRoomState({ id: 'r', mediaCodecs: [] });
  const encodings = [0, 1, 2].map((i) => ({ encodingId: `r${i}`, scalabilityMode: 'L1T3' }));
  state.receivers.set(2, {
    id: 2,
    peerId: 1,
    kind: 'video',
    transportId: 3,
    rtpParameters: { codecs: [], headerExtensions: [], encodings, userParameters: {} },
    payloadTypes: {},
    extensionIds: {},
    type: 'simulcast',
    paused: false,
    keyFrameRequestDelayMs: 0,
    appData: {},
    ...receiver,
  } as ReceiverRecord);
  state.senders.set(5, {
    id: 5,
    peerId: 4,
    receiverId: 2,
    transportId: 6,
    ssrc: 1,
    rtxSsrc: 2,
    bindings: 1,
    available: true,
    disabled: false,
    priority: 1,
    rtpParameters: { codecs: [], headerExtensions: [], encodings: [], userParameters: {} },
    ...sender,
  });
  return state;
}

function explain(changes: Changes = {}) {
  const known =
    'media' in changes && changes.media === undefined ? undefined : { ...media, ...changes.media };
  return explainSender(room(changes), 5, known);
}

/** Every code, once, with its sentence. */
const cases: readonly [SenderLimit, string, Changes][] = [
  ['receiver-unbound', 'has not said yet', { receiver: { rtpParameters: undefined as never } }],
  ['receiver-unbound', 'no transport at present', { receiver: { transportId: null } }],
  ['unsupported', 'no codec', { sender: { available: false } }],
  ['unbound', 'transportId', { sender: { transportId: null } }],
  ['disabled', 'The viewer has paused it', { sender: { disabled: true } }],
  ['receiver-paused', 'paused by its publisher', { receiver: { paused: true } }],
  ['pod-silent', 'does not answer', { media: undefined }],
  ['not-connected', 'is not connected', { media: { connected: false } }],
  [
    'source-silent',
    'sends no packets',
    { media: { source: media.source.map((layer) => ({ ...layer, live: false })) } },
  ],
  ['not-loudest', 'the publisher is not among them', { media: { heldBack: true } }],
  [
    'key-frame',
    'a key frame since 0.3 s',
    { media: { awaitsKeyFrame: true, current: null, keyFrameWantedForMs: 312 } },
  ],
  ['key-frame', 'of layer 1.', { media: { awaitsKeyFrame: true } }],
  ['bandwidth', 'The network carries 0.81 Mbit/s; the next layer needs 1.6 Mbit/s in all.', {}],
  [
    'bandwidth',
    'even the lowest layer needs 0.17 Mbit/s',
    { media: { allocated: null, current: null, neededBps: 170_000 } },
  ],
  [
    'bandwidth',
    'has not been heard for a while',
    { media: { transport: { ...media.transport, limit: 'silence' } } },
  ],
  ['maximum', 'The application limits the transport to 0.81 Mbit/s', { media: { limit: 'maximum' } }],
  ['priority', 'greater priority than 1', { media: { limit: 'priority' } }],
  ['hysteresis', 'tried again in 8 s', { media: { limit: 'hysteresis', retryInMs: 7_200 } }],
  [
    'preference',
    'The viewer prefers layer 1.',
    {
      sender: { preferredLayers: { spatialLayer: 1 } },
      media: { ...best, allocated: media.allocated, limit: 'preference' },
    },
  ],
  [
    'preference',
    'layer 2 with fewer frames',
    {
      sender: { preferredLayers: { spatialLayer: 2, temporalLayer: 0 } },
      media: { ...best, limit: 'preference' },
    },
  ],
  [
    'source',
    'does not send layer 2 at present',
    { media: { ...best, allocated: media.allocated, limit: 'none' } },
  ],
  // Switched off by its publisher, and on its way back.
  ['source', 'does not send layer 2 at present', { media: { ...best, current: media.current } }],
  ['none', 'the best', { media: best }],
  [
    'none',
    'Sound',
    { receiver: { kind: 'audio' }, media: { candidates: [], allocated: null, current: null } },
  ],
];

describe('explainSender', () => {
  it.each(cases)('%s: %s', (code, words, changes) => {
    const { limit } = explain(changes);
    expect(limit.code).toBe(code);
    expect(limit.sentence).toContain(words);
    expect(limit.sentence).toMatch(/^[A-Z].*\.$/);
  });

  it('says whether packets go out', () => {
    expect(explain().forwarding).toBe(true);
    expect(explain({ sender: { disabled: true } }).forwarding).toBe(false);
    expect(explain({ media: { allocated: null, current: null } }).forwarding).toBe(false);
    expect(
      explain({ receiver: { kind: 'audio' }, media: { candidates: [], allocated: null, current: null } })
        .forwarding,
    ).toBe(true);
  });

  it('wants the best that was announced and is not too much for the viewer', () => {
    expect(explain().wantedLayers).toEqual({ spatialLayer: 2, temporalLayer: 2 });
    const preferredLayers = { spatialLayer: 1, temporalLayer: 0 };
    expect(explain({ sender: { preferredLayers } })).toMatchObject({
      preferredLayers,
      wantedLayers: preferredLayers,
    });
    expect(
      explain({ sender: { preferredLayers: { spatialLayer: 7, temporalLayer: 0 } } }).wantedLayers,
    ).toEqual({ spatialLayer: 2, temporalLayer: 2 });
  });

  it('knows the layers within one stream, also those that do not come', () => {
    const svc = {
      type: 'svc' as const,
      rtpParameters: {
        codecs: [],
        headerExtensions: [],
        encodings: [{ ssrc: 1, active: true, scalabilityMode: 'L3T3_KEY' }],
        userParameters: {},
      },
    } satisfies Partial<ReceiverRecord>;
    const told = explain({
      receiver: svc,
      media: {
        ...best,
        allocated: { spatialLayer: 0, temporalLayer: 2 },
        current: { spatialLayer: 0, temporalLayer: 2 },
        source: media.source.slice(0, 1),
      },
    });
    expect(told.wantedLayers).toEqual({ spatialLayer: 2, temporalLayer: 2 });
    expect(told.source.map(({ live }) => live)).toEqual([true, false, false]);
    expect(told.limit).toEqual({
      code: 'source',
      sentence: 'The publisher does not send layer 1 at present.',
    });
  });

  it('refuses a sender that is not there', () => {
    expect(() => explainSender(room({}), 6, media)).toThrow(RangeError);
  });
});
