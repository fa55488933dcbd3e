import type { SenderSpec } from '@weir/protocol';
import {
  buildRtcp,
  compactNtp,
  dlsrFromMs,
  ExtensionTable,
  NackGenerator,
  nackItems,
  parseRtcp,
  type RtcpPacket,
  RtpHeader,
  type SenderReportPacket,
  seqDiff,
} from '@weir/rtp';
import type { TestEndpoint, Timer } from '@weir/testing';
import type { WorkerHost } from './worker-host.ts';

/** One packet as the viewer got it, RTX decoded. */
export interface Got {
  readonly sequence: number;
  /** Unwrapped. */
  readonly extended: number;
  readonly timestamp: number;
  readonly payloadType: number;
  readonly marker: boolean;
  readonly at: number;
  readonly payload: Uint8Array;
  readonly extensions: Map<number, Uint8Array>;
  readonly rtx: boolean;
}

/** The receiving side of a browser for one sender: asks for what is missing, reports, keeps everything. */
export class Viewer {
  readonly spec: SenderSpec;
  readonly got = new Map<number, Got>();
  /** In the order of arrival. */
  readonly arrivals: Got[] = [];
  readonly senderReports: { at: number; report: SenderReportPacket }[] = [];
  readonly rtcp: RtcpPacket[] = [];
  duplicates = 0;
  first: number | undefined;
  highest = -1;
  nacks = true;
  /** Told in the reports of each second. */
  fractionLost = 0;
  totalLost = 0;
  readonly #host: WorkerHost;
  readonly #endpoint: TestEndpoint;
  readonly #generator = new NackGenerator();
  readonly #header = new RtpHeader();
  readonly #table = new ExtensionTable();
  readonly #lost = new Uint16Array(200);
  readonly #timers: Timer[] = [];

  constructor(host: WorkerHost, endpoint: TestEndpoint, spec: SenderSpec) {
    this.#host = host;
    this.#endpoint = endpoint;
    this.spec = spec;
    this.#every(25, () => this.#askForMissing());
    this.#every(1000, () => this.report());
  }

  /** Plain packets of this sender, of any SSRC. */
  handleRtp(packet: Uint8Array): void {
    const header = this.#header;
    if (!header.parse(packet, 0, packet.length)) throw new Error('the worker sent no RTP');
    const rtx = header.ssrc === this.spec.rtxSsrc;
    if (!rtx && header.ssrc !== this.spec.ssrc) return;
    this.#table.read(packet, header);
    const extensions = new Map<number, Uint8Array>();
    for (let i = 0; i < this.#table.count; i++) {
      const id = this.#table.ids[i]!;
      const at = this.#table.offset(id);
      extensions.set(id, packet.slice(at, at + this.#table.length(id)));
    }
    const start = header.payloadOffset + (rtx ? 2 : 0);
    const sequence = rtx
      ? (packet[header.payloadOffset]! << 8) | packet[header.payloadOffset + 1]!
      : header.sequenceNumber;
    const extended =
      this.highest < 0 ? sequence + 65536 : this.highest + seqDiff(sequence, this.highest & 0xffff);
    if (this.got.has(extended)) {
      this.duplicates++;
      return;
    }
    this.first ??= extended;
    this.highest = Math.max(this.highest, extended);
    const got: Got = {
      sequence,
      extended,
      timestamp: header.timestamp,
      payloadType: header.payloadType,
      marker: header.marker,
      at: this.#host.clock.now(),
      payload: packet.slice(start, header.payloadOffset + header.payloadLength),
      extensions,
      rtx,
    };
    this.got.set(extended, got);
    this.arrivals.push(got);
    this.#generator.receive(sequence, false, rtx, this.#host.clock.now());
    this.#askForMissing();
  }

  handleRtcp(data: Uint8Array): void {
    for (const packet of parseRtcp(data) ?? []) {
      this.rtcp.push(packet);
      if (packet.type === 'sr' && packet.ssrc === this.spec.ssrc) {
        this.senderReports.push({ at: this.#host.clock.now(), report: packet });
      }
    }
  }

  /** Numbers between the first and the highest that never came. */
  get holes(): number[] {
    const holes: number[] = [];
    if (this.first === undefined) return holes;
    for (let n = this.first; n <= this.highest; n++) if (!this.got.has(n)) holes.push(n & 0xffff);
    return holes;
  }

  /** The publisher's packet numbers in the order of our sequence numbers. */
  get contents(): number[] {
    const sorted = [...this.got.values()].sort((a, b) => a.extended - b.extended);
    return sorted.map(({ payload }) =>
      new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(7),
    );
  }

  get sorted(): Got[] {
    return [...this.got.values()].sort((a, b) => a.extended - b.extended);
  }

  pli(): void {
    this.send([{ type: 'pli', senderSsrc: 1, mediaSsrc: this.spec.ssrc }]);
  }

  send(packets: RtcpPacket[]): void {
    this.#endpoint.sendRtcp(buildRtcp(packets));
  }

  /** A receiver report that answers the last sender report. */
  report(): void {
    if (this.highest < 0) return;
    const last = this.senderReports.at(-1);
    const now = this.#host.clock.now();
    this.send([
      {
        type: 'rr',
        ssrc: 1,
        reports: [
          {
            ssrc: this.spec.ssrc,
            fractionLost: this.fractionLost,
            totalLost: this.totalLost,
            extendedHighestSequence: this.highest,
            jitter: 0,
            lastSenderReport:
              last === undefined ? 0 : compactNtp(last.report.ntpSeconds, last.report.ntpFraction),
            delaySinceLastSenderReport: last === undefined ? 0 : dlsrFromMs(now - last.at),
          },
        ],
      },
    ]);
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  #askForMissing(): void {
    if (!this.nacks) return;
    const count = this.#generator.collect(this.#host.clock.now(), this.#lost);
    if (count === 0) return;
    this.send([
      { type: 'nack', senderSsrc: 1, mediaSsrc: this.spec.ssrc, items: nackItems(this.#lost, count) },
    ]);
  }

  #every(milliseconds: number, action: () => void): void {
    const index = this.#timers.length;
    const again = () => {
      action();
      this.#timers[index] = this.#host.clock.at(this.#host.clock.now() + milliseconds, again);
    };
    this.#timers.push(this.#host.clock.at(this.#host.clock.now() + milliseconds, again));
  }
}
