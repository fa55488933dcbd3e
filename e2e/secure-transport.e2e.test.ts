import { createCertificate, createSecureEndpoint, type ExportedKeys } from '@weir/secure-transport';
import {
  EndpointDriver,
  hostAddress,
  launchChromium,
  launchFirefox,
  missingBrowser,
  openUdpSocket,
  realClock,
  TestSrtp,
} from '@weir/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

/** Browsers against ICE-lite and DTLS alone: raw RTCPeerConnection, an answer written by hand, one canvas. */
const ID = 'room/1';
const ICE = { usernameFragment: 'sfuufrag12345678', password: 'sfu-password-of-32-characters-00' };

interface Page {
  run<A, R>(script: (argument: A) => R | Promise<R>, argument: A): Promise<R>;
}

const browsers = {
  chromium: async () => {
    const browser = await launchChromium();
    const page = await browser.newPage();
    return {
      page: { run: (script, argument) => page.evaluate(script as never, argument) as never } as Page,
      close: () => browser.close(),
    };
  },
  firefox: async () => {
    const browser = await launchFirefox();
    const page = await browser.newPage();
    return {
      page: { run: (script, argument) => page.evaluate(script as never, argument as never) as never } as Page,
      close: () => browser.close(),
    };
  },
};

describe.each(['chromium', 'firefox'] as const)('%s', (name) => {
  const skip = missingBrowser(name) !== undefined;
  let page: Page;
  let close: (() => Promise<void>) | undefined;
  let driver: EndpointDriver;
  const certificate = createCertificate();
  const ip = name === 'firefox' ? hostAddress() : '127.0.0.1';

  beforeAll(async () => {
    if (!skip) ({ page, close } = await browsers[name]());
  });
  afterAll(async () => await close?.());
  afterEach(() => driver?.close());

  test.skipIf(skip).each([
    // A DTLS server chooses the profile, each after its own liking.
    ['active', 'client', /^AE/],
    ['passive', 'server', /^AEAD_AES_128_GCM$/],
  ] as const)(
    'we are DTLS %s (%s): states in order, its media can be read',
    async (setup, localRole, profile) => {
      driver = new EndpointDriver(createSecureEndpoint({ certificate }), await openUdpSocket(ip), realClock);
      const offer = await page.run(makeOffer, undefined);
      const fingerprint = /a=fingerprint:sha-256 (\S+)/.exec(offer)![1]!.replaceAll(':', '').toLowerCase();
      driver.act((endpoint, now) =>
        endpoint.put(
          ID,
          { ice: ICE, dtls: { localRole, remoteFingerprint: { algorithm: 'sha-256', value: fingerprint } } },
          now,
        ),
      );
      const media = countMedia(driver);
      await page.run(
        applyAnswer,
        answerTo(offer, setup, certificate.fingerprints[2]!.value, driver.socket.address),
      );
      await until(() => media.rtp > 20 && media.rtcp > 0);
      const states = driver.states(ID);
      expect(states.filter((state) => state.startsWith('ice'))).toEqual(
        states.includes('ice connected') ? ['ice connected', 'ice completed'] : ['ice completed'],
      );
      expect(states.filter((state) => state.startsWith('dtls'))).toEqual([
        'dtls connecting',
        'dtls connected',
      ]);
      expect(media.unreadable).toBe(0);
      expect(media.profile).toMatch(profile);
      expect(await page.run(connectionState, undefined)).toBe('connected');

      await page.run(closeConnection, undefined);
      await until(() => driver.states(ID).includes('dtls closed'));
    },
  );

  test.skipIf(skip)('our close_notify reaches it', async () => {
    driver = new EndpointDriver(createSecureEndpoint({ certificate }), await openUdpSocket(ip), realClock);
    const offer = await page.run(makeOffer, undefined);
    const value = /a=fingerprint:sha-256 (\S+)/.exec(offer)![1]!.replaceAll(':', '').toLowerCase();
    const dtls = { localRole: 'server', remoteFingerprint: { algorithm: 'sha-256', value } } as const;
    driver.act((endpoint, now) => endpoint.put(ID, { ice: ICE, dtls }, now));
    await page.run(
      applyAnswer,
      answerTo(offer, 'passive', certificate.fingerprints[2]!.value, driver.socket.address),
    );
    await until(() => driver.states(ID).includes('dtls connected'));
    driver.act((endpoint, now) => endpoint.remove(ID, now));
    await until(async () => ['closed', 'failed'].includes(await page.run(dtlsState, undefined)));
  });

  test.skipIf(skip)('an answer with another fingerprint than ours: it refuses us', async () => {
    driver = new EndpointDriver(createSecureEndpoint({ certificate }), await openUdpSocket(ip), realClock);
    const offer = await page.run(makeOffer, undefined);
    const value = /a=fingerprint:sha-256 (\S+)/.exec(offer)![1]!.replaceAll(':', '').toLowerCase();
    const dtls = { localRole: 'server', remoteFingerprint: { algorithm: 'sha-256', value } } as const;
    driver.act((endpoint, now) => endpoint.put(ID, { ice: ICE, dtls }, now));
    const other = createCertificate().fingerprints[2]!.value;
    await page.run(applyAnswer, answerTo(offer, 'passive', other, driver.socket.address));
    await until(() => driver.states(ID).some((state) => state === 'dtls failed' || state === 'dtls closed'));
  });
});

interface Media {
  rtp: number;
  rtcp: number;
  unreadable: number;
  profile: ExportedKeys['profile'] | undefined;
}

function countMedia(driver: EndpointDriver): Media {
  const media: Media = { rtp: 0, rtcp: 0, unreadable: 0, profile: undefined };
  let srtp: TestSrtp | undefined;
  driver.onOutput = (output) => {
    if (output.type !== 'dtls' || !output.keys) return;
    media.profile = output.keys.profile;
    srtp = new TestSrtp(output.keys);
  };
  driver.onMedia = (data) => {
    if (!srtp) return;
    const isRtcp = data[1]! >= 192 && data[1]! <= 223;
    const packet = isRtcp ? srtp.unprotectRtcp(data) : srtp.unprotectRtp(data);
    if (!packet) media.unreadable++;
    else if (isRtcp) media.rtcp++;
    else media.rtp++;
  };
  return media;
}

/** In the page: a connection that sends a moving canvas; returns its offer. */
async function makeOffer(): Promise<string> {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 64;
  const context = canvas.getContext('2d')!;
  setInterval(() => {
    context.fillStyle = `hsl(${Date.now() % 360} 80% 50%)`;
    context.fillRect(0, 0, 64, 64);
  }, 30);
  const connection = new RTCPeerConnection();
  (globalThis as unknown as { connection: RTCPeerConnection }).connection = connection;
  connection.addTransceiver(canvas.captureStream(30).getVideoTracks()[0]!, { direction: 'sendonly' });
  await connection.setLocalDescription(await connection.createOffer());
  return connection.localDescription!.sdp;
}

async function applyAnswer(sdp: string): Promise<void> {
  const { connection } = globalThis as unknown as { connection: RTCPeerConnection };
  await connection.setRemoteDescription({ type: 'answer', sdp });
}

function connectionState(): string {
  return (globalThis as unknown as { connection: RTCPeerConnection }).connection.connectionState;
}

function dtlsState(): string {
  const { connection } = globalThis as unknown as { connection: RTCPeerConnection };
  return connection.getSenders()[0]?.transport?.state ?? connection.connectionState;
}

function closeConnection(): void {
  (globalThis as unknown as { connection: RTCPeerConnection }).connection.close();
}

function answerTo(
  offer: string,
  setup: 'active' | 'passive',
  fingerprint: string,
  { ip, port }: { ip: string; port: number },
): string {
  const media = offer.slice(offer.indexOf('m='));
  const mid = /a=mid:(\S+)/.exec(media)![1];
  const vp8 = /a=rtpmap:(\d+) VP8\/90000/.exec(media)![1];
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=ice-lite',
    `a=group:BUNDLE ${mid}`,
    `m=video 9 UDP/TLS/RTP/SAVPF ${vp8}`,
    'c=IN IP4 0.0.0.0',
    `a=mid:${mid}`,
    'a=recvonly',
    `a=rtpmap:${vp8} VP8/90000`,
    'a=rtcp-mux',
    'a=rtcp:9 IN IP4 0.0.0.0',
    `a=ice-ufrag:${ICE.usernameFragment}`,
    `a=ice-pwd:${ICE.password}`,
    'a=ice-options:renomination',
    `a=fingerprint:sha-256 ${fingerprint.match(/../g)!.join(':').toUpperCase()}`,
    `a=setup:${setup}`,
    `a=candidate:udpcandidate 1 udp 1078862079 ${ip} ${port} typ host`,
    'a=end-of-candidates',
    '',
  ].join('\r\n');
}

/** The test's own time limit bounds it. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
