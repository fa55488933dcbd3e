import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { readLogLevel, readLogTags, readSettings } from './settings.ts';

const quiet = () => {};

describe('readSettings()', () => {
  it('has the defaults of object-model.md §3.1', () => {
    expect(readSettings(undefined, quiet)).toEqual({
      numWorkers: availableParallelism(),
      logLevel: 'debug',
      logTags: [],
      rtcIPv4: true,
      rtcIPv6: true,
      rtcAnnouncedIPv4: undefined,
      rtcAnnouncedIPv6: undefined,
      listenInfos: undefined,
      rtcMinPort: 10_000,
      rtcMaxPort: 59_999,
      certificateFiles: undefined,
      iceConsentTimeoutMs: 30_000,
    });
  });

  it.each([0, -1, 1.5, '2', null, Number.NaN])('takes the default for numWorkers %s', (numWorkers) => {
    expect(readSettings({ numWorkers }, quiet).numWorkers).toBe(availableParallelism());
  });

  it('takes the default for ports out of range', () => {
    const wrong = readSettings({ rtcMinPort: 1023, rtcMaxPort: 65_536 }, quiet);
    expect([wrong.rtcMinPort, wrong.rtcMaxPort]).toEqual([10_000, 59_999]);
    const right = readSettings({ rtcMinPort: 1024, rtcMaxPort: 65_535 }, quiet);
    expect([right.rtcMinPort, right.rtcMaxPort]).toEqual([1024, 65_535]);
  });

  it('reads log levels in any case and refuses others', () => {
    expect(readLogLevel('WaRn')).toBe('warn');
    for (const wrong of ['WRONG_VALUE', 'info', '', 7, null, undefined]) {
      expect(() => readLogLevel(wrong)).toThrow(TypeError);
    }
    expect(() => readSettings({ logLevel: 'chicken' }, quiet)).toThrow(TypeError);
  });

  it('drops unknown log tags and what is no array', () => {
    expect(readLogTags(['rtp', 'foo', 'ice', 3])).toEqual(['ice', 'rtp']);
    expect(readLogTags('ice')).toEqual([]);
  });

  it('turns a family off by false or an empty string, and then drops its announced address', () => {
    for (const off of [false, '']) {
      const settings = readSettings({ rtcIPv4: off, rtcAnnouncedIPv4: 'a.example' }, quiet);
      expect([settings.rtcIPv4, settings.rtcAnnouncedIPv4]).toEqual([false, undefined]);
    }
    expect(readSettings({ rtcAnnouncedIPv6: '' }, quiet).rtcAnnouncedIPv6).toBeUndefined();
    expect(readSettings({ rtcAnnouncedIPv6: 'b.example' }, quiet).rtcAnnouncedIPv6).toBe('b.example');
  });

  it('uses certificate files only if both are given', () => {
    expect(readSettings({ dtlsCertificateFile: 'a' }, quiet).certificateFiles).toBeUndefined();
    expect(readSettings({ dtlsPrivateKeyFile: 'b' }, quiet).certificateFiles).toBeUndefined();
    expect(
      readSettings({ dtlsCertificateFile: 'a', dtlsPrivateKeyFile: 'b' }, quiet).certificateFiles,
    ).toEqual({
      certificate: 'a',
      privateKey: 'b',
    });
  });

  it('keeps the consent timeout between 10 and 60 seconds, and 0', () => {
    const read = (iceConsentTimeout: unknown) =>
      readSettings({ iceConsentTimeout }, quiet).iceConsentTimeoutMs;
    expect([read(0), read(1), read(45), read(90), read('45')]).toEqual([0, 10_000, 45_000, 60_000, 30_000]);
  });

  it('warns of unknown keys and ignores them', () => {
    const warnings: string[] = [];
    const settings = readSettings({ numWorker: 2, numWorkers: 3 }, (message) => warnings.push(message));
    expect(settings.numWorkers).toBe(3);
    expect(warnings).toEqual(['ignoring the unknown option "numWorker"']);
  });

  it('checks listenInfos', () => {
    const read = (listenInfos: unknown) => readSettings({ webRtcServer: { listenInfos } }, quiet).listenInfos;
    expect(read([{ protocol: 'udp', ip: '127.0.0.1', port: 5000, foo: 1 }])).toEqual([
      { protocol: 'udp', ip: '127.0.0.1', port: 5000 },
    ]);
    expect(read([{ protocol: 'tcp', ip: '0.0.0.0', announcedAddress: 'a.example' }])).toEqual([
      { protocol: 'tcp', ip: '0.0.0.0', announcedAddress: 'a.example' },
    ]);
    const wrong = [
      undefined,
      [],
      [7],
      [{ protocol: 'sctp', ip: '127.0.0.1' }],
      [{ protocol: 'udp' }],
      [{ protocol: 'udp', ip: '0.0.0.0' }],
      [{ protocol: 'udp', ip: '127.0.0.1', port: 0 }],
      [{ protocol: 'udp', ip: '127.0.0.1', port: 65_536 }],
    ];
    for (const infos of wrong) expect(() => read(infos)).toThrow(TypeError);
  });
});
