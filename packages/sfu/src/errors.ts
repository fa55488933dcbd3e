import { RoomError } from '@weir/room';

/** The call came after the object, or a Transport given as argument, was closed; or before its time. */
export class InvalidStateError extends Error {
  static {
    nameOnPrototype(InvalidStateError);
  }
}

/** Nothing of what was offered is supported here; `receive()` without a usable codec (D-4). */
export class UnsupportedError extends Error {
  static {
    nameOnPrototype(UnsupportedError);
  }
}

/** v1's `name` is not enumerable, so that deep comparisons and JSON see an ordinary Error. */
function nameOnPrototype(type: { readonly name: string; readonly prototype: Error }): void {
  Object.defineProperty(type.prototype, 'name', { value: type.name, configurable: true, writable: true });
}

/** What a caller gets for a refusal of the room; anything else stays as it is. The refusal is the cause. */
export function publicError(error: unknown): unknown {
  if (!(error instanceof RoomError)) return error;
  const { message, errorClass } = error;
  const options = { cause: error };
  switch (errorClass) {
    case 'InvalidStateError':
      return new InvalidStateError(message, options);
    case 'UnsupportedError':
      return new UnsupportedError(message, options);
    case 'TypeError':
      return new TypeError(message, options);
    case 'Error':
      return new Error(message, options);
  }
}
