import { z } from 'zod';
import { PodId } from './ids.ts';
import { Fingerprint, MediaHappening } from './media.ts';

/** Calls between signaling and pods. Both directions carry a short JWT (HS256) made for the callee. */

/** Where endpoints reach a media worker. `ip` may be an announced address or host name. */
export const PodAddress = z.object({
  ip: z.string().min(1),
  family: z.enum(['ipv4', 'ipv6']),
  protocol: z.enum(['udp', 'tcp']),
  port: z.number().int().min(1).max(65535),
  /** Which of the pod's media workers listens here, from 0; absent when there is only one (docs/decisions/0005). */
  worker: z.number().int().nonnegative().optional(),
});
export type PodAddress = z.infer<typeof PodAddress>;

export const PodLoad = z.object({
  transports: z.number().int().nonnegative(),
  receivers: z.number().int().nonnegative(),
  senders: z.number().int().nonnegative(),
  /** 0…1 of one core per worker. */
  cpu: z.number().nonnegative(),
  egressPps: z.number().nonnegative(),
  egressBps: z.number().nonnegative(),
  loopLagMs: z.number().nonnegative(),
  /** 1 = full: the greatest of cpu, packets, bandwidth and event-loop lag, each against what the pod can take. */
  capacityUsed: z.number().nonnegative().optional(),
});
export type PodLoad = z.infer<typeof PodLoad>;

export const PodLease = z.object({
  controlUrl: z.url(),
  region: z.string().max(64),
  version: z.string().max(64),
  addresses: z.array(PodAddress).min(1),
  fingerprints: z.array(Fingerprint).min(1),
  /** Transports this pod will take. */
  capacity: z.number().int().positive(),
  placeable: z.boolean(),
  draining: z.boolean(),
  load: PodLoad,
  /** Load of each media worker, in their order; absent when there is only one, and from pods of older versions. */
  workers: z.array(z.object({ cpu: z.number().nonnegative() })).optional(),
  /** Version of each room's media state that the pod holds; signaling repairs what differs. */
  rooms: z.record(z.string(), z.number().int().nonnegative()),
});
export type PodLease = z.infer<typeof PodLease>;

/** A pod as operators see it: GET /v1/pods. */
export const PodView = PodLease.pick({
  region: true,
  version: true,
  capacity: true,
  placeable: true,
  draining: true,
  addresses: true,
  load: true,
}).extend({
  id: PodId,
  /** Milliseconds since 1970: start of the process, and its last report with a lease. */
  startedAt: z.number().int(),
  leasedAt: z.number().int(),
  /** Rooms it holds media of. */
  rooms: z.number().int().nonnegative(),
});
export type PodView = z.infer<typeof PodView>;

export const PodList = z.object({ pods: z.array(PodView) });
export type PodList = z.infer<typeof PodList>;

/** POST and DELETE /v1/pods/{pod}/drain. */
export const PodDrainAnswer = z.object({
  draining: z.boolean(),
  /** Transports that still have to go. */
  transports: z.number().int().nonnegative(),
});
export type PodDrainAnswer = z.infer<typeof PodDrainAnswer>;

/** POST {signaling}/internal/pods/{pod}/reports. Applied exactly once by (pod, epoch, seq). */
export const PodReport = z.object({
  podId: PodId,
  /** New at each start of the pod, greater than any before: milliseconds since 1970 at start. */
  epoch: z.number().int().positive(),
  /** 1, 2, 3 … within the epoch; a repeat of an applied one is answered like the first time. */
  seq: z.number().int().positive(),
  lease: PodLease.optional(),
  happenings: z.array(MediaHappening).max(1000),
});
export type PodReport = z.infer<typeof PodReport>;

export const PodReportAnswer = z.object({
  /** Highest seq applied. */
  seq: z.number().int().nonnegative(),
  leaseSeconds: z.number().positive(),
});
export type PodReportAnswer = z.infer<typeof PodReportAnswer>;

/** PUT {pod}/v1/rooms/{room}/media answers this; `applied: false` asks for the whole state. */
export const MediaUpdateAnswer = z.object({
  applied: z.boolean(),
  /** Version the pod holds now. */
  version: z.number().int().nonnegative(),
});
export type MediaUpdateAnswer = z.infer<typeof MediaUpdateAnswer>;

/** POST {pod}/v1/rooms/{room}/inspect: counters and internals, straight from the worker. */
export const InspectRequest = z.object({
  what: z.enum(['stats', 'dump', 'explain']),
  transports: z.array(z.number().int()).default([]),
  receivers: z.array(z.number().int()).default([]),
  senders: z.array(z.number().int()).default([]),
});
export type InspectRequest = z.infer<typeof InspectRequest>;

/** Keys are decimal ids; an object the worker does not hold is absent. */
export const InspectAnswer = z.object({
  transports: z.record(z.string(), z.record(z.string(), z.unknown())),
  receivers: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))),
  senders: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))),
});
export type InspectAnswer = z.infer<typeof InspectAnswer>;
