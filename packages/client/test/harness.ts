import { FakeMediaStreamTrack } from 'fake-mediastreamtrack';
import { Device, FakeHandler, testFakeParameters, type types } from 'mediasoup-client';
import { vi } from 'vitest';
import type { JoinOptions, Session } from '../src/index.ts';
import { Weir } from '../src/index.ts';
import type { FakeWeir } from './fake-weir.ts';

/** A browser without a browser: mediasoup-client's own FakeHandler. */
export function createDevice(): Promise<Device> {
  return Promise.resolve(
    new Device({
      handlerFactory: FakeHandler.createFactory({
        generateNativeRtpCapabilities: testFakeParameters.generateNativeRtpCapabilities,
        generateLocalDtlsParameters: testFakeParameters.generateLocalDtlsParameters,
      }),
    }),
  );
}

/** Devices remember their transports here, so that a test can break them. */
export class Radio {
  readonly transports: types.Transport[] = [];
  readonly #changes: ((transport: types.Transport) => void)[] = [];

  readonly createDevice = async (): Promise<Device> => {
    const device = await createDevice();
    device.observer.on('newtransport', (transport) => {
      this.transports.push(transport);
      for (const change of this.#changes) change(transport);
    });
    return device;
  };

  /** Changes every transport there is and will be. */
  onTransport(change: (transport: types.Transport) => void): void {
    this.transports.forEach(change);
    this.#changes.push(change);
  }

  /** The present transport of a direction. */
  get(direction: 'send' | 'recv'): types.Transport {
    const transport = this.transports.findLast((each) => each.direction === direction && !each.closed);
    if (!transport) throw new Error(`no open ${direction} transport`);
    return transport;
  }

  setState(direction: 'send' | 'recv', state: types.ConnectionState): void {
    (this.get(direction).handler as FakeHandler).setConnectionState(state);
  }
}

export interface Joined {
  session: Session;
  radio: Radio;
  /** Everything the session told, as short lines. */
  told: string[];
}

export async function enter(server: FakeWeir, options: Partial<JoinOptions> = {}): Promise<Joined> {
  const radio = new Radio();
  const session = await Weir.join({
    url: 'https://weir.test',
    room: 'demo',
    token: 'secret',
    name: 'Ada',
    fetch: server.fetch,
    createDevice: radio.createDevice,
    random: () => 0.5,
    ...options,
  });
  const told: string[] = [];
  session.on('connectionstate', (info) => told.push(info.state));
  session.on('peerjoined', (peer) => told.push(`peerjoined ${peer.name}`));
  session.on('peerleft', (peer) => told.push(`peerleft ${peer.name}`));
  session.on('trackadded', (track) => told.push(`trackadded ${track.peer.name} ${track.kind}`));
  session.on('trackremoved', (track) => told.push(`trackremoved ${track.peer.name} ${track.kind}`));
  session.on('trackpaused', (track) => told.push(`trackpaused ${track.peer.name}`));
  session.on('trackresumed', (track) => told.push(`trackresumed ${track.peer.name}`));
  session.on('subscribed', (subscription) => told.push(`subscribed ${subscription.remote.peer.name}`));
  session.on('trackchanged', (subscription) => told.push(`trackchanged ${subscription.remote.peer.name}`));
  session.on('unsubscribed', (subscription) => told.push(`unsubscribed ${subscription.remote.peer.name}`));
  session.on('publicationclosed', (publication) => told.push(`publicationclosed ${publication.kind}`));
  session.on('problem', (error) => told.push(`problem ${error.code}`));
  return { session, radio, told };
}

export function fakeTrack(kind: 'audio' | 'video', width = 1280): MediaStreamTrack {
  return new FakeMediaStreamTrack({ kind, settings: { width } });
}

/** Lets virtual time pass, and everything that hangs on it happen. */
export function pass(ms: number): Promise<unknown> {
  return vi.advanceTimersByTimeAsync(ms);
}

/**
 * Consumers count: packets come on every transport that existed at first, and go on; on later ones what the
 * answer's `set()` says.
 */
export function countPictures(radio: Radio): Map<types.Transport, number> {
  const counts = new Map<types.Transport, number>();
  const first = new Set(radio.transports);
  let packets = 0;
  radio.onTransport((transport) => {
    (transport.handler as FakeHandler).getReceiverStats = async () => {
      const seen = first.has(transport) ? ++packets : (counts.get(transport) ?? 0);
      const entry = { type: 'inbound-rtp', packetsReceived: seen, framesDecoded: seen };
      return new Map([['inbound', entry]]) as unknown as RTCStatsReport;
    };
  });
  return counts;
}

/** Numbers m-sections from 0 on each transport, as browsers do; FakeHandler draws them. */
export function numberMids(radio: Radio): void {
  radio.onTransport((transport) => {
    const handler = transport.handler as FakeHandler;
    const send = handler.send.bind(handler);
    let next = 0;
    handler.send = async (options) => {
      const result = await send(options);
      result.rtpParameters.mid = String(next++);
      return result;
    };
  });
}

/**
 * Makes the browser refuse some consumers, as it does with parameters it dislikes: what mediasoup-client
 * negotiates together with one of them fails, and so does everything afterwards on the same transport.
 */
export function refuseConsumers(radio: Radio, guilty: (options: { trackId: string }) => boolean): void {
  radio.onTransport((transport) => {
    const handler = transport.handler as FakeHandler;
    const receive = handler.receive.bind(handler);
    let poisoned = false;
    handler.receive = async (list) => {
      poisoned ||= list.some(guilty);
      if (poisoned) throw new DOMException('Failed to parse SessionDescription', 'OperationError');
      return receive(list);
    };
  });
}

/** Encodings of a browser's sender, with the rule that parameters are only taken as they were read last. */
export class FakeRtpSender {
  /** Times that parameters were set. */
  sets = 0;
  refuses = false;
  #encodings: { rid?: string; active: boolean }[];
  #last: object | undefined;

  constructor(rids: readonly (string | undefined)[]) {
    this.#encodings = rids.map((rid) => ({ ...(rid !== undefined && { rid }), active: true }));
  }

  get active(): Record<string, boolean> {
    return Object.fromEntries(this.#encodings.map(({ rid, active }) => [rid ?? '', active]));
  }

  getParameters(): RTCRtpSendParameters {
    const parameters = { encodings: structuredClone(this.#encodings) } as unknown as RTCRtpSendParameters;
    this.#last = parameters;
    return parameters;
  }

  async setParameters(parameters: RTCRtpSendParameters): Promise<void> {
    if (this.refuses) throw new DOMException('not now', 'OperationError');
    if (parameters !== this.#last) throw new DOMException('read them first', 'InvalidModificationError');
    this.#last = undefined;
    this.sets++;
    this.#encodings = structuredClone(parameters.encodings) as { active: boolean }[];
  }
}

/** Gives producers senders, as browsers do; answers those made so far. */
export function giveRtpSenders(radio: Radio): FakeRtpSender[] {
  const senders: FakeRtpSender[] = [];
  radio.onTransport((transport) => {
    const handler = transport.handler as FakeHandler;
    const send = handler.send.bind(handler);
    handler.send = async (options) => {
      const result = await send(options);
      const rids = options.encodings?.map((_, i) => `r${i}`) ?? [];
      if (rids.length > 1) result.rtpParameters.encodings = rids.map((rid) => ({ rid }));
      const sender = new FakeRtpSender(rids);
      senders.push(sender);
      return { ...result, rtpSender: sender as unknown as RTCRtpSender };
    };
  });
  return senders;
}
