/**
 * Doors between the classes of this package. They are symbols, and not exported from it, so that the public
 * surface is exactly that of object-model.md.
 */

/** Emits an event; see SafeEmitter. */
export const fire: unique symbol = Symbol('fire');
/** Sets `closed` and leaves the owner's collections; no event yet. */
export const markClosed: unique symbol = Symbol('markClosed');
/** Replaces the record that the getters read. */
export const putRecord: unique symbol = Symbol('putRecord');
/** Reads the record. */
export const recordOf: unique symbol = Symbol('recordOf');
/** The living children of a peer, in creation order. */
export const children: unique symbol = Symbol('children');
/** Leaves the owner's collections. */
export const detach: unique symbol = Symbol('detach');
/** What a media worker measured. */
export const measured: unique symbol = Symbol('measured');
/** Which layers somebody has a use for. */
export const wanted: unique symbol = Symbol('wanted');
/** Whether a transport belongs to a peer. */
export const ownedBy: unique symbol = Symbol('ownedBy');
/** What runs a room. */
export const runtimeOf: unique symbol = Symbol('runtimeOf');
