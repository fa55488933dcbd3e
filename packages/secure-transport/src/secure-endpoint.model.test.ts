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
    expect(this.live.has(output.id)).toBe(true); // nothing is told of a transport that is gone
    switch (output.type) {
      case 'path-added':
        expect(this.paths.has(output.remote.key)).toBe(false);
        this.paths.set(output.remote.key, output.id);
        break;
      case 'path-removed':
        expect(this.paths.get(output.remote.key)).toBe(output.id);
        this.paths.delete(output.remote.key);
        if (this.selected.get(output.id) === output.remote.key) this.selected.delete(output.id);
        break;
      case 'tuple':
        expect(this.paths.get(output.remote.key)).toBe(output.id);
        expect(this.selected.get(output.id)).not.toBe(output.remote.key);
        this.selected.set(output.id, output.remote.key);
        break;
      case 'ice':
        expect(this.ice.get(output.id)).not.toBe(output.state);
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
      expect(endpoint.transportOf(key)).toBe(id);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (let port = 1; port <= ports; port++) {
      expect(endpoint.transportOf(remote(port).key)).toBe(this.paths.get(remote(port).key));
    }
    for (const id of this.live) {
      const state = this.ice.get(id);
      expect(counts.get(id) ?? 0).toBeLessThanOrEqual(8);
      const active = state === 'connected' || state === 'completed';
      expect([id, state, this.selected.has(id)]).toEqual([id, state, active]);
      if (!active) expect(counts.get(id)).toBeUndefined();
    }
    if (this.live.size === 0) expect(endpoint.nextTimeout()).toBeUndefined();
  }
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

test('whatever happens, outputs tell the truth: 150 histories of 300 steps', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = createRandom(seed);
    const endpoint = createSecureEndpoint({ certificate });
    const owner = new Owner();
    let now = 0;
    for (let i = 0; i < 300; i++) {
      now += random.int(random.chance(0.1) ? 20_000 : 200);
      step(endpoint, owner, random, now);
      for (const output of drain(endpoint)) owner.hear(output);
      owner.check(endpoint, PORTS);
      const next = endpoint.nextTimeout();
      if (next && next.at < now) endpoint.handleTimeout(now);
      for (const output of drain(endpoint)) owner.hear(output);
      expect(endpoint.nextTimeout()?.at ?? now + 1).toBeGreaterThan(now - 1);
    }
  }
});
