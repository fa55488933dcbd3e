import type { Logger } from '../logger.ts';

/** Lines of JSON to the platform's own log. `least`: debug, info, warn, error or silent. */
export function consoleLogger(least: string): Logger {
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  const write = (level: (typeof levels)[number]) => (fields: Record<string, unknown>, message: string) => {
    const rank = levels.indexOf(least as (typeof levels)[number]);
    if (least === 'silent' || levels.indexOf(level) < rank) return;
    console[level](JSON.stringify({ level, ...fields, message }));
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
