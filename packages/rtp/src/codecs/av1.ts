const obuSequenceHeader = 1;

/**
 * True when the payload begins a coded video sequence (AV1 RTP §4.4): N bit of the aggregation header, or a
 * sequence header as the first OBU that is not a continuation.
 */
export function isAv1KeyFrame(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  if (length < 2 || end > bytes.length) return false;
  const aggregation = bytes[offset]!;
  // Z: the first element continues an OBU of the packet before, so this is no start.
  if ((aggregation & 0x80) !== 0) return false;
  if ((aggregation & 0x08) !== 0) return true;
  let at = offset + 1;
  // W = 1: the only element has no length field.
  if (((aggregation >> 4) & 3) !== 1) {
    let size = 1;
    while (at < end && (bytes[at]! & 0x80) !== 0) {
      at++;
      if (++size > 8) return false;
    }
    at++;
  }
  return at < end && ((bytes[at]! >> 3) & 15) === obuSequenceHeader;
}
