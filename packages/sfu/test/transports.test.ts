import { beforeEach, describe, expect, it } from 'vitest';
import {
  errors,
  type Peer,
  type RemoteDtlsParameters,
  type Room,
  type TransportOptions,
} from '../src/index.ts';
import { next, record, settled, startRoom, startServer } from './fixtures.ts';

let room: Room;
let alice: Peer;

beforeEach(async () => {
  room = await startRoom();
  alice = room.Peer('alice');
});

const sha256 = 'ab'.repeat(32);
const parameters: RemoteDtlsParameters = {
  role: 'client',
  fingerprint: { algorithm: 'sha-256', value: sha256 },
};

describe('peer.createTransport()', () => {
  it('starts in the states of 6.3', async () => {
    const transport = await alice.createTransport();
    expect(transport).toMatchObject({
      closed: false,
      iceRole: 'controlled',
      iceState: 'new',
      dtlsState: 'new',
      maxIncomingBitrate: 0,
    });
    expect([transport.iceSelectedTuple, transport.dtlsRemoteCert]).toEqual([undefined, undefined]);
    expect(transport.iceLocalParameters.usernameFragment).toMatch(/^[0-9a-z]{16}$/);
    expect(transport.iceLocalParameters.password).toMatch(/^.{32}$/);
    expect(transport.dtlsLocalParameters.role).toBe('auto');
    const lengths = Object.entries(transport.dtlsLocalParameters.fingerprints).map(([name, value]) => {
      expect(value).toMatch(/^[0-9a-f]+$/);
      return [name, value.length];
    });
    expect(lengths).toEqual([
      ['sha-1', 40],
      ['sha-224', 56],
      ['sha-256', 64],
      ['sha-384', 96],
      ['sha-512', 128],
    ]);
  });

  it('needs no capabilities, and has ICE parameters of its own', async () => {
    const [first, second] = await Promise.all([alice.createTransport(), alice.createTransport()]);
    expect(alice.capabilities).toBeUndefined();
    expect(first.iceLocalParameters).not.toEqual(second.iceLocalParameters);
    // One port per worker; transports are told apart by their usernameFragment.
    expect(first.iceLocalCandidates).toEqual(second.iceLocalCandidates);
  });

  it.each<[string, TransportOptions, number[]]>([
    ['no preference', {}, [1078862079, 1078862079]],
    ['family', { preferIPv4: true }, [1081422079, 1081422079]],
    ['the other family', { preferIPv6: true }, [1078862079, 1078862079]],
    ['protocol', { preferUdp: true }, [1080142079, 1078862079]],
    ['both', { preferIPv4: true, preferTcp: true }, [1081422079, 1082702079]],
    [
      'values that are not boolean',
      { udp: 0, preferUdp: 1 } as unknown as TransportOptions,
      [1078862079, 1078862079],
    ],
  ])('has the candidates of 6.1 with %s', async (_what, options, priorities) => {
    const { iceLocalCandidates } = await alice.createTransport(options);
    expect(iceLocalCandidates).toEqual([
      {
        foundation: 'udpcandidate',
        priority: priorities[0],
        ip: '127.0.0.1',
        port: expect.any(Number),
        protocol: 'udp',
        type: 'host',
        family: 'ipv4',
      },
      {
        foundation: 'tcpcandidate',
        priority: priorities[1],
        ip: '127.0.0.1',
        port: expect.any(Number),
        protocol: 'tcp',
        type: 'host',
        tcpType: 'passive',
        family: 'ipv4',
      },
    ]);
  });

  it('lists UDP before TCP and IPv4 before IPv6', async () => {
    const both = await startServer({ rtcIPv4: '127.0.0.1', rtcIPv6: '::1' }).createRoom();
    const { iceLocalCandidates } = await both.Peer('bob').createTransport();
    expect(iceLocalCandidates.map(({ protocol, family, ip }) => [protocol, family, ip])).toEqual([
      ['udp', 'ipv4', '127.0.0.1'],
      ['udp', 'ipv6', '::1'],
      ['tcp', 'ipv4', '127.0.0.1'],
      ['tcp', 'ipv6', '::1'],
    ]);
    const udp6 = await both.Peer('carol').createTransport({ tcp: false, preferIPv6: true });
    expect(udp6.iceLocalCandidates.map(({ priority }) => priority)).toEqual([1078862079, 1081422079]);
  });

  it('refuses appData and bitrates that are none', async () => {
    const wrong = [{ appData: 7 }, { initialAvailableOutgoingBitrate: -1 }] as unknown as TransportOptions[];
    for (const options of wrong)
      await expect(alice.createTransport(options)).rejects.toBeInstanceOf(TypeError);
    expect(alice.transports).toEqual([]);
    const { appData } = await alice.createTransport({
      appData: { a: 1 },
      initialAvailableOutgoingBitrate: 1,
    });
    expect(appData).toEqual({ a: 1 });
  });
});

describe('transport.setRemoteDtlsParameters()', () => {
  it('makes us server of a client (6.4)', async () => {
    const transport = await alice.createTransport();
    expect(await transport.setRemoteDtlsParameters(parameters)).toBe(transport);
    expect(transport.dtlsLocalParameters.role).toBe('server');
  });

  it('only a success locks (D-16)', async () => {
    const transport = await alice.createTransport();
    const wrong = [
      undefined,
      {},
      { fingerprint: {} },
      { fingerprint: { algorithm: 'sha-256' } },
      { fingerprint: { algorithm: 'md5', value: sha256 } },
      { fingerprint: { algorithm: 'SHA-256', value: sha256 } },
      { fingerprint: { algorithm: 'sha-256', value: 'abcd' } },
      { fingerprint: { algorithm: 'sha-256', value: 'zz'.repeat(32) } },
      { ...parameters, role: 'Client' },
    ];
    for (const each of wrong) {
      await expect(transport.setRemoteDtlsParameters(each as RemoteDtlsParameters)).rejects.toBeInstanceOf(
        Error,
      );
      expect(transport.dtlsLocalParameters.role).toBe('auto');
    }
    await transport.setRemoteDtlsParameters(parameters);
    await expect(transport.setRemoteDtlsParameters(parameters)).rejects.toThrow('method already called');
  });

  it('takes the fingerprint in SDP form (D-17)', async () => {
    const transport = await alice.createTransport();
    const value = sha256.toUpperCase().match(/../g)!.join(':');
    await transport.setRemoteDtlsParameters({ fingerprint: { algorithm: 'sha-256', value } });
    expect(transport.dtlsLocalParameters.role).toBe('client');
  });
});

describe('transport.setMaxBitrate()', () => {
  it('0 removes the limit, 1 to 9999 mean 10000 (D-14)', async () => {
    const transport = await alice.createTransport();
    const set = async (bitrate: number) => {
      expect(await transport.setMaxBitrate(bitrate)).toBe(transport);
      const { maxBitrate } = await transport.dump();
      expect(maxBitrate).toBe(transport.maxIncomingBitrate);
      return maxBitrate;
    };
    expect([await set(500_000), await set(1), await set(9999), await set(10_000), await set(0)]).toEqual([
      500_000, 10_000, 10_000, 10_000, 0,
    ]);
  });

  it('refuses what is no unsigned integer', async () => {
    const transport = await alice.createTransport();
    await transport.setMaxBitrate(500_000);
    for (const wrong of [-1, 1.5, '1000', null, undefined, Number.NaN, {}]) {
      await expect(transport.setMaxBitrate(wrong as number)).rejects.toBeInstanceOf(Error);
    }
    expect(transport.maxIncomingBitrate).toBe(500_000);
  });

  it('has relatives for what goes out', async () => {
    const transport = await alice.createTransport();
    await transport.setMaxIncomingBitrate(100_000);
    await transport.setMaxOutgoingBitrate(900_000);
    await transport.setMinOutgoingBitrate(50_000);
    const shown = [transport.maxIncomingBitrate, transport.maxOutgoingBitrate, transport.minOutgoingBitrate];
    expect(shown).toEqual([100_000, 900_000, 50_000]);
    await expect(transport.setMinOutgoingBitrate(1_000_000)).rejects.toBeInstanceOf(Error);
    for (const wrong of [-1, undefined]) {
      await expect(transport.setMaxOutgoingBitrate(wrong as number)).rejects.toBeInstanceOf(Error);
      await expect(transport.setMinOutgoingBitrate(wrong as number)).rejects.toBeInstanceOf(Error);
    }
  });
});

describe('transport.changeUfragPwd()', () => {
  it('replaces iceLocalParameters and nothing else, without an event (6.4)', async () => {
    const transport = await alice.createTransport();
    await transport.setRemoteDtlsParameters(parameters);
    const log: string[] = [];
    record(log, '', transport, ['icestatechange', 'dtlsstatechange', 'iceselectedtuplechange', 'close']);
    const before = transport.iceLocalParameters;
    const { dtlsLocalParameters, iceLocalCandidates } = transport;
    expect(await transport.changeUfragPwd()).toBe(transport);
    expect(transport.iceLocalParameters.usernameFragment).not.toBe(before.usernameFragment);
    expect(transport.iceLocalParameters.password).not.toBe(before.password);
    expect(transport.iceLocalParameters.usernameFragment).toMatch(/^[0-9a-z]{16}$/);
    expect([transport.dtlsLocalParameters, transport.iceLocalCandidates]).toEqual([
      dtlsLocalParameters,
      iceLocalCandidates,
    ]);
    expect((await transport.dump()).iceLocalParameters).toEqual(transport.iceLocalParameters);
    expect(log).toEqual([]);
  });
});

describe('a closed Transport', () => {
  it('rejects every method with InvalidStateError', async () => {
    const transport = await alice.createTransport();
    const log: string[] = [];
    record(log, '', transport, ['icestatechange', 'dtlsstatechange', 'close']);
    const queued = transport.setMaxBitrate(1000);
    transport.close();
    await expect(queued).rejects.toBeInstanceOf(errors.InvalidStateError);
    const calls = [
      transport.setRemoteDtlsParameters(parameters),
      transport.setMaxBitrate(0),
      transport.setMaxIncomingBitrate(0),
      transport.setMaxOutgoingBitrate(0),
      transport.setMinOutgoingBitrate(0),
      transport.changeUfragPwd(),
      transport.dump(),
      transport.getStats(),
    ];
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(errors.InvalidStateError);
    await settled();
    expect(log).toEqual([' close']);
    expect(transport.iceLocalCandidates).toHaveLength(2);
  });
});

describe('peer.createPlainTransport()', () => {
  it("tells our address and takes the endpoint's", async () => {
    const announced = next(alice, 'newtransport');
    const transport = await alice.createPlainTransport();
    expect(await announced).toEqual([transport]);
    expect(alice.transports).toEqual([transport]);
    expect(transport).toMatchObject({
      rtcpMux: true,
      comedia: false,
      iceState: 'new',
      iceLocalCandidates: [],
    });
    const { localPort } = transport.tuple;
    expect(transport.tuple).toEqual({ localIP: '127.0.0.1', localPort, protocol: 'udp' });
    const heard = next(transport, 'tuple');
    expect(await transport.connect({ ip: '127.0.0.1', port: 4444 })).toBe(transport);
    const tuple = {
      localIP: '127.0.0.1',
      localPort,
      remoteIP: '127.0.0.1',
      remotePort: 4444,
      protocol: 'udp',
    };
    expect(await heard).toEqual([tuple]);
    expect(transport.tuple).toEqual(tuple);
    await expect(transport.connect({ ip: '127.0.0.1', port: 4445 })).rejects.toBeInstanceOf(Error);
    await expect(transport.setRemoteDtlsParameters(parameters)).rejects.toBeInstanceOf(Error);
  });

  it('refuses impossible addresses, and connect() with comedia', async () => {
    const transport = await alice.createPlainTransport({ rtcpMux: false });
    const wrong = [
      undefined,
      { ip: 'chicken', port: 1, rtcpPort: 2 },
      { ip: '127.0.0.1', port: 0, rtcpPort: 2 },
      { ip: '127.0.0.1', port: 70_000, rtcpPort: 2 },
      { ip: '127.0.0.1', port: 4444 },
    ];
    for (const remote of wrong) {
      await expect(transport.connect(remote as { ip: string; port: number })).rejects.toBeInstanceOf(
        TypeError,
      );
    }
    await transport.connect({ ip: '127.0.0.1', port: 4444, rtcpPort: 4445 });
    const muxed = await alice.createPlainTransport();
    await expect(muxed.connect({ ip: '127.0.0.1', port: 1, rtcpPort: 2 })).rejects.toBeInstanceOf(TypeError);
    const comedia = await alice.createPlainTransport({ comedia: true });
    await expect(comedia.connect({ ip: '127.0.0.1', port: 4444 })).rejects.toThrow('comedia');
  });
});
