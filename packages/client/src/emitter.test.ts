import { expect, it, vi } from 'vitest';
import { Emitter } from './emitter.ts';

class Bell extends Emitter<{ ring: [number] }> {
  ring(n: number): void {
    this.emit('ring', n);
  }
}

it('tells listeners in order until they are taken off', () => {
  const bell = new Bell();
  const heard: string[] = [];
  const off = bell.on('ring', (n) => heard.push(`a${n}`));
  bell.once('ring', (n) => heard.push(`b${n}`));
  bell.ring(1);
  bell.ring(2);
  off();
  bell.ring(3);
  expect(heard).toEqual(['a1', 'b1', 'a2']);
});

it('lets a listener take others off while it is called', () => {
  const bell = new Bell();
  const heard: string[] = [];
  bell.on('ring', () => {
    heard.push('first');
    second();
  });
  const second = bell.on('ring', () => heard.push('second'));
  bell.ring(1);
  bell.ring(2);
  expect(heard).toEqual(['first', 'second', 'first']);
});

it('survives a listener that throws, and reports it', () => {
  const reported: (() => void)[] = [];
  const spy = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => void reported.push(task));
  const bell = new Bell();
  const heard: number[] = [];
  bell.on('ring', () => {
    throw new Error('listener');
  });
  bell.on('ring', (n) => heard.push(n));
  bell.ring(1);
  spy.mockRestore();
  expect(heard).toEqual([1]);
  expect(() => reported[0]?.()).toThrow('listener');
});
