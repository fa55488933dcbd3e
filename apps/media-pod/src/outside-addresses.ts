import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { isIP, isIPv4 } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { askStun } from './stun-client.ts';

/** Addresses that this host can't see by itself. */
export interface OutsideAddresses {
  readonly source: 'node (Kubernetes)' | 'cloud metadata' | 'STUN';
  readonly ips: readonly string[];
}

export interface OutsideOptions {
  /** Set = the node's external addresses are asked of the Kubernetes API. */
  readonly kubernetes: KubernetesNode | undefined;
  /** Set = this cloud's metadata service is asked. */
  readonly metadata: { readonly cloud: Cloud; readonly url: string } | undefined;
  /** Set = a STUN server is asked. */
  readonly stun: { readonly host: string; readonly port: number } | undefined;
}

export interface KubernetesNode {
  readonly nodeName: string;
  /** `https://10.96.0.1:443` */
  readonly apiUrl: string;
  /** Folder with `token` and `ca.crt` of the service account. */
  readonly account: string;
}

export type Cloud = 'aws' | 'gcp' | 'azure';

/**
 * Asks in a fixed order (node, metadata, STUN) until one gives an address. Whoever is not configured is not asked;
 * whoever fails is told to `warn` and the next one is asked. STUN tells addresses only: with the port of the media
 * socket it is right where translation keeps ports, as the 1:1 translation of clouds does.
 */
export async function askOutside(
  options: OutsideOptions,
  warn: (source: OutsideAddresses['source'], reason: string) => void,
): Promise<OutsideAddresses | undefined> {
  const { kubernetes, metadata, stun } = options;
  const sources: [OutsideAddresses['source'], (() => Promise<string[]>) | undefined][] = [
    ['node (Kubernetes)', kubernetes && (() => askNode(kubernetes))],
    ['cloud metadata', metadata && (() => askMetadata(metadata.cloud, metadata.url))],
    ['STUN', stun && (() => askStunServer(stun.host, stun.port))],
  ];
  for (const [source, ask] of sources) {
    if (ask === undefined) continue;
    try {
      const ips = (await ask()).filter((ip) => isIP(ip) !== 0);
      if (ips.length > 0) return { source, ips: [...new Set(ips)].sort(byFamily) };
      // Most nodes have no external address, which is nothing to warn of.
      if (source !== 'node (Kubernetes)') warn(source, 'it knows no public address');
    } catch (error) {
      warn(source, error instanceof Error ? error.message : String(error));
    }
  }
  return undefined;
}

const Node = z.object({
  status: z.object({ addresses: z.array(z.object({ type: z.string(), address: z.string() })).default([]) }),
});

/** `ExternalIP`s of the node. The service account may `get` nodes. */
async function askNode({ nodeName, apiUrl, account }: KubernetesNode): Promise<string[]> {
  const [token, ca] = await Promise.all([
    readFile(join(account, 'token'), 'utf8'),
    readFile(join(account, 'ca.crt')),
  ]);
  const body = await getWithCa(`${apiUrl}/api/v1/nodes/${encodeURIComponent(nodeName)}`, token.trim(), ca);
  return Node.parse(JSON.parse(body))
    .status.addresses.filter(({ type }) => type === 'ExternalIP')
    .map(({ address }) => address);
}

/** fetch() can't be given a certificate authority. */
async function getWithCa(url: string, token: string, ca: Buffer): Promise<string> {
  return await new Promise((resolve, reject) => {
    const call = request(
      url,
      { ca, headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          body += part;
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(body);
          else
            reject(
              new Error(
                `the Kubernetes API answered ${response.statusCode}; may the service account get nodes?`,
              ),
            );
        });
      },
    );
    call.on('error', reject);
    call.end();
  });
}

async function askMetadata(cloud: Cloud, url: string): Promise<string[]> {
  switch (cloud) {
    case 'aws': {
      const token = await metadata(`${url}/latest/api/token`, {
        method: 'PUT',
        headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
      });
      const headers = { 'x-aws-ec2-metadata-token': token ?? '' };
      return defined(
        await metadata(`${url}/latest/meta-data/public-ipv4`, { headers }),
        await metadata(`${url}/latest/meta-data/ipv6`, { headers }),
      );
    }
    case 'gcp': {
      const first = `${url}/computeMetadata/v1/instance/network-interfaces/0`;
      const headers = { 'metadata-flavor': 'Google' };
      return defined(
        await metadata(`${first}/access-configs/0/external-ip`, { headers }),
        await metadata(`${first}/ipv6-access-configs/0/external-ipv6`, { headers }),
      );
    }
    case 'azure':
      return defined(
        await metadata(
          `${url}/metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress?api-version=2021-02-01&format=text`,
          { headers: { metadata: 'true' } },
        ),
      );
  }
}

/** Undefined = there is no such value. */
async function metadata(url: string, init: RequestInit): Promise<string | undefined> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  const text = (await response.text()).trim();
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`the metadata service answered ${response.status}`);
  return text;
}

/** One answer for each family in which the server has an address and this host a way. */
async function askStunServer(host: string, port: number): Promise<string[]> {
  const servers = isIP(host) === 0 ? await lookup(host, { all: true }) : [{ address: host }];
  const oneEach = new Map(servers.toReversed().map(({ address }) => [isIPv4(address), address]));
  const seen = await Promise.all(
    [...oneEach.values()].map((ip) => askStun({ ip, port, timeoutMs }).catch(() => undefined)),
  );
  const ips = defined(...seen.map((one) => one?.ip));
  if (ips.length === 0) throw new Error(`${host} port ${port} does not answer`);
  return ips;
}

function defined(...values: readonly (string | undefined)[]): string[] {
  return values.filter((value) => value !== undefined && value !== '') as string[];
}

function byFamily(a: string, b: string): number {
  return Number(isIPv4(b)) - Number(isIPv4(a));
}

const timeoutMs = 3000;
