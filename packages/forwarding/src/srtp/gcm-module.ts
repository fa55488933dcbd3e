/**
 * What GCM does to a message beside AES (NIST SP 800-38D), in WebAssembly, written instruction by instruction: JavaScript
 * has no 128-bit words, and there is no other way in Node to hash with a key that is set up once.
 *
 * The module imports one memory and exports
 *
 * - `hash(at, end)`, GHASH (§6.4) of the 16-byte blocks of `at … end`, which begins with the 16 bytes at `hashAt` and leaves
 *   its result there. Two blocks at a time, since a product with the square of the hash key need not wait for the one before it.
 *   At `tablesAt` lie the products with the hash key, at `squareTablesAt` those with its square: 32 tables of 16, one for
 *   each half byte of a block, so that a product is the XOR of 32 look-ups.
 * - `xor(at, end, from)`, which XORs the blocks from `from` on over those of `at … end`.
 */
export const tablesBytes = 32 * 16 * 16;
export const hashAt = 0;
export const tablesAt = 16;
export const squareTablesAt = tablesAt + tablesBytes;

/** The exports of an instance of the module. */
export interface GcmExports {
  hash(at: number, end: number): void;
  xor(at: number, end: number, from: number): void;
}

/** The module's bytes, for WebAssembly.Module. */
export function gcmModule(): Uint8Array<ArrayBuffer> {
  const types = [
    [0x60, ...vector([[i32], [i32]]), ...vector([])],
    [0x60, ...vector([[i32], [i32], [i32]]), ...vector([])],
  ];
  const memory = [...text('env'), ...text('memory'), 0x02, 0x00, 1];
  const names = [
    [...text('hash'), 0x00, 0],
    [...text('xor'), 0x00, 1],
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(2, vector([memory])),
    ...section(3, vector([[0], [1]])),
    ...section(7, vector(names)),
    ...section(10, vector([sized(hashFunction()), sized(xorFunction())])),
  ]);
}

// Locals of the functions: their parameters first.
const at = 0;
const end = 1;
const low = 2;
const high = 3;
const word = 4;
const sum = 5;
const from = 2;

function hashFunction(): number[] {
  return [
    ...vector([
      [2, i64],
      [2, v128],
    ]),
    ...[...i32Constant(hashAt), ...v128Load(0), ...set(sum)],
    // Of an odd number, the first block alone: sum = (sum XOR block) × H.
    ...[...get(end), ...get(at), ...i32Subtract, ...i32Constant(16), ...i32And, ...ifNotZero],
    ...[...get(sum), ...get(at), ...v128Load(0), ...v128Xor, ...set(word), ...product(tablesAt), ...set(sum)],
    ...[...forward(at, 16), ...close],
    ...whileBefore(end, [
      // sum = (sum XOR first block) × H² XOR second block × H
      ...[...get(sum), ...get(at), ...v128Load(0), ...v128Xor, ...set(word), ...product(squareTablesAt)],
      ...[...get(at), ...v128Load(16), ...set(word), ...product(tablesAt), ...v128Xor, ...set(sum)],
      ...forward(at, 32),
    ]),
    ...[...i32Constant(hashAt), ...get(sum), ...v128Store(0)],
    ...close,
  ];
}

function xorFunction(): number[] {
  return [
    ...vector([]),
    ...whileBefore(end, [
      ...[...get(at), ...get(at), ...v128Load(0), ...get(from), ...v128Load(0), ...v128Xor, ...v128Store(0)],
      ...[...forward(at, 16), ...forward(from, 16)],
    ]),
    ...close,
  ];
}

function whileBefore(limit: number, body: readonly number[]): number[] {
  const leave = [...get(at), ...get(limit), ...i32GreaterOrEqual, ...branchIf(1)];
  return [...block, ...loop, ...leave, ...body, ...branch(0), ...close, ...close];
}

function forward(local: number, bytes: number): number[] {
  return [...get(local), ...i32Constant(bytes), ...i32Add, ...set(local)];
}

/** The product of `word` and the number that these tables are of. */
function product(tables: number): number[] {
  return [
    ...[...get(word), ...extractI64(0), ...set(low)],
    ...[...get(word), ...extractI64(1), ...set(high)],
    ...[...halfBytes(low, tables, 0, 16), ...halfBytes(high, tables + 16 * 256, 0, 16), ...v128Xor],
  ];
}

/**
 * XOR of the products of half bytes `from … to` of a 64-bit half, whose tables begin at `tables`. It is added up as a
 * tree, so that the processor need not wait for one look-up before the next.
 */
function halfBytes(half: number, tables: number, from: number, to: number): number[] {
  if (to - from > 1) {
    const middle = (from + to) >> 1;
    return [...halfBytes(half, tables, from, middle), ...halfBytes(half, tables, middle, to), ...v128Xor];
  }
  // 16 × the half byte is the place in its table.
  const place =
    from === 0 ? [...i64Constant(4), ...i64ShiftLeft] : [...i64Constant(4 * from - 4), ...i64ShiftRight];
  const address = [...get(half), ...place, ...i32WrapI64, ...i32Constant(0xf0), ...i32And];
  return [...address, ...v128Load(tables + from * 256)];
}

// The encoding of the few instructions that are used (WebAssembly core specification, §5.4).
const i32 = 0x7f;
const i64 = 0x7e;
const v128 = 0x7b;
const block = [0x02, 0x40];
const loop = [0x03, 0x40];
const ifNotZero = [0x04, 0x40];
const close = [0x0b];
const i32GreaterOrEqual = [0x4f];
const i32Add = [0x6a];
const i32Subtract = [0x6b];
const i32And = [0x71];
const i32WrapI64 = [0xa7];
const i64ShiftLeft = [0x86];
const i64ShiftRight = [0x88];
const v128Xor = [0xfd, 0x51];
const branch = (depth: number) => [0x0c, depth];
const branchIf = (depth: number) => [0x0d, depth];
const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const i32Constant = (value: number) => [0x41, ...signed(value)];
const i64Constant = (value: number) => [0x42, ...signed(value)];
const v128Load = (offset: number) => [0xfd, 0x00, 0, ...unsigned(offset)];
const v128Store = (offset: number) => [0xfd, 0x0b, 0, ...unsigned(offset)];
const extractI64 = (lane: number) => [0xfd, 0x1d, lane];

const section = (id: number, body: readonly number[]) => [id, ...sized(body)];
const sized = (body: readonly number[]) => [...unsigned(body.length), ...body];
const vector = (items: readonly (readonly number[])[]) => [...unsigned(items.length), ...items.flat()];
const text = (name: string) => sized([...Buffer.from(name)]);

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** LEB128 with a sign bit, of numbers that are not negative. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, ...signed(value >>> 7)];
}
