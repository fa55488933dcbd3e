/**
 * What a call feels of 100 others that join at once, on a real pod over the loopback: the way of its packets
 * through the pod before and during. As root the media worker has a processor of its own. Otherwise talk, pod and
 * joiners share them, so with few this shows more than the pod's own doing; join-turns.ts shows that alone. Takes
 * half a minute on a calm machine. Run from the root: `npx node apps/media-pod/bench/join-delay.ts [native|node] [joins]`
 */
import { PodClient } from '@weir/pod-control';
import { Call } from '../test/call.ts';
import { secrets } from '../test/signaling-double.ts';
import { Joiners } from './joiners.ts';
import { giveOwnProcessor } from './own-processor.ts';
import { startPodProcess } from './pod-process.ts';

const [engine = 'auto', joins = '100'] = process.argv.slice(2);
const pod = await startPodProcess({ WEIR_ENGINE: engine });
const call = await Call.start(new PodClient({ secrets }), pod.ref, pod.lease);
await call.say(1);

/** Packets on their way, by sequence number. */
const sentAt = new Map<number, number>();
const delays: number[] = [];
call.onSent = (sequence) => sentAt.set(sequence, performance.now());
call.onHeard = (sequence) => {
  const at = sentAt.get(sequence);
  if (at !== undefined) delays.push(performance.now() - at);
  sentAt.delete(sequence);
};

/** Answers p99, in milliseconds. */
async function measure(what: string, happening: Promise<unknown>): Promise<number> {
  delays.length = 0;
  sentAt.clear();
  const sent = await call.talkDuring(happening, 2);
  await new Promise((resolve) => setTimeout(resolve, 200));
  delays.sort((a, b) => a - b);
  const delayAt = (share: number) => delays[Math.floor((delays.length - 1) * share)] ?? Number.NaN;
  const at = (share: number) => delayAt(share).toFixed(1);
  console.log(
    `${what}: ${sent} packets, ${sentAt.size} lost, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at most ${at(1)} ms`,
  );
  return delayAt(0.99);
}

/** What 100 joins at once may add to the p99 of forwarding, in milliseconds. */
const mostAddedMs = 5;
/** An odd number, for the middle. */
const rounds = 7;

const { ref, lease } = pod;
const joiners = new Joiners();
const batch = (round: number, count: number) =>
  joiners.join({ ref, lease, roomId: `joins-${round}`, firstId: 20_000_000, count, version: 1, stay: true });
// Code that is not compiled yet is another matter.
await batch(0, 50);
const alone = giveOwnProcessor(pod.child.pid!, [process.pid, joiners.pid]);
console.log(
  alone
    ? 'the media worker has a processor of its own'
    : 'all share the processors (one only, no util-linux, or not root): waiting for each other is measured, too',
);
const added: number[] = [];
for (let round = 1; round <= rounds; round += 1) {
  const quiet = await measure('quiet', new Promise((resolve) => setTimeout(resolve, 2000)));
  added.push((await measure(`${joins} joins`, batch(round, Number(joins)))) - quiet);
}
const middle = added.sort((a, b) => a - b)[(rounds - 1) / 2]!;
const verdict = middle <= mostAddedMs ? 'holds' : 'MISSED';
console.log(
  `goal: ${joins} joins at once add at most ${mostAddedMs} ms to p99; measured ${middle.toFixed(1)} ms, the middle of ${rounds}: ${verdict}`,
);
joiners.end();
call.hangUp();
await pod.stop();
process.exit(0);
