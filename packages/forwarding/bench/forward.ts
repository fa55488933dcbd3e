/**
 * Cost of forwarding logic per forwarded packet, without sockets and ciphers: a null engine takes the work
 * lists. Run with `node packages/forwarding/bench/forward.ts`.
 */
import type { CodecSpec, ReceiverSpec, SenderSpec } from '@weir/protocol';
import { buildRtpPacket, extensionUri } from '@weir/rtp';
import { createDatagramBatch, createWorkList, Forwarder, PacketKind, PacketStatus } from '../src/index.ts';
import { nullEngine, slotCount, slotSize } from './null-engine.ts';

const batchSize = 32;
const feedback = { nack: true, pli: true, fir: true, remb: false, transportCc: true };

const video: CodecSpec[] = [
  { payloadType: 96, roomPayloadType: 96, mimeType: 'video/VP8', clockRate: 90_000, channels: 1, feedback },
];
const extensions = [
  { uri: extensionUri.mid, id: 1 },
  { uri: extensionUri.absSendTime, id: 4 },
  { uri: extensionUri.transportSequence, id: 5 },
  { uri: extensionUri.videoOrientation, id: 11 },
];

/** Publishers each with one stream, and `viewers` per publisher. Answers nanoseconds per forwarded packet. */
function run(viewers: number, publishers: number, milliseconds: number, rewrite: boolean): number {
  const engine = nullEngine();
  let random = 1;
  const forwarder = new Forwarder({
    engine,
    workList: createWorkList(2048),
    random: () => (random = (random * 1_103_515_245 + 12_345) >>> 0),
    wallClockOffsetMs: 0,
  });
  const room = forwarder.room('bench');
  let now = 1000;
  let id = 1;
  const connect = (remote: number) => {
    const transport = room.putTransport({ id: id++, peerId: id++, plain: false, maxIncomingBitrate: 0 }, now);
    transport.connect(0, now);
    transport.setPath(0, now);
    forwarder.bindRemote(remote, transport);
    return transport;
  };
  for (let p = 0; p < publishers; p++) {
    const transport = connect(p + 1);
    const receiver: ReceiverSpec = {
      id: id++,
      peerId: transport.peerId,
      transportId: transport.id,
      kind: 'video',
      codecs: video,
      headerExtensions: extensions,
      encodings: [{ ssrc: 1000 + p }],
      cname: 'bench',
      paused: false,
      keyFrameRequestDelayMs: 0,
    };
    room.putReceiver(receiver, now);
    for (let v = 0; v < viewers; v++) {
      const to = connect(1_000_000 + p * viewers + v);
      const sender: SenderSpec = {
        id: id++,
        peerId: to.peerId,
        receiverId: receiver.id,
        transportId: to.id,
        kind: 'video',
        ssrc: 100_000 + p * viewers + v,
        codecs: video,
        headerExtensions: extensions,
        cname: 'bench',
        active: true,
        priority: 1,
      };
      room.putSender(sender, now);
    }
  }
  const payload = new Uint8Array(1150);
  const sequence = new Uint16Array(publishers);
  const packets = Array.from({ length: publishers }, (_, p) => {
    payload.set([0x90, 0xe0, 0x80, 1, 2, 0, 0x11]);
    return buildRtpPacket({
      payloadType: 96,
      sequenceNumber: 0,
      timestamp: 0,
      ssrc: 1000 + p,
      extensions: [
        { id: 4, data: Uint8Array.of(1, 2, 3) },
        { id: 5, data: Uint8Array.of(1, 2) },
        { id: 11, data: Uint8Array.of(1) },
      ],
      payload,
    });
  });
  const keyByte = packets[0]!.length - payload.length + 6;
  const batch = createDatagramBatch(batchSize, () => ({ ip: '127.0.0.1', port: 1, protocol: 'udp' }));
  let turn = 0;
  const step = (key: boolean) => {
    batch.count = batchSize;
    for (let i = 0; i < batchSize; i++) {
      const p = (turn + (i >> 2)) % publishers;
      const packet = packets[p]!;
      packet[keyByte] = key && i < 4 * publishers ? 0x10 : 0x11;
      const n = sequence[p]!++;
      packet[2] = n >> 8;
      packet[3] = n;
      const serial = engine.nextSerial++;
      engine.arena.set(packet, (serial % slotCount) * slotSize);
      batch.serial[i] = serial;
      batch.length[i] = packet.length;
      batch.kind[i] = PacketKind.rtp;
      batch.remote[i] = p + 1;
      batch.status[i] = PacketStatus.ok;
    }
    turn++;
    const started = process.hrtime.bigint();
    forwarder.prepare(batch);
    forwarder.process(batch, now);
    const spent = process.hrtime.bigint() - started;
    now += 1;
    if (now % 25 === 0) forwarder.handleTimeout(now);
    while (forwarder.poll() !== undefined);
    return Number(spent);
  };
  step(true);
  if (rewrite) {
    for (const sender of room.senders.values()) {
      sender.segment.rewrites = true;
      sender.segment.pictureIdDelta = 100;
    }
  }
  const until = (limit: number) => {
    let spent = 0;
    const from = engine.taken;
    while (spent < limit * 1e6) spent += step(false);
    return spent / (engine.taken - from);
  };
  until(milliseconds / 4);
  return until(milliseconds);
}

const milliseconds = Number(process.argv[2] ?? 1500);
for (const [viewers, publishers] of [
  [1, 8],
  [10, 1],
  [10, 8],
  [50, 1],
  [200, 1],
] as const) {
  const plain = run(viewers, publishers, milliseconds, false);
  const rewritten = run(viewers, publishers, milliseconds, true);
  console.log(
    `${publishers} publishers × ${viewers} viewers: ${(plain / 1000).toFixed(3)} µs per forwarded packet, ` +
      `${(rewritten / 1000).toFixed(3)} µs with a rewritten VP8 descriptor`,
  );
}
