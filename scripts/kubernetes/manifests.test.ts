import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../apps/media-pod/src/config.ts';
import { readEnvironment } from '../../apps/signaling/src/config.ts';
import { root } from '../stages.ts';
import { identify, type Manifest, readManifests, render } from './kustomize.ts';
import { validateManifest } from './validate.ts';

const folder = join(root, 'infra/kubernetes');
const overlays = readdirSync(join(folder, 'overlays')).sort();
const rendered = new Map(overlays.map((name) => [name, render(join(folder, 'overlays', name))]));

interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string }; readonly secretKeyRef?: object };
}
interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly dnsPolicy?: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly automountServiceAccountToken?: boolean;
  readonly affinity?: { readonly podAntiAffinity?: Record<string, unknown[]> };
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly {
    readonly image: string;
    readonly args?: readonly string[];
    readonly env?: readonly EnvVar[];
    readonly ports: readonly { name: string; containerPort: number; hostPort?: number; protocol?: string }[];
    readonly resources: { requests: Record<string, string>; limits: Record<string, string> };
    readonly securityContext: Record<string, unknown>;
    readonly lifecycle?: object;
    readonly [probe: `${string}Probe`]: { httpGet: { path: string; port: string } };
  }[];
}

function find(overlay: string, id: string): Manifest & { spec: Record<string, unknown> } {
  const found = rendered.get(overlay)!.find((one) => identify(one) === id);
  if (found === undefined) throw new Error(`${overlay} has no ${id}`);
  return found as never;
}

function podOf(overlay: string, id: string): PodSpec & { annotations: Record<string, string> } {
  const { template } = find(overlay, id).spec as {
    template: { spec: PodSpec; metadata: { annotations?: Record<string, string> } };
  };
  return { ...template.spec, annotations: template.metadata.annotations ?? {} };
}

const mediaPod = (overlay: string) => podOf(overlay, 'Deployment weir-media/weir-media-pod');
const env = ({ containers }: PodSpec, name: string) => containers[0]!.env?.find((one) => one.name === name);

describe.each(overlays)('infra/kubernetes, %s', (overlay) => {
  it('is what the schemas of Kubernetes and the Prometheus operator allow, without unknown fields', async () => {
    for (const manifest of rendered.get(overlay)!) await validateManifest(manifest);
  });

  it('gives every image a version', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    for (const id of ['Deployment weir/weir-signaling', 'Job weir/weir-migrate']) {
      expect(podOf(overlay, id).containers[0]!.image).toBe(`weir-signaling:${version}`);
    }
    expect(mediaPod(overlay).containers[0]!.image).toBe(`weir-media-pod:${version}`);
  });

  it('2 6 gives the pod what it finds its addresses by, and settings that it accepts', () => {
    const pod = mediaPod(overlay);
    const path = (name: string) => env(pod, name)?.valueFrom?.fieldRef?.fieldPath;
    expect(path('WEIR_HOST_IPS')).toBe('status.hostIPs');
    expect(path('WEIR_NODE_NAME')).toBe('spec.nodeName');
    expect(path('WEIR_POD_IP')).toBe('status.podIP');
    const filled: Record<string, string> = {
      'status.hostIPs': '10.0.0.4,fd00::4',
      'status.podIP': '10.1.0.9',
      'spec.nodeName': 'node-4',
      'metadata.name': 'weir-media-pod-7d9f-x2x',
    };
    const settings = find(overlay, 'ConfigMap weir-media/weir') as unknown as {
      data: Record<string, string>;
    };
    const given = Object.fromEntries(
      pod.containers[0]!.env!.map(({ name, value, valueFrom }) => [
        name,
        value ?? (valueFrom?.secretKeyRef ? 's'.repeat(32) : filled[valueFrom!.fieldRef!.fieldPath]),
      ]),
    );
    const config = readConfig({ ...settings.data, ...given });
    expect(config.media.port).toBe(pod.containers[0]!.ports[0]!.containerPort);
    expect(config.control.port).toBe(pod.containers[0]!.ports[2]!.containerPort);
    expect(config.workers).toBe(1);
  });

  it('gives signaling settings that it accepts', () => {
    const settings = find(overlay, 'ConfigMap weir/weir') as unknown as { data: Record<string, string> };
    const secrets = { DATABASE_URL: 'postgres://x', WEIR_API_KEYS: `k:${'s'.repeat(32)}` };
    const names = podOf(overlay, 'Deployment weir/weir-signaling').containers[0]!.env!.map(
      ({ name }) => name,
    );
    expect(names).toEqual(expect.arrayContaining([...Object.keys(secrets), 'WEIR_POD_SECRETS']));
    expect(readEnvironment({ ...settings.data, ...secrets }).WEIR_REGION).toBe('default');
  });

  it('14 keeps the sidecars of service meshes away', () => {
    const { annotations } = mediaPod(overlay);
    expect(annotations['sidecar.istio.io/inject']).toBe('false');
    expect(annotations['linkerd.io/inject']).toBe('disabled');
  });

  it('15 asks three different endpoints, and liveness asks for nothing but the event loop', () => {
    const [container] = mediaPod(overlay).containers;
    expect(container!.livenessProbe!.httpGet).toEqual({ path: '/healthz', port: 'control' });
    expect(container!.readinessProbe!.httpGet).toEqual({ path: '/readyz', port: 'control' });
    expect(container!.startupProbe!.httpGet).toEqual({ path: '/healthz', port: 'control' });
    // Placeable is for signaling, by the lease: a kubelet that asked for it would take away ready pods.
    expect(JSON.stringify(container)).not.toContain('/placeable');
    const [signaling] = podOf(overlay, 'Deployment weir/weir-signaling').containers;
    expect(signaling!.livenessProbe!.httpGet.path).toBe('/healthz');
    expect(signaling!.readinessProbe!.httpGet.path).toBe('/readyz');
  });

  it('18 leaves more time to end than draining takes', () => {
    const pod = mediaPod(overlay);
    const drain = Number(env(pod, 'WEIR_DRAIN_SECONDS')?.value);
    expect(drain).toBeGreaterThan(0);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(drain + 30);
  });

  it('23 loses one pod at a time, and none to an autoscaler of nodes', () => {
    for (const id of ['weir/weir-signaling', 'weir-media/weir-media-pod']) {
      expect(find(overlay, `PodDisruptionBudget ${id}`).spec.maxUnavailable).toBe(1);
    }
    expect(mediaPod(overlay).annotations['cluster-autoscaler.kubernetes.io/safe-to-evict']).toBe('false');
  });

  it('24 gives pods no identity that matters', () => {
    expect(env(mediaPod(overlay), 'WEIR_POD_ID')?.valueFrom?.fieldRef?.fieldPath).toBe('metadata.name');
    expect(rendered.get(overlay)!.some(({ kind }) => kind === 'StatefulSet')).toBe(false);
  });

  it('25 scales on capacity, up before 0.6 and down slowly', () => {
    const { metrics, behavior } = find(overlay, 'HorizontalPodAutoscaler weir-media/weir-media-pod').spec as {
      metrics: { pods: { metric: { name: string }; target: { averageValue: string } } }[];
      behavior: { scaleDown: { stabilizationWindowSeconds: number } };
    };
    expect(metrics[0]!.pods.metric.name).toBe('weir_pod_capacity_used_ratio');
    expect(Number.parseInt(metrics[0]!.pods.target.averageValue, 10)).toBeLessThan(600);
    expect(metrics[0]!.pods.target.averageValue).toMatch(/m$/);
    expect(behavior.scaleDown.stabilizationWindowSeconds).toBeGreaterThanOrEqual(600);
  });

  it('30 sets no CPU limit for media', () => {
    const { requests, limits } = mediaPod(overlay).containers[0]!.resources;
    expect(Number(requests.cpu)).toBeGreaterThanOrEqual(1);
    expect(limits).toEqual({ memory: expect.any(String) });
  });

  it('33 opens media to the world and the control port to signaling and Prometheus only', () => {
    const policy = find(overlay, 'NetworkPolicy weir-media/weir-media-pod').spec as {
      ingress: { from?: unknown[]; ports: { port: number }[] }[];
    };
    const open = policy.ingress.filter(({ from }) => from === undefined).flatMap(({ ports }) => ports);
    expect(open.map(({ port }) => port)).toEqual([40_000, 40_000]);
    const closed = policy.ingress.filter(({ from }) => from !== undefined);
    expect(closed.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual([4000]);
    expect(closed[0]!.from).toHaveLength(2);
    expect(env(mediaPod(overlay), 'WEIR_POD_SECRETS')?.valueFrom?.secretKeyRef).toBeDefined();
  });

  it('36 runs as nobody, on a read-only root, without capabilities', () => {
    for (const id of [
      'Deployment weir/weir-signaling',
      'Deployment weir-media/weir-media-pod',
      'Job weir/weir-migrate',
    ]) {
      const { securityContext, containers } = podOf(overlay, id);
      expect(securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      for (const container of containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
    const level = (name: string) =>
      find(overlay, `Namespace ${name}`).metadata.labels as Record<string, string>;
    expect(level('weir')['pod-security.kubernetes.io/enforce']).toBe('restricted');
    const needsHost = mediaPod(overlay).containers[0]!.ports.some(({ hostPort }) => hostPort !== undefined);
    expect(level('weir-media')['pod-security.kubernetes.io/enforce']).toBe(
      needsHost ? 'privileged' : 'restricted',
    );
  });
});

describe('ways to the media port', () => {
  it('8 hostnetwork: names still resolve, no two pods on a node, control on one address', () => {
    const pod = mediaPod('hostnetwork');
    expect(pod.hostNetwork).toBe(true);
    expect(pod.dnsPolicy).toBe('ClusterFirstWithHostNet');
    expect(pod.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution).toHaveLength(1);
    expect(env(pod, 'WEIR_CONTROL_IP')?.valueFrom?.fieldRef?.fieldPath).toBe('status.podIP');
    for (const { containerPort, hostPort } of pod.containers[0]!.ports) expect(hostPort).toBe(containerPort);
  });

  it('9 hostport: the media port of the node and nothing else of it', () => {
    const pod = mediaPod('hostport');
    expect(pod.hostNetwork).toBeUndefined();
    expect(pod.containers[0]!.ports.map(({ name, hostPort }) => [name, hostPort])).toEqual([
      ['media-udp', 40_000],
      ['media-tcp', 40_000],
      ['control', undefined],
    ]);
    // Two pods can't have the port of a node at once, so that an update must take the old one away first.
    const { strategy } = find('hostport', 'Deployment weir-media/weir-media-pod').spec as {
      strategy: { rollingUpdate: object };
    };
    expect(strategy.rollingUpdate).toEqual({ maxSurge: 0, maxUnavailable: 1 });
  });

  it('10 loadbalancer: one Service a pod that keeps the source, and an announced address', () => {
    const service = find('loadbalancer', 'Service weir-media/weir-media-pod').spec;
    expect(service).toMatchObject({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
    const pod = mediaPod('loadbalancer');
    expect(pod.containers[0]!.ports.every(({ hostPort }) => hostPort === undefined)).toBe(true);
    const announced = env(pod, 'WEIR_ANNOUNCED_ADDRESSES')?.value;
    expect(announced).toBe(`${String(service.loadBalancerIP)}:40000`);
    const { minReplicas, maxReplicas } = find(
      'loadbalancer',
      'HorizontalPodAutoscaler weir-media/weir-media-pod',
    ).spec;
    expect([minReplicas, maxReplicas]).toEqual([1, 1]);
  });
});

describe('examples', () => {
  it.each(readdirSync(join(folder, 'examples')))('%s is valid', async (name) => {
    for (const manifest of readManifests(join(folder, 'examples', name))) await validateManifest(manifest);
  });

  it('secrets.yaml has every secret that the manifests refer to, and no value', () => {
    const secrets = readManifests(join(folder, 'examples/secrets.yaml'));
    const ids = secrets.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    for (const manifest of rendered.get('hostport')!) {
      for (const [, name] of JSON.stringify(manifest).matchAll(/"secretKeyRef":\{"name":"([^"]+)"/g)) {
        expect(ids).toContain(`${manifest.metadata.namespace}/${name}`);
      }
    }
    for (const { stringData } of secrets) expect(JSON.stringify(stringData)).toContain('CHANGE-ME');
  });
});

describe('the checks themselves', () => {
  const deployment = () => structuredClone(find('hostport', 'Deployment weir/weir-signaling'));

  it('refuse unknown fields, wrong values, missing fields and unknown kinds', async () => {
    const typo = deployment();
    typo.spec.replicaz = 2;
    await expect(validateManifest(typo)).rejects.toThrow('unknown field /spec/replicaz');
    const wrong = deployment();
    wrong.spec.replicas = 'two';
    await expect(validateManifest(wrong)).rejects.toThrow('replicas');
    const missing = deployment();
    delete missing.spec.selector;
    await expect(validateManifest(missing)).rejects.toThrow('selector');
    await expect(validateManifest({ ...deployment(), kind: 'Deploymant' })).rejects.toThrow(
      'no kind Deploymant',
    );
    await expect(validateManifest({ ...deployment(), apiVersion: 'apps/v9' })).rejects.toThrow('apps/v9');
  });
});
