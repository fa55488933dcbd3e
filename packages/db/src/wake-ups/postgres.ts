import pg from 'pg';
import { Listeners, type WakeUps } from './wake-ups.ts';

export interface PostgresWakeUpsOptions {
  readonly pollMs?: number;
  /** Told about failures; nothing is lost by them but time. */
  readonly onError?: (error: Error) => void;
}

/**
 * LISTEN and NOTIFY: wakes readers of every instance. Keeps two connections of its own and makes them again when
 * they break; meanwhile readers look every `pollMs`.
 */
export function postgresWakeUps(url: string, options: PostgresWakeUpsOptions = {}): WakeUps {
  const listeners = new Listeners();
  const pool = new pg.Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 5000 });
  const report = (error: unknown) => options.onError?.(error as Error);
  pool.on('error', report);
  let closed = false;
  let connection: pg.Client | undefined;
  let again: NodeJS.Timeout | undefined;
  let waitMs = reconnectMinMs;

  const connect = async (): Promise<void> => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000, keepAlive: true });
    connection = client;
    const lost = (error?: unknown) => {
      if (connection !== client) return;
      connection = undefined;
      client.removeAllListeners();
      client.on('error', () => {});
      client.end().catch(() => {});
      if (closed) return;
      if (error !== undefined) report(error);
      again = setTimeout(() => void connect(), waitMs);
      waitMs = Math.min(waitMs * 2, reconnectMaxMs);
    };
    client.on('error', lost);
    client.on('end', () => lost());
    client.on('notification', ({ payload }) => {
      const message = parse(payload);
      if (message !== undefined) listeners.call(message.room, message.peers);
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${channel}`);
      waitMs = reconnectMinMs;
      listeners.callAll();
    } catch (error) {
      lost(error);
    }
  };
  void connect();

  return {
    pollMs: options.pollMs ?? 5000,
    wake: (roomId, peerIds) => {
      // Those of this process need not wait for the way there and back.
      listeners.call(roomId, peerIds);
      const whole = JSON.stringify({ room: roomId, peers: peerIds });
      const text = whole.length < maxPayload ? whole : JSON.stringify({ room: roomId });
      pool.query('SELECT pg_notify($1, $2)', [channel, text]).catch(report);
    },
    listen: (roomId, peerId, onWake) => listeners.add(roomId, peerId, onWake),
    close: async () => {
      closed = true;
      clearTimeout(again);
      const client = connection;
      connection = undefined;
      client?.removeAllListeners();
      client?.on('error', () => {});
      await Promise.allSettled([client?.end(), pool.end()]);
    },
  };
}

function parse(payload: string | undefined): { room: string; peers?: number[] } | undefined {
  try {
    const value: unknown = JSON.parse(payload ?? '');
    if (typeof value !== 'object' || value === null || !('room' in value)) return undefined;
    const { room } = value;
    if (typeof room !== 'string') return undefined;
    const peers = 'peers' in value && Array.isArray(value.peers) ? value.peers.map(Number) : undefined;
    return peers === undefined ? { room } : { room, peers };
  } catch {
    return undefined;
  }
}

const channel = 'weir_events';
/** NOTIFY carries less than 8000 bytes. */
const maxPayload = 7900;
const reconnectMinMs = 100;
const reconnectMaxMs = 5000;
