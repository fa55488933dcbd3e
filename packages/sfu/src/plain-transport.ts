import { isIP } from 'node:net';
import { recordOf } from './internal.ts';
import { Transport } from './transport.ts';
import type { AppData, TransportTuple } from './types.ts';

/** Options of `peer.createPlainTransport()`. */
export interface PlainTransportOptions {
  /** RTP and RTCP over one port. Default true. */
  rtcpMux?: boolean;
  /** Take the endpoint's address from its first packet, instead of `connect()`. Default false. */
  comedia?: boolean;
  appData?: AppData;
}

/** Where the endpoint receives. `rtcpPort` is needed exactly if the transport has no RTCP multiplexing. */
export interface PlainTransportRemote {
  ip: string;
  port: number;
  rtcpPort?: number;
}

/** RTP and RTCP as they are, over UDP: no ICE, no DTLS, no encryption. Its ICE and DTLS states stay `new`. */
export class PlainTransport extends Transport {
  get #plain() {
    return this[recordOf]().plain!;
  }

  /** Whether the endpoint's address is taken from its first packet. */
  get comedia(): boolean {
    return this.#plain.comedia;
  }

  /** Whether RTP and RTCP share one port. */
  get rtcpMux(): boolean {
    return this.#plain.rtcpMux;
  }

  /** Our address, and the endpoint's once it is known. */
  get tuple(): Omit<TransportTuple, 'remoteIP' | 'remotePort'> & { remoteIP?: string; remotePort?: number } {
    const local = this.runtime.plainAddress();
    const known = this.iceSelectedTuple;
    const remote = this.#plain.remote;
    return {
      localIP: local.ip,
      localPort: local.port,
      protocol: 'udp',
      ...(known !== undefined
        ? { remoteIP: known.remoteIP, remotePort: known.remotePort }
        : remote !== undefined && { remoteIP: remote.ip, remotePort: remote.port }),
    };
  }

  /**
   * Tells where the endpoint receives. Rejects with Error on a wrong address, with `comedia`, or after it
   * succeeded once.
   */
  connect(remote: PlainTransportRemote): Promise<this> {
    return this.runtime.call(this, () => {
      this.runtime.execute({
        type: 'transport.connectPlain',
        transportId: this.id,
        remote: readRemote(remote, this.rtcpMux),
      });
      return this;
    });
  }
}

/** @throws TypeError on an IP address or port that can't be, or a missing or needless rtcpPort. */
function readRemote(remote: unknown, rtcpMux: boolean): PlainTransportRemote {
  const { ip, port, rtcpPort } = (remote ?? {}) as Partial<PlainTransportRemote>;
  if (typeof ip !== 'string' || isIP(ip) === 0) throw new TypeError('ip must be an IP address');
  if (!isPort(port)) throw new TypeError('port must be an integer of 1 to 65535');
  if (rtcpMux) {
    if (rtcpPort !== undefined) throw new TypeError('rtcpPort must not be given with rtcpMux');
    return { ip, port };
  }
  if (!isPort(rtcpPort)) throw new TypeError('rtcpPort must be an integer of 1 to 65535 without rtcpMux');
  return { ip, port, rtcpPort };
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535;
}
