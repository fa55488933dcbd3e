import { describe, expect, it } from 'vitest';
import { HandshakeQueue } from './handshake-queue.ts';

const remote = { key: 1, ip: '192.0.2.1', port: 1, protocol: 'udp' } as const;

function drained(queue: HandshakeQueue): string[] {
  const all: string[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) {
    all.push(`${next.transport}${next.data[0]}`);
  }
  return all;
}

describe('HandshakeQueue', () => {
  it('gives what came first', () => {
    const queue = new HandshakeQueue(16);
    queue.push('a', Uint8Array.of(1), remote);
    queue.push('b', Uint8Array.of(2), remote);
    expect(queue.take()?.transport).toBe('a');
    queue.push('a', Uint8Array.of(3), remote);
    expect(queue.size).toBe(2);
    expect(drained(queue)).toEqual(['b2', 'a3']);
    expect(queue.size).toBe(0);
  });

  it('keeps the bytes as they were, whatever becomes of their place', () => {
    const queue = new HandshakeQueue(16);
    const bytes = Uint8Array.of(7);
    queue.push('a', bytes, remote);
    bytes[0] = 0;
    expect(drained(queue)).toEqual(['a7']);
  });

  it('gives no transport more than its share, and others theirs all the same', () => {
    const queue = new HandshakeQueue(16);
    const taken = Array.from({ length: 1000 }, (_, n) => queue.push('flood', Uint8Array.of(n & 255), remote));
    expect(taken.filter(Boolean)).toHaveLength(16);
    expect(queue.push('other', Uint8Array.of(9), remote)).toBe(true);
    expect(drained(queue)).toHaveLength(17);
    expect(queue.push('flood', Uint8Array.of(1), remote)).toBe(true);
  });
});
