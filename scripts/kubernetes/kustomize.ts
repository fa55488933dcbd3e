import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { applyJsonPatch, JsonPatch } from './json-patch.ts';

/**
 * The part of kustomize that infra/kubernetes uses, so that it can be rendered and tested where there is no
 * kubectl: resources, images and JSON patches. Whatever else stands in a kustomization is refused, not ignored.
 */

/** One Kubernetes object. */
export type Manifest = z.infer<typeof Manifest>;
const Manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});

const Kustomization = z.strictObject({
  apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
  kind: z.literal('Kustomization'),
  resources: z.array(z.string()).default([]),
  images: z
    .array(
      z.strictObject({ name: z.string(), newName: z.string().optional(), newTag: z.string().optional() }),
    )
    .default([]),
  patches: z
    .array(
      z.strictObject({
        target: z.strictObject({ kind: z.string(), name: z.string(), namespace: z.string().optional() }),
        patch: z.string(),
      }),
    )
    .default([]),
});

/**
 * All objects of a folder with a kustomization.yaml, in the order in which they are named.
 *
 * @throws Error naming the file and what is wrong: a field that is not supported, a resource that is missing or
 *   stands twice, a patch without a target
 */
export function render(folder: string): Manifest[] {
  const file = join(folder, 'kustomization.yaml');
  const shown = relative(process.cwd(), file);
  const parsed = Kustomization.safeParse(parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw new Error(`${shown}: ${z.prettifyError(parsed.error)}`);
  const { resources, images, patches } = parsed.data;

  const manifests: Manifest[] = [];
  const known = new Set<string>();
  for (const name of resources) {
    const path = resolve(folder, name);
    if (!existsSync(path)) throw new Error(`${shown}: there is no ${name}`);
    for (const manifest of statSync(path).isDirectory() ? render(path) : readManifests(path)) {
      const id = identify(manifest);
      if (known.has(id)) throw new Error(`${shown}: ${id} stands twice`);
      known.add(id);
      manifests.push(manifest);
    }
  }
  for (const { target, patch } of patches) {
    const chosen = manifests.filter(
      ({ kind, metadata }) =>
        kind === target.kind &&
        metadata.name === target.name &&
        (target.namespace === undefined || metadata.namespace === target.namespace),
    );
    if (chosen.length === 0) throw new Error(`${shown}: there is no ${target.kind} ${target.name} to patch`);
    for (const manifest of chosen) applyJsonPatch(manifest, JsonPatch.parse(parse(patch)));
  }
  for (const manifest of manifests) {
    for (const container of containersOf(manifest)) {
      const change = images.find(
        ({ name }) => container.image === name || container.image?.startsWith(`${name}:`),
      );
      if (change === undefined) continue;
      const { name, newName = name, newTag } = change;
      container.image = newTag === undefined ? newName : `${newName}:${newTag}`;
    }
  }
  return manifests;
}

/** @throws Error naming the file and document that is no Kubernetes object */
export function readManifests(path: string): Manifest[] {
  return parseAllDocuments(readFileSync(path, 'utf8'))
    .map((document) => document.toJS() as unknown)
    .filter((value) => value !== null)
    .map((value, index) => {
      const parsed = Manifest.safeParse(value);
      if (parsed.success) return parsed.data;
      throw new Error(
        `${relative(process.cwd(), path)}, document ${index + 1}: ${z.prettifyError(parsed.error)}`,
      );
    });
}

/** `Deployment weir/weir-signaling` */
export function identify({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
}

interface Container {
  image?: string;
}

function containersOf(manifest: Manifest): Container[] {
  const { template } = (manifest.spec ?? {}) as {
    template?: { spec?: { containers?: Container[]; initContainers?: Container[] } };
  };
  return [...(template?.spec?.containers ?? []), ...(template?.spec?.initContainers ?? [])];
}
