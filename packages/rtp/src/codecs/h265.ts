const nalAggregation = 48;
const nalFragmentation = 49;

/**
 * True when the payload (RFC 7798 §4.4) begins a key frame: VPS, SPS or an IRAP slice, alone, aggregated, or
 * as the first fragment.
 */
export function isH265KeyFrame(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  if (length < 2 || end > bytes.length) return false;
  const type = (bytes[offset]! >> 1) & 63;
  if (isKey(type)) return true;
  if (type === nalAggregation) {
    let at = offset + 2;
    while (at + 4 <= end) {
      const size = (bytes[at]! << 8) | bytes[at + 1]!;
      if (size >= 2 && at + 2 + size <= end && isKey((bytes[at + 2]! >> 1) & 63)) return true;
      at += 2 + size;
    }
    return false;
  }
  if (type === nalFragmentation && length >= 3) {
    const header = bytes[offset + 2]!;
    return (header & 0x80) !== 0 && isKey(header & 63);
  }
  return false;
}

/** BLA, IDR and CRA slices are 16…21; VPS 32, SPS 33. */
function isKey(type: number): boolean {
  return (type >= 16 && type <= 21) || type === 32 || type === 33;
}
