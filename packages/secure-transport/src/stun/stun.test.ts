import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToIp, ipToBytes } from '../ip-address.ts';
import { bindingError, bindingSuccess, StunBuilder } from './builder.ts';
import { StunView } from './reader.ts';
import { StunAttribute, StunClass } from './registry.ts';

const PASSWORD = createSecretKey(Buffer.from('VOkJxbRl1RmTxUk/WvJxBt'));

/** RFC 5769 §2.1: a request with USERNAME evtj:h6vY, made elsewhere. */
const RFC5769_REQUEST = Buffer.from(
  '000100582112a442b7e7a701bc34d686fa87dfae' +
    '802200105354554e207465737420636c69656e74' +
    '002400046e0001ff' +
    '80290008932ff9b151263b36' +
    '00060009' +
    '6576746a3a68367659202020' +
    '000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2' +
    '80280004e57a3bcf',
  'hex',
);
/** RFC 5769 §2.2: the response, 192.0.2.1:32853. */
const RFC5769_RESPONSE = Buffer.from(
  '0101003c2112a442b7e7a701bc34d686fa87dfae' +
    '8022000b7465737420766563746f7220' +
    '002000080001a147e112a643' +
    '000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7' +
    '80280004c07d4c96',
  'hex',
);

describe('reading', () => {
  test('RFC 5769 request: all parts, integrity and fingerprint', () => {
    const view = new StunView();
    expect(view.read(RFC5769_REQUEST)).toBe(true);
    expect(view.messageClass).toBe(StunClass.request);
    expect(view.username()).toBe('evtj:h6vY');
    expect(view.localUfrag()).toBe('evtj');
    expect(view.priority).toBe(0x6e0001ff);
    expect(view.hasFingerprint).toBe(true);
    expect(view.verifyIntegrity(PASSWORD)).toBe(true);
    expect(view.verifyIntegrity(createSecretKey(Buffer.from('another')))).toBe(false);
  });

  test('RFC 5769 response: mapped address', () => {
    const view = new StunView();
    expect(view.read(RFC5769_RESPONSE)).toBe(true);
    expect(view.xorMappedAddress()).toEqual({ ip: '192.0.2.1', port: 32853 });
    expect(view.verifyIntegrity(PASSWORD)).toBe(true);
  });

  test('one bit changed anywhere is noticed', () => {
    for (let bit = 0; bit < RFC5769_REQUEST.length * 8; bit++) {
      const changed = Uint8Array.from(RFC5769_REQUEST);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const view = new StunView();
      expect(view.read(changed) && view.hasFingerprint && view.verifyIntegrity(PASSWORD)).toBe(false);
    }
  });

  test('attributes after MESSAGE-INTEGRITY are ignored', () => {
    const message = new StunBuilder(StunClass.request, new Uint8Array(12))
      .text(StunAttribute.username, 'a:b')
      .integrity(PASSWORD)
      .attribute(StunAttribute.useCandidate, new Uint8Array(0))
      .u32(StunAttribute.priority, 5)
      .fingerprint()
      .finish();
    const view = new StunView();
    expect(view.read(message)).toBe(true);
    expect(view.useCandidate).toBe(false);
    expect(view.priority).toBe(0);
    expect(view.verifyIntegrity(PASSWORD)).toBe(true);
  });

  test('something after FINGERPRINT is no STUN', () => {
    const message = new StunBuilder(StunClass.request, new Uint8Array(12))
      .fingerprint()
      .u32(StunAttribute.priority, 5)
      .finish();
    expect(new StunView().read(message)).toBe(false);
  });

  test('a view is clean after the message before', () => {
    const view = new StunView();
    view.read(RFC5769_REQUEST);
    view.read(new StunBuilder(StunClass.request, new Uint8Array(12)).finish());
    expect([view.priority, view.hasFingerprint, view.integrityOffset, view.usernameOffset]).toEqual([
      0,
      false,
      -1,
      -1,
    ]);
  });

  test('random bytes never throw', () => {
    const view = new StunView();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, dress) => {
        if (dress && bytes.length >= 20) {
          bytes.set([0, 1, (bytes.length - 20) >> 8, bytes.length - 20, 0x21, 0x12, 0xa4, 0x42]);
        }
        if (view.read(bytes)) {
          view.localUfrag();
          view.username();
          view.verifyIntegrity(PASSWORD);
          view.xorMappedAddress();
        }
      }),
      { seed: 11, numRuns: 3000 },
    );
  });

  test('mutated messages never throw', () => {
    const view = new StunView();
    fc.assert(
      fc.property(fc.nat(RFC5769_REQUEST.length - 9), fc.nat(255), (at, value) => {
        // Without fingerprint, so that more than the CRC is looked at.
        const bytes = Uint8Array.from(RFC5769_REQUEST.subarray(0, RFC5769_REQUEST.length - 8));
        bytes[3] = bytes.length - 20;
        bytes[at] = value;
        if (view.read(bytes)) {
          view.localUfrag();
          view.xorMappedAddress();
        }
      }),
      { seed: 12, numRuns: 2000 },
    );
  });
});

describe('writing', () => {
  test.each(['192.0.2.1', '2001:db8:1234:5678:11:2233:4455:6677', '::1', '255.255.255.255'])(
    'success response for %s reads back',
    (ip) => {
      const id = Uint8Array.from({ length: 12 }, (_, i) => 200 + i);
      const view = new StunView();
      expect(view.read(bindingSuccess(id, { ip, port: 65535 }, PASSWORD)!)).toBe(true);
      expect(ipToBytes(view.xorMappedAddress()!.ip)).toEqual(ipToBytes(ip));
      expect(view.xorMappedAddress()!.port).toBe(65535);
      expect(view.verifyIntegrity(PASSWORD)).toBe(true);
      expect(view.hasFingerprint).toBe(true);
      expect([...view.transactionId()]).toEqual([...id]);
    },
  );

  test('no response for what is no address', () => {
    expect(bindingSuccess(new Uint8Array(12), { ip: 'localhost', port: 1 }, PASSWORD)).toBeUndefined();
  });

  test('error responses keep method and code', () => {
    const view = new StunView();
    expect(view.read(bindingError(new Uint8Array(12), 0x07c, 401, 'Unauthorized'))).toBe(true);
    expect([view.method, view.messageClass, view.errorCode]).toEqual([0x07c, StunClass.error, 401]);
  });
});

describe('addresses', () => {
  test.each([
    ['1.2.3.4', '01020304'],
    ['::ffff:1.2.3.4', '01020304'],
    ['::', '00000000000000000000000000000000'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1::', '00010000000000000000000000000000'],
  ])('%s', (text, hex) => {
    expect(Buffer.from(ipToBytes(text)!).toString('hex')).toBe(hex);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    'a.b.c.d',
    '1:2',
    ':::',
    '1::2::3',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
  ])('%s is none', (text) => {
    expect(ipToBytes(text)).toBeUndefined();
  });

  test('IPv6 survives the way there and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        fc.pre(bytes[0] !== 0);
        expect(ipToBytes(bytesToIp(bytes))).toEqual(bytes);
      }),
      { seed: 13 },
    );
  });
});
