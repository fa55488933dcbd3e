import type { types } from 'mediasoup-client';

/**
 * Resolves when a consumer has media that can be shown or heard: the first decoded picture, the first packet of
 * sound. Also when there is nothing to wait for: one of the two is over, `hopeless()`, or the old one, which was
 * to bridge the time, has had nothing new for `silenceMs`.
 */
export async function mediaComes(
  consumer: types.Consumer,
  old: types.Consumer | undefined,
  hopeless: () => boolean,
): Promise<void> {
  let oldPackets = 0;
  let oldAt = Date.now();
  let firstAt: number | undefined;
  while (!consumer.closed && old && !old.closed && !hopeless()) {
    const seen = await countsOf(consumer);
    if (seen.packets > 0) firstAt ??= Date.now();
    if (consumer.kind === 'audio' ? seen.packets > 0 : seen.frames > 0) return;
    // Not every browser counts pictures of a track that nobody shows.
    if (firstAt !== undefined && Date.now() - firstAt > uncountedMs) return;
    const { packets } = await countsOf(old);
    if (packets > oldPackets) oldAt = Date.now();
    oldPackets = packets;
    if (Date.now() - oldAt > silenceMs) return;
    await new Promise((done) => setTimeout(done, lookEveryMs));
  }
}

async function countsOf(consumer: types.Consumer): Promise<{ packets: number; frames: number }> {
  const counts = { packets: 0, frames: 0 };
  if (consumer.closed) return counts;
  const report = await consumer.getStats().catch(() => undefined);
  report?.forEach((entry: { type: string; packetsReceived?: number; framesDecoded?: number }) => {
    if (entry.type !== 'inbound-rtp') return;
    counts.packets += entry.packetsReceived ?? 0;
    counts.frames += entry.framesDecoded ?? 0;
  });
  return counts;
}

const lookEveryMs = 50;
const silenceMs = 2_000;
const uncountedMs = 1_500;
