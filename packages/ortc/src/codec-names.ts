/** The MIME types this model knows (§10.3), in canonical case, and what role each plays. */
type Role = 'media' | 'complementary' | 'redundancy' | 'feature';

const known: Record<'audio' | 'video', Record<string, Role>> = {
  audio: {
    opus: 'media',
    multiopus: 'media',
    PCMA: 'media',
    PCMU: 'media',
    ISAC: 'media',
    G722: 'media',
    iLBC: 'media',
    SILK: 'media',
    CN: 'complementary',
    'telephone-event': 'complementary',
    red: 'redundancy',
  },
  video: {
    VP8: 'media',
    VP9: 'media',
    H264: 'media',
    'X-H264UC': 'media',
    H265: 'media',
    AV1: 'media',
  },
};
const features = ['rtx', 'ulpfec', 'flexfec', 'flexfec-03', 'x-ulpfecuc'];

const canonical = new Map<string, { name: string; role: Role }>();
for (const type of ['audio', 'video'] as const) {
  for (const [subtype, role] of Object.entries(known[type])) {
    canonical.set(`${type}/${subtype}`.toLowerCase(), { name: `${type}/${subtype}`, role });
  }
  for (const subtype of features) {
    canonical.set(`${type}/${subtype}`, { name: `${type}/${subtype}`, role: 'feature' });
  }
}
canonical.set('video/red', { name: 'video/red', role: 'feature' });

/** The name in canonical case, or undefined if the model does not know it. */
export function canonicalName(name: string): string | undefined {
  return canonical.get(name.toLowerCase())?.name;
}

/** Whether the codec carries sound or pictures by itself: not CN, telephone-event, rtx, fec, red. */
export function isMediaCodec(codec: { readonly name: string }): boolean {
  return canonical.get(codec.name.toLowerCase())?.role === 'media';
}

/** Redundant sound (RFC 2198): its packets hold several frames of another codec. */
export function isRedCodec(codec: { readonly name: string }): boolean {
  return canonical.get(codec.name.toLowerCase())?.role === 'redundancy';
}

/** rtx, red of pictures and the fec family: codecs that only help another one. */
export function isFeatureCodec(codec: { readonly name: string }): boolean {
  return canonical.get(codec.name.toLowerCase())?.role === 'feature';
}

export function isRtxCodec(codec: { readonly name: string }): boolean {
  const name = codec.name.toLowerCase();
  return name === 'video/rtx' || name === 'audio/rtx';
}

export function isVideoName(codec: { readonly name: string }): boolean {
  return codec.name.toLowerCase().startsWith('video/');
}

/** Names for the remedy of an error. */
export const knownNames: readonly string[] = [...canonical.values()]
  .filter((entry) => entry.role !== 'feature')
  .map((entry) => entry.name);
