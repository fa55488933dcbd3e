import { ensureTestImages } from '../packages/testing/src/postgres.ts';

/** Images are made before the first test: on a new machine that takes longer than a hook may. */
export default async function prepare(): Promise<void> {
  const missing = await ensureTestImages();
  if (missing !== undefined) console.warn(`\nNo containers: ${missing}. Tests that need them are skipped.`);
}
