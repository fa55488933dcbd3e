import type { RtpParameters } from './dictionaries.ts';
import { OrtcError } from './errors.ts';

/** Who gets an incoming packet of one transport (§11.6); each key leads to a receiver id. */
export interface ListenerTables {
  readonly ssrcTable: Map<number, number>;
  readonly muxIdTable: Map<string, number>;
  readonly ptTable: Map<number, number>;
  /** Keys by `ridKey`. */
  readonly ridTable: Map<string, number>;
}

export function createListenerTables(): ListenerTables {
  return { ssrcTable: new Map(), muxIdTable: new Map(), ptTable: new Map(), ridTable: new Map() };
}

/** Key of the RID table: RIDs are unique within a MID only (D-34). */
export function ridKey(muxId: string, encodingId: string): string {
  return `${muxId} ${encodingId}`;
}

/** The keys under which a receiver's packets are found. */
export interface ListenerKeys {
  readonly ssrcs: readonly { readonly key: number; readonly field: string }[];
  readonly muxIds: readonly { readonly key: string; readonly field: string }[];
  readonly payloadTypes: readonly { readonly key: number; readonly field: string }[];
  readonly rids: readonly { readonly key: string; readonly field: string }[];
}

/** §11.6 steps 2 to 4 with D-34. */
export function listenerKeys(params: RtpParameters): ListenerKeys {
  const ssrcs: { key: number; field: string }[] = [];
  const rids: { key: string; field: string }[] = [];
  let byPayloadType = false;
  params.encodings.forEach((encoding, index) => {
    const field = `encodings.${index}`;
    if (encoding.ssrc) ssrcs.push({ key: encoding.ssrc, field: `${field}.ssrc` });
    if (encoding.rtx?.ssrc) ssrcs.push({ key: encoding.rtx.ssrc, field: `${field}.rtx.ssrc` });
    if (encoding.fec?.ssrc) ssrcs.push({ key: encoding.fec.ssrc, field: `${field}.fec.ssrc` });
    if (encoding.encodingId !== undefined && params.muxId !== undefined) {
      rids.push({ key: ridKey(params.muxId, encoding.encodingId), field: `${field}.encodingId` });
      return;
    }
    if (!encoding.ssrc || (encoding.rtx && !encoding.rtx.ssrc) || (encoding.fec && !encoding.fec.ssrc)) {
      byPayloadType = true;
    }
  });
  return {
    ssrcs,
    muxIds: params.muxId === undefined ? [] : [{ key: params.muxId, field: 'muxId' }],
    payloadTypes: byPayloadType
      ? params.codecs.map(({ payloadType }, index) => ({
          key: payloadType,
          field: `codecs.${index}.payloadType`,
        }))
      : [],
    rids,
  };
}

/**
 * Puts a receiver's keys into the tables in place of those it had.
 * @throws OrtcError `conflict` if another receiver has one of them; the tables are then as before
 */
export function addToListener(tables: ListenerTables, receiverId: number, params: RtpParameters): void {
  const keys = listenerKeys(params);
  refuseTaken(tables.ssrcTable, keys.ssrcs, receiverId, 'SSRC');
  refuseTaken(tables.muxIdTable, keys.muxIds, receiverId, 'muxId');
  refuseTaken(tables.ptTable, keys.payloadTypes, receiverId, 'payload type');
  refuseTaken(tables.ridTable, keys.rids, receiverId, 'RID');
  removeFromListener(tables, receiverId);
  for (const { key } of keys.ssrcs) tables.ssrcTable.set(key, receiverId);
  for (const { key } of keys.muxIds) tables.muxIdTable.set(key, receiverId);
  for (const { key } of keys.payloadTypes) tables.ptTable.set(key, receiverId);
  for (const { key } of keys.rids) tables.ridTable.set(key, receiverId);
}

export function removeFromListener(tables: ListenerTables, receiverId: number): void {
  for (const table of [tables.ssrcTable, tables.muxIdTable, tables.ptTable, tables.ridTable]) {
    for (const [key, owner] of table) {
      if (owner === receiverId) (table as Map<number | string, number>).delete(key);
    }
  }
}

/** As in `transport.dump().rtpListener`. */
export function dumpListener(tables: ListenerTables): Record<keyof ListenerTables, Record<string, number>> {
  return {
    ssrcTable: Object.fromEntries(tables.ssrcTable),
    muxIdTable: Object.fromEntries(tables.muxIdTable),
    ptTable: Object.fromEntries(tables.ptTable),
    ridTable: Object.fromEntries(tables.ridTable),
  };
}

function refuseTaken<Key>(
  table: ReadonlyMap<Key, number>,
  keys: readonly { readonly key: Key; readonly field: string }[],
  receiverId: number,
  what: string,
): void {
  for (const { key, field } of keys) {
    const owner = table.get(key);
    if (owner === undefined || owner === receiverId) continue;
    throw new OrtcError(
      'conflict',
      field,
      `${what} ${key} belongs to RtpReceiver ${owner} of the same transport; choose another${
        what === 'payload type' ? ' or give each encoding an ssrc' : ''
      }`,
    );
  }
}
