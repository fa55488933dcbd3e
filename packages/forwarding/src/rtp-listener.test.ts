import type { CodecSpec, EncodingSpec, ReceiverSpec } from '@weir/protocol';
import { buildRtpPacket, ExtensionTable, extensionUri, RtpHeader } from '@weir/rtp';
import { beforeEach, describe, expect, it } from 'vitest';
import { Forwarder } from './forwarder.ts';
import { NodeEngine } from './node-engine.ts';
import type { ForwardingRoom } from './room.ts';
import { createWorkList } from './work-list.ts';

const feedback = { nack: true, pli: true, fir: false, remb: false, transportCc: false };
const base = { clockRate: 90_000, channels: 1, feedback };
const vp8: CodecSpec[] = [
  { ...base, payloadType: 96, roomPayloadType: 101, mimeType: 'video/VP8' },
  { ...base, payloadType: 97, roomPayloadType: 102, mimeType: 'video/rtx', apt: 96 },
];
const h264: CodecSpec[] = [
  { ...base, payloadType: 98, roomPayloadType: 103, mimeType: 'video/H264' },
  { ...base, payloadType: 99, roomPayloadType: 104, mimeType: 'video/rtx', apt: 98 },
];
const headerExtensions = [
  { uri: extensionUri.mid, id: 1 },
  { uri: extensionUri.rid, id: 2 },
  { uri: extensionUri.repairedRid, id: 3 },
];

let room: ForwardingRoom;

beforeEach(() => {
  const port = {
    onMessage: undefined,
    onDrained: undefined,
    onError: undefined,
    send: () => {},
    close: () => {},
  };
  const forwarder = new Forwarder({
    engine: new NodeEngine({ udp: port, slotCount: 16 }),
    workList: createWorkList(16),
    random: () => 7,
    wallClockOffsetMs: 0,
  });
  room = forwarder.room('a');
  room.putTransport({ id: 1, peerId: 1, plain: true, maxIncomingBitrate: 0 }, 0);
});

function put(id: number, encodings: EncodingSpec[], codecs = vp8, mid?: string): void {
  const spec: ReceiverSpec = {
    id,
    peerId: 1,
    transportId: 1,
    kind: 'video',
    codecs,
    headerExtensions,
    encodings,
    cname: 'a',
    paused: false,
    keyFrameRequestDelayMs: 0,
    ...(mid === undefined ? {} : { mid }),
  };
  room.putReceiver(spec, 0);
}

/** "receiver/encoding" with "rtx", or "none". A packet that is found counts as having come. */
function find(
  fields: { ssrc: number; pt: number; mid?: string; rid?: string; rrid?: string },
  now = 0,
): string {
  const text = (id: number, value: string | undefined) =>
    value === undefined ? [] : [{ id, data: new TextEncoder().encode(value) }];
  const bytes = buildRtpPacket({
    payloadType: fields.pt,
    sequenceNumber: 1,
    timestamp: 1,
    ssrc: fields.ssrc,
    extensions: [...text(1, fields.mid), ...text(2, fields.rid), ...text(3, fields.rrid)],
    payload: new Uint8Array(4),
  });
  const header = new RtpHeader();
  const table = new ExtensionTable();
  header.parse(bytes, 0, bytes.length);
  table.read(bytes, header);
  const entry = room.transports.get(1)!.listener.find(header, bytes, table, now);
  if (entry === undefined) return 'none';
  if (!entry.rtx) entry.stream.lastPacketAt = now;
  return `${entry.receiver.id}/${entry.stream.encodingIdx}${entry.rtx ? ' rtx' : ''}`;
}

describe('RtpListener', () => {
  it('finds by SSRC first, whatever the names say, and wants a payload type of the receiver', () => {
    put(5, [{ ssrc: 11, rtxSsrc: 12 }], vp8, '0');
    put(6, [{ ssrc: 21 }], h264, '1');
    expect(find({ ssrc: 11, pt: 96 })).toBe('5/0');
    expect(find({ ssrc: 11, pt: 96, mid: '1' })).toBe('5/0');
    expect(find({ ssrc: 12, pt: 97 })).toBe('5/0 rtx');
    expect(find({ ssrc: 21, pt: 98 })).toBe('6/0');
    expect(find({ ssrc: 11, pt: 98 })).toBe('none');
    expect(find({ ssrc: 11, pt: 97 })).toBe('none');
    expect(find({ ssrc: 12, pt: 96 })).toBe('none');
    expect(find({ ssrc: 99, pt: 96 })).toBe('none');
  });

  it('finds by MID and RID or RRID, and learns the SSRC', () => {
    put(5, [{ rid: 'q' }, { rid: 'h' }], vp8, '0');
    put(6, [{ rid: 'q' }, { rid: 'h' }], vp8, '1');
    expect(find({ ssrc: 31, pt: 96, mid: '1', rid: 'h' })).toBe('6/1');
    expect(find({ ssrc: 31, pt: 96 })).toBe('6/1');
    expect(find({ ssrc: 32, pt: 97, mid: '1', rrid: 'h' })).toBe('6/1 rtx');
    expect(find({ ssrc: 32, pt: 97 })).toBe('6/1 rtx');
    expect(find({ ssrc: 33, pt: 96, mid: '0', rid: 'x' })).toBe('none');
    expect(find({ ssrc: 33, pt: 96, mid: '7', rid: 'q' })).toBe('none');
    expect(find({ ssrc: 33, pt: 96, mid: '0' })).toBe('none');
    // Without a MID the RID must be one receiver's only.
    expect(find({ ssrc: 33, pt: 96, rid: 'q' })).toBe('none');
    put(7, [{ rid: 'z' }, { rid: 'y' }], h264, '2');
    expect(find({ ssrc: 34, pt: 98, rid: 'y' })).toBe('7/1');
  });

  it('finds by MID alone where there is one stream without name and SSRC', () => {
    put(5, [{}], vp8, '0');
    put(6, [], vp8, '1');
    expect(find({ ssrc: 41, pt: 96, mid: '1' })).toBe('6/0');
    expect(find({ ssrc: 42, pt: 97, mid: '1' })).toBe('6/0 rtx');
    expect(find({ ssrc: 43, pt: 98, mid: '1' })).toBe('none');
    expect(find({ ssrc: 44, pt: 96, mid: '0' })).toBe('5/0');
  });

  it('finds by payload type only where an encoding has neither SSRC nor a name', () => {
    put(5, [{}], vp8);
    put(6, [{ ssrc: 21 }], h264);
    expect(find({ ssrc: 51, pt: 96 })).toBe('5/0');
    expect(find({ ssrc: 52, pt: 97 })).toBe('5/0 rtx');
    expect(find({ ssrc: 53, pt: 98 })).toBe('none');
    expect(room.transports.get(1)!.listener.dump()).toEqual({
      ssrcTable: { 21: 6, 51: 5, 52: 5 },
      muxIdTable: {},
      ptTable: { 96: 5, 97: 5 },
      ridTable: {},
    });
  });

  it('lets another SSRC take a stream over only after half a second of silence', () => {
    put(5, [{}], vp8);
    expect(find({ ssrc: 61, pt: 96 }, 1000)).toBe('5/0');
    expect(find({ ssrc: 62, pt: 96 }, 1400)).toBe('none');
    expect(find({ ssrc: 61, pt: 96 }, 1450)).toBe('5/0');
    expect(find({ ssrc: 62, pt: 96 }, 1949)).toBe('none');
    expect(find({ ssrc: 62, pt: 96 }, 1950)).toBe('5/0');
    expect(find({ ssrc: 61, pt: 96 }, 1960)).toBe('none');
    expect(Object.keys(room.transports.get(1)!.listener.dump().ssrcTable)).toEqual(['62']);
  });

  it('forgets a receiver wholly, and what was learnt on another transport', () => {
    put(5, [{ rid: 'q' }, { rid: 'h' }], vp8, '0');
    expect(find({ ssrc: 71, pt: 96, mid: '0', rid: 'q' })).toBe('5/0');
    room.putTransport({ id: 2, peerId: 1, plain: true, maxIncomingBitrate: 0 }, 0);
    const { spec } = room.receivers.get(5)!;
    room.putReceiver({ ...spec, transportId: 2 }, 0);
    const empty = { ssrcTable: {}, muxIdTable: {}, ptTable: {}, ridTable: {} };
    expect(room.transports.get(1)!.listener.dump()).toEqual(empty);
    expect(room.transports.get(2)!.listener.dump()).toEqual({
      ...empty,
      muxIdTable: { 0: 5 },
      ridTable: { '0:q': 5, '0:h': 5 },
    });
    room.removeReceiver(5);
    expect(room.transports.get(2)!.listener.dump()).toEqual(empty);
  });
});
