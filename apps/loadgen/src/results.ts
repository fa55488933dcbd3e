import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { BrowserJoinResult } from './browser-join-bench.ts';
import type { ComparisonRow } from './comparison.ts';
import { growthChart } from './growth-chart.ts';
import type { JoinResult } from './join-bench.ts';
import type { KneeResult } from './knee-bench.ts';
import { barChart } from './plot.ts';

export interface Measured {
  readonly rows?: readonly ComparisonRow[];
  readonly knees?: readonly KneeResult[];
  readonly join?: JoinResult;
  readonly browserJoin?: BrowserJoinResult;
}

/** All that was measured so far; it writes its files anew each time, so that a benchmark that is ended loses nothing. */
export class Results {
  readonly #at = new Date().toISOString();
  readonly #machine: string;
  readonly #loadBefore = loadavg()[0]!;
  readonly #jsonFile: string | undefined;
  readonly #plotFolder: string | undefined;
  #measured: Measured = {};

  /** `machine` in words; files are left where they are asked for. */
  constructor(machine: string, jsonFile: string | undefined, plotFolder: string | undefined) {
    this.#machine = machine;
    this.#jsonFile = jsonFile;
    this.#plotFolder = plotFolder;
    if (plotFolder !== undefined) mkdirSync(plotFolder, { recursive: true });
  }

  /** Takes what is new. */
  add(measured: Measured): void {
    this.#measured = { ...this.#measured, ...measured };
    // By another name first: whoever is ended while writing leaves the old file.
    const write = (file: string, text: string) => {
      writeFileSync(`${file}.part`, text);
      renameSync(`${file}.part`, file);
    };
    if (this.#jsonFile !== undefined) write(this.#jsonFile, `${this.json()}\n`);
    if (this.#plotFolder === undefined || measured.rows === undefined) return;
    for (const [name, svg] of Object.entries(this.#plots(measured.rows))) {
      if (svg !== undefined) write(join(this.#plotFolder, `${name}.svg`), svg);
    }
  }

  json(): string {
    const { rows = [], knees = [], join: joined, browserJoin } = this.#measured;
    return JSON.stringify({
      at: this.#at,
      machine: this.#machine,
      loadBefore: this.#loadBefore,
      loadAfter: loadavg()[0],
      forwarding: rows.map((row) => ({ ...row, runs: row.runs.map((run) => run ?? null) })),
      knees,
      join: joined ?? null,
      browserJoin: browserJoin ?? null,
    });
  }

  #plots(rows: readonly ComparisonRow[]) {
    const note = `${this.#at.slice(0, 10)}, ${this.#machine}`;
    const cpu = { title: 'CPU µs per forwarded packet (less is better)', note };
    const memory = { title: 'Resident memory per receiver, KiB (less is better)', note };
    return {
      growth: growthChart(rows, note),
      'cpu-per-packet': barChart(rows, { ...cpu, figure: ({ cpuMicrosPerPacket }) => cpuMicrosPerPacket }),
      'memory-per-receiver': barChart(rows, {
        ...memory,
        figure: ({ residentKiBPerReceiver }) => residentKiBPerReceiver,
      }),
    };
  }
}
