import { defineConfig } from 'vitest/config';

/**
 * Tests that start the real processes and drive real browsers: one after the other, with time to spare. In CI each has
 * a second attempt, since encoders and timers of a shared machine stall now and then; `npm test` names those that
 * needed it.
 */
export default defineConfig({
  test: {
    include: ['e2e/**/*.e2e.test.ts'],
    globalSetup: ['e2e/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    sequence: { concurrent: false },
    pool: 'forks',
    retry: process.env.CI ? 1 : 0,
  },
});
