import { fieldToWire, OrtcError } from '@weir/ortc';
import { RoomError } from '@weir/room';
import { ProblemError } from './problem.ts';

/**
 * Runs commands; what the room refuses becomes the problem that the caller sees, with the field in the words of
 * the request.
 *
 * @param argument the field of the request that the refusal is about, in place of the room's own word for it
 */
export function refusals<T>(
  dictionary: 'capabilities' | 'parameters' | 'dtls' | '',
  argument: string,
  work: () => T,
): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RoomError) {
      const field = wireField(dictionary, argument, error.field);
      throw new ProblemError(error.code, detailOf(error, field), { field, cause: error });
    }
    if (error instanceof OrtcError) {
      const path = error.field.startsWith(`${argument}.`) ? error.field : `${argument}.${error.field}`;
      const field = wireField(dictionary, argument, error.field === '' ? argument : path);
      const code = {
        invalid: 'invalid-parameter',
        unsupported: 'unsupported-codec',
        conflict: 'conflict',
      } as const;
      throw new ProblemError(code[error.kind], detailOf(error, field), { field, cause: error });
    }
    throw error;
  }
}

/** The reason, with the field in the words of the request where the room's words stood. */
function detailOf(error: RoomError | OrtcError, field: string | undefined): string {
  const prefix = /^[a-zA-Z]+(\.\w+)*(?=: )/.exec(error.message)?.[0];
  if (field === undefined || prefix === undefined || error.field?.endsWith(prefix) !== true)
    return error.message;
  return `${field}${error.message.slice(prefix.length)}`;
}

/** `capabilities.codecs.0.name` of the room is `rtpCapabilities.codecs.0.mimeType` of the request. */
function wireField(dictionary: string, argument: string, field: string | undefined): string | undefined {
  if (field === undefined) return argument === '' ? undefined : argument;
  const [first = '', ...rest] = field.split('.');
  const path = [names[first] ?? (argument === '' ? first : argument), ...rest].join('.');
  if (dictionary === 'dtls') return path.replace('.fingerprint.', '.fingerprints.0.');
  return dictionary === 'capabilities' || dictionary === 'parameters' ? fieldToWire(path, dictionary) : path;
}

/** Arguments that have another name in requests. */
const names: Readonly<Record<string, string>> = {
  capabilities: 'rtpCapabilities',
  sendCapabilities: 'sendRtpCapabilities',
  transport: 'transportId',
};
