import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ensureImage, ensureWeirImages, type Random } from '../../packages/testing/src/index.ts';
import { operator } from '../fleet.ts';
import { apiKey, podSecrets, token } from '../stateless/instances.ts';
import { RandomProxy } from '../stateless/random-proxy.ts';
import { freePort, until } from '../weir.ts';
import { Container, docker, PrivateNetwork } from './docker.ts';
import { Participant } from './participant.ts';

/** Where signaling, pods and the database talk, and where media comes to the pods. */
interface Networks {
  readonly control: PrivateNetwork;
  readonly media: PrivateNetwork;
}

/**
 * Two signaling, two pods and Postgres, each its own container with a read-only root, on two private networks. Clients
 * reach signaling through a proxy that knows nothing, and media over the network of its own.
 */
export class Cluster {
  readonly signaling: readonly Container[];
  readonly pods: readonly PodContainer[];
  readonly postgres: Container;
  readonly proxy: RandomProxy;
  readonly #name: string;
  readonly #image: string;
  readonly #networks: Networks;
  readonly #ports: readonly number[];
  readonly #more: Container[] = [];

  private constructor(
    name: string,
    image: string,
    networks: Networks,
    parts: Pick<Cluster, 'signaling' | 'pods' | 'postgres' | 'proxy'> & { ports: readonly number[] },
  ) {
    this.#ports = parts.ports;
    this.#name = name;
    this.#image = image;
    this.#networks = networks;
    this.signaling = parts.signaling;
    this.pods = parts.pods;
    this.postgres = parts.postgres;
    this.proxy = parts.proxy;
  }

  /** Builds images as needed. @throws Error when there is no Docker engine, or something does not come up */
  static async start(random: Random, tell: (line: string) => void): Promise<Cluster> {
    const images = await ensureWeirImages();
    const postgresImage = 'weir-postgres:15';
    ensureImage(postgresImage, join(import.meta.dirname, '../../infra/docker/postgres.Dockerfile'));
    tell(`images: ${Object.values(images).join(', ')}, ${postgresImage}`);
    const name = `weir-chaos-${randomBytes(3).toString('hex')}`;
    const draw = (below: number) => random.int(below);
    const control = await PrivateNetwork.create(`${name}-control`, draw);
    const media = await PrivateNetwork.create(`${name}-media`, draw);
    const networks = { control, media };
    const postgres = new Container(`${name}-postgres`);
    const signaling = [1, 2].map((index) => new Container(`${name}-signaling-${index}`));
    const pods = [1, 2].map((index) => new PodContainer(name, `pod-${index}`, networks, 20 + index));
    await docker(
      ...['run', '--detach', '--name', postgres.name, '--network', control.name],
      ...['--ip', control.address(10), postgresImage],
    );
    const ports = await Promise.all(signaling.map(() => freePort()));
    for (const [index, one] of signaling.entries()) {
      await docker(
        ...['run', '--detach', '--name', one.name, '--network', control.name],
        ...['--ip', control.address(11 + index), '--publish', `127.0.0.1:${ports[index]}:3000`],
        ...['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
        ...env({
          DATABASE_URL: `postgres://weir@${control.address(10)}:5432/weir`,
          WEIR_API_KEYS: `${apiKey.keyId}:${apiKey.secret}`,
          WEIR_POD_SECRETS: podSecrets.join(),
          WEIR_RATE_PER_SECOND: '1000',
          WEIR_RATE_BURST: '5000',
        }),
        images.signaling,
      );
    }
    for (const pod of pods) await pod.create(images['media-pod']);
    const proxy = await RandomProxy.start(ports, random);
    const cluster = new Cluster(name, images['media-pod'], networks, {
      signaling,
      pods,
      postgres,
      proxy,
      ports,
    });
    try {
      await cluster.ready();
    } catch (error) {
      const logs = await Promise.all([...signaling, ...pods].map((one) => one.logs().catch(String)));
      await cluster.stop();
      throw new Error(`the cluster did not come up:\n${logs.map((log) => log.slice(-2000)).join('\n')}`, {
        cause: error,
      });
    }
    return cluster;
  }

  get url(): string {
    return this.proxy.url;
  }

  /** Resolves when signaling takes requests and the pods may get rooms. */
  async ready(pods: readonly PodContainer[] = this.pods): Promise<void> {
    for (const one of this.signaling) await this.answers(one);
    for (const pod of pods) {
      await until(`${pod.podId} may get rooms`, async () => (await pod.get('/placeable'))?.ok, 90_000);
    }
  }

  /** Resolves when that instance of signaling takes requests. */
  async answers(one: Container): Promise<void> {
    const url = `http://127.0.0.1:${this.#ports[this.signaling.indexOf(one)]}/readyz`;
    const look = async () => (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
    await until(`${one.name} takes requests`, look, 60_000);
  }

  /** Another container in a pod's place, with its name and other addresses. */
  async replace(pod: PodContainer): Promise<PodContainer> {
    const next = new PodContainer(`${this.#name}-next`, pod.podId, this.#networks, 40 + this.#more.length);
    this.#more.push(next);
    await next.create(this.#image);
    return next;
  }

  /** Runs everything again and connects it as at first, whatever a scenario that broke off has left. */
  async restore(): Promise<void> {
    // Where there is nothing to put right, some of these are refused.
    await Promise.allSettled([this.postgres, ...this.signaling].map((one) => one.start()));
    for (const pod of this.pods) await Promise.allSettled([pod.reconnect(), pod.resume(), pod.start()]);
    await Promise.allSettled(this.pods.map(({ podId }) => this.call('DELETE', `/v1/pods/${podId}/drain`)));
    await this.ready();
  }

  async call(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
    const answer = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${await operator()}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** People in a new room, who all see each other. */
  async meet(room: string, count: number): Promise<Participant[]> {
    const { status } = await this.call('POST', '/v1/rooms', { id: room });
    if (status !== 201) throw new Error(`the room ${room} could not be made: ${status}`);
    const people: Participant[] = [];
    for (let index = 1; index <= count; index += 1) {
      people.push(await Participant.join(this.url, await token(), room, `${room}-${index}`));
    }
    await allSee(people);
    return people;
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    const containers = [...this.pods, ...this.signaling, this.postgres, ...this.#more];
    await Promise.allSettled(containers.map((one) => one.remove()));
    await Promise.allSettled(
      Object.values(this.#networks).map((network: PrivateNetwork) => network.remove()),
    );
  }
}

/** Waits until everybody is shown everybody else of his room, of whom all must be among the `people`. */
export async function allSee(people: readonly Participant[]): Promise<void> {
  const rooms = Map.groupBy(people, ({ session }) => session.room);
  // Not the tracks that one knows of: of the newest he may not have heard yet.
  const look = async () => {
    const blind = people.filter(({ sees, session }) => {
      const others = rooms.get(session.room)!.length - 1;
      return sees < others || session.tracks.length < others;
    });
    if (blind.length === 0) return true;
    const who = blind.map(({ name, sees, session }) => `${name} ${sees} of ${session.tracks.length}`);
    throw new Error(`tracks seen: ${who.join(', ')}`);
  };
  await until('everybody sees everybody', look, 60_000);
}

/** A media pod on both networks. */
export class PodContainer extends Container {
  readonly podId: string;
  readonly #networks: Networks;
  readonly #host: number;

  constructor(prefix: string, podId: string, networks: Networks, host: number) {
    super(`${prefix}-${podId}`);
    this.podId = podId;
    this.#networks = networks;
    this.#host = host;
  }

  async create(image: string): Promise<void> {
    const { control, media } = this.#networks;
    const signaling = [11, 12].map((host) => `http://${control.address(host)}:3000`);
    await docker(
      ...['create', '--name', this.name, '--network', control.name, '--ip', control.address(this.#host)],
      ...['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
      ...env({
        WEIR_POD_ID: this.podId,
        WEIR_POD_SECRETS: podSecrets.join(),
        WEIR_SIGNALING_URL: signaling.join(),
        WEIR_POD_IP: control.address(this.#host),
        WEIR_ANNOUNCE_FROM: media.subnet,
        WEIR_WORKERS: '1',
        WEIR_DRAIN_SECONDS: '40',
      }),
      image,
    );
    await docker('network', 'connect', '--ip', media.address(this.#host), media.name, this.name);
    await this.start();
  }

  /** Takes it off the network of signaling and the database; media goes on. */
  cutOff = () => docker('network', 'disconnect', this.#networks.control.name, this.name);
  /** Where it was before. */
  reconnect = () => {
    const { control } = this.#networks;
    return docker('network', 'connect', '--ip', control.address(this.#host), control.name, this.name);
  };

  /** Over the media network, which it is never cut off from. */
  get(path: string): Promise<Response | undefined> {
    const url = `http://${this.#networks.media.address(this.#host)}:4000${path}`;
    return fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  }

  async transports(): Promise<number> {
    const text = (await (await this.get('/metrics'))?.text()) ?? '';
    return Number(/^weir_pod_transports (\d+)/m.exec(text)?.[1] ?? Number.NaN);
  }
}

function env(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
}
