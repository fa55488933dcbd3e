import type { PodAddress } from '@weir/protocol';
import { describe, expect, it } from 'vitest';
import { addressesOfRoom, workerOfRoom } from './worker-of-room.ts';

describe('workerOfRoom', () => {
  // Signaling and pods of different versions must agree: these values may never change.
  it('gives what it always gave', () => {
    expect(['daily', 'room-1', 'room-2', '', 'Zürich'].map((id) => workerOfRoom(id, 4))).toEqual([
      2, 2, 0, 3, 0,
    ]);
  });

  it('is one of the workers, always the same', () => {
    for (let workers = 1; workers <= 64; workers++) {
      for (const roomId of ['', 'a', 'daily', '\u{1f3a5}', '\ud83c', 'x'.repeat(128)]) {
        const worker = workerOfRoom(roomId, workers);
        expect(Number.isInteger(worker) && worker >= 0 && worker < workers).toBe(true);
        expect(workerOfRoom(roomId, workers)).toBe(worker);
      }
    }
  });

  it.each([2, 3, 7, 8])('spreads counted ids evenly over %i workers', (workers) => {
    const rooms = new Array<number>(workers).fill(0);
    for (let i = 0; i < 7000; i++) rooms[workerOfRoom(`room-${i}`, workers)]! += 1;
    for (const count of rooms) expect(Math.abs(count - 7000 / workers)).toBeLessThan(0.12 * (7000 / workers));
  });
});

describe('addressesOfRoom', () => {
  const address = (port: number, worker?: number): PodAddress => ({
    ip: '192.0.2.1',
    family: 'ipv4',
    protocol: 'udp',
    port,
    ...(worker === undefined ? {} : { worker }),
  });

  it('leaves the addresses of a pod with one worker alone', () => {
    const addresses = [address(1), address(2)];
    expect(addressesOfRoom(addresses, 'daily')).toEqual(addresses);
  });

  it('gives every room those of one worker', () => {
    const addresses = [address(1, 0), address(2, 0), address(3, 1), address(4, 1)];
    for (const roomId of ['daily', 'room-1', 'room-2', 'room-3']) {
      const serving = workerOfRoom(roomId, 2);
      expect(addressesOfRoom(addresses, roomId)).toEqual(
        addresses.filter(({ worker }) => worker === serving),
      );
    }
  });
});
