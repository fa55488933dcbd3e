import { expectTypeOf } from 'vitest';
import {
  type AudioLevelInfo,
  errors,
  type Peer,
  type PeerId,
  type Room,
  type RoomId,
  type RtpReceiver,
  type RtpSender,
  Server,
  type Transport,
  type TransportId,
} from '../src/index.ts';

/**
 * Never run: the compiler reads it in `npm run types`. What is wrong must not compile; what is right has the type that
 * is written here.
 */
export async function wrongUse(server: Server, room: Room, peer: Peer, transport: Transport): Promise<void> {
  // Server: certificate files come in pairs, addresses one way or the other.
  Server();
  Server({ dtlsCertificateFile: 'a', dtlsPrivateKeyFile: 'b' });
  // @ts-expect-error the key is missing
  Server({ dtlsCertificateFile: 'a' });
  Server({ webRtcServer: { listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] } });
  // @ts-expect-error listenInfos and rtcIPv4 exclude each other
  Server({ webRtcServer: { listenInfos: [] }, rtcIPv4: '127.0.0.1' });
  // @ts-expect-error no such protocol
  Server({ webRtcServer: { listenInfos: [{ protocol: 'sctp', ip: '127.0.0.1' }] } });
  // @ts-expect-error no such level
  Server({ logLevel: 'chicken' });
  // @ts-expect-error no such option
  Server({ roomCodecs: [] });
  // @ts-expect-error only the log can be changed
  await server.updateSettings({ numWorkers: 2 });

  // Events: names and arguments.
  // @ts-expect-error no such event
  peer.on('newrtpsendr', () => {});
  // @ts-expect-error a Room has no such event
  room.once('newtransport', () => {});
  // @ts-expect-error the argument is an RtpSender
  peer.on('newrtpsender', (sender: RtpReceiver) => sender);
  // @ts-expect-error an RtpSender's close has no argument
  peer.rtpSenders[0]?.on('close', (error: Error) => error);
  peer.on('newrtpsender', (sender) => expectTypeOf(sender).toEqualTypeOf<RtpSender>());
  peer.on('close', (error) => expectTypeOf(error).toEqualTypeOf<Error | undefined>());
  room.on('audiolevels', (levels) => expectTypeOf(levels).toEqualTypeOf<AudioLevelInfo[]>());
  transport.on('icestatechange', (state) => {
    // @ts-expect-error no such state
    if (state === 'failed') return;
  });
  peer.on('listenererror', (event, error) => {
    expectTypeOf(event).toBeString();
    expectTypeOf(error).toBeUnknown();
  });

  // Ids: numbers, but those of different objects don't mix.
  expectTypeOf(peer.id).toExtend<number>();
  expectTypeOf<PeerId>().not.toExtend<TransportId>();
  // @ts-expect-error a peer's id is no room's
  const roomId: RoomId = peer.id;

  // Read only.
  // @ts-expect-error a getter
  peer.name = 'bob';
  // @ts-expect-error a getter
  transport.iceState = 'completed';
  peer.appData = { anything: 1 };

  // Arguments.
  // @ts-expect-error a name is needed
  room.Peer();
  // @ts-expect-error no such kind
  peer.RtpReceiver('chicken', transport);
  // @ts-expect-error a receiver is no transport
  peer.RtpReceiver('audio', peer.rtpReceivers[0]!);
  // @ts-expect-error a payload type is needed
  await peer.setCapabilities({ codecs: [{ kind: 'audio', name: 'audio/opus', clockRate: 48000 }] });
  // @ts-expect-error codecs are needed
  await peer.rtpReceivers[0]!.receive({ encodings: [{ ssrc: 1 }] });
  // @ts-expect-error one fingerprint, with its algorithm
  await transport.setRemoteDtlsParameters({ fingerprint: { value: 'ab' } });
  const fingerprint = { algorithm: 'sha-1', value: 'ab' } as const;
  // @ts-expect-error no such role
  await transport.setRemoteDtlsParameters({ role: 'passive', fingerprint });
  // @ts-expect-error no such option
  await peer.createTransport({ preferUDP: true });
  // @ts-expect-error layers are an object
  await peer.rtpSenders[0]!.setPreferredLayers(1);
  // @ts-expect-error the application never closes a sender
  peer.rtpSenders[0]!.close();
  // @ts-expect-error no such field (D-10)
  expectTypeOf(peer.room);

  // A plain transport is a Transport, not the reverse.
  const plain = await peer.createPlainTransport();
  peer.RtpReceiver('audio', plain);
  // @ts-expect-error only plain transports are connected to an address
  await transport.connect({ ip: '127.0.0.1', port: 1 });

  // What may be absent must be looked at.
  // @ts-expect-error undefined until receive()
  peer.rtpReceivers[0]!.rtpParameters.codecs;
  // @ts-expect-error undefined once closed
  peer.rtpSenders[0]!.transport.close();
  expectTypeOf(room.getPeer('alice')).toEqualTypeOf<Peer | undefined>();

  // Promises of `this` keep the class.
  expectTypeOf(await plain.setMaxBitrate(0)).toEqualTypeOf(plain);
  expectTypeOf(new errors.InvalidStateError('x')).toExtend<Error>();
  void roomId;
}
