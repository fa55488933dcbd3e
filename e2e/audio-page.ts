import type { Tab } from './tab.ts';

/** Scripts that run in the page of plain-page.ts. */

interface Tone {
  readonly gain: GainNode;
}

declare global {
  interface Window {
    tones: Tone[];
    raw: RTCPeerConnection;
  }
}

/** Publishes so many tones of different height, silent at first; answers ids of the tracks in their order. */
export function publishTones(tab: Tab, count: number): Promise<void> {
  return tab.run(async (tones) => {
    const context = new AudioContext();
    await context.resume();
    window.tones = [];
    for (let i = 0; i < tones; i++) {
      const oscillator = context.createOscillator();
      oscillator.frequency.value = 300 + 200 * i;
      const gain = context.createGain();
      gain.gain.value = 0;
      const out = context.createMediaStreamDestination();
      oscillator.connect(gain).connect(out);
      oscillator.start();
      window.tones.push({ gain });
      const [track] = out.stream.getAudioTracks();
      await window.session.sending.produce({ track, appData: { tone: i } });
    }
  }, count);
}

export function setGain(tab: Tab, tone: number, gain: number): Promise<void> {
  return tab.run(
    (given) => {
      window.tones[given.tone]!.gain.gain.value = given.gain;
    },
    { tone, gain },
  );
}

export interface RedOptions {
  /** Of the API, up to the peer. */
  readonly url: string;
  readonly token: string;
}

/**
 * Publishes a tone over an RTCPeerConnection of its own, without mediasoup-client: RED before Opus, with DTX off.
 * Answers the payload types that the browser sends with.
 */
export function publishRed(tab: Tab, options: RedOptions): Promise<{ opus: number; red: number }> {
  return tab.run(async ({ url, token }) => {
    const call = async (method: string, path: string, body?: object) => {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      return text ? JSON.parse(text) : undefined;
    };
    const context = new AudioContext();
    await context.resume();
    const oscillator = context.createOscillator();
    const out = context.createMediaStreamDestination();
    oscillator.connect(out);
    oscillator.start();

    const pc = new RTCPeerConnection();
    window.raw = pc;
    const [track] = out.stream.getAudioTracks();
    const transceiver = pc.addTransceiver(track!, { direction: 'sendonly' });
    const { codecs } = RTCRtpSender.getCapabilities('audio')!;
    const named = (name: string) =>
      codecs.filter(({ mimeType }) => mimeType.toLowerCase() === `audio/${name}`);
    transceiver.setCodecPreferences([...named('red'), ...named('opus')]);
    await pc.setLocalDescription(await pc.createOffer());
    const sdp = pc.localDescription!.sdp;
    const find = (pattern: RegExp) => pattern.exec(sdp)![1]!;
    const red = Number(find(/a=rtpmap:(\d+) red\/48000/));
    const opus = Number(find(/a=rtpmap:(\d+) opus\/48000/));
    const level = Number(find(/a=extmap:(\d+) urn:ietf:params:rtp-hdrext:ssrc-audio-level/));
    const view = await call('POST', '/transports', { direction: 'send' });
    const [fingerprint] = view.dtlsParameters.fingerprints;
    await call('PUT', `/transports/${view.id}/dtls`, {
      dtlsParameters: {
        role: 'client',
        fingerprints: [{ algorithm: 'sha-256', value: find(/a=fingerprint:sha-256 (\S+)/) }],
      },
    });
    await call('POST', '/receivers', {
      kind: 'audio',
      transportId: view.id,
      rtpParameters: {
        mid: find(/a=mid:(\S+)/),
        codecs: [
          {
            mimeType: 'audio/red',
            payloadType: red,
            clockRate: 48000,
            channels: 2,
            parameters: { '': `${opus}/${opus}` },
          },
          {
            mimeType: 'audio/opus',
            payloadType: opus,
            clockRate: 48000,
            channels: 2,
            parameters: { useinbandfec: 1 },
          },
        ],
        headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', id: level }],
        encodings: [{ ssrc: Number(find(/a=ssrc:(\d+) cname/)) }],
      },
    });
    const candidates = view.iceCandidates
      .filter(({ protocol }: { protocol: string }) => protocol === 'udp')
      .map(
        (c: { foundation: string; priority: number; ip: string; port: number }) =>
          `a=candidate:${c.foundation} 1 udp ${c.priority} ${c.ip} ${c.port} typ host`,
      );
    await pc.setRemoteDescription({
      type: 'answer',
      sdp: [
        'v=0',
        'o=- 1 1 IN IP4 127.0.0.1',
        's=-',
        't=0 0',
        'a=ice-lite',
        `a=group:BUNDLE ${find(/a=mid:(\S+)/)}`,
        `m=audio 9 UDP/TLS/RTP/SAVPF ${red} ${opus}`,
        'c=IN IP4 0.0.0.0',
        `a=mid:${find(/a=mid:(\S+)/)}`,
        `a=ice-ufrag:${view.iceParameters.usernameFragment}`,
        `a=ice-pwd:${view.iceParameters.password}`,
        `a=fingerprint:${fingerprint.algorithm} ${fingerprint.value}`,
        'a=setup:passive',
        ...candidates,
        'a=end-of-candidates',
        `a=rtpmap:${red} red/48000/2`,
        `a=fmtp:${red} ${opus}/${opus}`,
        `a=rtpmap:${opus} opus/48000/2`,
        `a=fmtp:${opus} minptime=10;useinbandfec=1`,
        `a=extmap:${level} urn:ietf:params:rtp-hdrext:ssrc-audio-level`,
        'a=rtcp-mux',
        'a=recvonly',
        '',
      ].join('\r\n'),
    });
    return { opus, red };
  }, options);
}

export interface Heard {
  readonly mimeType: string;
  readonly track: string;
  readonly packets: number;
  readonly lost: number;
  /** Redundant frames that came and were not needed, as what they repeat had come. */
  readonly redundant: number;
  readonly energy: number;
  readonly samples: number;
  readonly concealed: number;
  /** Concealed without an audible sound, while nothing came. */
  readonly silentConcealed: number;
  readonly accelerated: number;
  /** Mean time in the jitter buffer, seconds. */
  readonly bufferSeconds: number;
}

/** What the browser hears, per stream, in the order of their MIDs; streams without a packet so far are all zero. */
export function heard(tab: Tab): Promise<Heard[]> {
  return tab.run(async () => {
    const stats = await window.session.receiving.getStats();
    const all = [...stats.values()];
    const inbound = all.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
    return Object.keys(window.played)
      .map((_, mid) => inbound.find((one) => one.mid === String(mid)) ?? {})
      .map((one) => ({
        mimeType: String(all.find(({ id }) => id === one.codecId)?.mimeType ?? ''),
        track: String(one.trackIdentifier),
        packets: Number(one.packetsReceived ?? 0),
        lost: Number(one.packetsLost ?? 0),
        // Chromium's jitter buffer drops what it has already; `fecPacketsReceived` counts another kind.
        redundant: Number(one.packetsDiscarded ?? 0),
        energy: Number(one.totalAudioEnergy ?? 0),
        samples: Number(one.totalSamplesReceived ?? 0),
        concealed: Number(one.concealedSamples ?? 0),
        silentConcealed: Number(one.silentConcealedSamples ?? 0),
        accelerated: Number(one.removedSamplesForAcceleration ?? 0),
        bufferSeconds:
          Number(one.jitterBufferDelay ?? 0) / Math.max(1, Number(one.jitterBufferEmittedCount ?? 0)),
      }));
  }, undefined);
}
