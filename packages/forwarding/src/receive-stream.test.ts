import { buildRtpPacket, ntpFromUnixMs, RtpHeader } from '@weir/rtp';
import { beforeEach, describe, expect, it } from 'vitest';
import { ReceiveStream, Reception } from './receive-stream.ts';
import { SourceClock } from './source-clock.ts';

let stream: ReceiveStream;
let serial: number;

beforeEach(() => {
  serial = 0;
  stream = new ReceiveStream({
    encodingIdx: 0,
    video: true,
    rid: undefined,
    ssrc: 1,
    rtxSsrc: undefined,
    dtx: false,
    codec: {
      payloadType: 96,
      roomPayloadType: 96,
      mimeType: 'video/VP8',
      clockRate: 90_000,
      channels: 1,
      feedback: { nack: true, pli: true, fir: false, remb: false, transportCc: false },
    },
    keyFrameRequestDelayMs: 0,
    clock: new SourceClock(),
  });
});

function receive(
  seq: number,
  options: { recovered?: boolean; timestamp?: number; now?: number } = {},
): boolean {
  const packet = buildRtpPacket({
    payloadType: 96,
    sequenceNumber: seq & 0xffff,
    timestamp: options.timestamp ?? seq * 3000,
    ssrc: 1,
    payload: new Uint8Array(10),
  });
  const header = new RtpHeader();
  header.parse(packet, 0, packet.length);
  const reception = stream.receive(
    header,
    serial++,
    false,
    options.recovered ?? false,
    options.now ?? seq * 33,
  );
  return reception === Reception.accepted;
}

describe('ReceiveStream', () => {
  it('extends numbers over wraps, and never below 65536', () => {
    expect(receive(65_534)).toBe(true);
    expect(stream.extended).toBe(65_536 + 65_534);
    expect(receive(65_536)).toBe(true);
    expect(stream.extended).toBe(65_536 + 65_536);
    expect(receive(65_535)).toBe(true);
    expect(stream.extended).toBe(65_536 + 65_535);
  });

  it('drops what it has already', () => {
    receive(10);
    receive(11);
    expect(receive(11)).toBe(false);
    expect(receive(10, { recovered: true })).toBe(false);
    expect(stream.packets).toBe(2);
    expect(stream.discarded).toBe(2);
  });

  it('takes late packets within 100, and later ones only when asked for', () => {
    receive(0);
    receive(2);
    for (let i = 4; i <= 150; i++) receive(i);
    const lost = new Uint16Array(10);
    // 3 is asked for, 1 no more: it was found before.
    expect(receive(1, { now: 5000 })).toBe(false);
    expect(stream.nack!.collect(5000, lost)).toBe(1);
    expect(lost[0]).toBe(3);
    expect(receive(3, { now: 5100 })).toBe(true);
    expect(stream.repaired).toBe(1);
    expect(stream.packetsLost).toBe(1);
    expect(receive(60, { now: 5100 })).toBe(false);
  });

  it('starts over after a jump of two packets, and says so before', () => {
    let told = 0;
    receive(100);
    stream.onRestart = () => {
      told = stream.newestTimestamp;
    };
    expect(receive(20_000)).toBe(false);
    expect(receive(20_001)).toBe(true);
    expect(told).toBe(300_000);
    expect(stream.generation).toBe(1);
    expect(stream.extended).toBeGreaterThan(65_536 * 2);
    expect(receive(20_002)).toBe(true);
    expect(stream.packetsLost).toBe(0);
  });

  it('does not begin with a repair', () => {
    expect(receive(5, { recovered: true })).toBe(false);
    expect(receive(100)).toBe(true);
  });

  it('places timestamps by arrival, then by the report of the publisher', () => {
    receive(0, { timestamp: 1000, now: 500 });
    expect(stream.timestampAt(10_600, 600)).toBe(1000 + 9000);
    // The frame came 40 ms late; its clock is two hours behind.
    const { seconds, fraction } = ntpFromUnixMs(10_460 - 7_200_000);
    stream.handleSenderReport(seconds, fraction, 1000, 500, 10_460);
    expect(stream.timestampAt(10_560, 600)).toBeCloseTo(10_000, 0);
    expect(stream.hasClock).toBe(true);
  });

  it('does not believe a report that is far from what arrives', () => {
    receive(0, { timestamp: 1000, now: 500 });
    const { seconds, fraction } = ntpFromUnixMs(10_500);
    stream.handleSenderReport(seconds, fraction, 5_000_000, 500, 10_500);
    expect(stream.timestampAt(10_600, 600)).toBe(10_000);
  });

  it('reports what was lost, and when the last sender report came', () => {
    for (const seq of [0, 1, 2, 5, 6, 7, 8, 9]) receive(seq);
    const { seconds, fraction } = ntpFromUnixMs(1_700_000_000_000);
    stream.handleSenderReport(seconds, fraction, 0, 1000, 1_700_000_000_000);
    expect(stream.takeReport(1500)).toMatchObject({
      ssrc: 1,
      fractionLost: 51,
      totalLost: 2,
      extendedHighestSequence: 9,
      delaySinceLastSenderReport: 32_768,
    });
    receive(10);
    expect(stream.takeReport(2000)).toMatchObject({ fractionLost: 0, totalLost: 2 });
  });
});
