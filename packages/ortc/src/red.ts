import { isRedCodec } from './codec-names.ts';
import type { Parameters, RtpCodecParameters } from './dictionaries.ts';

/**
 * `audio/red` (RFC 2198) names the payload types of its blocks in a format parameter without a name:
 * `a=fmtp:63 111/111`. Here, and on the wire, that is the parameter with the empty name. mediasoup-client
 * writes `=111/111` of it, which browsers read the same way, and makes `{ '111/111': '' }` of what it reads.
 */
export function normalizeRed(parameters: Parameters): Parameters {
  const named = parameters[''];
  const text =
    typeof named === 'string' && named !== ''
      ? named
      : Object.keys(parameters).find((key) => pattern.test(key));
  return text === undefined ? {} : { '': text };
}

const pattern = /^\d{1,3}(\/\d{1,3})*$/;

/** Frames of the codec with this payload type: one older and the newest, as browsers send them. */
export function redOf(payloadType: number): Parameters {
  return { '': `${payloadType}/${payloadType}` };
}

/** The codec among `codecs` that blocks of RED are of. */
export function codecInRed<C extends { readonly name: string }>(codecs: readonly C[]): C | undefined {
  return codecs.find(({ name }) => name === 'audio/opus');
}

/** Payload types of blocks that stand in the parameters but are not of a listed Opus codec. */
export function strangersInRed(red: RtpCodecParameters, codecs: readonly RtpCodecParameters[]): string[] {
  const blocks = red.parameters[''];
  if (typeof blocks !== 'string') return [];
  const known = codecs
    .filter(({ name }) => name === 'audio/opus')
    .map(({ payloadType }) => String(payloadType));
  return blocks.split('/').filter((block) => !known.includes(block));
}

/** Without the codecs of redundancy that have nothing to repeat. */
export function withoutIdleRed<C extends { readonly name: string }>(codecs: readonly C[]): C[] {
  return codecInRed(codecs) === undefined ? codecs.filter((codec) => !isRedCodec(codec)) : [...codecs];
}
