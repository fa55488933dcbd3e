import { localDtlsRole, parseRemoteDtlsParameters } from '@weir/ortc';
import { invalidParameter, negotiate, RoomError } from './errors.ts';
import { type Handlers, peerOf, transportOf } from './handlers.ts';
import type { TransportRecord } from './state.ts';

type TransportCommand =
  | 'transport.create'
  | 'transport.connect'
  | 'transport.connectPlain'
  | 'transport.restartIce'
  | 'transport.setBitrates';

export const transportHandlers: Pick<Handlers, TransportCommand> = {
  /** `peer.createTransport()` (§5.3). */
  'transport.create'(draft, { peerId, transportId, options }) {
    peerOf(draft, peerId);
    draft.claimId(transportId);
    const {
      type = 'webrtc',
      direction = 'both',
      podId,
      worker,
      ice,
      udp,
      tcp,
      plain,
      appData = {},
    } = options;
    if (!udp && !tcp) {
      throw invalidParameter(
        'udp',
        'could not open any IP:port: both udp and tcp are off; allow one of them',
      );
    }
    const transport: TransportRecord = {
      id: transportId,
      peerId,
      type,
      direction,
      podId,
      ...(worker === undefined ? {} : { worker }),
      ice,
      udp,
      tcp,
      dtlsLocalRole: 'auto',
      iceState: 'new',
      dtlsState: 'new',
      maxIncomingBitrate: 0,
      maxOutgoingBitrate: 0,
      minOutgoingBitrate: 0,
      initialOutgoingBitrate: options.initialOutgoingBitrate ?? defaultInitialOutgoingBitrate,
      nextMid: 0,
      ...(type === 'plain' ? { plain: plain ?? { comedia: false, rtcpMux: true } } : {}),
      appData,
    };
    draft.put('transport', transport);
    draft.emit({ target: { kind: 'peer', id: peerId }, peerId, type: 'newtransport', transport });
  },

  /** `transport.setRemoteDtlsParameters()` (§6.4, D-16). */
  'transport.connect'(draft, { transportId, parameters, repeatable }) {
    const transport = transportOf(draft, transportId);
    if (transport.type === 'plain') {
      throw new RoomError(
        'invalid-state',
        'Error',
        'a plain transport has no DTLS; connect it with ip and port',
      );
    }
    const { role, fingerprint } = negotiate('dtlsParameters', () => parseRemoteDtlsParameters(parameters));
    const known = transport.dtlsRemoteFingerprint;
    if (known !== undefined) {
      if (repeatable && known.algorithm === fingerprint.algorithm && known.value === fingerprint.value)
        return;
      throw new RoomError(
        'invalid-state',
        'Error',
        'method already called: the DTLS parameters of a transport are set once; create another transport',
      );
    }
    draft.put('transport', {
      ...transport,
      dtlsLocalRole: localDtlsRole(role),
      dtlsRemoteFingerprint: fingerprint,
    });
  },

  /** v3's `plainTransport.connect()`. */
  'transport.connectPlain'(draft, { transportId, remote }) {
    const transport = transportOf(draft, transportId);
    const { plain } = transport;
    if (plain === undefined) {
      throw new RoomError(
        'invalid-state',
        'Error',
        'only a plain transport has an ip and port to connect to',
      );
    }
    if (plain.comedia || plain.remote !== undefined) {
      throw new RoomError(
        'invalid-state',
        'Error',
        plain.comedia
          ? 'the transport learns its remote address from the first packet (comedia)'
          : 'the transport is connected already; create another',
      );
    }
    requirePort('port', remote.port);
    if (plain.rtcpMux ? remote.rtcpPort !== undefined : remote.rtcpPort === undefined) {
      throw invalidParameter(
        'rtcpPort',
        plain.rtcpMux ? 'is not used with rtcpMux; leave it out' : 'is needed without rtcpMux; give it',
      );
    }
    if (remote.rtcpPort !== undefined) requirePort('rtcpPort', remote.rtcpPort);
    draft.put('transport', { ...transport, plain: { ...plain, remote: { ...remote } } });
  },

  /** `transport.changeUfragPwd()`: no event, and nothing else of the transport changes (§6.4, D-15). */
  'transport.restartIce'(draft, { transportId, ice }) {
    const transport = transportOf(draft, transportId);
    draft.put('transport', { ...transport, ice, previousIce: transport.ice });
  },

  /** D-14: 0 removes a limit, 1…9999 counts as 10000. Limits that are not given stay. */
  'transport.setBitrates'(draft, command) {
    const transport = transportOf(draft, command.transportId);
    const next = {
      ...transport,
      maxIncomingBitrate: bitrate(command, 'maxIncomingBitrate', transport),
      maxOutgoingBitrate: bitrate(command, 'maxOutgoingBitrate', transport),
      minOutgoingBitrate: bitrate(command, 'minOutgoingBitrate', transport),
    };
    if (next.maxOutgoingBitrate > 0 && next.minOutgoingBitrate > next.maxOutgoingBitrate) {
      throw invalidParameter(
        'minOutgoingBitrate',
        `${next.minOutgoingBitrate} is above the maximum of ${next.maxOutgoingBitrate}; lower it or raise the maximum`,
      );
    }
    draft.put('transport', next);
  },
};

type Bitrates = 'maxIncomingBitrate' | 'maxOutgoingBitrate' | 'minOutgoingBitrate';

function bitrate(given: { [B in Bitrates]?: unknown }, name: Bitrates, transport: TransportRecord): number {
  const value = given[name];
  if (value === undefined) return transport[name];
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 0xffffffff) {
    throw invalidParameter(name, 'must be an integer of 0…4294967295 bits per second; 0 removes the limit');
  }
  return value === 0 ? 0 : Math.max(value as number, minBitrate);
}

function requirePort(field: string, port: number): void {
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw invalidParameter(field, 'must be a port of 1…65535');
  }
}

const minBitrate = 10_000;
const defaultInitialOutgoingBitrate = 600_000;
