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
    [{ WEIR_WEBHOOKS: 'https://a.example' }, /WEIR_WEBHOOKS: must be JSON/],
    [{ WEIR_WEBHOOKS: '[{"id":"a b","url":"https://a.example"}]' }, /WEIR_WEBHOOKS: 0\.id/],
    [{ WEIR_WEBHOOKS: '[{"id":"room","url":"https://a.example"}]' }, /none may be "room"/],
    [{ WEIR_WEBHOOK_SECRETS: 'short' }, /WEIR_WEBHOOK_SECRETS.*whsec_.*openssl rand/],
  ])('refuses %j and says why', (env, reason) => {
    expect(() => readEnvironment(env)).toThrow(ConfigError);
    expect(() => readEnvironment(env)).toThrow(reason);
  });

  it('refuses webhooks that nothing could sign, or that lead where they must not', () => {
    const webhooks = (url: string) => ({ WEIR_WEBHOOKS: JSON.stringify([{ id: 'main', url }]) });
    const secret = { WEIR_WEBHOOK_SECRETS: `whsec_${'a'.repeat(44)}` };
    const config = (env: Record<string, string>) => appConfig(readEnvironment(env), made);
    expect(() => config(webhooks('https://a.example'))).toThrow(/"main" has no secrets to sign with/);
    expect(() => config({ ...webhooks('http://a.example'), ...secret })).toThrow(/must begin with https/);
    expect(() => config({ ...webhooks('https://10.0.0.1'), ...secret })).toThrow(
      /WEIR_WEBHOOK_ALLOW_PRIVATE/,
    );
    expect(config({ ...webhooks('https://a.example'), ...secret }).webhooks.endpoints).toHaveLength(1);
    const development = { ...webhooks('http://localhost:8080'), ...secret, WEIR_ENV: 'development' };
    expect(config(development).webhooks.endpoints).toHaveLength(1);
  });

  it('--help names every variable', () => {
    const text = describeEnvironment();
    for (const name of Object.keys(environment)) expect(text).toContain(name);
  });
});
