import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import '../src/worker-thread.ts';

/** The thread of a media worker that collects its garbage when told to: see collectGarbage(). */
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const channel = new BroadcastChannel('collect garbage');
channel.onmessage = ({ data }) => {
  if (data !== 'please') return;
  gc();
  channel.postMessage('done');
};
// It must not keep the thread alive.
(channel as unknown as { unref(): void }).unref();
