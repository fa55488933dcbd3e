import type { ReceiverSpec, SenderSpec, WebRtcTransportSpec } from '@weir/protocol';
import { buildRtcp, buildRtpPacket, ntpFromUnixMs } from '@weir/rtp';
import type { TestEndpoint, Timer } from '@weir/testing';
import { receiverSpec, senderSpec, wire } from './specs.ts';
import { Viewer } from './viewer.ts';
import { type WorkerHost, wallClockOffsetMs } from './worker-host.ts';

const frameMs = 20;
/** The id of the audio level in `publisherExtensions`. */
const levelId = 1;

/** A browser's microphone: an Opus packet each 20 ms, with its level; each packet's payload begins with its number. */
export class Speaker {
  readonly transport: WebRtcTransportSpec;
  readonly endpoint: TestEndpoint;
  receiver: ReceiverSpec;
  /** dBov of what it sends next; undefined = without the extension. */
  level: number | undefined = -75;
  /** Of the packet that comes next. */
  number = 0;
  sequence: number;
  timestamp: number;
  readonly nacked: number[] = [];
  readonly #host: WorkerHost;
  #timer: Timer | undefined;
  #reportTimer: Timer | undefined;

  constructor(host: WorkerHost, changes: Partial<ReceiverSpec> = {}) {
    this.#host = host;
    const { spec, endpoint } = host.connected();
    this.transport = spec;
    this.endpoint = endpoint;
    this.receiver = receiverSpec(host, spec, 'audio', changes);
    this.sequence = host.random.uint32() & 0xffff;
    this.timestamp = host.random.uint32();
    host.update({ receivers: [this.receiver] });
  }

  /** What belongs to packet `number`, counted from the first. */
  timestampOf(number: number): number {
    return (this.timestamp + 960 * (number - this.number)) >>> 0;
  }

  start(): void {
    const tick = () => {
      this.send();
      this.#timer = this.#host.clock.at(this.#host.clock.now() + frameMs, tick);
    };
    const report = () => {
      this.report();
      this.#reportTimer = this.#host.clock.at(this.#host.clock.now() + 1000, report);
    };
    tick();
    report();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#reportTimer?.cancel();
  }

  /** The next packet, if the microphone is not on a line that lost it. */
  send(options: { payloadType?: number; payload?: Uint8Array; lost?: boolean } = {}): void {
    const payload = options.payload ?? new Uint8Array(60).fill(this.receiver.id & 0xff);
    if (options.payload === undefined) new DataView(payload.buffer).setUint32(0, this.number);
    const packet = buildRtpPacket({
      payloadType: options.payloadType ?? wire.opus,
      sequenceNumber: this.sequence,
      timestamp: this.timestamp,
      ssrc: 2222,
      extensions:
        this.level === undefined
          ? []
          : [{ id: levelId, data: Uint8Array.of(0x80 | -Math.round(this.level)) }],
      payload,
    });
    if (options.lost !== true) this.endpoint.sendRtp(packet);
    this.skip(1);
    this.number++;
  }

  /** Time passes; with `packets` 0 without packets, as in discontinuous transmission. */
  skip(packets: number, frames = 1): void {
    this.sequence = (this.sequence + packets) & 0xffff;
    this.timestamp = (this.timestamp + 960 * frames) >>> 0;
  }

  /** The true time, for lip sync. */
  report(): void {
    const { seconds, fraction } = ntpFromUnixMs(wallClockOffsetMs + this.#host.clock.now());
    this.endpoint.sendRtcp(
      buildRtcp([
        {
          type: 'sr',
          ssrc: 2222,
          ntpSeconds: seconds,
          ntpFraction: fraction,
          rtpTimestamp: this.timestamp,
          packetCount: this.number,
          octetCount: this.number * 60,
          reports: [],
        },
      ]),
    );
  }
}

/** One endpoint that hears several speakers. */
export class Listener {
  readonly transport: WebRtcTransportSpec;
  readonly endpoint: TestEndpoint;
  readonly senders: SenderSpec[];
  /** In the order of the speakers. */
  readonly ears: Viewer[];

  constructor(host: WorkerHost, speakers: readonly Speaker[], changes: Partial<SenderSpec> = {}) {
    const { spec, endpoint } = host.connected();
    this.transport = spec;
    this.endpoint = endpoint;
    this.senders = speakers.map(({ receiver }) => senderSpec(host, spec, receiver, changes));
    this.ears = this.senders.map((sender) => new Viewer(host, endpoint, sender));
    endpoint.onRtp = (packet) => {
      for (const ear of this.ears) ear.handleRtp(packet);
    };
    endpoint.onRtcp = (packet) => {
      for (const ear of this.ears) ear.handleRtcp(packet);
    };
    host.update({ senders: this.senders });
  }

  /** Numbers of the speaker's packets in the order of our sequence numbers. */
  heard(index: number): number[] {
    return this.ears[index]!.sorted.map(({ payload }) =>
      new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0),
    );
  }

  /** Which speakers' packets came in the last `ms`. */
  audible(now: number, ms: number): number[] {
    return this.ears.flatMap((ear, index) =>
      ear.arrivals.some(({ at }) => at > now - ms && at <= now) ? [index] : [],
    );
  }
}
