const nalIdr = 5;
const nalSps = 7;
const nalStapA = 24;
const nalFuA = 28;

/**
 * True when the payload (RFC 6184 §5) begins a key frame: it holds an SPS or an IDR slice, alone, in a
 * STAP-A, or as the first fragment of an FU-A.
 */
export function isH264KeyFrame(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  if (length < 1 || end > bytes.length) return false;
  const type = bytes[offset]! & 31;
  if (type === nalIdr || type === nalSps) return true;
  if (type === nalStapA) {
    let at = offset + 1;
    while (at + 3 <= end) {
      const size = (bytes[at]! << 8) | bytes[at + 1]!;
      const inner = bytes[at + 2]! & 31;
      if (size > 0 && at + 2 + size <= end && (inner === nalIdr || inner === nalSps)) return true;
      at += 2 + size;
    }
    return false;
  }
  if (type === nalFuA && length >= 2) {
    const header = bytes[offset + 1]!;
    const inner = header & 31;
    return (header & 0x80) !== 0 && (inner === nalIdr || inner === nalSps);
  }
  return false;
}
