/** CRC-32 of ISO 3309 (as in zlib), over `data[0 … end)`; an unsigned 32-bit number. */
export function crc32(data: Uint8Array, end: number = data.length): number {
  let crc = 0xffffffff;
  for (let i = 0; i < end; i++) crc = table[(crc ^ data[i]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const table = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  table[n] = c >>> 0;
}
