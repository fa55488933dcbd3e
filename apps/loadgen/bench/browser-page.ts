import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { build } from 'vite';

/** A page that holds `window.bench`: publish() and join() of page/main.js. */
export interface BenchPage {
  readonly url: string;
  close(): void;
}

/** Bundles it with mediasoup-client and serves it on a free port of the loopback. */
export async function serveBenchPage(): Promise<BenchPage> {
  const script = await bundle();
  const server = createServer((request, response) => {
    const isScript = request.url === '/main.js';
    response
      .writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
      .end(isScript ? script : '<!doctype html><title>bench</title><body><script src="/main.js"></script>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://localhost:${port}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      lib: { entry: join(import.meta.dirname, 'page/main.js'), formats: ['iife'], name: 'bench' },
    },
  });
  const outputs = (Array.isArray(built) ? built : [built]).flatMap((one) =>
    'output' in one ? one.output : [],
  );
  const chunk = outputs.find((output) => output.type === 'chunk');
  if (chunk?.type !== 'chunk') throw new Error('vite made no bundle of page/main.js');
  return chunk.code;
}
