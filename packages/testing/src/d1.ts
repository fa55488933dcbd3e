import { createRequire } from 'node:module';

/** Real D1 databases, in workerd. */
export interface TestD1 {
  /** The binding of one more empty database, of at most `count`. */
  create(): Promise<unknown>;
  stop(): Promise<void>;
}

/** Why there is no D1 here; undefined = there is. @throws Error under CI=true if there is none */
export function missingD1(): string | undefined {
  try {
    createRequire(createRequire(import.meta.url).resolve('miniflare')).resolve('workerd');
    return undefined;
  } catch {
    const missing = 'miniflare or workerd is not installed (npm install)';
    if (process.env.CI === 'true') throw new Error(missing);
    return missing;
  }
}

/** Starts workerd with so many empty databases. */
export async function startD1(count: number): Promise<TestD1> {
  const { Miniflare } = await import('miniflare');
  const miniflare = new Miniflare({
    modules: true,
    script: 'export default { fetch: () => new Response() }',
    compatibilityDate: '2025-11-01',
    d1Databases: Array.from({ length: count }, (_, index) => `D${index}`),
  });
  await miniflare.ready;
  let next = 0;
  return {
    create: async () => {
      if (next >= count) throw new RangeError(`only ${count} D1 databases were started`);
      next += 1;
      return await miniflare.getD1Database(`D${next - 1}`);
    },
    stop: () => miniflare.dispose(),
  };
}
