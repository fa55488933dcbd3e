/** RFC 8489 §18, RFC 8445 §16.1, and NOMINATION of draft-thatcher-ice-renomination as libwebrtc numbers it. */
export const StunAttribute = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
  nomination: 0xc001,
} as const;

export const StunClass = { request: 0, indication: 1, success: 2, error: 3 } as const;

export const STUN_BINDING = 1;
export const MAGIC_COOKIE = 0x2112a442;
export const FINGERPRINT_XOR = 0x5354554e;
