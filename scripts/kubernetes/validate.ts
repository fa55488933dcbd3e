import { identify, type Manifest } from './kustomize.ts';

/** Groups whose kinds are not Kubernetes' own, and the packages that carry their schemas. */
const packages: Readonly<Record<string, string>> = {
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

type ModelClass = new (data: unknown) => { validate(): void };

/**
 * Checks an object against the published schema of its kind, as the API server does under strict validation:
 * unknown kinds; missing, wrong and unknown fields.
 *
 * @throws Error naming the object and the fields at fault
 */
export async function validateManifest(manifest: Manifest): Promise<void> {
  const { apiVersion, kind } = manifest;
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0]! : '';
  let models: Record<string, ModelClass>;
  try {
    models = await import(`${packages[group] ?? 'kubernetes-models'}/${apiVersion}`);
  } catch (error) {
    throw new Error(`${identify(manifest)}: there is no schema of apiVersion ${apiVersion}`, {
      cause: error,
    });
  }
  const Model = models[kind];
  if (Model === undefined) throw new Error(`${identify(manifest)}: ${apiVersion} has no kind ${kind}`);
  const { value, unread } = watched(new Model(manifest));
  try {
    value.validate();
  } catch (error) {
    throw new Error(`${identify(manifest)}: ${(error as Error).message}`, { cause: error });
  }
  const unknown = unread();
  if (unknown.length > 0) throw new Error(`${identify(manifest)}: unknown field ${unknown.join(', ')}`);
}

/**
 * The compiled schemas don't mind fields that they don't know, but they look at each that they know: what nobody
 * has looked at is unknown. Where they go over all keys (labels), they know all.
 */
function watched<T extends object>(root: T): { value: T; unread(): string[] } {
  const objects: { target: object; path: string; read: Set<string>; all: boolean }[] = [];
  const proxies = new Map<object, object>();
  const wrap = (target: object, path: string): object => {
    const known = proxies.get(target);
    if (known !== undefined) return known;
    const note = { target, path, read: new Set<string>(), all: false };
    objects.push(note);
    const proxy = new Proxy(target, {
      get(_, key) {
        if (typeof key === 'string') note.read.add(key);
        const value: unknown = Reflect.get(target, key);
        return value !== null && typeof value === 'object' ? wrap(value, `${path}/${String(key)}`) : value;
      },
      ownKeys() {
        note.all = true;
        return Reflect.ownKeys(target);
      },
    });
    proxies.set(target, proxy);
    return proxy;
  };
  return {
    value: wrap(root, '') as T,
    unread: () =>
      objects
        .filter(({ target, all }) => !all && !Array.isArray(target))
        .flatMap(({ target, path, read }) =>
          Object.keys(target)
            .filter((key) => !read.has(key))
            .map((key) => `${path}/${key}`),
        ),
  };
}
