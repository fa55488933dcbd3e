import {
  ConnectPlainTransportRequest,
  type CreateTransportRequest,
  PeerId,
  PlainTransportView,
  RoomId,
  TransportId,
  type UpdateTransportRequest,
} from '@weir/protocol';
import { endpoint, json, type Router } from '../http/endpoint.ts';
import { ProblemError } from '../problem.ts';
import { refusals } from '../refusals.ts';
import { ownTransport } from '../rooms/owned.ts';
import { canonicalAddress, reachOf } from '../rooms/remote-address.ts';
import type { Services } from '../services.ts';
import { plainTransportView } from '../views.ts';

const params = { room: RoomId, peer: PeerId, transport: TransportId };
const gone = ['room-not-found', 'room-closed', 'peer-not-found', 'peer-closed'] as const;

/** What only plain transports have: being told where to send. */
export function addPlainTransportRoutes(router: Router, services: Services): void {
  const { doorkeeper, rooms, pods, podStore, deps } = services;

  endpoint(
    router,
    services,
    {
      method: 'put',
      path: '/v1/rooms/{room}/peers/{peer}/transports/{transport}/plain',
      summary: 'Tell a plain transport where to send; repeating the same does no harm',
      tag: 'transports',
      params,
      body: ConnectPlainTransportRequest,
      answers: { 200: PlainTransportView },
      problems: ['invalid-parameter', 'invalid-state', 'transport-not-found', ...gone],
    },
    async ({ params, body, token }) => {
      await doorkeeper.peer(token, params.room, params.peer);
      const ip = canonicalAddress(body.ip);
      requireReachable(ip, deps.config.allowPrivateRemotes);
      const { port, rtcpPort } = body;
      const ours = (await podStore.list()).flatMap((pod) => pod.lease?.addresses ?? []);
      if (ours.some((one) => one.ip === ip && (one.port === port || one.port === rtcpPort))) {
        throw new ProblemError(
          'invalid-parameter',
          'ip: is where a media pod listens: what it sends would come back to it; give the address of your program.',
          { field: 'ip' },
        );
      }
      const remote = { ip, port, ...(rtcpPort === undefined ? {} : { rtcpPort }) };
      const done = await rooms.change(params.room, (turn) => {
        const { id, plain } = ownTransport(turn, params.peer, params.transport);
        // A client that lost the answer just repeats.
        const known = plain?.remote;
        const repeats = known?.ip === ip && known.port === port && known.rtcpPort === rtcpPort;
        if (!repeats) {
          refusals('', '', () => turn.run({ type: 'transport.connectPlain', transportId: id, remote }));
        }
        return turn.state.transports.get(id)!;
      });
      return json(200, plainTransportView(params.room, done.value, await pods.viewContext()));
    },
  );
}

/** Plain transports are UDP. */
export const plainProtocols = { udp: true, tcp: false } as const;

/**
 * What makes a transport a plain one; undefined for WebRTC.
 *
 * @throws ProblemError `invalid-parameter` on fields of the other type
 */
export function plainOptions({
  type,
  comedia,
  rtcpMux,
  udp,
}: CreateTransportRequest): { type: 'plain'; plain: { comedia: boolean; rtcpMux: boolean } } | undefined {
  if (type === 'plain') {
    if (udp === false) {
      throw new ProblemError('invalid-parameter', 'udp: a plain transport is UDP; leave it out.', {
        field: 'udp',
      });
    }
    return { type, plain: { comedia: comedia ?? false, rtcpMux: rtcpMux ?? true } };
  }
  for (const [field, value] of Object.entries({ comedia, rtcpMux })) {
    if (value === undefined) continue;
    throw new ProblemError(
      'invalid-parameter',
      `${field}: is for type "plain"; leave it out, or give the type.`,
      {
        field,
      },
    );
  }
  return undefined;
}

/** Nothing measures what a plain transport may send. @throws ProblemError `invalid-parameter` */
export function refuseWebRtcLimits(limits: UpdateTransportRequest): void {
  for (const field of ['maxOutgoingBitrate', 'minOutgoingBitrate'] as const) {
    if (limits[field] === undefined) continue;
    throw new ProblemError(
      'invalid-parameter',
      `${field}: a plain transport sends all there is; only maxIncomingBitrate can be set.`,
      { field },
    );
  }
}

/** @throws ProblemError `invalid-parameter` unless a pod may send there */
function requireReachable(ip: string, allowPrivate: boolean): void {
  const reach = reachOf(ip);
  if (reach === 'public' || (reach === 'private' && allowPrivate)) return;
  const detail =
    reach === 'private'
      ? `${ip} is a private or loopback address: give a public one, or run signaling with WEIR_ALLOW_PRIVATE_REMOTES=1.`
      : `${ip} is not the address of one host: give that of the program that is to receive.`;
  throw new ProblemError('invalid-parameter', `ip: ${detail}`, { field: 'ip' });
}
