import { testFakeParameters } from 'mediasoup-client';
import { expect, it } from 'vitest';
import { fakeTrack } from '../test/harness.ts';
import { findCodec, produceOptions, simulcastEncodings } from './encodings.ts';
import { ReceiverLedger } from './receiver-ledger.ts';

const room = testFakeParameters.generateRouterRtpCapabilities();

it.each([
  [0, [4, 2, 1]],
  [320, [undefined]],
  [640, [2, 1]],
  [1280, [4, 2, 1]],
])('makes layers for a picture %d pixels wide', (width, scales) => {
  const encodings = simulcastEncodings(width);
  expect(encodings.map((encoding) => encoding.scaleResolutionDownBy)).toEqual(scales);
  const bitrates = encodings.map((encoding) => encoding.maxBitrate ?? 0);
  expect(bitrates).toEqual([...bitrates].sort((a, b) => a - b));
});

it.each(['vp9', 'VP9', 'video/vp9', 'video/VP9'])('finds the codec %s', (name) => {
  expect(findCodec(room, 'video', name)?.mimeType).toBe('video/VP9');
});

it('does not find a codec of the other kind', () => {
  expect(findCodec(room, 'audio', 'VP9')).toBeUndefined();
});

it('passes exact encodings on, and layers nothing that shall not be layered', () => {
  const encodings = [{ scalabilityMode: 'L3T3_KEY' }];
  expect(produceOptions(room, fakeTrack('video'), 's', { encodings, codec: 'VP9' })).toMatchObject({
    streamId: 's',
    encodings,
    codec: { mimeType: 'video/VP9' },
  });
  expect(produceOptions(room, fakeTrack('video'), 's', { simulcast: false })).toEqual({ streamId: 's' });
  expect(produceOptions(room, fakeTrack('audio'), 's', { streamId: 't' })).toEqual({ streamId: 't' });
});

it.each([
  ['the event comes first', true],
  ['we give up first', false],
])('finds an orphaned receiver when %s', (_order, eventFirst) => {
  const ledger = new ReceiverLedger();
  const view = { id: '7', transportId: 'T', rtpParameters: { mid: '2', codecs: [] } } as never;
  if (eventFirst) {
    expect(ledger.made(view)).toBeUndefined();
    expect(ledger.abandon('T', '2')).toBe('7');
  } else {
    expect(ledger.abandon('T', '2')).toBeUndefined();
    expect(ledger.made(view)).toBe('7');
  }
  expect(ledger.abandon('T', '3')).toBeUndefined();
});
