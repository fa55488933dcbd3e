import { broadcastCoalesced, ConflictError, type NewEvent, type PodRow } from '@weir/db';
import type { MediaHappening, PodReport, PodReportAnswer } from '@weir/protocol';
import type { RoomCommand } from '@weir/room';
import { ProblemError } from '../problem.ts';
import type { Turn } from '../rooms/turn.ts';
import type { Services } from '../services.ts';
import { closeLostTransports, tellDrains } from './lost-pods.ts';
import { reconcile } from './reconcile.ts';

/**
 * Takes a pod's report exactly once by (pod, epoch, seq): the lease, and what happened together with the events
 * it causes, in one write per room. A repetition of an applied report is answered like the first time.
 *
 * @throws ProblemError `conflict` when a later process has the pod's name
 */
export async function takeReport(services: Services, report: PodReport): Promise<PodReportAnswer> {
  const { podStore, deps } = services;
  const { podId, epoch, seq } = report;
  for (let attempt = 1; ; attempt += 1) {
    const known = await podStore.get(podId);
    if (known !== undefined && epoch < known.epoch) {
      deps.metrics.report('refused', 0);
      if (known.lease === null && known.seq === 0) {
        throw new ProblemError(
          'pod-given-up',
          `Pod ${podId} was given up in epoch ${epoch}, and its peers went elsewhere: begin a later epoch.`,
          { field: 'epoch', epoch: known.epoch },
        );
      }
      throw new ProblemError(
        'conflict',
        `Pod ${podId} was started again (epoch ${known.epoch}): this process (epoch ${epoch}) must stop.`,
        { field: 'epoch', epoch: known.epoch },
      );
    }
    if (known !== undefined && epoch === known.epoch && seq <= known.seq) {
      deps.metrics.report('repeated', report.happenings.length);
      return answer(services, known.seq);
    }
    try {
      await apply(services, report, known);
    } catch (error) {
      // Another copy of the report was faster, or a room changed too often: see again.
      if (!(error instanceof ConflictError) || attempt >= maxAttempts) throw error;
      if (attempt > 1) await services.rooms.pause(attempt);
      continue;
    }
    deps.metrics.report('applied', report.happenings.length);
    services.background(() => afterwards(services, report, known));
    return answer(services, seq);
  }
}

async function apply(services: Services, report: PodReport, known: PodRow | undefined): Promise<void> {
  const { access, podStore, deps } = services;
  const happenings = newestOnly(report.happenings);
  const byRoom = Map.groupBy(happenings, ({ roomId }) => roomId);
  const taken = () => podStore.reportStatements(report, known, deps.clock.now());
  if (known === undefined || byRoom.size <= 1) {
    await applyRooms(services, report.podId, byRoom, taken);
    return;
  }
  // Rooms may keep us waiting, but the pod is alive.
  const { lease } = report;
  if (lease !== undefined && report.epoch === known.epoch) {
    await applyRooms(services, report.podId, new Map(), () =>
      podStore.leaseStatements(lease, known, deps.clock.now()),
    );
  }
  // Among many rooms some other writer is always faster, so that one write for all might never get through; and
  // nobody else could change any of them meanwhile. So each room has its own, with a mark that it was done.
  const waiting = [...byRoom];
  await Promise.all(
    Array.from({ length: roomsAtOnce }, async () => {
      for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
        await applyPart(services, report, known, ...part);
      }
    }),
  );
  const marks = [...byRoom.keys()].flatMap((roomId) =>
    access.forgetAnswerStatements(...markOf(report, roomId)),
  );
  await applyRooms(services, report.podId, new Map(), () => [...taken(), ...marks]);
}

/** What a report says of one room, once, however often and wherever the report is taken up again. */
async function applyPart(
  services: Services,
  report: PodReport,
  known: PodRow,
  roomId: string,
  happenings: readonly MediaHappening[],
): Promise<void> {
  const { access, podStore, rooms, deps } = services;
  const mark = markOf(report, roomId);
  const marked = { requestHash: '', status: 200, answer: '' };
  for (let attempt = 1; ; attempt += 1) {
    if ((await access.answerOf(...mark)) !== undefined) return;
    try {
      await applyRooms(services, report.podId, new Map([[roomId, happenings]]), () => [
        // Once the report is taken the mark is forgotten: a straggler must not begin again.
        podStore.reportGuard(known),
        ...access.answerStatements(...mark, marked, deps.clock.now()),
      ]);
      return;
    } catch (error) {
      if (!(error instanceof ConflictError) || attempt >= maxAttempts) throw error;
      const now = await podStore.get(report.podId);
      if (now?.epoch !== known.epoch || now.seq !== known.seq) throw error;
      if (attempt > 1) await rooms.pause(attempt);
    }
  }
}

/** The space keeps it apart from the scopes of API keys, which cannot begin with one. */
function markOf({ podId, epoch, seq }: PodReport, roomId: string): [scope: string, key: string] {
  return [` report ${podId}`, `${epoch} ${seq} ${roomId}`];
}

/** One write for what happened in some rooms. @throws ConflictError when any of them changed meanwhile */
async function applyRooms(
  services: Services,
  podId: string,
  byRoom: ReadonlyMap<string, readonly MediaHappening[]>,
  also: () => ReturnType<typeof broadcastCoalesced>,
): Promise<void> {
  const { rooms, deps } = services;
  const woken: string[] = [];
  let broadcasts: ReturnType<typeof broadcastCoalesced> = [];
  await rooms.transact(
    [...byRoom.keys()],
    (turns) => {
      woken.length = 0;
      broadcasts = [];
      for (const happening of [...byRoom.values()].flat()) {
        const turn = turns.get(happening.roomId);
        if (turn === undefined || turn.state.closed) continue;
        if (happening.type === 'audio.levels' || happening.type === 'audio.speaker') {
          const signal = roomSignal(turn, happening);
          if (signal === undefined) continue;
          woken.push(happening.roomId);
          broadcasts.push(...broadcastCoalesced(happening.roomId, signal, turn.now));
        } else takeHappening(turn, podId, happening);
      }
    },
    {
      // Rooms first, then the pod: everybody locks in this order.
      also: () => [...broadcasts, ...also()],
      // What is known of the pod may be what is old.
      attempts: 1,
    },
  );
  for (const roomId of woken) deps.wakeUps.wake(roomId);
}

/** Only the newest of frequent signals; they may have piled up while signaling was away. */
function newestOnly(happenings: readonly MediaHappening[]): MediaHappening[] {
  const newest = new Map<string, MediaHappening>();
  for (const happening of happenings) {
    const key = signalKey(happening);
    if (key !== undefined) newest.set(key, happening);
  }
  return happenings.filter((happening) => {
    const key = signalKey(happening);
    return key === undefined || newest.get(key) === happening;
  });
}

function signalKey(happening: MediaHappening): string | undefined {
  switch (happening.type) {
    case 'audio.levels':
      return `levels ${happening.roomId}`;
    case 'audio.speaker':
      return `speaker ${happening.roomId}`;
    case 'receiver.score':
      return `score ${happening.roomId} ${happening.receiverId}`;
    case 'receiver.wantedlayers':
      return `wantedlayers ${happening.roomId} ${happening.receiverId}`;
    case 'sender.score':
      return `score ${happening.roomId} ${happening.senderId}`;
    case 'sender.layers':
      return `layers ${happening.roomId} ${happening.senderId}`;
    default:
      return undefined;
  }
}

/** Happenings of objects that are gone meanwhile, or were taken over by another pod, mean nothing. */
function takeHappening(turn: Turn, podId: string, happening: Exclude<MediaHappening, RoomSignal>): void {
  const { state } = turn;
  const places = transportsOf(turn, happening);
  // Publishers obey the pod that they move to; the one they leave knows nothing of the viewers there.
  if (happening.type === 'receiver.wantedlayers') places.splice(0, places.length - 1);
  const transport = places.map((id) => state.transports.get(id)).find((one) => one?.podId === podId);
  if (transport === undefined) return;
  switch (happening.type) {
    case 'receiver.score': {
      const receiver = state.receivers.get(happening.receiverId)!;
      turn.emit(scoreEvent(receiver.peerId, 'rtpreceiver', receiver.id, { scores: happening.scores }));
      return;
    }
    case 'sender.score': {
      const sender = state.senders.get(happening.senderId)!;
      const { score, receiverScore } = happening;
      turn.emit(scoreEvent(sender.peerId, 'rtpsender', sender.id, { score, receiverScore }));
      return;
    }
    case 'receiver.wantedlayers': {
      const receiver = state.receivers.get(happening.receiverId)!;
      turn.emit({
        peerId: receiver.peerId,
        type: 'wantedlayers',
        target: { kind: 'rtpreceiver', id: String(receiver.id) },
        data: { spatialLayers: happening.spatialLayers },
        coalesceKey: `wantedlayers ${receiver.id}`,
      });
      return;
    }
    case 'receiver.videoorientation': {
      const receiver = state.receivers.get(happening.receiverId)!;
      const { camera, flip, rotation } = happening;
      turn.emit({
        peerId: receiver.peerId,
        type: 'videoorientationchange',
        target: { kind: 'rtpreceiver', id: String(receiver.id) },
        data: { camera, flip, rotation },
      });
      return;
    }
    default: {
      const wasAlive = isAlive(transport);
      turn.run(commandOf(happening));
      const now = turn.state.transports.get(transport.id);
      // Its media was a sign of life until now; from now on only reading is one.
      if (wasAlive && (now === undefined || !isAlive(now))) turn.seen(transport.peerId);
    }
  }
}

/** Whether media flows or may flow: a sign of life of the peer. */
export function isAlive(transport: { iceState: string; dtlsState: string }): boolean {
  return (
    (transport.iceState === 'connected' || transport.iceState === 'completed') &&
    transport.dtlsState === 'connected'
  );
}

/** Where the object is: on two pods while it moves from one to the other. */
function transportsOf({ state }: Turn, happening: Exclude<MediaHappening, RoomSignal>): number[] {
  if ('transportId' in happening) return [happening.transportId];
  const object =
    'receiverId' in happening
      ? state.receivers.get(happening.receiverId)
      : state.senders.get(happening.senderId);
  return [object?.transportId, object?.next?.transportId].filter((id) => id != null);
}

type Command = Extract<MediaHappening, { type: `transport.${string}` | 'sender.layers' }>;

function commandOf(happening: Command): RoomCommand {
  switch (happening.type) {
    case 'transport.tuple':
      return { type: 'transport.tupleChanged', transportId: happening.transportId, tuple: happening.tuple };
    case 'transport.ice':
      return { type: 'transport.iceChanged', transportId: happening.transportId, state: happening.state };
    case 'transport.dtls': {
      const { transportId, state, remoteCert } = happening;
      return {
        type: 'transport.dtlsChanged',
        transportId,
        state,
        ...(remoteCert === undefined ? {} : { remoteCert }),
      };
    }
    case 'transport.closed':
      return { type: 'transport.died', transportId: happening.transportId, reason: happening.reason };
    case 'sender.layers':
      return { type: 'sender.layersChanged', senderId: happening.senderId, layers: happening.layers };
  }
}

function scoreEvent(
  peerId: number,
  kind: 'rtpreceiver' | 'rtpsender',
  id: number,
  data: Record<string, unknown>,
): NewEvent {
  return { peerId, type: 'score', target: { kind, id: String(id) }, data, coalesceKey: `score ${id}` };
}

/** Signals that everybody in the room hears. */
type RoomSignal = Extract<MediaHappening, { type: `audio.${string}` }>;

/** Levels, loudest first, or who speaks; undefined = there is nobody to tell, or nobody to tell of any more. */
function roomSignal(turn: Turn, happening: RoomSignal): Omit<NewEvent, 'peerId'> | undefined {
  if (turn.state.peers.size === 0) return undefined;
  const target = { kind: 'room', id: turn.room.id } as const;
  if (happening.type === 'audio.speaker') {
    const receiver = turn.state.receivers.get(happening.receiverId);
    if (receiver === undefined) return undefined;
    const data = { receiverId: String(receiver.id), peerId: String(receiver.peerId) };
    return { type: 'dominantspeaker', target, data, coalesceKey: 'dominantspeaker' };
  }
  const levels = happening.levels.flatMap(({ receiverId, audioLevel }) => {
    const receiver = turn.state.receivers.get(receiverId);
    if (receiver === undefined) return [];
    return [{ receiverId: String(receiverId), peerId: String(receiver.peerId), audioLevel }];
  });
  return {
    type: 'audiolevels',
    target,
    data: { levels },
    coalesceKey: 'audiolevels',
  };
}

/** What follows from a report but need not be done before it is answered. */
async function afterwards(services: Services, report: PodReport, known: PodRow | undefined): Promise<void> {
  if (known !== undefined && report.epoch > known.epoch) {
    await closeLostTransports(services);
  }
  if (report.lease === undefined) return;
  const told = known?.drainTold === 1;
  if (report.lease.draining !== told) await tellDrains(services);
  await reconcile(services, report.podId, report.lease);
}

function answer({ deps }: Services, seq: number): PodReportAnswer {
  return { seq, leaseSeconds: deps.config.podLeaseMs / 1000 };
}

const maxAttempts = 60;
/** Rooms of one report that are written at the same time. */
const roomsAtOnce = 4;
