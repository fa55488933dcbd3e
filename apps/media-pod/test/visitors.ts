import type { PodClient, PodRef } from '@weir/pod-control';
import type { PodLease, WebRtcTransportSpec } from '@weir/protocol';
import { createCertificate } from '@weir/secure-transport';
import { openUdpSocket, realClock, TestEndpoint } from '@weir/testing';
import type { UdpSocket } from '@weir/udp';
import { connected, remoteOf, transportSpec, update } from './call.ts';

export interface Visit {
  readonly client: PodClient;
  readonly ref: PodRef;
  readonly lease: PodLease;
  readonly roomId: string;
  /** Ids of transports go up from here. */
  readonly firstId: number;
  readonly count: number;
  /** The room's first version that is free. */
  readonly version: number;
}

/** Making one costs more than a handshake; who joins by the hundred may share it. */
const certificate = createCertificate({ commonName: 'visitor' });

interface Visitor {
  readonly spec: WebRtcTransportSpec;
  readonly endpoint: TestEndpoint;
  readonly socket: UdpSocket;
}

/** All in one moment; they stay. */
export async function joinTogether(visit: Visit): Promise<TestEndpoint[]> {
  const visitors = await Promise.all(Array.from({ length: visit.count }, (_, n) => visitor(visit, n)));
  const put = { transports: visitors.map(({ spec }) => spec), receivers: [], senders: [] };
  await apply(visit, { base: visit.version - 1, version: visit.version, put });
  await Promise.all(visitors.map(({ endpoint }) => connected(endpoint)));
  return visitors.map(({ endpoint }) => endpoint);
}

/**
 * A few at a time, each by updates of its own as signaling tells them. The room is at `version` + 2 × `count` - 1 afterwards.
 */
export async function joinAndLeave(visit: Visit & { readonly atOnce?: number }): Promise<void> {
  const { atOnce = 10, count } = visit;
  let version = visit.version - 1;
  for (let first = 0; first < count; first += atOnce) {
    const size = Math.min(atOnce, count - first);
    const visitors = await Promise.all(Array.from({ length: size }, (_, n) => visitor(visit, first + n)));
    for (const { spec } of visitors) {
      const put = { transports: [spec], receivers: [], senders: [] };
      await apply(visit, { base: version, version: version + 1, put });
      version += 1;
    }
    await Promise.all(visitors.map(({ endpoint }) => connected(endpoint)));
    // Half of them say goodbye, half of them just vanish, and all are then removed.
    for (const [n, { endpoint }] of visitors.entries()) {
      if (n % 2 === 0) endpoint.close();
      else endpoint.vanish();
    }
    for (const { spec, socket } of visitors) {
      const remove = { transports: [spec.id], receivers: [], senders: [] };
      await apply(visit, { base: version, version: version + 1, remove });
      version += 1;
      socket.close();
    }
  }
}

async function visitor({ lease, roomId, firstId }: Visit, n: number): Promise<Visitor> {
  const plain = transportSpec(firstId + n);
  const socket = await openUdpSocket();
  const remote = remoteOf(lease, roomId, plain.ice);
  const endpoint = new TestEndpoint({ socket, clock: realClock, remote, certificate });
  const dtls = { localRole: 'server' as const, remoteFingerprint: endpoint.fingerprint };
  return { spec: { ...plain, dtls }, endpoint, socket };
}

async function apply(visit: Visit, fields: Parameters<typeof update>[0]): Promise<void> {
  const { client, ref, roomId } = visit;
  const answer = await client.applyMedia(ref, update({ roomId, ...fields }));
  if (!answer.applied) throw new Error(`the pod holds version ${answer.version} of room ${roomId}`);
}
