// In the images the sources have no types any more (strip-types.mjs): Node takes them as they are, in every thread,
// instead of loading its WebAssembly for stripping (docs/decisions/0050-no-stripping-in-threads.md).
import { registerHooks } from 'node:module';

registerHooks({
  load: (url, context, next) => next(url, url.endsWith('.ts') ? { ...context, format: 'module' } : context),
});
