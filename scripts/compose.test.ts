import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../apps/media-pod/src/config.ts';
import { appConfig, readEnvironment } from '../apps/signaling/src/config.ts';
import { root } from './stages.ts';

interface Service {
  readonly image: string;
  readonly environment: Record<string, string>;
  readonly ports?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly stop_grace_period?: string;
  readonly volumes?: readonly string[];
}

const folder = join(root, 'infra/compose');
const text = readFileSync(join(folder, 'compose.yaml'), 'utf8');
const example = readFileSync(join(folder, '.env.example'), 'utf8');
const secrets: Record<string, string> = {
  POSTGRES_PASSWORD: 'p'.repeat(32),
  WEIR_API_KEYS: `app:${'k'.repeat(32)}`,
  WEIR_POD_SECRETS: 's'.repeat(32),
  GRAFANA_PASSWORD: 'g'.repeat(32),
};

/** As compose reads it, with these variables: they are filled in after the file is parsed. */
function composed(variables: Record<string, string>): Record<string, Service> {
  const fill = (value: string) =>
    value.replaceAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind, rest) => {
      const given = variables[name];
      if (given !== undefined) return given;
      if (kind === '-') return rest;
      throw new Error(`${name} ${rest}`);
    });
  const { services: all } = parse(text, { merge: true }) as { services: object };
  return JSON.parse(JSON.stringify(all), (_, value) => (typeof value === 'string' ? fill(value) : value));
}

const services = composed(secrets);
const named = (start: string) => Object.entries(services).filter(([name]) => name.startsWith(start));

describe('infra/compose', () => {
  it('runs two instances of signaling and two media pods, with settings that they accept', () => {
    expect(named('signaling-').map(([name]) => name)).toEqual(['signaling-1', 'signaling-2']);
    for (const [, { environment }] of named('signaling-')) {
      const env = readEnvironment(environment);
      expect(env.WEIR_API_KEYS.size).toBe(1);
      expect(appConfig(env, { apiKeys: env.WEIR_API_KEYS, podSecrets: ['x'] }).demo).toBe(false);
    }
    expect(named('media-pod-')).toHaveLength(2);
    const ports = named('media-pod-').map(([, service]) => {
      const config = readConfig(service.environment);
      expect(config.signalingUrls).toEqual(['http://signaling-1:3000', 'http://signaling-2:3000']);
      const { port } = config.media;
      expect(service.ports).toEqual([`${port}:${port}/udp`, `${port}:${port}/tcp`]);
      expect(Number.parseInt(service.stop_grace_period!, 10) * 1000).toBeGreaterThan(config.drainMs + 20_000);
      return port;
    });
    expect(new Set(ports).size).toBe(2);
  });

  it('gives our programs nothing to write to and no rights', () => {
    for (const [name, service] of [...named('signaling-'), ...named('media-pod-')]) {
      expect([name, service.read_only, service.cap_drop]).toEqual([name, true, ['ALL']]);
    }
  });

  it('starts only with secrets, and says which is missing', () => {
    for (const name of Object.keys(secrets)) {
      expect(() => composed({ ...secrets, [name]: undefined as never })).toThrow(
        `${name} is missing, set it in .env`,
      );
    }
  });

  it('lists every variable in .env.example, and no other', () => {
    const used = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name));
    const listed = [...example.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name!);
    expect(listed.toSorted()).toEqual(['COMPOSE_PROJECT_NAME', ...used].toSorted());
  });

  it('leads the load balancer and Prometheus to what runs', () => {
    const nginx = readFileSync(join(folder, 'nginx.conf'), 'utf8');
    expect([...nginx.matchAll(/^ +server (\S+):3000 /gm)].map(([, name]) => name)).toEqual([
      'signaling-1',
      'signaling-2',
    ]);
    expect(nginx).toContain('location /internal/ { return 404; }');
    const { scrape_configs } = parse(readFileSync(join(folder, 'prometheus.yaml'), 'utf8')) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    const targets = scrape_configs.flatMap((one) => one.static_configs.flatMap((config) => config.targets));
    expect(targets.map((target) => target.split(':')[0]).toSorted()).toEqual(
      [...named('media-pod-'), ...named('signaling-')].map(([name]) => name).toSorted(),
    );
  });
});
