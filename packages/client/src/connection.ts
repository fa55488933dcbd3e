/** How the session stands. */
export type ConnectionState =
  /** The server was asked to let us in. */
  | 'joining'
  /** Events and media flow, or media will as soon as there is some. */
  | 'connected'
  /** Something broke and is being repaired. */
  | 'reconnecting'
  /** Repairing has taken long; it goes on. */
  | 'disconnected'
  /** Over: left, removed, or the room closed. */
  | 'closed';

/** Why a session ended. */
export type CloseReason =
  | 'left'
  /** Somebody with the right to do so sent us away, or our time was up. */
  | 'removed'
  /** Somebody joined with our name and `onTakenName: 'replace'`. */
  | 'replaced'
  /** The server saw neither us nor our media for too long. */
  | 'timeout'
  | 'room-closed'
  /** The server does not accept our token any more. */
  | 'unauthorized'
  | 'error';

export interface ConnectionInfo {
  readonly state: ConnectionState;
  /** For people. */
  readonly sentence: string;
  /** With `closed`. */
  readonly reason?: CloseReason;
}

/** What the state is made of. */
export interface ConnectionFacts {
  closed: CloseReason | undefined;
  eventsUp: boolean;
  /** Media that somebody waits for is interrupted. */
  mediaInterrupted: boolean;
  /** Milliseconds since anything is down; 0 if nothing is. */
  downForMs: number;
}

/** Repairs that take longer are called `disconnected`. */
export const disconnectedAfterMs = 20_000;

/** Pure: facts in, state and sentence out. */
export function describeConnection(facts: ConnectionFacts): ConnectionInfo {
  if (facts.closed) return { state: 'closed', sentence: closeSentences[facts.closed], reason: facts.closed };
  if (facts.eventsUp && !facts.mediaInterrupted) return { state: 'connected', sentence: 'Connected' };
  const what = facts.eventsUp
    ? 'Audio and video are interrupted'
    : facts.mediaInterrupted
      ? 'The connection is interrupted'
      : 'The server does not answer';
  return facts.downForMs >= disconnectedAfterMs
    ? { state: 'disconnected', sentence: `${what}. Still trying; please check the network.` }
    : { state: 'reconnecting', sentence: `${what}. Reconnecting…` };
}

const closeSentences: Record<CloseReason, string> = {
  left: 'You have left',
  removed: 'You were removed from the room',
  replaced: 'Somebody joined with your name, so this session ended',
  timeout: 'The connection was lost for too long',
  'room-closed': 'The room was closed',
  unauthorized: 'Your access to the room has ended',
  error: 'The session ended because of an error',
};
