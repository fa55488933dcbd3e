import { createServer, connect as dial, type Socket } from 'node:net';

/** A TCP proxy in front of signaling that cuts every event stream again and again. */
export interface DroppingProxy {
  readonly url: string;
  /** Event streams cut so far. */
  readonly cuts: () => number;
  close(): Promise<void>;
}

/**
 * @param targetPort signaling's port on this machine
 * @param everyMs how often all connections that carry `text/event-stream` are destroyed
 */
export function startDroppingProxy(targetPort: number, everyMs: number): Promise<DroppingProxy> {
  const streams = new Set<Socket>();
  const open = new Set<Socket>();
  let cut = 0;
  const server = createServer((near) => {
    const far = dial(targetPort, '127.0.0.1');
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        open.delete(socket);
        streams.delete(near);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on('data', (chunk) => {
      if (chunk.includes('text/event-stream')) streams.add(near);
      near.write(chunk);
    });
  });
  const timer = setInterval(() => {
    for (const socket of streams) {
      cut += 1;
      socket.resetAndDestroy();
    }
    streams.clear();
  }, everyMs);
  return new Promise((done) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      done({
        url: `http://localhost:${port}`,
        cuts: () => cut,
        close() {
          clearInterval(timer);
          for (const socket of open) socket.destroy();
          return new Promise((closed) => server.close(() => closed()));
        },
      });
    });
  });
}
