import type { FeedMode } from '@weir/client';

/** What the address of the page says. */
export interface PageOptions {
  room: string;
  name: string;
  /** Join without asking. */
  join: boolean;
  events: FeedMode;
}

/** Reads `?room=…&name=…&join=1&events=poll`. */
export function readPageUrl(search: string): PageOptions {
  const query = new URLSearchParams(search);
  return {
    room: cleanRoom(query.get('room') ?? ''),
    name: (query.get('name') ?? '').trim().slice(0, 64),
    join: query.get('join') === '1',
    events: query.get('events') === 'poll' ? 'poll' : 'sse',
  };
}

/** The link to share: whoever opens it only has to say a name. */
export function roomLink(origin: string, room: string): string {
  return `${origin}/?room=${encodeURIComponent(room)}`;
}

/**
 * What a person types, as a room id: letters, digits, `_`, `.`, `-`, at most 64. Spaces become dashes, all
 * else is left out.
 */
export function cleanRoom(typed: string): string {
  return typed
    .normalize('NFKD')
    .replace(/\s+/g, '-')
    .replace(/[^A-Za-z0-9_.-]/g, '')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64);
}

const waters = ['brook', 'creek', 'delta', 'fjord', 'lagoon', 'ford', 'spring', 'tarn', 'harbor', 'rapids'];
const moods = [
  'quiet',
  'amber',
  'silver',
  'early',
  'mossy',
  'clear',
  'bright',
  'gentle',
  'northern',
  'hidden',
];

/**
 * A room name that can be said over the phone.
 *
 * @param random uniform in [0, 1)
 */
export function inventRoom(random: () => number): string {
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)];
  return `${pick(moods)}-${pick(waters)}-${100 + Math.floor(random() * 900)}`;
}
