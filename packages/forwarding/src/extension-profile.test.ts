import { buildRtpPacket, ExtensionTable, ExtensionWriter, extensionUri, RtpHeader } from '@weir/rtp';
import { describe, expect, it } from 'vitest';
import { ExtensionProfile } from './extension-profile.ts';
import { createWorkList } from './work-list.ts';

const source = [
  { uri: extensionUri.mid, id: 1 },
  { uri: extensionUri.rid, id: 2 },
  { uri: extensionUri.absSendTime, id: 3 },
  { uri: extensionUri.dependencyDescriptor, id: 4 },
  { uri: extensionUri.playoutDelay, id: 5 },
  { uri: extensionUri.transportSequence, id: 6 },
];

/** Builds the profile's prefix for a packet and reads it again. */
function built(
  profile: ExtensionProfile,
  extensions: { id: number; data: Uint8Array }[],
): { ids: Record<number, number[]>; twoByte: boolean; bytes: Uint8Array } {
  const packet = buildRtpPacket({ payloadType: 96, sequenceNumber: 1, timestamp: 2, ssrc: 3, extensions });
  const header = new RtpHeader();
  const table = new ExtensionTable();
  header.parse(packet, 0, packet.length);
  table.read(packet, header);
  const work = createWorkList(4);
  expect(ExtensionProfile.room(header)).toBeLessThanOrEqual(work.prefixes.length);
  profile.build(work, packet, table, new ExtensionWriter(), 1);
  expect(profile.length).toBeLessThanOrEqual(ExtensionProfile.room(header));
  const bytes = work.prefixes.slice(profile.offset, profile.offset + profile.length);
  expect(header.parse(bytes, 0, bytes.length)).toBe(true);
  expect(header.headerLength).toBe(bytes.length);
  table.read(bytes, header);
  const ids: Record<number, number[]> = {};
  for (let i = 0; i < table.count; i++) {
    const id = table.ids[i]!;
    ids[id] = [...bytes.subarray(table.offset(id), table.offset(id) + table.length(id))];
  }
  return { ids, twoByte: header.hasTwoByteExtensions, bytes };
}

const data = (...bytes: number[]) => Uint8Array.from(bytes);

describe('ExtensionProfile', () => {
  it('keeps extensions by URI under the id of the sender, and drops what names the source', () => {
    const target = [
      { uri: extensionUri.playoutDelay, id: 11 },
      { uri: extensionUri.absSendTime, id: 12 },
      { uri: extensionUri.mid, id: 7 },
      { uri: extensionUri.rid, id: 8 },
      { uri: extensionUri.transportSequence, id: 9 },
    ];
    const all = [1, 2, 3, 4, 5, 6].map((id) => ({ id, data: data(id, id, id) }));
    const plain = new ExtensionProfile(source, target, true, undefined);
    expect(built(plain, all).ids).toEqual({ 11: [5, 5, 5], 12: [0, 0, 0], 9: [0, 0] });
    expect(plain.absSendTimeOffset).toBeGreaterThan(12);
    expect(plain.transportSequenceOffset).toBeGreaterThan(12);
    const named = new ExtensionProfile(source, target, false, '31');
    expect(built(named, all).ids).toEqual({ 11: [5, 5, 5], 12: [0, 0, 0], 7: [0x33, 0x31] });
    expect(named.transportSequenceOffset).toBe(0);
  });

  it('writes no extension block when nothing is left', () => {
    const { bytes } = built(new ExtensionProfile(source, [], true, '1'), [{ id: 5, data: data(1, 2, 3) }]);
    expect([...bytes]).toEqual([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('takes the two-byte form only where it must', () => {
    const long = data(...Array.from({ length: 40 }, (_, i) => i));
    const target = [{ uri: extensionUri.dependencyDescriptor, id: 4 }];
    const profile = new ExtensionProfile(source, target, false, undefined);
    const big = built(profile, [{ id: 4, data: long }]);
    expect(big.twoByte).toBe(true);
    expect(big.ids).toEqual({ 4: [...long] });
    expect(built(profile, [{ id: 4, data: data(1, 2, 3) }]).twoByte).toBe(false);
    const high = new ExtensionProfile(source, [{ ...target[0]!, id: 20 }], false, undefined);
    expect(built(high, [{ id: 4, data: data(1, 2, 3) }])).toMatchObject({
      twoByte: true,
      ids: { 20: [1, 2, 3] },
    });
    // A long one that is not passed on does not make the others longer.
    const other = new ExtensionProfile(source, [{ uri: extensionUri.playoutDelay, id: 5 }], false, undefined);
    expect(
      built(other, [
        { id: 4, data: long },
        { id: 5, data: data(9) },
      ]).twoByte,
    ).toBe(false);
  });
});
