import { lookup as lookUp } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import type { WebhookSender } from '../webhooks/sender.ts';
import { whyNotAddress } from '../webhooks/target.ts';

/**
 * Calls webhooks from Node. Whatever a name leads to is checked when the connection is made, so that no name can lead
 * into the network this process stands in, not even one that leads elsewhere a moment later.
 */
export function nodeSender(settings: { allowPrivate: boolean }): WebhookSender {
  const lookup: LookupFunction = (host, options, done) => {
    lookUp(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, '');
      const reason = addresses
        .map(({ address }) => whyNotAddress(address, settings))
        .find((one) => one !== undefined);
      if (reason !== undefined) return done(new Error(`${host} ${reason}`), '');
      if (options.all === true) return done(null, addresses);
      const [first] = addresses;
      done(null, first?.address ?? '', first?.family);
    });
  };
  const sockets = { keepAlive: true, maxFreeSockets: 8, maxSockets: mostSocketsPerOrigin };
  const agents = { 'http:': new http.Agent(sockets), 'https:': new https.Agent(sockets) };
  return (url, { headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const { protocol } = new URL(url);
      const secure = protocol === 'https:';
      const options = { method: 'POST', headers, signal, lookup, agent: agents[secure ? 'https:' : 'http:'] };
      const request = (secure ? https : http).request(url, options, (answer) => {
        resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] });
        // What it says does not matter; a little of it is read so that the connection can be used again.
        let left = longestIgnoredBytes;
        answer.on('data', (chunk: Buffer) => {
          left -= chunk.length;
          if (left < 0) answer.destroy();
        });
        answer.on('error', () => {});
        // Not since the last byte: who sends one now and then could hold on for hours.
        const timer = setTimeout(() => answer.destroy(), ignoredForMs);
        answer.on('close', () => clearTimeout(timer));
      });
      request.on('error', (error: NodeJS.ErrnoException) =>
        reject(signal.aborted ? signal.reason : new Error(error.message || String(error.code))),
      );
      request.end(body);
    });
}

const longestIgnoredBytes = 64 * 1024;
/** Nobody waits for the rest of an answer; for longer than that a new connection is cheaper. */
const ignoredForMs = 1000;
/** Of calls under way and of answers still being read. Further calls wait, within their own time. */
const mostSocketsPerOrigin = 16;
