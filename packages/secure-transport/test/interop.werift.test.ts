import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import {
  DtlsClient,
  DtlsServer,
  type DtlsSocket,
  HashAlgorithm,
  SignatureAlgorithm,
  type Transport,
} from 'werift';
import { type Certificate, createCertificate, openCertificate } from '../src/certificate.ts';
import { DtlsConnection, type DtlsOutput } from '../src/dtls/connection.ts';

/** werift's DTLS as the other side, in both roles, over a line of memory. Its clock is the real one. */
const ours = createCertificate();
const theirs = createCertificate();
const GCM = 7;
const CM = 1;
const stops: (() => void)[] = [];

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

describe('werift', () => {
  test.each([
    ['client', [GCM, CM], 'AEAD_AES_128_GCM'],
    ['client', [CM], 'AES_CM_128_HMAC_SHA1_80'],
    ['server', [GCM, CM], 'AEAD_AES_128_GCM'],
    ['server', [CM], 'AES_CM_128_HMAC_SHA1_80'],
  ] as const)('as %s with profiles %j: both hold the same keys', async (role, profiles, agreed) => {
    const { peer, ends } = connect({ role, profiles });
    const [output] = await Promise.all([
      ends,
      new Promise<void>((resolve) => void peer.onConnect.once(() => resolve())),
    ]);
    if (output.type !== 'connected') throw new Error(`not connected: ${output.type}`);
    expect(output.keys.profile).toBe(agreed);
    const { keyLength, saltLength } = agreed === 'AEAD_AES_128_GCM' ? LENGTHS.gcm : LENGTHS.cm;
    const keys = peer.extractSessionKeys(keyLength, saltLength);
    expect(hex(output.keys.localKey)).toBe(hex(keys.remoteKey));
    expect(hex(output.keys.localSalt)).toBe(hex(keys.remoteSalt));
    expect(hex(output.keys.remoteKey)).toBe(hex(keys.localKey));
    expect(hex(output.keys.remoteSalt)).toBe(hex(keys.localSalt));
  });

  test.each(['client', 'server'] as const)('as %s without extended master secret: refused', async (role) => {
    const { ends } = connect({ role, profiles: [GCM], extendedMasterSecret: false });
    const output = await ends;
    expect(output.type === 'failed' && output.reason).toMatch(/extended master secret/);
  });

  test.each(['client', 'server'] as const)(
    'as %s with a stolen certificate and its own key: refused',
    async (role) => {
      const { ends } = connect({ role, profiles: [GCM], key: createCertificate().keyPem });
      const output = await ends;
      expect(output.type).toBe('failed');
      expect(output.type === 'failed' && output.reason).toMatch(/does not hold the key/);
    },
  );
});

interface Setup {
  /** werift's. */
  readonly role: 'client' | 'server';
  readonly profiles: readonly (1 | 7)[];
  readonly extendedMasterSecret?: boolean;
  readonly key?: string;
  readonly expected?: Certificate;
}

/** Joins the two; `ends` gives the first output of ours that tells how it went. */
function connect(setup: Setup): { peer: DtlsSocket; ends: Promise<DtlsOutput> } {
  const connection = new DtlsConnection({
    role: setup.role === 'client' ? 'server' : 'client',
    certificate: openCertificate(ours),
    random: randomBytes,
    remoteFingerprint: (setup.expected ?? theirs).fingerprints[2]!,
  });
  let tell: (output: DtlsOutput) => void = () => {};
  const ends = new Promise<DtlsOutput>((resolve) => {
    tell = resolve;
  });
  const line = {
    onData: (_data: Buffer) => {},
    send: async (data: Buffer) => {
      setImmediate(() => {
        connection.handleDatagram(data, performance.now());
        settle();
      });
    },
    close: async () => {},
    closed: false,
  };
  const settle = (): void => {
    for (let output = connection.poll(); output; output = connection.poll()) {
      if (output.type === 'transmit') {
        const data = Buffer.from(output.data);
        setImmediate(() => line.onData(data));
      } else {
        tell(output);
      }
    }
  };
  const options = {
    cert: theirs.certPem,
    key: setup.key ?? theirs.keyPem,
    signatureHash: { hash: HashAlgorithm.sha256_4, signature: SignatureAlgorithm.ecdsa_3 },
    transport: line as unknown as Transport,
    srtpProfiles: [...setup.profiles],
    extendedMasterSecret: setup.extendedMasterSecret ?? true,
    certificateRequest: true,
  };
  const peer = setup.role === 'client' ? new DtlsClient(options) : new DtlsServer(options);
  peer.onError.subscribe(() => {});
  connection.start(performance.now());
  settle();
  if (peer instanceof DtlsClient) void peer.connect();
  const timer = setInterval(() => {
    connection.handleTimeout(performance.now());
    settle();
  }, 50);
  stops.push(() => {
    clearInterval(timer);
    peer.close();
  });
  return { peer, ends };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

const LENGTHS = { gcm: { keyLength: 16, saltLength: 12 }, cm: { keyLength: 16, saltLength: 14 } };
