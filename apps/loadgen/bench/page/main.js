// Runs in Chromium. What a page does with nothing but the plain client, with the time of each step.
import { joinRoom } from '../../../../docs/examples/plain-client.js';

/** Times of the newest peer connections' states, in milliseconds of this page's clock. */
const reached = [];

window.RTCPeerConnection = class extends window.RTCPeerConnection {
  constructor(...given) {
    super(...given);
    const times = { connection: this };
    reached.push(times);
    this.addEventListener('iceconnectionstatechange', () => {
      times[`ice ${this.iceConnectionState}`] ??= performance.now();
    });
    this.addEventListener('connectionstatechange', () => {
      times[this.connectionState] ??= performance.now();
    });
  }
};

/** Joins with camera and microphone; stays. */
export async function publish(given) {
  const video = { width: 640, height: 480, frameRate: 30 };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video });
  await joinRoom({ ...given, stream, onTrack: () => undefined });
}

/** Joins and plays; answers the length of each phase once a first frame was decoded and shown, and leaves. */
export async function join(given) {
  const shown = Promise.withResolvers();
  let unmutedAt = 0;
  const startedAt = performance.now();
  const session = await joinRoom({
    ...given,
    onTrack(track) {
      if (track.kind !== 'video') return;
      if (track.muted) {
        track.addEventListener('unmute', () => {
          unmutedAt = performance.now();
        });
      } else unmutedAt = performance.now();
      const video = document.createElement('video');
      video.muted = true;
      video.srcObject = new MediaStream([track]);
      video.requestVideoFrameCallback(() => shown.resolve(performance.now()));
      document.body.append(video);
      video.play().catch(shown.reject);
    },
  });
  setTimeout(() => shown.reject(new Error('no frame within 15 s')), 15_000);
  const shownAt = await shown.promise;
  const receiving = reached.find(({ connected }) => connected !== undefined);
  const phases = {
    http: receiving['ice checking'] - startedAt,
    ice: receiving['ice connected'] - receiving['ice checking'],
    dtls: receiving.connected - receiving['ice connected'],
    firstPacket: unmutedAt - receiving.connected,
    firstFrame: shownAt - unmutedAt,
    total: shownAt - startedAt,
  };
  await session.leave();
  return phases;
}
