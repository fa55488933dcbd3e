import { createServer } from 'node:http';
import { join } from 'node:path';
import { build } from 'vite';

/** A page that holds nothing but the plain client of docs/examples, as `window.plainClient`. */
export interface PlainPage {
  readonly url: string;
  close(): Promise<void>;
}

/** Bundles the example with mediasoup-client and serves it on a free port of this machine. */
export async function servePlainPage(): Promise<PlainPage> {
  const script = await bundle();
  const server = createServer((request, response) => {
    if (request.url === '/plain-client.js') {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    } else {
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<!doctype html><title>plain client</title><script src="/plain-client.js"></script>');
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://localhost:${port}/`,
    close: () => new Promise((done) => server.close(() => done())),
  };
}

async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      lib: {
        entry: join(import.meta.dirname, '../docs/examples/plain-client.js'),
        formats: ['iife'],
        name: 'plainClient',
      },
    },
  });
  const outputs = (Array.isArray(built) ? built : [built]).flatMap((one) =>
    'output' in one ? one.output : [],
  );
  const chunk = outputs.find((output) => output.type === 'chunk');
  if (chunk?.type !== 'chunk') throw new Error('vite made no bundle of docs/examples/plain-client.js');
  return chunk.code;
}
