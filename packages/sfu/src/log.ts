import { debuglog } from 'node:util';

export type LogLevel = 'debug' | 'warn' | 'error';

/** Subjects of debug lines, v1's. */
export type LogTag = 'info' | 'ice' | 'dtls' | 'rtp' | 'srtp' | 'rtcp' | 'rbe' | 'rtx';

export interface LogEntry {
  level: LogLevel;
  tag: LogTag;
  message: string;
  /** Ids of the objects concerned, and the error if there is one. */
  fields: Record<string, unknown>;
}

export type LogSink = (entry: LogEntry) => void;

const severity: Record<LogLevel, number> = { debug: 0, warn: 1, error: 2 };
const quiet = debuglog('weir');

/** The log of one server. What goes wrong in a listener or a worker is an error; the rest is for debugging. */
export class Log {
  readonly #sink: LogSink;
  level: LogLevel = 'debug';
  tags: readonly LogTag[] = [];

  constructor(sink: LogSink | undefined) {
    this.#sink = sink ?? defaultSink;
  }

  debug(tag: LogTag, message: string, fields: Record<string, unknown> = {}): void {
    if (this.tags.length === 0 || this.tags.includes(tag))
      this.#write({ level: 'debug', tag, message, fields });
  }

  warn(message: string, fields: Record<string, unknown> = {}): void {
    this.#write({ level: 'warn', tag: 'info', message, fields });
  }

  error(message: string, fields: Record<string, unknown> = {}): void {
    this.#write({ level: 'error', tag: 'info', message, fields });
  }

  #write(entry: LogEntry): void {
    if (severity[entry.level] < severity[this.level]) return;
    try {
      this.#sink(entry);
    } catch (error) {
      console.error('[weir] the logger failed:', error);
    }
  }
}

function defaultSink({ level, tag, message, fields }: LogEntry): void {
  if (level === 'error') console.error(`[weir] ${message}`, fields);
  else quiet('%s [%s] %s %o', level, tag, message, fields);
}
