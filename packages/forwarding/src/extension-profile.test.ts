import {
  buildRtpPacket,
  DependencyDescriptor,
  ExtensionTable,
  ExtensionWriter,
  extensionUri,
  RtpHeader,
} from '@weir/rtp';
import { ScalableSource } from '@weir/testing';
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
  descriptor?: DependencyDescriptor,
): { ids: Record<number, number[]>; twoByte: boolean; bytes: Uint8Array } {
  const packet = buildRtpPacket({ payloadType: 96, sequenceNumber: 1, timestamp: 2, ssrc: 3, extensions });
  const header = new RtpHeader();
  const table = new ExtensionTable();
  header.parse(packet, 0, packet.length);
  table.read(packet, header);
  const work = createWorkList(4);
  expect(ExtensionProfile.room(header)).toBeLessThanOrEqual(work.prefixes.length);
  profile.build(work, packet, table, new ExtensionWriter(), 1, descriptor);
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

  it('writes dependency descriptors so that they tell the active decode targets', () => {
    const target = [
      { uri: extensionUri.dependencyDescriptor, id: 8 },
      { uri: extensionUri.absSendTime, id: 12 },
    ];
    const profile = new ExtensionProfile(source, target, false, undefined);
    const layered = new ScalableSource({ spatial: 3, temporal: 3 }, 900);
    const descriptor = new DependencyDescriptor();
    const seen = new DependencyDescriptor();
    for (let picture = 0; picture < 6; picture++) {
      for (const frame of layered.picture()) {
        for (const bytes of [frame.descriptor(true, false), frame.descriptor(false, true)]) {
          expect(descriptor.read(bytes, 0, bytes.length)).toBe(true);
          const extensions = [
            { id: 4, data: bytes },
            { id: 3, data: data(1, 2, 3) },
          ];
          const { ids, bytes: out } = built(profile, extensions, descriptor);
          const told = Uint8Array.from(ids[8]!);
          expect(out.subarray(profile.descriptorOffset).subarray(0, told.length)).toEqual(told);
          expect(profile.tellsTargets).toBe(true);
          expect(told[1]! & 64).toBe(bytes[1]! & 64);
          expect(told[3]! & 64).toBe(64);
          expect(seen.read(told, 0, told.length)).toBe(true);
          expect(seen).toMatchObject({ frame: descriptor.frame, activeDecodeTargets: 511 });
        }
      }
    }
    // What can't be read goes as it is, and what was not negotiated not at all.
    const unknown = data(0xc3, 0, 7);
    expect(built(profile, [{ id: 4, data: unknown }]).ids[8]).toEqual([...unknown]);
    expect(profile.tellsTargets).toBe(false);
    expect(profile.descriptorOffset).toBeGreaterThan(0);
    const without = new ExtensionProfile(source, target.slice(1), false, undefined);
    expect(built(without, [{ id: 4, data: unknown }], descriptor).ids).toEqual({ 12: [0, 0, 0] });
    expect(without.descriptorOffset).toBe(0);
  });
});
