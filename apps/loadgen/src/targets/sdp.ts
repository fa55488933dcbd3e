import { publisherTypes } from '../media.ts';
import type { LocalSide, RemoteSide, Streams } from './target.ts';

/** An offer to publish a camera and a microphone, or, without streams, to get one of each; `ip` is ours. */
export function offerOf(local: LocalSide, ip: string, streams: Streams | undefined): string {
  const direction = streams === undefined ? 'recvonly' : 'sendonly';
  const { opus, vp8, rtx } = publisherTypes;
  const source = (ssrc: number, track: string) => [
    `a=ssrc:${ssrc} cname:publisher`,
    `a=ssrc:${ssrc} msid:stream ${track}`,
  ];
  return lines([
    ...session(['0', '1']),
    ...media('audio', [opus], '0', direction, local, ip),
    `a=rtpmap:${opus} opus/48000/2`,
    ...(streams === undefined ? [] : ['a=msid:stream audio', ...source(streams.audio, 'audio')]),
    ...media('video', [vp8, rtx], '1', direction, local, ip),
    ...videoLines(vp8, rtx),
    ...(streams === undefined
      ? []
      : [
          'a=msid:stream video',
          `a=ssrc-group:FID ${streams.video} ${streams.rtx}`,
          ...source(streams.video, 'video'),
          ...source(streams.rtx, 'video'),
        ]),
  ]);
}

/** An answer that takes all that is offered, with the first codec of each section and its retransmissions. */
export function answerTo(offer: string, local: LocalSide, ip: string): string {
  const sections = offer.split(/^m=/m).slice(1);
  const mids = sections.map((section) => /^a=mid:(\S+)/m.exec(section)?.[1] ?? '');
  return lines([
    ...session(mids),
    ...sections.flatMap((section, index) => {
      const [kind, , , first] = section.split('\r\n')[0]!.split(' ');
      const type = Number(first);
      const rtx = new RegExp(`^a=fmtp:(\\d+) apt=${type}`, 'm').exec(section)?.[1];
      const codec = new RegExp(`^a=rtpmap:${type} .*`, 'm').exec(section)?.[0].trim() ?? '';
      return [
        ...media(
          kind!,
          rtx === undefined ? [type] : [type, Number(rtx)],
          mids[index]!,
          'recvonly',
          local,
          ip,
        ),
        ...(kind === 'video' ? videoLines(type, rtx === undefined ? undefined : Number(rtx)) : [codec]),
      ];
    }),
  ]);
}

/** @throws Error when it lacks something */
export function remoteOf(sdp: string): RemoteSide {
  const one = (pattern: RegExp) => {
    const found = pattern.exec(sdp)?.[1];
    if (found === undefined) throw new Error(`no ${pattern.source} in\n${sdp}`);
    return found;
  };
  const candidates = [...sdp.matchAll(/^a=candidate:\S+ 1 udp \d+ ([\d.]+) (\d+) typ host/gim)].map(
    ([, ip, port]) => ({ ip: ip!, port: Number(port) }),
  );
  if (candidates.length === 0) throw new Error(`no candidate in\n${sdp}`);
  return {
    ice: { usernameFragment: one(/^a=ice-ufrag:(\S+)/m), password: one(/^a=ice-pwd:(\S+)/m) },
    fingerprint: {
      algorithm: 'sha-256',
      value: one(/^a=fingerprint:sha-256 (\S+)/im)
        .replaceAll(':', '')
        .toLowerCase(),
    },
    candidates,
    // We offer and answer `active`.
    role: one(/^a=setup:(\S+)/m) === 'active' ? 'server' : 'client',
  };
}

function session(mids: readonly string[]): string[] {
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${mids.join(' ')}`,
    'a=msid-semantic: WMS *',
  ];
}

function media(
  kind: string,
  types: readonly number[],
  mid: string,
  direction: string,
  { ice, fingerprint, port }: LocalSide,
  ip: string,
): string[] {
  const hex = fingerprint.value.toUpperCase().match(/../g)!.join(':');
  return [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${types.join(' ')}`,
    'c=IN IP4 127.0.0.1',
    `a=mid:${mid}`,
    `a=${direction}`,
    'a=rtcp-mux',
    `a=ice-ufrag:${ice.usernameFragment}`,
    `a=ice-pwd:${ice.password}`,
    `a=fingerprint:${fingerprint.algorithm} ${hex}`,
    'a=setup:active',
    `a=candidate:1 1 udp 2130706431 ${ip} ${port} typ host`,
    'a=end-of-candidates',
  ];
}

function videoLines(vp8: number, rtx: number | undefined): string[] {
  return [
    `a=rtpmap:${vp8} VP8/90000`,
    ...['nack', 'nack pli', 'ccm fir', 'goog-remb'].map((feedback) => `a=rtcp-fb:${vp8} ${feedback}`),
    ...(rtx === undefined ? [] : [`a=rtpmap:${rtx} rtx/90000`, `a=fmtp:${rtx} apt=${vp8}`]),
  ];
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\r\n`).join('');
}
