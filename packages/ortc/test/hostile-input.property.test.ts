import { WireRtpCapabilities, WireRtpParameters } from '@weir/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  capabilitiesToWire,
  defaultMediaCodecs,
  effectivePeerCapabilities,
  headerExtensionUris,
  OrtcError,
  parsePeerCapabilities,
  parseRemoteDtlsParameters,
  type RtpCapabilities,
  receiverParameters,
  roomCapabilities,
  rtpParametersToWire,
  senderParameters,
} from '../src/index.ts';
import { mediaCodecs } from './fixtures.ts';

/** Whatever an application or a client gives is taken by the rules or refused with a field, never half. */

const numRuns = process.env.CI ? 5_000 : 500;
const settings = { seed: 7, numRuns };

const junk = fc.oneof(
  { arbitrary: fc.jsonValue({ maxDepth: 2 }), weight: 1 },
  { arbitrary: fc.constant(undefined), weight: 1 },
);
/** Mostly right values, so that the depths are reached. */
const mostly = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary: right as fc.Arbitrary<unknown>, weight: 30 }, { arbitrary: junk, weight: 1 });

const names = [
  'audio/opus',
  'audio/PCMU',
  'video/VP8',
  'video/VP9',
  'video/H264',
  'VIDEO/av1',
  'video/rtx',
  'video/rtx',
  'video/red',
  'video/flexfec-03',
];
const payloadType = fc.integer({ min: 96, max: 106 });
const codec = fc.record(
  {
    kind: mostly(fc.constantFrom('audio', 'video', 'video', 'depth', 'Video')),
    name: mostly(fc.constantFrom(...names)),
    payloadType: mostly(payloadType),
    clockRate: mostly(fc.constantFrom(90000, 90000, 90000, 48000, 8000)),
    numChannels: mostly(fc.constantFrom(1, 2)),
    parameters: mostly(
      fc.record(
        {
          apt: mostly(payloadType),
          packetizationMode: mostly(fc.constantFrom(0, 1, '1')),
          profileLevelId: mostly(fc.constantFrom('42e01f', '42001f', '640032')),
          profileId: mostly(fc.constantFrom(0, 2)),
        },
        { requiredKeys: ['apt'] },
      ),
    ),
    rtcpFeedback: mostly(
      fc.array(
        fc.record({ type: mostly(fc.constantFrom('nack', 'goog-remb', 'transport-cc')), parameter: junk }),
      ),
    ),
  },
  { requiredKeys: ['kind', 'name', 'payloadType', 'clockRate', 'parameters'] },
);
/** A list such as endpoints give: codecs with their RTX. */
const sensible = fc
  .array(fc.tuple(fc.constantFrom(...mediaCodecs, ...defaultMediaCodecs), fc.boolean()), {
    minLength: 1,
    maxLength: 6,
  })
  .map((list) =>
    list.flatMap(([media, withRtx], index) => {
      const { kind, clockRate } = media;
      const apt = 96 + 2 * index;
      const main = { parameters: {}, ...media, payloadType: apt };
      const rtx = { kind, name: 'video/rtx', clockRate, payloadType: apt + 1, parameters: { apt } };
      return withRtx ? [main, rtx] : [main];
    }),
  );
const codecs = fc.oneof(
  sensible,
  mostly(
    fc.uniqueArray(mostly(codec), {
      maxLength: 8,
      selector: (entry) => (entry as { payloadType?: number } | undefined)?.payloadType,
    }),
  ),
);
const uri = fc.constantFrom(...Object.values(headerExtensionUris), 'urn:x:unknown');
const capabilities = mostly(
  fc.record({
    codecs,
    headerExtensions: mostly(
      fc.array(
        mostly(
          fc.record({
            kind: fc.constantFrom('', 'audio', 'video'),
            uri,
            preferredId: mostly(fc.integer({ min: 1, max: 20 })),
          }),
        ),
      ),
    ),
  }),
);
const parameters = mostly(
  fc.record(
    {
      muxId: mostly(fc.constantFrom('0', 'audio')),
      codecs,
      encodings: mostly(
        fc.array(
          mostly(
            fc.record(
              {
                ssrc: mostly(fc.integer({ min: 0, max: 0xffffffff })),
                codecPayloadType: mostly(payloadType),
                rtx: mostly(fc.record({ ssrc: fc.nat() })),
                fec: mostly(fc.record({ mechanism: fc.constant('flexfec') })),
                encodingId: mostly(fc.constantFrom('r0', 'r1')),
                scalabilityMode: mostly(fc.constantFrom('L1T3', 'L3T3_KEY')),
                maxBitrate: mostly(fc.nat()),
              },
              { requiredKeys: [] },
            ),
          ),
          { maxLength: 3 },
        ),
      ),
      headerExtensions: mostly(
        fc.uniqueArray(fc.record({ uri, id: mostly(fc.integer({ min: 1, max: 14 })) }), {
          maxLength: 5,
          selector: ({ id }) => id,
        }),
      ),
      rtcp: mostly(fc.record({ cname: fc.constantFrom('c', 'd') }, { requiredKeys: [] })),
      userParameters: junk,
    },
    { requiredKeys: ['codecs'] },
  ),
);

/** The result, or undefined if it was refused as it should be. */
function taken<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof OrtcError) expect(error.message.length).toBeGreaterThan(10);
    else if (!(error instanceof TypeError && error.message.startsWith('capabilities must'))) throw error;
    return undefined;
  }
}

const payloadTypesOf = (list: readonly { payloadType: number }[]) => list.map((entry) => entry.payloadType);
const unique = (values: readonly unknown[]) => expect(new Set(values).size).toBe(values.length);

test('a room takes or refuses any media codecs', () => {
  let rooms = 0;
  fc.assert(
    fc.property(codecs, (value) => {
      const room = taken(() => roomCapabilities(value));
      if (room === undefined) return;
      rooms++;
      unique(payloadTypesOf(room.codecs));
      const wire = capabilitiesToWire(room);
      expect(WireRtpCapabilities.parse(wire)).toEqual(wire);
    }),
    settings,
  );
  expect(rooms).toBeGreaterThan(numRuns / 10);
});

test('peers take, publish and get anything, or are refused', () => {
  const room = roomCapabilities([...mediaCodecs, ...defaultMediaCodecs]);
  const viewers: RtpCapabilities[] = [effectivePeerCapabilities(room, room)];
  const seen = { peers: 0, receivers: 0, available: 0 };
  fc.assert(
    fc.property(
      capabilities,
      parameters,
      fc.constantFrom('audio', 'video', 'depth'),
      (caps, params, kind) => {
        const given = taken(() => parsePeerCapabilities(caps));
        if (given !== undefined) {
          seen.peers++;
          const peer = effectivePeerCapabilities(room, given);
          unique(payloadTypesOf(peer.codecs));
          for (const entry of peer.codecs) {
            expect(payloadTypesOf(room.codecs)).toContain(entry.payloadType);
          }
          viewers[1] = peer;
        }
        // A publisher that can do all, so that the parameters decide.
        const source = taken(() => receiverParameters(room, viewers[0]!, kind, params));
        if (source === undefined) return;
        seen.receivers++;
        const { effective, payloadTypes, extensionIds } = source;
        unique(payloadTypesOf(effective.codecs));
        for (const entry of effective.codecs) expect(payloadTypes[entry.payloadType]).toBeTypeOf('number');
        for (const { id } of effective.headerExtensions) expect(extensionIds[id]).toBeTypeOf('number');
        for (const viewer of viewers) {
          const sender = senderParameters(room, { kind, rtpParameters: effective, payloadTypes }, viewer, {
            ssrc: 1,
            rtxSsrc: 2,
            cname: 'c',
          });
          unique(payloadTypesOf(sender.rtpParameters.codecs));
          unique(sender.rtpParameters.headerExtensions.map(({ id }) => id));
          expect(sender.rtpParameters.encodings.length).toBe(sender.available ? 1 : 0);
          for (const entry of sender.rtpParameters.codecs) {
            expect(payloadTypesOf(viewer.codecs)).toContain(entry.payloadType);
          }
          if (!sender.available) continue;
          seen.available++;
          expect(sender.rtpParameters.codecs[0]?.payloadType).toBe(
            sender.rtpParameters.encodings[0]?.codecPayloadType,
          );
          const wire = rtpParametersToWire(sender.rtpParameters);
          expect(WireRtpParameters.parse(wire)).toEqual(wire);
        }
      },
    ),
    settings,
  );
  expect(seen.peers).toBeGreaterThan(numRuns / 10);
  expect(seen.receivers).toBeGreaterThan(numRuns / 20);
  expect(seen.available).toBeGreaterThan(numRuns / 20);
});

test('DTLS parameters are taken or refused', () => {
  const dtls = mostly(
    fc.record(
      {
        role: mostly(fc.constantFrom('auto', 'client', 'server')),
        fingerprint: mostly(
          fc.record({
            algorithm: mostly(fc.constantFrom('sha-1', 'sha-256')),
            value: mostly(fc.constantFrom('ab'.repeat(32), 'AB:'.repeat(19).concat('AB'))),
          }),
        ),
      },
      { requiredKeys: ['fingerprint'] },
    ),
  );
  fc.assert(
    fc.property(dtls, (value) => {
      const remote = taken(() => parseRemoteDtlsParameters(value));
      if (remote !== undefined) expect(remote.fingerprint.value).toMatch(/^[0-9a-f]{40}([0-9a-f]{24})?$/);
    }),
    settings,
  );
});
