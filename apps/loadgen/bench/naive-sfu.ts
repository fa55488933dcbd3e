// An SFU as one would write it today with werift and its documentation: a peer connection for each participant, and
// every packet of a publisher written to a track of each receiver. It is what Weir is compared with, and no part of it.
import { createServer } from 'node:http';
import { MediaStreamTrack, RTCPeerConnection as Peer, type RTCPeerConnection, type RtpPacket } from 'werift';

interface Publication {
  readonly id: number;
  readonly outputs: Set<MediaStreamTrack>;
}

const kinds = ['audio', 'video'] as const;
const published: Record<(typeof kinds)[number], Publication[]> = { audio: [], video: [] };
const peers: RTCPeerConnection[] = [];

function newPeer(): RTCPeerConnection {
  const peer = new Peer({
    iceLite: true,
    iceServers: [],
    iceUseIpv6: false,
    iceUseTcp: false,
    iceAdditionalHostAddresses: ['127.0.0.1'],
  });
  peers.push(peer);
  return peer;
}

async function publish(sdp: string): Promise<string> {
  const peer = newPeer();
  const id = peers.length;
  peer.onTrack.subscribe((track) => {
    const publication: Publication = { id, outputs: new Set() };
    published[track.kind === 'audio' ? 'audio' : 'video'].push(publication);
    track.onReceiveRtp.subscribe((packet: RtpPacket) => {
      for (const output of publication.outputs) output.writeRtp(packet);
    });
  });
  await peer.setRemoteDescription({ type: 'offer', sdp });
  await peer.setLocalDescription(await peer.createAnswer());
  return peer.localDescription!.sdp;
}

/** One of each kind, of the first publisher. */
async function subscribe(sdp: string): Promise<string> {
  const peer = newPeer();
  for (const kind of kinds) {
    const output = new MediaStreamTrack({ kind });
    peer.addTransceiver(output, { direction: 'sendonly' });
    published[kind][0]?.outputs.add(output);
  }
  await peer.setRemoteDescription({ type: 'offer', sdp });
  await peer.setLocalDescription(await peer.createAnswer());
  return peer.localDescription!.sdp;
}

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const offer = Buffer.concat(chunks).toString();
  try {
    response.end(await (request.url === '/publish' ? publish(offer) : subscribe(offer)));
  } catch (error) {
    response.statusCode = 500;
    response.end(error instanceof Error ? error.stack : String(error));
  }
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(`port ${typeof address === 'object' && address !== null ? address.port : 0}`);
});
