/**
 * A dictionary that cannot be accepted.
 *
 * - `invalid`: a field has a value outside its rules.
 * - `unsupported`: well formed, but nothing of it works in this room (`UnsupportedError`, D-4).
 * - `conflict`: well formed, but it claims what another receiver of the transport already has (§11.6).
 *
 * `field` is the path inside the given dictionary, such as `codecs.0.payloadType`; the message ends with
 * what to do about it.
 */
export class OrtcError extends Error {
  readonly field: string;
  readonly kind: 'unsupported' | 'invalid' | 'conflict';

  constructor(kind: OrtcError['kind'], field: string, message: string) {
    super(field === '' ? message : `${field}: ${message}`);
    this.name = 'OrtcError';
    this.field = field;
    this.kind = kind;
  }
}

export function invalid(field: string, message: string): OrtcError {
  return new OrtcError('invalid', field, message);
}
