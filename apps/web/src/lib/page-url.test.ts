import { expect, it } from 'vitest';
import { cleanRoom, inventRoom, readPageUrl, roomLink } from './page-url.ts';

it.each([
  ['', { room: '', name: '', join: false, events: 'sse' }],
  ['?room=quiet-tarn&name=Ada%20L&join=1', { room: 'quiet-tarn', name: 'Ada L', join: true, events: 'sse' }],
  ['?events=poll&join=yes', { room: '', name: '', join: false, events: 'poll' }],
  ['?room=%3Cscript%3E', { room: 'script', name: '', join: false, events: 'sse' }],
])('reads %s', (search, options) => {
  expect(readPageUrl(search)).toEqual(options);
});

it.each([
  ['Team Standup', 'Team-Standup'],
  ['café', 'cafe'],
  ['--x', 'x'],
  ['a/b?c', 'abc'],
  ['x'.repeat(100), 'x'.repeat(64)],
])('makes a room of %s', (typed, room) => {
  expect(cleanRoom(typed)).toBe(room);
});

it('invents rooms that it would accept, and links that lead there', () => {
  for (const random of [0, 0.37, 0.999999]) {
    const room = inventRoom(() => random);
    expect(cleanRoom(room)).toBe(room);
    const link = new URL(roomLink('https://weir.test', room));
    expect(readPageUrl(link.search).room).toBe(room);
  }
});
