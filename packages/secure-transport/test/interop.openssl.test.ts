import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Certificate, createCertificate, loadCertificate, openCertificate } from '../src/certificate.ts';
import { DtlsConnection } from '../src/dtls/connection.ts';
import { SocketDriver } from './socket-driver.ts';

/** OpenSSL's own DTLS as the other side, in both roles. */
const available = spawnSync('openssl', ['version']).status === 0;
if (!available) {
  if (process.env.CI === 'true') throw new Error('CI needs the openssl command');
  console.warn('\n!!! SKIPPED: no openssl command: DTLS is not proven against OpenSSL\n');
}

let directory: string;
let ecdsa: Certificate;
let rsa: Certificate;
let ours: Certificate;
const children: ChildProcess[] = [];
const drivers: SocketDriver[] = [];

beforeAll(() => {
  if (!available) return;
  directory = mkdtempSync(join(tmpdir(), 'weir-openssl-'));
  ours = createCertificate();
  ecdsa = createCertificate({ commonName: 'their ecdsa' });
  rsa = makeRsaCertificate();
  for (const [name, { certPem, keyPem }] of Object.entries({ ecdsa, rsa })) {
    writeFileSync(join(directory, `${name}.crt`), certPem);
    writeFileSync(join(directory, `${name}.key`), keyPem);
  }
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const driver of drivers.splice(0)) driver.close();
});
afterAll(() => {
  if (available) rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(!available)('openssl', () => {
  test.each([
    ['SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80', 'AEAD_AES_128_GCM', 'ecdsa', 'ecdsa'],
    ['SRTP_AES128_CM_SHA1_80', 'AES_CM_128_HMAC_SHA1_80', 'ecdsa', 'ecdsa'],
    ['SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM', 'AEAD_AES_128_GCM', 'rsa', 'ecdsa'],
    ['SRTP_AEAD_AES_128_GCM', 'AEAD_AES_128_GCM', 'ecdsa', 'rsa'],
    ['SRTP_AEAD_AES_128_GCM', 'AEAD_AES_128_GCM', 'rsa', 'rsa'],
  ])(
    's_client offering %s: we agree on %s; its certificate is %s, ours %s',
    async (offer, agreed, theirs, own) => {
      const { driver } = await serve(theirs === 'rsa' ? rsa : ecdsa, own === 'rsa' ? rsa : ours);
      const client = openssl('s_client', theirs, driver.port, offer);
      const { keys, remoteCert } = await driver.until('connected');
      expect(keys.profile).toBe(agreed);
      expect(remoteCert.trim()).toBe((theirs === 'rsa' ? rsa : ecdsa).certPem.trim());
      await expectSameKeys(client, keys.remoteKey, keys.localKey);
    },
  );

  test('s_client with P-256 only', async () => {
    const { driver } = await serve(ecdsa, ours);
    openssl('s_client', 'ecdsa', driver.port, 'SRTP_AEAD_AES_128_GCM', '-groups', 'P-256');
    await driver.until('connected');
  });

  test('s_client without SRTP fails', async () => {
    const { driver } = await serve(ecdsa, ours);
    openssl('s_client', 'ecdsa', driver.port, '');
    expect((await driver.until('failed')).reason).toMatch(/SRTP/);
  });

  test('s_client without a certificate fails', async () => {
    const { driver } = await serve(ecdsa, ours);
    openssl('s_client', '', driver.port, 'SRTP_AEAD_AES_128_GCM');
    expect((await driver.until('failed')).reason).toMatch(/certificate/);
  });

  test('s_client with a certificate of another fingerprint fails', async () => {
    const { driver } = await serve(createCertificate(), ours);
    openssl('s_client', 'ecdsa', driver.port, 'SRTP_AEAD_AES_128_GCM');
    expect((await driver.until('failed')).reason).toMatch(/fingerprint/);
  });

  test('application data passes both ways, and its close_notify closes', async () => {
    const { driver } = await serve(ecdsa, ours);
    const client = openssl('s_client', 'ecdsa', driver.port, 'SRTP_AEAD_AES_128_GCM');
    await driver.until('connected');
    client.stdin!.write('hello from openssl\n');
    expect(Buffer.from((await driver.until('data')).data).toString()).toBe('hello from openssl\n');
    const heard = until(client, /hello from us/);
    driver.send(Buffer.from('hello from us\n'));
    await heard;
    client.stdin!.end();
    expect((await driver.until('closed')).reason).toMatch(/close_notify/);
  });

  test('our close_notify ends s_client', async () => {
    const { driver, connection } = await serve(ecdsa, ours);
    const client = openssl('s_client', 'ecdsa', driver.port, 'SRTP_AEAD_AES_128_GCM');
    await driver.until('connected');
    const exit = new Promise((resolve) => client.once('exit', resolve));
    driver.close();
    drivers.length = 0;
    expect(connection.state).toBe('closed');
    await exit;
  });

  test.each(['ecdsa', 'rsa'])(
    's_server with an %s certificate and -Verify: we connect as client',
    async (kind) => {
      const port = await freePort();
      const server = openssl('s_server', kind, port, 'SRTP_AEAD_AES_128_GCM', '-Verify', '1', '-listen');
      await until(server, /ACCEPT/);
      const connection = new DtlsConnection({
        role: 'client',
        certificate: openCertificate(ours),
        random: randomBytes,
        remoteFingerprint: (kind === 'rsa' ? rsa : ecdsa).fingerprints[2]!,
      });
      const driver = await SocketDriver.open(connection, port);
      drivers.push(driver);
      const { keys } = await driver.until('connected');
      expect(keys.profile).toBe('AEAD_AES_128_GCM');
      await expectSameKeys(server, keys.localKey, keys.remoteKey);
    },
  );

  test('a certificate of ours is well-formed for OpenSSL', () => {
    const out = spawnSync('openssl', ['x509', '-noout', '-text', '-in', join(directory, 'ecdsa.crt')]).stdout;
    expect(out.toString()).toMatch(/CN = their ecdsa[\s\S]*prime256v1/);
    const verified = spawnSync('openssl', [
      'verify',
      '-CAfile',
      join(directory, 'ecdsa.crt'),
      join(directory, 'ecdsa.crt'),
    ]);
    expect(verified.stdout.toString()).toMatch(/OK/);
  });
});

async function serve(
  expected: Certificate,
  own: Certificate,
): Promise<{ driver: SocketDriver; connection: DtlsConnection }> {
  const connection = new DtlsConnection({
    role: 'server',
    certificate: openCertificate(own),
    random: randomBytes,
    remoteFingerprint: expected.fingerprints[2]!,
  });
  const driver = await SocketDriver.open(connection);
  drivers.push(driver);
  return { driver, connection };
}

function openssl(
  command: 's_client' | 's_server',
  certificate: string,
  port: number,
  profiles: string,
  ...more: string[]
): ChildProcess {
  const args = [command, '-dtls1_2', ...(command === 's_client' ? ['-connect'] : ['-accept'])];
  args.push(`127.0.0.1:${port}`, '-keymatexport', 'EXTRACTOR-dtls_srtp', '-keymatexportlen', '60');
  if (profiles) args.push('-use_srtp', profiles);
  if (certificate) {
    args.push('-cert', join(directory, `${certificate}.crt`), '-key', join(directory, `${certificate}.key`));
  }
  const child = spawn('openssl', [...args, ...more]);
  children.push(child);
  output.set(child, '');
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk) => {
      output.set(child, output.get(child)! + chunk);
      child.emit('text');
    });
  }
  child.once('exit', () => child.emit('text'));
  return child;
}

const output = new Map<ChildProcess, string>();

async function until(child: ChildProcess, pattern: RegExp): Promise<string> {
  for (;;) {
    const found = pattern.exec(output.get(child)!);
    if (found) return found[1] ?? found[0];
    if (child.exitCode !== null) throw new Error(`openssl ended: ${output.get(child)}`);
    await new Promise((resolve) => child.once('text', resolve));
  }
}

/** OpenSSL prints the exported block: client key, server key, then the salts (RFC 5764 §4.2). */
async function expectSameKeys(
  child: ChildProcess,
  clientKey: Uint8Array,
  serverKey: Uint8Array,
): Promise<void> {
  const block = await until(child, /Keying material: ([0-9A-F]+)/);
  expect(block.toLowerCase().startsWith(Buffer.concat([clientKey, serverKey]).toString('hex'))).toBe(true);
}

async function freePort(): Promise<number> {
  const idle = new DtlsConnection({
    role: 'server',
    certificate: openCertificate(ours),
    random: randomBytes,
  });
  const driver = await SocketDriver.open(idle);
  const { port } = driver;
  driver.close();
  return port;
}

function makeRsaCertificate(): Certificate {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keyFile = join(directory, 'made.key');
  writeFileSync(
    keyFile,
    createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })).export({
      type: 'pkcs8',
      format: 'pem',
    }),
  );
  const made = spawnSync('openssl', [
    'req',
    '-x509',
    '-new',
    '-key',
    keyFile,
    '-subj',
    '/CN=their rsa',
    '-days',
    '30',
  ]);
  return loadCertificate({
    certPem: made.stdout.toString(),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  });
}
