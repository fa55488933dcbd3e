import { spawnSync } from 'node:child_process';

/** One encoded picture, as a packetizer takes it. */
export interface EncodedFrame {
  readonly key: boolean;
  /** VP8 and VP9: the one frame. H.264: NAL units without start codes. */
  readonly units: readonly Uint8Array[];
}

export type EncodedCodec = 'vp8' | 'vp9' | 'h264';

const encoders: Record<EncodedCodec, readonly string[]> = {
  vp8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-auto-alt-ref', '0', '-f', 'ivf'],
  vp9: [
    ...['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-auto-alt-ref', '0'],
    ...['-lag-in-frames', '0', '-f', 'ivf'],
  ],
  h264: [
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline'],
    ...['-x264-params', 'repeat-headers=1:aud=1:scenecut=0:sliced-threads=0', '-f', 'h264'],
  ],
};

export const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;

/** Real pictures of ffmpeg's test source, with a key frame every `keyEvery` frames. */
export function encode(
  codec: EncodedCodec,
  options: { width: number; height: number; seconds: number; keyEvery: number; kbps: number },
): EncodedFrame[] {
  const { width, height, seconds, keyEvery, kbps } = options;
  const source = `testsrc2=size=${width}x${height}:rate=30:duration=${seconds}`;
  const { stdout, status, stderr } = spawnSync(
    'ffmpeg',
    [
      ...['-v', 'error', '-f', 'lavfi', '-i', source, '-pix_fmt', 'yuv420p', '-threads', '1'],
      ...['-g', String(keyEvery), '-keyint_min', String(keyEvery), '-b:v', `${kbps}k`],
      ...encoders[codec],
      '-',
    ],
    { maxBuffer: 64 << 20 },
  );
  if (status !== 0) throw new Error(`ffmpeg: ${stderr}`);
  return codec === 'h264' ? readAnnexB(stdout) : readIvf(codec, stdout);
}

/** What ffmpeg says against a stream, and how many pictures it got out of it. */
export function decode(format: 'ivf' | 'h264', stream: Uint8Array): { errors: string; frames: number } {
  const { stdout, stderr } = spawnSync(
    'ffmpeg',
    [
      ...['-v', 'error', '-f', format, '-i', '-', '-an', '-fps_mode', 'drop'],
      ...['-vf', 'scale=64:36', '-f', 'rawvideo', '-pix_fmt', 'gray', '-'],
    ],
    { input: stream, maxBuffer: 64 << 20 },
  );
  return { errors: stderr.toString(), frames: stdout.length / (64 * 36) };
}

function readIvf(codec: 'vp8' | 'vp9', file: Uint8Array): EncodedFrame[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const frames: EncodedFrame[] = [];
  for (let at = 32; at + 12 <= file.length; ) {
    const size = view.getUint32(at, true);
    const data = file.slice(at + 12, at + 12 + size);
    frames.push({ key: (data[0]! & (codec === 'vp8' ? 1 : 4)) === 0, units: [data] });
    at += 12 + size;
  }
  return frames;
}

const fourCcs = { vp8: 'VP80', vp9: 'VP90', av1: 'AV01' } as const;

/** An IVF file of frames with their RTP timestamps. */
export function writeIvf(
  codec: keyof typeof fourCcs,
  frames: readonly { timestamp: number; data: Uint8Array }[],
): Uint8Array {
  const file = new Uint8Array(32 + frames.reduce((sum, { data }) => sum + 12 + data.length, 0));
  const view = new DataView(file.buffer);
  file.set(new TextEncoder().encode('DKIF'));
  view.setUint16(6, 32, true);
  file.set(new TextEncoder().encode(fourCcs[codec]), 8);
  view.setUint16(12, 640, true);
  view.setUint16(14, 360, true);
  view.setUint32(16, 90_000, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, frames.length, true);
  let at = 32;
  for (const { timestamp, data } of frames) {
    view.setUint32(at, data.length, true);
    view.setUint32(at + 4, timestamp >>> 0, true);
    file.set(data, at + 12);
    at += 12 + data.length;
  }
  return file;
}

/** NAL units between start codes; access unit delimiters (type 9) part the pictures. */
function readAnnexB(file: Uint8Array): EncodedFrame[] {
  const starts: number[] = [];
  for (let i = 0; i + 3 <= file.length; i++) {
    if (file[i] === 0 && file[i + 1] === 0 && file[i + 2] === 1) starts.push(i + 3);
  }
  const frames: { key: boolean; units: Uint8Array[] }[] = [];
  starts.forEach((start, k) => {
    let end = k + 1 < starts.length ? starts[k + 1]! - 3 : file.length;
    while (end > start && file[end - 1] === 0) end--;
    const type = file[start]! & 31;
    if (type === 9) frames.push({ key: false, units: [] });
    else {
      frames.at(-1)!.units.push(file.slice(start, end));
      if (type === 5) frames.at(-1)!.key = true;
    }
  });
  return frames;
}

const maxPayload = 1000;

/** RTP payloads of a frame: VP8 (RFC 7741) and VP9 (RFC 9628) with 15-bit picture ids, or H.264 (RFC 6184, mode 1). */
export function packetize(
  codec: EncodedCodec,
  frame: EncodedFrame,
  pictureId: number,
  tl0: number,
): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  for (const unit of frame.units) {
    if (codec === 'vp8') {
      for (let at = 0; at < unit.length; at += maxPayload) {
        const head = [0x80 | (at === 0 ? 0x10 : 0), 0xe0, 0x80 | (pictureId >> 8), pictureId & 255, tl0, 0];
        payloads.push(Uint8Array.from([...head, ...unit.subarray(at, at + maxPayload)]));
      }
    } else if (codec === 'vp9') {
      for (let at = 0; at < unit.length; at += maxPayload) {
        const flags = (at === 0 ? 0x08 : 0) | (at + maxPayload >= unit.length ? 0x04 : 0);
        const head = [0x80 | (frame.key ? 0 : 0x40) | flags, 0x80 | (pictureId >> 8), pictureId & 255];
        payloads.push(Uint8Array.from([...head, ...unit.subarray(at, at + maxPayload)]));
      }
    } else if (unit.length <= maxPayload) {
      payloads.push(unit);
    } else {
      for (let at = 1; at < unit.length; at += maxPayload) {
        const flags = (at === 1 ? 0x80 : 0) | (at + maxPayload >= unit.length ? 0x40 : 0);
        const head = [(unit[0]! & 0xe0) | 28, flags | (unit[0]! & 31)];
        payloads.push(Uint8Array.from([...head, ...unit.subarray(at, at + maxPayload)]));
      }
    }
  }
  return payloads;
}

const startCode = [0, 0, 0, 1];

/** The reverse, for what a viewer got: the bytes of one frame (H.264 with start codes). */
export function depacketize(codec: EncodedCodec, payloads: readonly Uint8Array[]): Uint8Array {
  const bytes: number[] = [];
  for (const payload of payloads) {
    if (codec === 'vp8') {
      bytes.push(...payload.subarray(6));
    } else if (codec === 'vp9') {
      bytes.push(...payload.subarray(3));
    } else if ((payload[0]! & 31) === 28) {
      if ((payload[1]! & 0x80) !== 0) bytes.push(...startCode, (payload[0]! & 0xe0) | (payload[1]! & 31));
      bytes.push(...payload.subarray(2));
    } else {
      bytes.push(...startCode, ...payload);
    }
  }
  return Uint8Array.from(bytes);
}
