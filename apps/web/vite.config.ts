import { defineConfig } from 'vite';

/** Pages without inline scripts, data URLs or foreign origins, so that they run under a strict CSP. */
export default defineConfig({
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:3000', '/demo': 'http://127.0.0.1:3000' } },
});
