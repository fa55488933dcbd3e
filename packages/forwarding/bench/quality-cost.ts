/**
 * What quality costs: forwarding with bandwidth estimation, its feedback, repair caches, replays and layer filters,
 * against forwarding alone, in turns within one run. Run with `node packages/forwarding/bench/quality-cost.ts`.
 */
import type { CodecSpec } from '@weir/protocol';
import { buildRtpPacket, extensionUri, TransportFeedback, TransportFeedbackRecorder } from '@weir/rtp';
import {
  createDatagramBatch,
  createWorkList,
  Forwarder,
  type ForwardingTransport,
  PacketKind,
  PacketStatus,
} from '../src/index.ts';
import { nullEngine, slotCount, slotSize } from './null-engine.ts';

/** A frame. */
const batchSize = 10;
const viewers = Number(process.argv[2] ?? 50);
const rounds = Number(process.argv[3] ?? 7);
/** Packets of the source per round; at 250 a second they make `packets / 250` seconds of video. */
const packets = 20_000;
const packetsPerMs = 0.25;

/** Nanoseconds per forwarded packet, feedback and timers included. */
function measure(quality: boolean): number {
  const feedback = { nack: quality, pli: true, fir: false, remb: false, transportCc: quality };
  const codecs: CodecSpec[] = [
    { payloadType: 96, roomPayloadType: 96, mimeType: 'video/VP8', clockRate: 90_000, channels: 1, feedback },
  ];
  const headerExtensions = [
    { uri: extensionUri.absSendTime, id: 4 },
    ...(quality ? [{ uri: extensionUri.transportSequence, id: 5 }] : []),
  ];
  const engine = nullEngine();
  let random = 1;
  const forwarder = new Forwarder({
    engine,
    workList: createWorkList(2048),
    random: () => (random = (random * 1_103_515_245 + 12_345) >>> 0),
    wallClockOffsetMs: 0,
    ...(quality ? {} : { replay: { maxPackets: 0 } }),
  });
  const room = forwarder.room('bench');
  let now = 1000;
  const connect = (id: number) => {
    const transport = room.putTransport(
      { id, peerId: id, plain: false, maxIncomingBitrate: 0, initialOutgoingBitrate: 5_000_000 },
      now,
    );
    transport.connect(0, now);
    transport.setPath(0, now);
    forwarder.bindRemote(id, transport);
    return transport;
  };
  connect(1);
  room.putReceiver(
    {
      id: 1,
      peerId: 1,
      transportId: 1,
      kind: 'video',
      codecs,
      headerExtensions,
      encodings: [{ ssrc: 1000 }],
      cname: 'bench',
      paused: false,
      keyFrameRequestDelayMs: 0,
    },
    now,
  );
  const links: { transport: ForwardingTransport; recorder: TransportFeedbackRecorder; told: number }[] = [];
  for (let v = 0; v < viewers; v++) {
    const id = v + 2;
    const transport = connect(id);
    links.push({ transport, recorder: new TransportFeedbackRecorder(), told: transport.transportSequence });
    room.putSender(
      {
        id,
        peerId: id,
        receiverId: 1,
        transportId: id,
        kind: 'video',
        ssrc: 100_000 + v,
        codecs,
        headerExtensions,
        cname: 'bench',
        active: true,
        priority: 1,
        // A temporal layer that is not there: the filter works, and lets everything pass.
        ...(quality ? { preferredLayers: { spatialLayer: 0, temporalLayer: 1 } } : {}),
      },
      now,
    );
  }
  const payload = new Uint8Array(1000);
  payload.set([0x90, 0xe0, 0x80, 1, 2, 0, 0x10]);
  const extensions = [
    { id: 4, data: Uint8Array.of(1, 2, 3) },
    ...(quality ? [{ id: 5, data: Uint8Array.of(1, 2) }] : []),
  ];
  const packet = buildRtpPacket({
    payloadType: 96,
    sequenceNumber: 0,
    timestamp: 0,
    ssrc: 1000,
    extensions,
    payload,
  });
  const keyByte = packet.length - payload.length + 6;
  const batch = createDatagramBatch(batchSize, () => ({ ip: '127.0.0.1', port: 1, protocol: 'udp' }));
  const bytes = new Uint8Array(1500);
  const parsed = new TransportFeedback();
  let sequence = 0;
  let spent = 0n;
  let feedbackAt = now + 100;
  for (let sent = 0; sent < packets; sent += batchSize) {
    batch.count = batchSize;
    for (let i = 0; i < batchSize; i++) {
      sequence = (sequence + 1) & 0xffff;
      packet[2] = sequence >> 8;
      packet[3] = sequence;
      packet[keyByte] = sent === 0 && i === 0 ? 0x10 : 0x11;
      const serial = engine.nextSerial++;
      engine.arena.set(packet, (serial % slotCount) * slotSize);
      batch.serial[i] = serial;
      batch.length[i] = packet.length;
      batch.kind[i] = PacketKind.rtp;
      batch.remote[i] = 1;
      batch.status[i] = PacketStatus.ok;
    }
    now += batchSize / packetsPerMs;
    const started = process.hrtime.bigint();
    forwarder.prepare(batch);
    forwarder.process(batch, now);
    forwarder.handleTimeout(now);
    while (forwarder.poll() !== undefined);
    spent += process.hrtime.bigint() - started;
    if (!quality || now < feedbackAt) continue;
    feedbackAt = now + 100;
    for (const link of links) {
      const { transport, recorder } = link;
      while (link.told !== transport.transportSequence) {
        link.told = (link.told + 1) & 0xffff;
        recorder.record(link.told, now + 20);
      }
      const length = recorder.write(bytes, 0, 1180, 1, 1);
      const from = process.hrtime.bigint();
      // Behind the RTCP header and the two SSRCs.
      if (parsed.parse(bytes, 12, length - 12)) transport.outgoing.handleFeedback(parsed, now + 40);
      spent += process.hrtime.bigint() - from;
    }
  }
  if (engine.taken < packets * viewers * 0.9) throw new Error(`only ${engine.taken} packets were forwarded`);
  return Number(spent) / engine.taken;
}

const alone: number[] = [];
const all: number[] = [];
const ratios: number[] = [];
measure(false);
measure(true);
for (let i = 0; i < rounds; i++) {
  const without = measure(false);
  const withAll = measure(true);
  alone.push(without);
  all.push(withAll);
  ratios.push(withAll / without);
}
const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
console.log(
  `${viewers} viewers: ${median(alone).toFixed(0)} ns per forwarded packet alone, ${median(all).toFixed(0)} ns with ` +
    `estimation, feedback, repair cache, replay and layer filter: ratio ${median(ratios).toFixed(2)}`,
);
