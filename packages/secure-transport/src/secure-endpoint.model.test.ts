import { createRandom, type Random } from '@weir/testing';
import { expect, test } from 'vitest';
import { bindingRequest, drain, remote } from '../test/ice-peer.ts';
import { createCertificate } from './certificate.ts';
import type { SecureEndpoint, SecureOutput } from './endpoint.ts';
import { createSecureEndpoint } from './secure-endpoint.ts';

/** What an owner knows who believes the outputs alone. */
class Owner {
  readonly paths = new Map<number, string>();
  readonly selected = new Map<string, number>();
  readonly ice = new Map<string, string>();
  readonly live = new Set<string>();

  hear(output: SecureOutput): void {
    if (output.type === 'transmit') return;
    demand(this.live.has(output.id), `${output.id} is not gone`);
    switch (output.type) {
      case 'path-added':
        demand(!this.paths.has(output.remote.key), `${output.remote.key} is new`);
        this.paths.set(output.remote.key, output.id);
        break;
      case 'path-removed':
        demand(this.paths.get(output.remote.key) === output.id, `${output.remote.key} was its path`);
        this.paths.delete(output.remote.key);
        if (this.selected.get(output.id) === output.remote.key) this.selected.delete(output.id);
        break;
      case 'tuple':
        demand(this.paths.get(output.remote.key) === output.id, `${output.remote.key} is its path`);
        demand(this.selected.get(output.id) !== output.remote.key, 'the tuple is another one');
        this.selected.set(output.id, output.remote.key);
        break;
      case 'ice':
        demand(this.ice.get(output.id) !== output.state, 'the state is another one');
        this.ice.set(output.id, output.state);
        break;
      case 'closed':
        this.forget(output.id);
        break;
    }
  }

  forget(id: string): void {
    this.live.delete(id);
    this.ice.delete(id);
    this.selected.delete(id);
  }

  check(endpoint: SecureEndpoint, ports: number): void {
    const counts = new Map<string, number>();
    for (const [key, id] of this.paths) {
      demand(endpoint.transportOf(key) === id, `${key} is a path of ${id}`);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (let port = 1; port <= ports; port++) {
      const { key } = remote(port);
      demand(endpoint.transportOf(key) === this.paths.get(key), `${key} is known to both or neither`);
    }
    for (const id of this.live) {
      const state = this.ice.get(id);
      demand((counts.get(id) ?? 0) <= 8, `${id} has at most 8 tuples`);
      const active = state === 'connected' || state === 'completed';
      demand(this.selected.has(id) === active, `${id} has a selected tuple exactly while ${state}`);
      demand(active || !counts.has(id), `${id} has no tuple while ${state}`);
    }
    demand(this.live.size > 0 || !endpoint.nextTimeout(), 'without transports there is nothing to wait for');
  }
}

/** Cheaper than expect() where it runs a million times. */
function demand(condition: boolean, what: string): void {
  if (!condition) throw new Error(`broken: ${what}`);
}

const certificate = createCertificate();
const PORTS = 20;

function step(endpoint: SecureEndpoint, owner: Owner, random: Random, now: number): void {
  const id = `room/${random.int(4)}`;
  const generation = random.int(3);
  const ice = (which: number) => ({
    usernameFragment: `${id}-${which}`,
    password: `password ${id} ${which}`,
  });
  const from = remote(1 + random.int(PORTS), '192.0.2.7', random.chance(0.3) ? 'tcp' : 'udp');
  switch (random.int(8)) {
    case 0:
      owner.live.add(id);
      endpoint.put(
        id,
        { ice: ice(generation), ...(random.chance(0.5) && { previousIce: ice((generation + 1) % 3) }) },
        now,
      );
      break;
    case 1:
      if (!random.chance(0.3)) break;
      endpoint.remove(id, now);
      for (const output of drain(endpoint)) owner.hear(output);
      owner.forget(id);
      break;
    case 2:
      endpoint.handleTcpClosed(from.key, now);
      break;
    case 3:
      endpoint.handleTimeout(now);
      break;
    case 4:
      endpoint.noteRtp(from.key, now);
      endpoint.handleDatagram(Uint8Array.of(22, 0xfe, 0xfd, 0), from, now);
      break;
    default: {
      const { usernameFragment, password } = ice(generation);
      const request = bindingRequest({
        ufrag: usernameFragment,
        password: random.chance(0.9) ? password : 'wrong',
        useCandidate: random.chance(0.3),
        ...(random.chance(0.2) && { nomination: random.int(5) }),
      });
      endpoint.handleDatagram(request, from, now);
    }
  }
}

test('whatever happens, outputs tell the truth: 60 histories of 300 steps', () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const random = createRandom(seed);
    const endpoint = createSecureEndpoint({ certificate });
    const owner = new Owner();
    let now = 0;
    for (let i = 0; i < 300; i++) {
      now += random.int(random.chance(0.1) ? 20_000 : 200);
      step(endpoint, owner, random, now);
      for (const output of drain(endpoint)) {
        owner.hear(output);
        seen.add('state' in output ? `${output.type} ${output.state}` : output.type);
      }
      owner.check(endpoint, PORTS);
      const next = endpoint.nextTimeout();
      if (next && next.at < now) endpoint.handleTimeout(now);
      for (const output of drain(endpoint)) owner.hear(output);
      demand((endpoint.nextTimeout()?.at ?? now) >= now, 'no timeout is left in the past');
    }
  }
  // The histories came around.
  for (const kind of [
    'ice connected',
    'ice completed',
    'ice disconnected',
    'tuple',
    'path-removed',
    'closed',
  ]) {
    expect(seen).toContain(kind);
  }
});
