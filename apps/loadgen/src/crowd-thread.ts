import { parentPort } from 'node:worker_threads';
import { createCertificate } from '@weir/secure-transport';
import type { RemoteTransport } from '@weir/testing';
import type { CrowdAnswer, CrowdRequest } from './crowd.ts';
import { connect, type OpenEndpoint, openEndpoint } from './endpoint.ts';

/** One certificate for all: making a key for each would only measure this side. */
const certificate = createCertificate();
const endpoints: OpenEndpoint[] = [];
const packets: number[] = [];

parentPort!.on('message', async (request: CrowdRequest) => {
  let answer: CrowdAnswer;
  try {
    answer = await handle(request);
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  parentPort!.postMessage(answer);
});

async function handle(request: CrowdRequest): Promise<CrowdAnswer> {
  switch (request.do) {
    case 'open':
      for (const remote of request.remotes) await open(remote);
      return {
        fingerprints: endpoints.slice(-request.remotes.length).map(({ endpoint }) => endpoint.fingerprint),
      };
    case 'connect': {
      const waiting = endpoints.map(({ endpoint }) => endpoint).filter(({ state }) => state === 'new');
      for (let first = 0; first < waiting.length; first += atOnce) {
        await Promise.all(waiting.slice(first, first + atOnce).map(connect));
      }
      return { connected: endpoints.length };
    }
    case 'count':
      return { packets: [...packets] };
    case 'close':
      for (const endpoint of endpoints) endpoint.close();
      return { connected: 0 };
  }
}

/** Media is counted, not decrypted; the rest goes its usual way. */
async function open(remote: RemoteTransport): Promise<void> {
  const opened = await openEndpoint(remote, certificate);
  const { socket } = opened;
  const index = packets.push(0) - 1;
  endpoints.push(opened);
  const usual = socket.onMessage;
  socket.onMessage = (data, ip, port) => {
    const isRtp = data[0]! >= 128 && data[0]! <= 191 && (data[1]! < 192 || data[1]! > 223);
    if (isRtp) packets[index]! += 1;
    else usual?.(data, ip, port);
  };
}

const atOnce = 5;
