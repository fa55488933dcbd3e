import { describe, expect, it } from 'vitest';
import { CommandQueue } from './command-queue.ts';

describe('CommandQueue', () => {
  it('starts nothing during the call', async () => {
    const queue = new CommandQueue();
    const log: string[] = [];
    const done = queue.push(() => log.push('ran'));
    log.push('returned');
    await done;
    expect(log).toEqual(['returned', 'ran']);
  });

  it('runs in call order, also behind commands that take their time or fail', async () => {
    const queue = new CommandQueue();
    const log: string[] = [];
    const slow = queue.push(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      log.push('slow');
    });
    const failing = queue.push(() => {
      log.push('failing');
      throw new Error('no');
    });
    const rejecting = queue.push(async () => {
      log.push('rejecting');
      throw new Error('later no');
    });
    const last = queue.push(() => log.push('last'));
    await expect(failing).rejects.toThrow('no');
    await expect(rejecting).rejects.toThrow('later no');
    await Promise.all([slow, last]);
    expect(log).toEqual(['slow', 'failing', 'rejecting', 'last']);
  });

  it('lets who awaits a command run before the next command', async () => {
    const queue = new CommandQueue();
    const log: string[] = [];
    const first = queue.push(() => log.push('first')).then(() => log.push('after first'));
    const second = queue.push(() => log.push('second'));
    await Promise.all([first, second]);
    expect(log).toEqual(['first', 'after first', 'second']);
  });

  it('takes commands from inside commands', async () => {
    const queue = new CommandQueue();
    const log: string[] = [];
    let inner: Promise<unknown> | undefined;
    const outer = queue.push(() => {
      inner = queue.push(() => log.push('inner'));
      log.push('outer');
    });
    const other = queue.push(() => log.push('other'));
    await Promise.all([outer, other]);
    await inner;
    expect(log).toEqual(['outer', 'other', 'inner']);
  });
});
