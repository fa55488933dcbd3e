import { setTimeout as pause } from 'node:timers/promises';
import type { TestEndpoint } from '@weir/testing';
import { connect, type OpenEndpoint, openEndpoint } from './endpoint.ts';
import type { PodProcess } from './pod-process.ts';
import { Publisher } from './publisher.ts';
import { BenchRoom } from './room.ts';
import { type Summary, summarize } from './statistics.ts';

/** Milliseconds of each phase; they follow one another. */
export interface JoinResult {
  /** The signed control call that makes transport and senders. */
  readonly http: Summary;
  /** First connectivity check to its answer. */
  readonly ice: Summary;
  readonly dtls: Summary;
  /** From connected to the first decrypted video packet, which waits for a key frame. */
  readonly firstPacket: Summary;
  readonly total: Summary;
}

/** Joins a running room `joins` times, one after the other. */
export async function benchJoin(pod: PodProcess, joins: number): Promise<JoinResult> {
  const room = new BenchRoom(pod.ref, pod.lease, pod.secrets, 'joins');
  const opened: OpenEndpoint[] = [];
  const times = {
    http: [] as number[],
    ice: [] as number[],
    dtls: [] as number[],
    firstPacket: [] as number[],
    total: [] as number[],
  };
  const ice = BenchRoom.credentials();
  const publishing = await openEndpoint(room.remote(ice));
  opened.push(publishing);
  const source = publishing.endpoint;
  const publisher = new Publisher(source);
  try {
    await room.publish({ ice, fingerprint: source.fingerprint });
    await connect(source);
    publisher.start();
    for (let count = 0; count < joins; count += 1) {
      const credentials = BenchRoom.credentials();
      const joining = await openEndpoint(room.remote(credentials));
      opened.push(joining);
      const { endpoint } = joining;
      // Requests for key frames keep a distance; a join of its own is to be measured, not the one before it.
      await pause(betweenJoinsMs);
      const firstVideo = firstVideoPacket(endpoint);
      const startedAt = performance.now();
      await room.subscribe([{ ice: credentials, fingerprint: endpoint.fingerprint }]);
      const http = performance.now() - startedAt;
      const connected = await connect(endpoint);
      const connectedAt = performance.now();
      const videoAt = await firstVideo;
      times.http.push(http);
      times.ice.push(connected.ice);
      times.dtls.push(connected.dtls - connected.ice);
      times.firstPacket.push(videoAt - connectedAt);
      times.total.push(videoAt - startedAt);
    }
  } finally {
    publisher.stop();
    for (const one of opened) one.close();
    await room.empty();
  }
  return {
    http: summarize(times.http),
    ice: summarize(times.ice),
    dtls: summarize(times.dtls),
    firstPacket: summarize(times.firstPacket),
    total: summarize(times.total),
  };
}

/** When it comes. Video is told from audio by its length. */
async function firstVideoPacket(endpoint: TestEndpoint): Promise<number> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no video within 15 s')), 15_000);
    endpoint.onRtp = (packet) => {
      if (packet.length < 1000) return;
      clearTimeout(timer);
      endpoint.onRtp = undefined;
      resolve(performance.now());
    };
  });
}

const betweenJoinsMs = 400;
