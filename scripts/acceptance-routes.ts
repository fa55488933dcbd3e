import { acceptanceNumbers } from './acceptance-results.ts';

/**
 * Which numbers of object-model.md §14 can be asked of the HTTP API: the route that answers, or why there is none.
 * Its tests are titled `HTTP <number> …`.
 */
export type HttpAnswer = { readonly route: string } | { readonly none: string };

const settings = 'settings of a Server are the environment of a process';
const helper = 'a helper function of the library, not of a room';
const bytes = 'bytes of RTP and RTCP; no request carries them';

const peers = 'POST /v1/rooms/{room}/peers';
const transports = 'POST …/transports';
const dtls = 'PUT …/transports/{transport}/dtls';
const receivers = 'POST …/receivers';
const close = 'DELETE …/receivers/{receiver}';

const answers: Readonly<Record<string, HttpAnswer>> = {
  ...all('M', 6, { none: settings }),
  ...all('S', 4, { none: settings }),
  S5: { route: 'POST /v1/rooms' },
  S6: { none: 'a Server that was closed is a process that ended' },
  S7: { route: 'GET /v1/pods' },
  R1: { route: peers },
  R2: { route: peers },
  R3: { route: peers },
  R4: { route: peers },
  R5: { route: 'GET /v1/rooms/{room}/peers' },
  R6: { route: 'GET /v1/rooms/{room}' },
  R7: { route: 'GET /v1/rooms/{room}/dump' },
  P1: { route: transports },
  P2: { route: transports },
  P3: { route: receivers },
  P4: { route: receivers },
  P5: { route: receivers },
  ...all('T', 5, { route: dtls }),
  T6: { route: 'DELETE …/transports/{transport}' },
  T7: { route: transports },
  ...all('V', 8, { route: receivers }),
  V9: { route: 'PUT …/receivers/{receiver}/parameters' },
  V10: { route: close },
  ...all('X', 4, { none: helper }),
  C1: { route: 'PATCH …/senders/{sender}' },
  C2: { route: close },
  C3: { route: 'DELETE /v1/rooms/{room}/peers/{peer}' },
  ...all('W', 41, { none: bytes }),
};

/** @throws Error for what is no number of §14 */
export function httpAnswer(number: string): HttpAnswer {
  const answer = answers[number];
  if (answer === undefined || !acceptanceNumbers.includes(number)) {
    throw new Error(`${number} is no number of object-model.md §14`);
  }
  return answer;
}

function all(letter: string, count: number, answer: HttpAnswer): Record<string, HttpAnswer> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${letter}${i + 1}`, answer]));
}
