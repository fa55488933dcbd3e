import { describe, expect, it } from 'vitest';
import { AudioLevelWindow } from './audio-level-window.ts';

describe('AudioLevelWindow', () => {
  it('averages with truncation and puts the loudest first', () => {
    const window = new AudioLevelWindow<string>();
    window.add('quiet', -100);
    window.add('loud', -10);
    window.add('loud', -11);
    window.add('loud', -11);
    expect(window.take()).toEqual([
      { source: 'loud', level: -10 },
      { source: 'quiet', level: -100 },
    ]);
  });

  it('is empty after take(), clear() and forget()', () => {
    const window = new AudioLevelWindow<string>();
    window.add('a', -1);
    window.take();
    expect(window.take()).toEqual([]);
    window.add('a', -1);
    window.clear();
    expect(window.take()).toEqual([]);
    window.add('a', -1);
    window.add('b', -2);
    window.forget('a');
    expect(window.take()).toEqual([{ source: 'b', level: -2 }]);
  });

  it('leaves out who gave too few samples', () => {
    const window = new AudioLevelWindow<string>();
    for (let i = 0; i < 9; i++) window.add('nine', -5);
    for (let i = 0; i < 10; i++) window.add('ten', -50);
    expect(window.take(10)).toEqual([{ source: 'ten', level: -50 }]);
  });

  it('never reports minus zero', () => {
    const window = new AudioLevelWindow<string>();
    window.add('a', 0);
    window.add('a', -1);
    expect(window.take()).toEqual([{ source: 'a', level: 0 }]);
  });
});
