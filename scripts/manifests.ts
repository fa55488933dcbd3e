import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { render } from './kubernetes/kustomize.ts';
import { validateManifest } from './kubernetes/validate.ts';
import { derivedFiles } from './observability/derived.ts';
import { root } from './stages.ts';

/** `npm run manifests`: renders infra/kubernetes without kubectl, and checks it against the schemas. */
const overlays = join(root, 'infra/kubernetes/overlays');
const names = readdirSync(overlays);
const help = `Prints the Kubernetes manifests of one way to run Weir, checked against the schemas of Kubernetes.

Usage: npm run -s manifests -- OVERLAY      ${names.join(', ')}
       npm run manifests -- --check         all of them, nothing printed but errors
       npm run manifests -- --sync          writes anew what is made from other files: dashboards, PrometheusRule

The same as \`kubectl kustomize infra/kubernetes/overlays/OVERLAY\`.`;

process.exitCode = await main();

/** @returns exit code */
async function main(): Promise<number> {
  let chosen: string[];
  try {
    const { values, positionals } = parseArgs({
      options: {
        check: { type: 'boolean', default: false },
        sync: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowPositionals: true,
    });
    if (values.help) {
      console.log(help);
      return 0;
    }
    if (values.sync) {
      for (const [path, text] of Object.entries(derivedFiles())) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
        console.log(path);
      }
      return 0;
    }
    chosen = values.check ? names : positionals;
    if (
      chosen.length !== (values.check ? names.length : 1) ||
      !chosen.every((name) => names.includes(name))
    ) {
      return fail(`Name one of ${names.join(', ')}.\n\n${help}`);
    }
    for (const name of chosen) {
      const manifests = render(join(overlays, name));
      for (const manifest of manifests) await validateManifest(manifest);
      if (!values.check) console.log(manifests.map((one) => stringify(one)).join('---\n'));
    }
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
  return 0;
}

function fail(message: string): number {
  console.error(message);
  return 1;
}
