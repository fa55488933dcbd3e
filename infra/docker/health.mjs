// HEALTHCHECK of both images: exits 0 when the program answers that it is alive. Kubernetes asks by itself.
import process from 'node:process';

const { HOST, WEIR_CONTROL_IP, WEIR_HEALTH_PORT_FROM = 'PORT' } = process.env;
const bound = WEIR_CONTROL_IP || HOST || '0.0.0.0';
const host = bound === '0.0.0.0' || bound === '::' ? '127.0.0.1' : bound.includes(':') ? `[${bound}]` : bound;
try {
  const { status } = await fetch(`http://${host}:${process.env[WEIR_HEALTH_PORT_FROM]}/healthz`, {
    signal: AbortSignal.timeout(4000),
  });
  if (status !== 200) throw new Error(`/healthz answered ${status}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
