import { expect, it } from 'vitest';
import { placeOnWorker } from './worker-placement.ts';

const lease = (...cpu: number[]) => ({ workers: cpu.map((one) => ({ cpu: one })) });
const drawing = (share: number) => () => share * 2 ** 32;

it('takes the least loaded worker, and draws among near equals', () => {
  const place = (share: number, ...cpu: number[]) =>
    placeOnWorker({ lease: lease(...cpu), roomTransports: [], random: drawing(share) });
  expect(place(0.99, 0.9, 0.1, 0.5)).toBe(1);
  expect(place(0, 0.15, 0.9, 0.1)).toBe(0);
  expect(place(0.99, 0.15, 0.9, 0.1)).toBe(2);
});

it('keeps a room together, also one that the hash had placed', () => {
  const place = (roomTransports: { worker?: number }[]) =>
    placeOnWorker({ lease: lease(0, 0.9), roomTransports, random: drawing(0) });
  expect(place([{ worker: 1 }])).toBe(1);
  expect(place([{}])).toBeUndefined();
});

it('leaves it to the hash where leases tell nothing of workers, or there is only one', () => {
  const random = drawing(0);
  expect(placeOnWorker({ lease: {}, roomTransports: [], random })).toBeUndefined();
  expect(placeOnWorker({ lease: lease(0.5), roomTransports: [], random })).toBeUndefined();
});
