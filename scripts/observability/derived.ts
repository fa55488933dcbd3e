import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { root } from '../stages.ts';
import { dashboards, grafanaJson } from './dashboards.ts';

/** Files made from others, by path from the root: what they must hold. A test compares. */
export function derivedFiles(): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const [name, dashboard] of Object.entries(dashboards)) {
    files[`infra/observability/dashboards/${name}.json`] =
      `${JSON.stringify(grafanaJson(dashboard), null, 2)}\n`;
  }
  const { groups } = parse(readFileSync(join(root, 'infra/observability/alerts.yaml'), 'utf8')) as object & {
    groups: unknown;
  };
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'weir', namespace: 'weir', labels: { 'app.kubernetes.io/part-of': 'weir' } },
    spec: { groups },
  };
  files['infra/kubernetes/base/prometheus-rule.yaml'] =
    `# Made from infra/observability/alerts.yaml by \`npm run manifests -- --sync\`.\n${stringify(rule, { lineWidth: 0 })}`;
  return files;
}
