import { describe, expect, it } from 'vitest';
import { errors } from '../src/index.ts';
import { startPeer, startRoom } from './fixtures.ts';

const alice = async () => startPeer(await startRoom(), 'alice');

describe('object-model.md §14.4, Peer', () => {
  it('P1 peer.createTransport() with no options must succeed', async () => {
    const peer = await alice();
    expect(peer.name).toBe('alice');
    await peer.createTransport();
    const dump = await peer.dump();
    expect(Object.keys(dump.transports)).toHaveLength(1);
  });

  it('P2 peer.createTransport() with no udp nor tcp must fail', async () => {
    const peer = await alice();
    await expect(peer.createTransport({ udp: false, tcp: false })).rejects.toThrow(
      'could not open any IP:port',
    );
    expect(peer.transports).toEqual([]);
  });

  it('P3 peer.RtpReceiver() with valid transport must succeed', async () => {
    const peer = await alice();
    const transport = await peer.createTransport({ tcp: false });
    const rtpReceiver = peer.RtpReceiver('audio', transport);
    expect(rtpReceiver.transport).toBe(transport);
    const dump = await peer.dump();
    expect(Object.keys(dump.rtpReceivers)).toHaveLength(1);
    expect(peer.rtpReceivers[0]).toBe(rtpReceiver);
  });

  it('P4 peer.RtpReceiver() with a closed transport must fail', async () => {
    const peer = await alice();
    const transport = await peer.createTransport({ tcp: false });
    transport.close();
    expect(() => peer.RtpReceiver('audio', transport)).toThrow(errors.InvalidStateError);
  });

  it('P5 peer.RtpReceiver() with invalid kind must fail', async () => {
    const peer = await alice();
    const transport = await peer.createTransport({ tcp: false });
    expect(() => peer.RtpReceiver('chicken' as 'audio', transport)).toThrow(TypeError);
  });
});
