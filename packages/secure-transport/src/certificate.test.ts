import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  createCertificate,
  FINGERPRINT_ALGORITHMS,
  fingerprintOf,
  loadCertificate,
  openCertificate,
} from './certificate.ts';

describe('createCertificate', () => {
  test('self-signed ECDSA P-256, with its key', () => {
    const { certPem, keyPem } = createCertificate({ commonName: 'weir test' });
    const certificate = new X509Certificate(certPem);
    expect(certificate.subject).toBe('CN=weir test');
    expect(certificate.issuer).toBe('CN=weir test');
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  });

  test('five fingerprints: lowercase hex without colons, equal to what Node computes', () => {
    const { certPem, fingerprints } = createCertificate();
    const certificate = new X509Certificate(certPem);
    expect(fingerprints.map(({ algorithm }) => algorithm)).toEqual([...FINGERPRINT_ALGORITHMS]);
    for (const { value } of fingerprints) expect(value).toMatch(/^[0-9a-f]+$/);
    const plain = (text: string): string => text.replaceAll(':', '').toLowerCase();
    expect(fingerprints[0]!.value).toBe(plain(certificate.fingerprint));
    expect(fingerprints[2]!.value).toBe(plain(certificate.fingerprint256));
    expect(fingerprints[4]!.value).toBe(plain(certificate.fingerprint512));
  });

  test('two are never alike; serial numbers are positive', () => {
    const serials = new Set(
      Array.from({ length: 20 }, () => {
        const serial = new X509Certificate(createCertificate().certPem).serialNumber;
        expect(serial).toMatch(/^[4-7]/);
        return serial;
      }),
    );
    expect(serials.size).toBe(20);
  });

  test('dates before and after 2050', () => {
    const options = {
      notBefore: new Date(Date.UTC(2031, 1, 2, 3, 4, 5)),
      notAfter: new Date(Date.UTC(2061, 0, 1)),
    };
    const { validFrom, validTo } = new X509Certificate(createCertificate(options).certPem);
    expect(validFrom).toBe('Feb  2 03:04:05 2031 GMT');
    expect(validTo).toBe('Jan  1 00:00:00 2061 GMT');
  });
});

describe('loadCertificate', () => {
  test('what was created loads with the same fingerprints', () => {
    const made = createCertificate();
    expect(loadCertificate(made)).toEqual(made);
  });

  test('of a chain the first counts', () => {
    const [leaf, root] = [createCertificate(), createCertificate()];
    const loaded = loadCertificate({ certPem: leaf.certPem + root.certPem, keyPem: leaf.keyPem });
    expect(loaded.fingerprints).toEqual(leaf.fingerprints);
    expect(fingerprintOf(openCertificate(loaded).der, 'sha-256')).toBe(leaf.fingerprints[2]!.value);
  });

  test('a key of another certificate is refused', () => {
    const keyPem = createCertificate().keyPem;
    expect(() => loadCertificate({ certPem: createCertificate().certPem, keyPem })).toThrow(
      /does not belong/,
    );
  });

  test.each([
    ['certificate', { certPem: 'nonsense' }],
    ['private key', { keyPem: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' }],
  ])('a %s that is no PEM is named', (what, pem) => {
    expect(() => loadCertificate({ ...createCertificate(), ...pem })).toThrow(
      `the DTLS ${what} is not valid PEM`,
    );
  });

  test('an Ed25519 key does not fit', () => {
    const keyPem = generateKeyPairSync('ed25519').privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    }) as string;
    expect(() => loadCertificate({ certPem: createCertificate().certPem, keyPem })).toThrow();
  });
});
