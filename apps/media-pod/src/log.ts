import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config.ts';

export type { Logger } from 'pino';

/** JSON lines for machines; for people colours and one line per happening. */
export function createLogger(options: Config['log'], podId: string): Logger {
  const settings = { level: options.level, base: { pod: podId } };
  if (!options.pretty) return pino(settings);
  return pino(
    settings,
    pretty({ sync: true, singleLine: true, ignore: 'pid,hostname,pod', translateTime: 'SYS:HH:MM:ss.l' }),
  );
}
