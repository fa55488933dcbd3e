import { type LayerOption, layerOptions } from '@weir/bwe';
import type { ReceiveStream } from './receive-stream.ts';
import type { Sender } from './sender.ts';

/** What a layer is thought to cost before it was measured: each three times the one below. */
const guessedBaseBps = 150_000;
const guessedStep = 3.2;

/** Ways to forward the sender's source now, low to high. */
export function candidatesOf(sender: Sender): LayerOption[] {
  const streams = sender.receiver?.streams ?? [];
  const { now } = sender.room.forwarder;
  // What was turned off because nobody wanted it can be had again.
  const there = (stream: ReceiveStream) => stream.live || stream.dormant(now);
  // Who asks for few frames knows what that means.
  const judgesFrames = sender.spec.preferredLayers?.temporalLayer === undefined;
  if (sender.receiver?.layered === true) {
    return layerOptions(
      streams.map((stream) => (there(stream) ? temporalRates(stream, 0) : [])),
      judgesFrames ? streams.map(frameRates) : [],
    );
  }
  const stream = streams[0];
  if (stream === undefined || !there(stream)) return [];
  const rates: number[][] = [];
  for (let s = 0; s <= stream.layerRates.maxSpatial; s++) rates.push(temporalRates(stream, s));
  const frames = judgesFrames ? frameRates(stream) : [];
  return layerOptions(
    rates,
    rates.map(() => frames),
  );
}

function frameRates({ layerRates }: ReceiveStream): number[] {
  return Array.from({ length: layerRates.maxTemporal + 1 }, (_, t) => layerRates.framesPerSecond(t));
}

function temporalRates(stream: ReceiveStream, spatial: number): number[] {
  const { layerRates, encodingIdx } = stream;
  if (!layerRates.known) return [guessedBaseBps * guessedStep ** encodingIdx];
  const rates: number[] = [];
  for (let t = 0; t <= layerRates.maxTemporal; t++) rates.push(layerRates.bps(spatial, t));
  return rates;
}
