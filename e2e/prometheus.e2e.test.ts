import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchChromium } from '@weir/testing';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { dashboards } from '../scripts/observability/dashboards.ts';
import { Bot } from './bot.ts';
import { missingPrograms } from './programs.ts';
import { freshRoom, Visitor } from './visitor.ts';
import { freePort, type RunningWeir, startWeir, until } from './weir.ts';

/** The rules and dashboards of infra/observability in a real Prometheus that scrapes a running Weir with a call in it. */

interface Answer {
  readonly status: 'success' | 'error';
  readonly error?: string;
  readonly data?: {
    readonly result: readonly { readonly metric: object; readonly value: [number, string] }[];
  };
}

const root = join(import.meta.dirname, '..');
const observability = join(root, 'infra/observability');
const absent = missingPrograms(['prometheus', 'promtool'], '--version', 'prometheus');
/** Lines that stay empty as long as nothing fails or is called: no series before the first. */
const mayBeEmpty = /5xx|error|fail|lost|webhook|retr|refus|shed|drop|throttl|conntrack/i;

/** Alerts that a busy or small machine may rightly raise: told, not held against anybody. */
const ofTheMachine =
  /^Weir(CapacityShort|PodFull|EventLoopLate|CpuThrottled|KernelDropsPackets|SocketBuffersSmall|JoinsSlow|ViewersStarved|StreamsPoor|SignalingSlow)$/;

describe.skipIf(absent !== undefined)('a Prometheus that watches a call', () => {
  let folder: string;
  let weir: RunningWeir;
  let browser: Browser;
  let prometheus: ChildProcess;
  let api: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-prometheus-'));
    weir = await startWeir();
    const port = await freePort();
    copyFileSync(join(observability, 'alerts.yaml'), join(folder, 'alerts.yaml'));
    writeFileSync(join(folder, 'prometheus.yaml'), configuration(weir));
    const listen = `--web.listen-address=127.0.0.1:${port}`;
    const options = [`--config.file=${folder}/prometheus.yaml`, `--storage.tsdb.path=${folder}/data`, listen];
    prometheus = spawn('prometheus', options, { stdio: 'ignore' });
    api = `http://127.0.0.1:${port}/api/v1`;
    browser = await launchChromium({ cameraFps: 10 });
  });
  afterAll(async () => {
    await browser?.close();
    prometheus?.kill('SIGTERM');
    await weir?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function ask(expression: string): Promise<Answer> {
    const answer = await fetch(`${api}/query?${new URLSearchParams({ query: expression })}`);
    return (await answer.json()) as Answer;
  }

  test('every panel has something to show, and no alert says that Weir is ill', async () => {
    const room = freshRoom('watched');
    const alice = await Visitor.join(browser, weir.url, { name: 'alice', room });
    const bob = await Visitor.join(browser, weir.url, { name: 'bob', room });
    await Promise.all([alice.sees('bob'), bob.sees('alice')]);
    await (await Bot.join(weir.url, room, 'guest')).leave();
    await until('both programs have been scraped since, while media flowed', async () => {
      const seen = [
        'sum(min_over_time(up[5s])) == 2',
        'sum(rate(weir_pod_received_bytes_total[10s])) > 0',
        // One look at a counter is no rate.
        'count_over_time(weir_peers_closed_total[10s]) > 2',
      ].map(async (query) => (await ask(query)).data?.result.length === 1);
      return (await Promise.all(seen)).every(Boolean);
    });

    const empty: string[] = [];
    for (const { title, rows } of Object.values(dashboards)) {
      for (const panel of rows.flatMap(({ panels }) => panels)) {
        for (const [line] of panel.lines) {
          const answer = await ask(line.replaceAll('$__rate_interval', '20s'));
          expect(answer.error, `${title}: ${panel.title}: ${line}`).toBeUndefined();
          const where = `${title}: ${panel.title}: ${line}`;
          if (answer.data?.result.length === 0 && !mayBeEmpty.test(where)) empty.push(where);
        }
      }
    }
    expect(empty).toEqual([]);

    const { groups } = parse(readFileSync(join(observability, 'alerts.yaml'), 'utf8')) as {
      groups: { rules: { alert: string; expr: string }[] }[];
    };
    const raised: string[] = [];
    for (const { alert, expr } of groups.flatMap(({ rules }) => rules)) {
      const answer = await ask(expr);
      expect(answer.error, alert).toBeUndefined();
      if ((answer.data?.result.length ?? 0) === 0) continue;
      const line = `${alert}: ${JSON.stringify(answer.data?.result)}`;
      if (ofTheMachine.test(alert)) console.log(`of this machine: ${line}`);
      else raised.push(line);
    }
    expect(raised).toEqual([]);
    await Promise.all([alice.close(), bob.close()]);
  });

  test('promtool takes the rules, their tests and the configuration of compose', () => {
    const rules = execFileSync('promtool', ['check', 'rules', join(observability, 'alerts.yaml')], {
      encoding: 'utf8',
    });
    expect(rules).toContain('SUCCESS');
    execFileSync('promtool', ['test', 'rules', join(observability, 'alerts.test.yaml')]);
    copyFileSync(join(root, 'infra/compose/prometheus.yaml'), join(folder, 'compose.yaml'));
    execFileSync('promtool', ['check', 'config', join(folder, 'compose.yaml')]);
  });
});

/** That of compose, with the addresses of the Weir of this test, looked at every second. */
function configuration({ url, controlPort }: RunningWeir): string {
  const compose = parse(readFileSync(join(root, 'infra/compose/prometheus.yaml'), 'utf8')) as {
    global: Record<string, string>;
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  };
  compose.global = { scrape_interval: '1s', evaluation_interval: '1s' };
  for (const job of compose.scrape_configs) {
    const target = job.job_name === 'weir-signaling' ? new URL(url).host : `127.0.0.1:${controlPort}`;
    job.static_configs = [{ targets: [target] }];
  }
  return stringify(compose);
}
