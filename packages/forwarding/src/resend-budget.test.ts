import { describe, expect, it } from 'vitest';
import { ResendBudget } from './resend-budget.ts';

const rttMs = 100;
const unknown = Number.POSITIVE_INFINITY;

describe('ResendBudget', () => {
  it('sends a packet again once per round trip, as the viewer measures it', () => {
    const budget = new ResendBudget();
    expect(budget.take(7, 1000, 0, unknown, rttMs, 10_000)).toBe(true);
    expect(budget.take(7, 1000, 0, unknown, rttMs, 10_074)).toBe(false);
    expect(budget.take(7, 1000, 0, unknown, rttMs, 10_075)).toBe(true);
    budget.restart();
    expect(budget.take(7, 1000, 0, unknown, rttMs, 10_076)).toBe(true);
  });

  it('gives slow streams 64 kB per second, half of it at once', () => {
    const budget = new ResendBudget();
    const sent = Array.from({ length: 100 }, (_, n) => budget.take(n, 1000, 0, unknown, rttMs, 10_000));
    expect(sent.filter(Boolean)).toHaveLength(32);
    expect(budget.take(200, 1000, 0, unknown, rttMs, 10_015)).toBe(false);
    expect(budget.take(200, 1000, 0, unknown, rttMs, 10_016)).toBe(true);
  });

  it('keeps within what a full path has left, and a share of the stream at least', () => {
    const full = new ResendBudget();
    // 0.3 of 1 Mbit/s for a second, half of that at once.
    const sent = Array.from({ length: 100 }, (_, n) => full.take(n, 1000, 1_000_000, 0, rttMs, 10_000));
    expect(sent.filter(Boolean)).toHaveLength(18);
  });
});
