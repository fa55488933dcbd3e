import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificate } from '@weir/secure-transport';
import { describe, expect, it } from 'vitest';
import { Server, type ServerOptions } from '../src/index.ts';
import { next } from './fixtures.ts';

/** A server that must still be open after a while, and closes cleanly then. */
async function closesCleanly(options?: ServerOptions): Promise<void> {
  const server = Server(options);
  const closed = next(server, 'close');
  // Started for good: createRoom() waits for the sockets.
  await server.createRoom();
  server.close();
  expect(await closed).toEqual([undefined]);
}

/** What arrives with the close event; the constructor must not throw and not emit at once. */
async function failure(options: unknown): Promise<unknown> {
  const server = Server(options as ServerOptions);
  expect(server.closed).toBe(false);
  const [error] = await next(server, 'close');
  expect(server.closed).toBe(true);
  return error;
}

describe('object-model.md §14.1, mediasoup.Server()', () => {
  it('M1 with no options must succeed', () => closesCleanly());

  it('M2 with valid options must succeed', () => closesCleanly({ numWorkers: 1, logLevel: 'warn' }));

  it('M3 with valid DTLS certificate must succeed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-'));
    try {
      const certificate = createCertificate();
      const dtlsCertificateFile = join(folder, 'cert.pem');
      const dtlsPrivateKeyFile = join(folder, 'key.pem');
      writeFileSync(dtlsCertificateFile, certificate.certPem);
      writeFileSync(dtlsPrivateKeyFile, certificate.keyPem);
      await closesCleanly({ dtlsCertificateFile, dtlsPrivateKeyFile });

      const server = Server({ numWorkers: 1, dtlsCertificateFile, dtlsPrivateKeyFile });
      const room = await server.createRoom();
      const transport = await room.Peer('alice').createTransport();
      const sha256 = certificate.fingerprints.find(({ algorithm }) => algorithm === 'sha-256');
      expect(transport.dtlsLocalParameters.fingerprints['sha-256']).toBe(sha256?.value);
      server.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('M4 with wrong options must fail', async () => {
    expect(await failure({ logLevel: 'WRONG_VALUE' })).toBeInstanceOf(Error);
  });

  it('M5 with non existing rtcIPv4 IP must fail', async () => {
    expect(await failure({ rtcIPv4: '1.2.3.4' })).toBeInstanceOf(Error);
  });

  it('M6 with too narrow RTC ports range must fail', async () => {
    expect(await failure({ rtcMinPort: 2000, rtcMaxPort: 2050 })).toBeInstanceOf(Error);
  });
});
