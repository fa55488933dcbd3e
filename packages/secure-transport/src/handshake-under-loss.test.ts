import { describe, expect, test } from 'vitest';
import { startCall } from '../test/call.ts';
import { fitTogether } from '../test/ice-peer.ts';

/** The network that made 29 of 60 handshakes succeed in the library we left. */
const BAD = { loss: 0.2, reorder: 0.5, reorderMs: 40, delayMs: 30, jitterMs: 20 };

describe.each(['client', 'server'] as const)('the client is DTLS %s', (clientRole) => {
  test.each([
    ['20 % loss, 50 % reordering', BAD],
    ['50 % reordering', { reorder: 0.5, reorderMs: 40, delayMs: 5 }],
    ['5 % loss', { loss: 0.05, delayMs: 20 }],
    ['30 % duplicates, 50 % reordering', { duplicate: 0.3, reorder: 0.5, delayMs: 20 }],
    ['losses in bursts of 4', { loss: 0.2, lossBurst: 4, delayMs: 20 }],
    ['a round trip of 800 ms', { delayMs: 400, loss: 0.1 }],
  ])('60 of 60 handshakes succeed with %s', (_, policy) => {
    let succeeded = 0;
    let slowest = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const call = startCall({ policy, seed, clientRole });
      if (call.connects()) succeeded++;
      slowest = Math.max(slowest, call.clock.now());
      expect(fitTogether(call.keys()!, call.client.keys!)).toBe(true);
      call.client.vanish();
    }
    expect(succeeded).toBe(60);
    expect(slowest).toBeLessThan(20_000);
  });
});

test('without loss a handshake takes 4 round trips after the first check, and repeats nothing', () => {
  const call = startCall({ policy: { delayMs: 50 } });
  expect(call.connects()).toBe(true);
  // Check, ClientHello, ClientHello with cookie, flight 5: each there and back.
  expect(call.clock.now()).toBe(400);
  const { offered } = call.network.counters('192.0.2.1', '198.51.100.7');
  call.clock.runFor(2_000);
  expect(call.network.counters('192.0.2.1', '198.51.100.7').offered).toBe(offered);
});
