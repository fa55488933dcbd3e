import { describe, expect, it } from 'vitest';
import { ConfigError, helpText, readConfig } from './config.ts';

const required = { WEIR_SIGNALING_URL: 'http://127.0.0.1:3000/', WEIR_POD_SECRETS: 's'.repeat(32) };

function errorOf(environment: Record<string, string>): string {
  try {
    readConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

describe('readConfig', () => {
  it('needs two settings only', () => {
    const config = readConfig(required);
    expect(config).toMatchObject({
      development: false,
      signalingUrls: ['http://127.0.0.1:3000'],
      secrets: ['s'.repeat(32)],
      media: { ip: undefined, port: 40_000, tcp: true, announced: undefined },
      control: { ip: undefined, port: 4000 },
      leaseIntervalMs: 5000,
      drainMs: 25_000,
    });
    expect(config.podId).toMatch(/^pod-[0-9a-f]{8}$/);
    expect(readConfig(required).podId).not.toBe(config.podId);
  });

  it('names every setting at fault, with the remedy', () => {
    const message = errorOf({
      WEIR_SIGNALING_URL: 'ftp://x',
      WEIR_MEDIA_PORT: '70000',
      WEIR_ANNOUNCED_ADDRESSES: 'example.org',
      WEIR_POD_ID: 'has space',
      WEIR_ANNOUNCE_FROM: '10.0.0.0/99',
      WEIR_CONSENT_TIMEOUT_MS: '5',
    });
    expect(message).toContain('7 settings are wrong');
    expect(message).toContain('WEIR_SIGNALING_URL="ftp://x": must be an http:// or https:// URL');
    expect(message).toContain('WEIR_MEDIA_PORT="70000": must be a whole number from 0 to 65535');
    expect(message).toContain('"example.org" is no address; write 192.0.2.7');
    expect(message).toContain('WEIR_POD_ID="has space"');
    expect(message).toContain('WEIR_ANNOUNCE_FROM="10.0.0.0/99": must be interface names');
    expect(message).toContain('WEIR_CONSENT_TIMEOUT_MS="5": must be 0 (never) or from 10000 to 60000');
    expect(message).toContain('WEIR_POD_SECRETS is missing.');
    expect(message).toContain('--help');
  });

  it('never repeats a secret', () => {
    const message = errorOf({ ...required, WEIR_POD_SECRETS: 'hunter2' });
    expect(message).toContain('openssl rand -hex 32');
    expect(message).not.toContain('hunter2');
  });

  it('takes an empty variable for a missing one, as compose files and charts make them', () => {
    expect(readConfig({ ...required, WEIR_MEDIA_PORT: '', WEIR_ANNOUNCED_ADDRESSES: ' ' }).media.port).toBe(
      40_000,
    );
  });

  it('makes workers for the processors it has, and one where more ports would surprise', () => {
    const workers = (environment: Record<string, string>, processors: number) =>
      readConfig({ ...required, ...environment }, processors).workers;
    expect([1, 2, 3, 4, 9, 64].map((processors) => workers({}, processors))).toEqual([1, 1, 2, 3, 8, 8]);
    expect(workers({ WEIR_ENV: 'development' }, 16)).toBe(1);
    expect(workers({ WEIR_ANNOUNCED_ADDRESSES: '192.0.2.1:3478' }, 16)).toBe(1);
    expect(workers({ WEIR_ANNOUNCED_ADDRESSES: '192.0.2.1' }, 16)).toBe(8);
    expect(workers({ WEIR_ENV: 'development', WEIR_WORKERS: '3' }, 1)).toBe(3);
    expect(readConfig({ ...required, WEIR_WORKERS: '3' }).capacity).toBe(1500);
    expect(readConfig({ ...required, WEIR_WORKERS: '3', WEIR_CAPACITY: '70' }).capacity).toBe(70);
    expect(errorOf({ ...required, WEIR_WORKERS: '0' })).toContain('must be a whole number from 1 to 64');
  });

  it('refuses workers for which there are no ports', () => {
    const three = { ...required, WEIR_WORKERS: '3' };
    expect(readConfig({ ...three, WEIR_MEDIA_PORT: '65533' }).media.port).toBe(65_533);
    expect(errorOf({ ...three, WEIR_MEDIA_PORT: '65534' })).toContain(
      'WEIR_MEDIA_PORT: 3 media workers need the ports from 65534 to 65536',
    );
    expect(errorOf({ ...three, WEIR_ANNOUNCED_ADDRESSES: '192.0.2.1:65535' })).toContain(
      'WEIR_ANNOUNCED_ADDRESSES: 3 media workers',
    );
  });

  it('knows three ways to choose an engine', () => {
    expect(readConfig(required).engine).toBe('auto');
    expect(readConfig({ ...required, WEIR_ENGINE: 'node' }).engine).toBe('node');
    expect(errorOf({ ...required, WEIR_ENGINE: 'fast' })).toContain('WEIR_ENGINE="fast"');
  });

  it('does not make people wait in development', () => {
    expect(readConfig({ ...required, WEIR_ENV: 'development' }).drainMs).toBe(0);
    expect(readConfig({ ...required, WEIR_ENV: 'development', WEIR_DRAIN_SECONDS: '3' }).drainMs).toBe(3000);
  });
});

it('the help names each setting with a description', () => {
  const help = helpText();
  for (const name of [
    'WEIR_POD_SECRETS',
    'WEIR_ENGINE',
    'WEIR_WORKERS',
    'WEIR_MEDIA_PORT',
    'WEIR_ANNOUNCED_ADDRESSES',
    'WEIR_DRAIN_SECONDS',
  ]) {
    expect(help).toMatch(new RegExp(`^ {2}${name}\\n {6}\\S`, 'm'));
  }
  expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
});
