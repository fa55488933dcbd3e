import { AccessStore, EventLog, Housekeeping, PodStore, RoomStore, WebhookStore } from '@weir/db';
import { Doorkeeper } from './auth.ts';
import type { Dependencies } from './deps.ts';
import { EventReader } from './events/event-reader.ts';
import { OpenStreams } from './events/open-streams.ts';
import { MediaDelivery } from './pods/media-delivery.ts';
import { PodDirectory } from './pods/pod-directory.ts';
import { Prober } from './pods/prober.ts';
import { RateLimiter } from './rate-limit.ts';
import { Rooms } from './rooms/rooms.ts';
import type { Stopping } from './stopping.ts';
import { WebhookDeliverer } from './webhooks/deliverer.ts';

/** What routes are made of. Nothing in here must be remembered from one request to the next. */
export interface Services {
  readonly deps: Dependencies;
  readonly store: RoomStore;
  readonly access: AccessStore;
  readonly log: EventLog;
  readonly housekeeping: Housekeeping;
  readonly podStore: PodStore;
  readonly pods: PodDirectory;
  readonly prober: Prober;
  readonly delivery: MediaDelivery;
  readonly rooms: Rooms;
  readonly doorkeeper: Doorkeeper;
  readonly limiter: RateLimiter;
  readonly reader: EventReader;
  readonly openStreams: OpenStreams;
  readonly webhooks: WebhookStore;
  /** Delivers nothing by itself before it is started. */
  readonly deliverer: WebhookDeliverer;
  /** When this instance stops, streams and held answers end. */
  readonly stopping: Stopping;
  /** Does work that no answer waits for; what fails is logged. */
  background(work: () => Promise<void>): void;
}

export function createServices(deps: Dependencies, stopping: Stopping): Services {
  const { driver, config } = deps;
  const store = new RoomStore(driver);
  const access = new AccessStore(driver);
  const podStore = new PodStore(driver);
  const delivery = new MediaDelivery(deps, store, podStore);
  const pods = new PodDirectory(deps, podStore);
  const log = new EventLog(driver);
  const services: Services = {
    deps,
    store,
    access,
    log,
    housekeeping: new Housekeeping(driver),
    podStore,
    pods,
    prober: new Prober(deps, podStore),
    delivery,
    rooms: new Rooms(deps, store, access, delivery, () => deliverer.wake()),
    doorkeeper: new Doorkeeper(config, access, store),
    limiter: new RateLimiter(config.ratePerSecond, config.rateBurst),
    reader: new EventReader({ log, store, access, context: () => pods.viewContext(), now: deps.clock.now }),
    openStreams: new OpenStreams(),
    webhooks: new WebhookStore(driver),
    get deliverer() {
      return deliverer;
    },
    stopping,
    background: (work) => {
      const done = work().catch((error: Error) => {
        deps.logger.warn({ error: error.message }, 'work in the background failed; the sweep does it again');
      });
      deps.defer?.(done);
    },
  };
  const deliverer = new WebhookDeliverer(services);
  return services;
}
