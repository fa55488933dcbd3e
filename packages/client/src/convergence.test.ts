import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pass } from '../test/harness.ts';
import { Convergence } from './convergence.ts';
import { WeirError } from './errors.ts';
import { Gate } from './gate.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('Convergence', () => {
  const make = (step: () => Promise<void>, signal = new AbortController().signal) =>
    new Convergence({ step, signal, random: () => 0 });

  it('looks again at wishes that came while it worked, and never runs twice at a time', async () => {
    let wanted = 1;
    let is = 0;
    let running = 0;
    const convergence = make(async () => {
      expect(++running).toBe(1);
      const goal = wanted;
      await new Promise((resolve) => setTimeout(resolve, 10));
      is = goal;
      running--;
    });
    const first = convergence.kick();
    await pass(5);
    wanted = 2;
    void convergence.kick();
    wanted = 3;
    const last = convergence.kick();
    await pass(100);
    await Promise.all([first, last]);
    expect(is).toBe(3);
  });

  it('repeats what may heal, and gives up what does not', async () => {
    let runs = 0;
    const healing = make(async () => {
      if (++runs < 3) throw new Error('not yet');
    });
    const done = healing.kick();
    await pass(5000);
    await done;
    expect(runs).toBe(3);

    runs = 0;
    const failing = make(async () => {
      runs++;
      throw new Error('never');
    });
    const failed = failing.kick().catch((error: WeirError) => error.code);
    await pass(60_000);
    expect(await failed).toBe('media');
    expect(runs).toBe(4);

    runs = 0;
    const refused = make(async () => {
      runs++;
      throw new WeirError({ code: 'forbidden', status: 403, detail: 'no' });
    });
    await expect(refused.kick()).rejects.toMatchObject({ code: 'forbidden' });
    expect(runs).toBe(1);
  });

  it('can be kicked again after a failure', async () => {
    let fail = true;
    const convergence = make(async () => {
      if (fail) throw new WeirError({ code: 'forbidden', detail: 'no' });
    });
    await expect(convergence.kick()).rejects.toThrow();
    fail = false;
    await convergence.kick();
  });

  it('ends quietly when all is over', async () => {
    const over = new AbortController();
    const convergence = make(() => {
      over.abort();
      return Promise.reject(new Error('torn'));
    }, over.signal);
    await convergence.kick();
    await convergence.kick();
  });
});

describe('Gate', () => {
  it('lets so many in at a time, in order, and passes places on after failures', async () => {
    const gate = new Gate(2);
    const begun: number[] = [];
    let inside = 0;
    const tasks = [0, 1, 2, 3, 4].map((n) =>
      gate
        .run(async () => {
          begun.push(n);
          expect(++inside).toBeLessThanOrEqual(2);
          await new Promise((resolve) => setTimeout(resolve, 10));
          inside--;
          if (n === 1) throw new Error('one fails');
        })
        .catch(() => {}),
    );
    await pass(5);
    expect(begun).toEqual([0, 1]);
    await pass(100);
    await Promise.all(tasks);
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });
});
