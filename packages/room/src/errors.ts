import { OrtcError } from '@weir/ortc';
import type { ProblemCode } from '@weir/protocol';

/** The class that object-model.md §1.4 gives a refusal in the library. */
export type RefusalClass = 'InvalidStateError' | 'TypeError' | 'Error' | 'UnsupportedError';

/** A command that the room refuses. Nothing has changed. */
export class RoomError extends Error {
  /** For HTTP: the problem of RFC 9457. */
  readonly code: ProblemCode;
  /** For the library: which class its caller gets. */
  readonly errorClass: RefusalClass;
  /** Path of the field at fault in the words of the object model, such as `rtpParameters.codecs.0.name`. */
  readonly field?: string;

  constructor(
    code: ProblemCode,
    errorClass: RefusalClass,
    message: string,
    details: { field?: string; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'RoomError';
    this.code = code;
    this.errorClass = errorClass;
    if (details.field !== undefined) this.field = details.field;
  }
}

/** Runs a negotiation; what it refuses is the room's refusal, with the argument's name before the field. */
export function negotiate<T>(argument: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof OrtcError) {
      const field = [argument, error.field].filter((part) => part !== '').join('.');
      const code = {
        invalid: 'invalid-parameter',
        unsupported: 'unsupported-codec',
        conflict: 'conflict',
      } as const;
      const errorClass = error.kind === 'unsupported' ? 'UnsupportedError' : 'Error';
      throw new RoomError(code[error.kind], errorClass, error.message, { field, cause: error });
    }
    if (error instanceof TypeError) throw typeError(argument, error.message);
    throw error;
  }
}

export function typeError(field: string, message: string): RoomError {
  return new RoomError('invalid-parameter', 'TypeError', message, { field });
}

export function invalidParameter(field: string, message: string): RoomError {
  return new RoomError('invalid-parameter', 'Error', message, { field });
}
