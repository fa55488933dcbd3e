import { createRandom } from '@weir/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HandshakeType, Reassembler, readFragments, writeFragment } from './reassembly.ts';

const TYPE = HandshakeType.certificate;

function fragments(
  sequence: number,
  body: Uint8Array,
  cuts: readonly [from: number, to: number][],
): Uint8Array[] {
  return cuts.map(([from, to]) => writeFragment(TYPE, sequence, body, from, to - from));
}

function addAll(reassembler: Reassembler, records: readonly Uint8Array[], epoch = 0, next = 0): void {
  for (const record of records) {
    for (const fragment of readFragments(record)) reassembler.add(fragment, epoch, next);
  }
}

describe('reassembly', () => {
  test('any cuts that cover a message, in any order, overlapping and repeated, give it back', () => {
    const cut = fc
      .tuple(fc.nat(300), fc.nat(300))
      .map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
    fc.assert(
      fc.property(fc.array(cut, { maxLength: 30 }), fc.nat(), (cuts, seed) => {
        const body = createRandom(seed).bytes(300);
        const reassembler = new Reassembler();
        addAll(reassembler, fragments(0, body, cuts));
        const covered = new Set(
          cuts.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i)),
        );
        const message = reassembler.take(0);
        expect(message !== undefined).toBe(covered.size === 300);
        if (message) expect(message.body).toEqual(body);
        addAll(reassembler, fragments(0, body, [[0, 300]]));
        if (!message) expect(reassembler.take(0)?.body).toEqual(body);
      }),
      { seed: 21, numRuns: 500 },
    );
  });

  test('a hole is a hole, even if as many bytes came as the message has', () => {
    const body = createRandom(1).bytes(100);
    const reassembler = new Reassembler();
    addAll(
      reassembler,
      fragments(0, body, [
        [0, 40],
        [0, 40],
        [60, 100],
      ]),
    );
    expect(reassembler.take(0)).toBeUndefined();
    addAll(reassembler, fragments(0, body, [[39, 61]]));
    expect(reassembler.take(0)?.body).toEqual(body);
  });

  test('an empty message is whole at once', () => {
    const reassembler = new Reassembler();
    addAll(reassembler, [writeFragment(HandshakeType.serverHelloDone, 0, new Uint8Array(0))]);
    expect(reassembler.take(0)?.body).toHaveLength(0);
  });

  test('later messages wait for their turn, those too far ahead or behind are refused', () => {
    const reassembler = new Reassembler();
    const body = createRandom(2).bytes(10);
    for (const sequence of [2, 3, 4, 9, 10, 11])
      addAll(reassembler, fragments(sequence, body, [[0, 10]]), 0, 3);
    expect([2, 3, 4, 9, 10, 11].map((sequence) => reassembler.take(sequence) !== undefined)).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test('first come, first kept: other bytes for the same place, another length or type are refused', () => {
    const reassembler = new Reassembler();
    const body = new Uint8Array(20).fill(1);
    addAll(reassembler, fragments(0, body, [[0, 10]]));
    addAll(reassembler, fragments(0, new Uint8Array(20).fill(2), [[0, 10]]));
    addAll(reassembler, fragments(0, new Uint8Array(30).fill(2), [[10, 30]]));
    addAll(reassembler, [writeFragment(HandshakeType.clientHello, 0, new Uint8Array(20), 10, 10)]);
    expect(reassembler.take(0)).toBeUndefined();
    addAll(reassembler, fragments(0, body, [[10, 20]]));
    expect(reassembler.take(0)?.body).toEqual(body);
  });

  test('an authentic fragment replaces what anybody could have sent, not the other way round', () => {
    const reassembler = new Reassembler();
    const body = new Uint8Array(12).fill(1);
    addAll(reassembler, fragments(0, new Uint8Array(12).fill(9), [[0, 12]]), 0);
    addAll(reassembler, fragments(0, body, [[0, 6]]), 1);
    addAll(reassembler, fragments(0, new Uint8Array(12).fill(9), [[6, 12]]), 0);
    expect(reassembler.take(0)).toBeUndefined();
    addAll(reassembler, fragments(0, body, [[6, 12]]), 1);
    expect(reassembler.take(0)).toMatchObject({ epoch: 1, body });
  });

  test('100,000 hostile fragments hold less than 24,000 bytes', () => {
    const random = createRandom(3);
    const reassembler = new Reassembler();
    for (let i = 0; i < 100_000; i++) {
      const length = random.int(0x1000000);
      const claimed = random.chance(0.5) ? length : random.int(13_000);
      const offset = random.int(claimed + 1);
      const bytes = new Uint8Array(Math.min(random.int(50), claimed - offset));
      reassembler.add({ type: TYPE, length: claimed, sequence: random.int(20), offset, bytes }, 0, 5);
      expect(reassembler.heldBytes).toBeLessThanOrEqual(24_000);
    }
    expect(reassembler.heldBytes).toBeGreaterThan(0);
    for (let sequence = 0; sequence < 20; sequence++) reassembler.drop(sequence);
    expect(reassembler.heldBytes).toBe(0);
  });

  test('single bytes far apart do not pile up gaps', () => {
    const reassembler = new Reassembler();
    const body = createRandom(4).bytes(2_000);
    let refused = 0;
    for (let at = 1; at < 2_000; at += 2) {
      const [fragment] = readFragments(writeFragment(TYPE, 0, body, at, 1));
      if (!reassembler.add(fragment!, 0, 0)) refused++;
    }
    expect(refused).toBeGreaterThan(900);
    addAll(reassembler, fragments(0, body, [[0, 2_000]]));
    expect(reassembler.take(0)?.body).toEqual(body);
  });

  test('random bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const reassembler = new Reassembler();
        addAll(reassembler, [bytes]);
        for (let i = 0; i < 5; i++) reassembler.take(i);
      }),
      { seed: 22, numRuns: 2_000 },
    );
  });
});
