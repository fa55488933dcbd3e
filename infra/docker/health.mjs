// HEALTHCHECK of both images: exits 0 when the program answers that it is alive. Kubernetes asks by itself.
import process from 'node:process';

const port = process.env[process.env.WEIR_HEALTH_PORT_FROM ?? 'PORT'];
try {
  const { status } = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(4000) });
  if (status !== 200) throw new Error(`/healthz answered ${status}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
