import { describe } from 'vitest';
import { receivingConformance } from './receiving.ts';
import { sendingConformance } from './sending.ts';
import { srtpConformance } from './srtp.ts';
import type { CreateWorld } from './world.ts';

export * from './packets.ts';
export * from './port-hub.ts';
export type { CreateWorld, EngineSizes, EngineWorld, Peer } from './world.ts';

/** What every PacketEngine does; each implementation's test runs it. */
export function engineConformance(name: string, createWorld: CreateWorld): void {
  describe(`engine ${name}`, () => {
    receivingConformance(createWorld);
    srtpConformance(createWorld);
    sendingConformance(createWorld);
  });
}
