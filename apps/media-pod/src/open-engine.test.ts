import { nativeEngineProblem } from '@weir/forwarding-native';
import { afterEach, describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { type OpenedEngine, openEngine } from './open-engine.ts';

const config = (engine: string, ip?: string) =>
  readConfig({
    WEIR_SIGNALING_URL: 'http://127.0.0.1:9',
    WEIR_POD_SECRETS: 's'.repeat(32),
    WEIR_ENGINE: engine,
    ...(ip === undefined ? {} : { WEIR_MEDIA_IP: ip }),
  });

describe('openEngine', () => {
  const opened: OpenedEngine[] = [];
  const open = async (...args: Parameters<typeof openEngine>) => {
    const one = await openEngine(...args);
    opened.push(one);
    return one;
  };
  afterEach(() => {
    for (const { engine } of opened.splice(0)) engine.close();
  });
  const notBuilt = async () => 'it was not built';

  it('takes the native engine where there is one, else says why not', async () => {
    const { engine, address, reason } = await open(config('auto', '127.0.0.1'), 0, undefined);
    const problem = nativeEngineProblem();
    expect(reason).toContain(problem ?? 'it was built');
    expect(engine.name).toBe(problem === undefined ? 'native' : 'node');
    expect(address).toMatchObject({ ip: '127.0.0.1', family: 'ipv4' });
    expect(address.port).toBeGreaterThan(0);
  });

  it('works without it', async () => {
    const { engine, reason } = await open(config('auto', '127.0.0.1'), 0, undefined, notBuilt);
    expect(engine.name).toBe('node');
    expect(reason).toBe('the native one is not there: it was not built');
  });

  it('does not look for it when told to use the other one', async () => {
    const { engine, reason } = await open(config('node', '127.0.0.1'), 0, undefined, () => {
      throw new Error('it looked');
    });
    expect(engine.name).toBe('node');
    expect(reason).toBe('WEIR_ENGINE=node');
  });

  it('refuses to go on without it when it was asked for', async () => {
    await expect(open(config('native', '127.0.0.1'), 0, undefined, notBuilt)).rejects.toThrow(
      /WEIR_ENGINE=native: there is no native engine \(it was not built\).*or set WEIR_ENGINE=auto/,
    );
  });

  it('takes IPv4 only on a host without IPv6, whichever way it is told', async () => {
    for (const error of [
      Object.assign(new Error('bind'), { code: 'EAFNOSUPPORT' }),
      new Error('socket: Address family not supported by protocol'),
    ]) {
      const asked: string[] = [];
      const without = async () => async (binding: { ip: string }) => {
        asked.push(binding.ip);
        if (binding.ip === '::') throw error;
        const { reason: _, ...rest } = await open(config('node', '127.0.0.1'), 0, undefined);
        return rest;
      };
      await openEngine(config('auto'), 0, undefined, without);
      expect(asked).toEqual(['::', '0.0.0.0']);
    }
  });
});
