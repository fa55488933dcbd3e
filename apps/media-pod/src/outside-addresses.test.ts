import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificate, StunBuilder, StunClass, StunView } from '@weir/secure-transport';
import { type DgramSocket, openDgramSocket } from '@weir/udp';
import { afterEach, describe, expect, it } from 'vitest';
import { askOutside, type OutsideOptions } from './outside-addresses.ts';
import { parseStunServer } from './stun-client.ts';

const nobody: OutsideOptions = { kubernetes: undefined, metadata: undefined, stun: undefined };
const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function listen(server: Server): Promise<number> {
  cleanups.push(() => server.close());
  await new Promise<void>((done) => server.listen(0, 'localhost', done));
  return (server.address() as AddressInfo).port;
}

/** A Kubernetes API that knows one node, and the credentials to ask it. */
async function kubernetes(addresses: { type: string; address: string }[], token = 'secret-token') {
  const certificate = createCertificate({ commonName: 'localhost' });
  const port = await listen(
    createHttps({ cert: certificate.certPem, key: certificate.keyPem }, (request, response) => {
      const allowed = request.headers.authorization === 'Bearer secret-token';
      response.statusCode = !allowed ? 403 : request.url === '/api/v1/nodes/node-4' ? 200 : 404;
      response.end(JSON.stringify({ kind: 'Node', status: { addresses } }));
    }),
  );
  const account = mkdtempSync(join(tmpdir(), 'weir-account-'));
  cleanups.push(() => rmSync(account, { recursive: true }));
  writeFileSync(join(account, 'token'), `${token}\n`);
  writeFileSync(join(account, 'ca.crt'), certificate.certPem);
  return { nodeName: 'node-4', apiUrl: `https://localhost:${port}`, account };
}

async function metadata(cloud: 'aws' | 'gcp' | 'azure', answer: RequestListener) {
  return { cloud, url: `http://localhost:${await listen(createHttp(answer))}` };
}

/** A STUN server that sees everybody at one address; `deaf` to the first requests. */
async function stunServer(seen: string, deaf = 0): Promise<{ socket: DgramSocket; port: number }> {
  const socket = await openDgramSocket({ ip: '127.0.0.1' });
  cleanups.push(() => socket.close());
  const view = new StunView();
  let heard = 0;
  socket.onMessage = (data, ip, port) => {
    if (!view.read(data) || ++heard <= deaf) return;
    const answer = new StunBuilder(StunClass.success, view.transactionId()).xorMappedAddress(seen, port);
    socket.send(answer.fingerprint().finish(), ip, port);
  };
  return { socket, port: socket.address.port };
}

async function ask(options: Partial<OutsideOptions>) {
  const warnings: string[] = [];
  const found = await askOutside({ ...nobody, ...options }, (source, reason) =>
    warnings.push(`${source}: ${reason}`),
  );
  return { found, warnings };
}

describe('askOutside', () => {
  it('asks nobody unless told to', async () => {
    expect(await ask({})).toEqual({ found: undefined, warnings: [] });
  });

  it('takes the external addresses of the Kubernetes node, IPv4 first', async () => {
    const node = await kubernetes([
      { type: 'InternalIP', address: '10.0.0.4' },
      { type: 'ExternalIP', address: '2001:db8::4' },
      { type: 'ExternalIP', address: '198.51.100.4' },
      { type: 'Hostname', address: 'node-4' },
    ]);
    expect(await ask({ kubernetes: node })).toEqual({
      found: { source: 'node (Kubernetes)', ips: ['198.51.100.4', '2001:db8::4'] },
      warnings: [],
    });
  });

  it('says what is missing when the API refuses, and asks the next', async () => {
    const node = await kubernetes([], 'wrong');
    const { port } = await stunServer('198.51.100.7');
    const { found, warnings } = await ask({ kubernetes: node, stun: { host: '127.0.0.1', port } });
    expect(found).toEqual({ source: 'STUN', ips: ['198.51.100.7'] });
    expect(warnings).toEqual([
      'node (Kubernetes): the Kubernetes API answered 403; may the service account get nodes?',
    ]);
  });

  it('does not believe an API with another certificate', async () => {
    const node = await kubernetes([{ type: 'ExternalIP', address: '198.51.100.4' }]);
    writeFileSync(join(node.account, 'ca.crt'), createCertificate({ commonName: 'localhost' }).certPem);
    const { found, warnings } = await ask({ kubernetes: node });
    expect([found, warnings.length]).toEqual([undefined, 1]);
  });

  it('asks the metadata service in the way of each cloud', async () => {
    const aws = await metadata('aws', (request, response) => {
      if (request.method === 'PUT' && request.url === '/latest/api/token') return response.end('t0ken');
      response.statusCode = request.headers['x-aws-ec2-metadata-token'] === 't0ken' ? 200 : 401;
      if (request.url !== '/latest/meta-data/public-ipv4') response.statusCode = 404;
      return response.end('198.51.100.1\n');
    });
    expect((await ask({ metadata: aws })).found?.ips).toEqual(['198.51.100.1']);
    const gcp = await metadata('gcp', (request, response) => {
      response.statusCode = request.headers['metadata-flavor'] === 'Google' ? 200 : 403;
      response.end(request.url?.includes('ipv6') ? '2001:db8::1' : '198.51.100.2');
    });
    expect((await ask({ metadata: gcp })).found?.ips).toEqual(['198.51.100.2', '2001:db8::1']);
    const azure = await metadata('azure', (request, response) => {
      response.statusCode = request.headers.metadata === 'true' ? 200 : 400;
      response.end('198.51.100.3');
    });
    expect((await ask({ metadata: azure })).found?.ips).toEqual(['198.51.100.3']);
  });

  it('takes nothing for an address that is none', async () => {
    const page = await metadata('azure', (_, response) => response.end('<html>login</html>'));
    expect(await ask({ metadata: page })).toEqual({
      found: undefined,
      warnings: ['cloud metadata: it knows no public address'],
    });
  });

  it('asks the STUN server again when a datagram is lost, and resolves its name', async () => {
    const { port } = await stunServer('198.51.100.7', 1);
    const { found } = await ask({ stun: { host: 'localhost', port } });
    expect(found).toEqual({ source: 'STUN', ips: ['198.51.100.7'] });
  });

  it('says that the STUN server does not answer', async () => {
    const { port } = await stunServer('198.51.100.7', Number.POSITIVE_INFINITY);
    const { found, warnings } = await ask({ stun: { host: '127.0.0.1', port } });
    expect([found, warnings]).toEqual([undefined, [`STUN: 127.0.0.1 port ${port} does not answer`]]);
  });
});

describe('parseStunServer', () => {
  it.each([
    ['stun.example.org', 'stun.example.org', 3478],
    ['192.0.2.1:19302', '192.0.2.1', 19_302],
    ['[2001:db8::1]:3479', '2001:db8::1', 3479],
  ])('reads %s', (text, host, port) => expect(parseStunServer(text)).toEqual({ host, port }));

  it.each(['', 'a b', 'host:0', 'host:70000', '[host]:1', 'stun:host'])('refuses "%s"', (text) =>
    expect(() => parseStunServer(text)).toThrow(RangeError),
  );
});
