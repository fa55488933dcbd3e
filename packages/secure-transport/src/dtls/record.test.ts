import { createRandom } from '@weir/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prf } from './key-schedule.ts';
import { ContentType, plainRecord, RecordCipher, ReplayWindow, readRecords } from './record.ts';
import { concat } from './wire.ts';

describe('records', () => {
  test('several in a datagram; what is cut short or foreign ends it', () => {
    const a = plainRecord(22, 1, Uint8Array.of(1, 2, 3));
    const b = plainRecord(21, 2 ** 48 - 1, new Uint8Array(0));
    const read = (bytes: Uint8Array): number[] => [...readRecords(bytes)].map(({ type }) => type);
    expect(read(concat(a, b))).toEqual([22, 21]);
    expect([...readRecords(b)][0]!.sequence).toBe(2 ** 48 - 1);
    expect(read(concat(a, b).subarray(0, -1))).toEqual([22]);
    const tls = Uint8Array.from(b);
    tls[1] = 3;
    expect(read(concat(a, tls, a))).toEqual([22]);
    expect(read(new Uint8Array(0))).toEqual([]);
  });

  test('random bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void [...readRecords(bytes)]),
      { seed: 31, numRuns: 2_000 },
    );
  });
});

describe('protection', () => {
  const cipher = (): RecordCipher => new RecordCipher(createRandom(1).bytes(16), createRandom(2).bytes(4));

  test('there and back, for any content and number', () => {
    const ours = cipher();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_500 }), fc.nat(2 ** 48 - 1), (plaintext, sequence) => {
        const [record] = readRecords(ours.seal(ContentType.applicationData, sequence, plaintext));
        expect(record).toMatchObject({ epoch: 1, sequence, type: 23 });
        expect(new Uint8Array(ours.open(record!)!)).toEqual(plaintext);
      }),
      { seed: 32, numRuns: 200 },
    );
  });

  test('one bit changed in header, nonce, content or tag: not authentic', () => {
    const ours = cipher();
    const sealed = ours.seal(ContentType.alert, 77, Uint8Array.of(2, 40));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Uint8Array.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const [record] = readRecords(changed);
      if (record) expect([bit, ours.open(record)]).toEqual([bit, undefined]);
    }
  });
});

describe('replay window', () => {
  test('takes each number once, and none that is 64 behind; like a set that forgets', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300), { maxLength: 400 }), (sequences) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        let highest = -1;
        for (const sequence of sequences) {
          const fresh = !seen.has(sequence) && sequence > highest - 64;
          expect(window.isNew(sequence)).toBe(fresh);
          if (!fresh) continue;
          window.accept(sequence);
          seen.add(sequence);
          highest = Math.max(highest, sequence);
        }
      }),
      { seed: 33, numRuns: 500 },
    );
  });

  test('small steps forward, so that bits move between both words', () => {
    const window = new ReplayWindow();
    const random = createRandom(9);
    const seen = new Set<number>();
    let highest = 0;
    for (let i = 0; i < 20_000; i++) {
      const sequence = Math.max(0, highest + random.int(70) - 62);
      const fresh = !seen.has(sequence) && sequence > highest - 64;
      expect([i, window.isNew(sequence)]).toEqual([i, fresh]);
      if (!fresh) continue;
      window.accept(sequence);
      seen.add(sequence);
      highest = Math.max(highest, sequence);
    }
  });
});

test('the PRF gives the known answer for SHA-256 (mailing list of the TLS working group, 2009)', () => {
  const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');
  const output = prf(
    hex('9bbe436ba940f017b17652849a71db35'),
    'test label',
    hex('a0ba9f936cda311827a6f796ffd5198c'),
    100,
  );
  expect(Buffer.from(output).toString('hex')).toBe(
    'e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a' +
      '6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab' +
      '4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701' +
      '87347b66',
  );
});
