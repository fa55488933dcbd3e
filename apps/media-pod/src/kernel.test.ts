import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { parsePairs, parseSnmp, parseSocketDrops, readKernelCounters } from './kernel.ts';
import { ratesBetween } from './load.ts';

describe('kernel counters', () => {
  it('reads /proc/net/snmp by name', () => {
    const text = 'Udp: InDatagrams NoPorts RcvbufErrors\nUdp: 134 0 17\nUdpLite: RcvbufErrors\nUdpLite: 99\n';
    expect(parseSnmp(text, 'Udp').get('RcvbufErrors')).toBe(17);
    expect(parseSnmp('', 'Udp').size).toBe(0);
  });

  it('reads the drops of one port, over several sockets', () => {
    const text = [
      '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops',
      '  345: 00000000:9C40 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 ffff 12',
      '  346: 0100007F:9C40 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4243 2 ffff 3',
      '  347: 00000000:9C41 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4244 2 ffff 77',
    ].join('\n');
    expect(parseSocketDrops(text, 40_000)).toBe(15);
    expect(parseSocketDrops(text, 5)).toBeUndefined();
  });

  it('reads pairs', () => {
    expect(parsePairs('nr_periods 5\nnr_throttled 2\nbad x\n')).toEqual(
      new Map([
        ['nr_periods', 5],
        ['nr_throttled', 2],
      ]),
    );
  });

  it.runIf(process.platform === 'linux')('reads those of a real socket', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const counters = await readKernelCounters([socket.address().port, 9]);
    socket.close();
    expect(counters.socketDrops).toEqual([0, undefined]);
    expect(counters.receiveBufferErrors).toBeTypeOf('number');
  });
});

describe('ratesBetween', () => {
  it('gives cores, packets and bits per second', () => {
    const before = { nowMs: 1000, cpuMicros: 0, sentPackets: 100, sentBytes: 1000 };
    const after = { nowMs: 3000, cpuMicros: 500_000, sentPackets: 700, sentBytes: 2000 };
    expect(ratesBetween(before, after)).toEqual({ cpu: 0.25, egressPps: 300, egressBps: 4000 });
    expect(ratesBetween(before, before)).toEqual({ cpu: 0, egressPps: 0, egressBps: 0 });
  });
});
