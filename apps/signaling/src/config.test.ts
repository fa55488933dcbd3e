import { describe, expect, it } from 'vitest';
import { appConfig, ConfigError, describeEnvironment, environment, readEnvironment } from './config.ts';

const made = { apiKeys: new Map(), podSecrets: ['x'.repeat(32)] } as const;

describe('the environment', () => {
  it('has defaults that suit production', () => {
    const env = readEnvironment({});
    expect(env).toMatchObject({
      WEIR_ENV: 'production',
      PORT: 3000,
      DATABASE_URL: 'file:.weir/weir.sqlite',
      WEIR_DEMO: false,
    });
    expect(appConfig(env, made)).toMatchObject({
      peerTimeoutMs: 20_000,
      podLeaseMs: 15_000,
      corsOrigins: '*',
    });
    expect(appConfig(readEnvironment({ WEIR_ENV: 'development' }), made).peerTimeoutMs).toBe(15_000);
  });

  it('takes empty variables as missing', () => {
    expect(readEnvironment({ PORT: '', WEIR_API_KEYS: '' })).toMatchObject({
      PORT: 3000,
      WEIR_API_KEYS: new Map(),
    });
  });

  it('reads keys, origins and ICE servers', () => {
    const env = readEnvironment({
      WEIR_API_KEYS: `one:${'a'.repeat(32)}, two:${'b:'.repeat(20)}`,
      WEIR_CORS_ORIGINS: 'https://a.example, https://b.example',
      WEIR_ICE_SERVERS: '[{"urls":"stun:stun.example"}]',
    });
    expect([...env.WEIR_API_KEYS.keys()]).toEqual(['one', 'two']);
    expect(env.WEIR_API_KEYS.get('two')).toBe('b:'.repeat(20));
    const config = appConfig(env, made);
    expect(config.corsOrigins).toEqual(['https://a.example', 'https://b.example']);
    expect(config.iceServers).toEqual([{ urls: 'stun:stun.example' }]);
  });

  it.each([
    [{ PORT: '70000' }, /PORT/],
    [{ WEIR_API_KEYS: 'one:short' }, /WEIR_API_KEYS: must be keyId:secret.*openssl rand -hex 32/],
    [{ WEIR_API_KEYS: 'nocolonbutlongenoughtobeasecretreally' }, /WEIR_API_KEYS/],
    [{ WEIR_ICE_SERVERS: 'stun:x' }, /WEIR_ICE_SERVERS: must be JSON/],
    [{ WEIR_PEER_TIMEOUT_SECONDS: '1' }, /WEIR_PEER_TIMEOUT_SECONDS/],
    [{ WEIR_DEMO: 'yes' }, /WEIR_DEMO/],
  ])('refuses %j and says why', (env, reason) => {
    expect(() => readEnvironment(env)).toThrow(ConfigError);
    expect(() => readEnvironment(env)).toThrow(reason);
  });

  it('--help names every variable', () => {
    const text = describeEnvironment();
    for (const name of Object.keys(environment)) expect(text).toContain(name);
  });
});
