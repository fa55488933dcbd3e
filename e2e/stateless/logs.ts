import { EventPage, type LogEvent } from '@weir/protocol';
import pg from 'pg';
import type { Participant } from './participant.ts';

/** Only the newest of these is kept per object, so a reader may have more of them than the log. */
const passing = new Set(['score', 'audiolevels', 'layerschange']);

export const lasting = (events: readonly LogEvent[]): LogEvent[] =>
  events.filter(({ type }) => !passing.has(type));

export const newest = (events: readonly LogEvent[]): LogEvent[] =>
  events.filter(({ type }) => passing.has(type));

/** The log of one peer after its join, as an instance tells it. */
export async function logOf(participant: Participant): Promise<LogEvent[]> {
  const events: LogEvent[] = [];
  for (let after: string = participant.answer.snapshot.cursor; ; ) {
    const page = EventPage.parse(await participant.call('GET', `/events?after=${after}&limit=1000`));
    events.push(...page.events);
    if (page.events.length === 0) return events;
    after = page.cursor;
  }
}

/** The tables themselves, past all of Weir. */
export class Tables {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async open(url: string): Promise<Tables> {
    const client = new pg.Client({ connectionString: url });
    // An outage is part of some tests.
    client.on('error', () => {});
    await client.connect();
    return new Tables(client);
  }

  /** Newest cursor by room and peer. */
  async cursors(): Promise<Map<string, string>> {
    const { rows } = await this.#client.query('SELECT room_id, id, last_seq FROM peers');
    return new Map(rows.map(({ room_id, id, last_seq }) => [`${room_id} ${id}`, String(last_seq)]));
  }

  /** All peers a room ever had. */
  async peersOf(roomId: string): Promise<{ id: string; name: string }[]> {
    const { rows } = await this.#client.query('SELECT id, record FROM peers WHERE room_id = $1', [roomId]);
    return rows.map(({ id, record }) => ({ id: String(id), name: JSON.parse(record).name }));
  }

  async mediaVersions(): Promise<Map<string, number>> {
    const { rows } = await this.#client.query('SELECT id, media_version FROM rooms');
    return new Map(rows.map(({ id, media_version }) => [String(id), Number(media_version)]));
  }

  async logOf(roomId: string, peerId: string, after: string): Promise<LogEvent[]> {
    const { rows } = await this.#client.query(
      `SELECT seq, type, target_kind, target_id, data, created_at FROM peer_events
        WHERE room_id = $1 AND peer_id = $2 AND seq > $3 ORDER BY seq`,
      [roomId, peerId, after],
    );
    return rows.map((row) => ({
      cursor: String(row.seq) as LogEvent['cursor'],
      type: row.type,
      target: { kind: row.target_kind, id: row.target_id },
      time: Number(row.created_at),
      data: JSON.parse(row.data),
    }));
  }

  /** What webhooks are to hear of each room. */
  async roomLogs(): Promise<Map<string, { seq: number; type: string }[]>> {
    const { rows } = await this.#client.query(
      'SELECT room_id, seq, type FROM room_events ORDER BY room_id, seq',
    );
    const lines = rows.map(({ room_id, seq, type }) => ({ room: String(room_id), seq: Number(seq), type }));
    return new Map(
      [...Map.groupBy(lines, ({ room }) => room)].map(([room, own]) => [
        room,
        own.map(({ seq, type }) => ({ seq, type })),
      ]),
    );
  }

  async count(text: string, values: readonly unknown[] = []): Promise<number> {
    const { rows } = await this.#client.query(text, [...values]);
    return Number(Object.values(rows[0] ?? {})[0]);
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => {});
  }
}
