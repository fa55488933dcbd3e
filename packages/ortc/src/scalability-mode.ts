/** Layers that a `scalabilityMode` announces (W3C webrtc-svc). */
export interface ScalabilityMode {
  /** 1 or more. */
  spatialLayers: number;
  /** 1 or more. */
  temporalLayers: number;
  /** Key-frame dependent spatial layers (`_KEY`). */
  ksvc: boolean;
  /** `S` modes: the spatial layers do not depend on each other. */
  independent: boolean;
}

/** Parses `LxTy`, `LxTyh`, `LxTy_KEY`, `LxTy_KEY_SHIFT` and `SxTy`; anything else means one layer. */
export function parseScalabilityMode(mode: string | undefined): ScalabilityMode {
  const match = /^([LS])([1-9][0-9]?)T([1-9][0-9]?)h?(_KEY)?(_SHIFT)?$/.exec(mode ?? '');
  if (match === null) return { spatialLayers: 1, temporalLayers: 1, ksvc: false, independent: false };
  return {
    spatialLayers: Number(match[2]),
    temporalLayers: Number(match[3]),
    ksvc: match[4] !== undefined,
    independent: match[1] === 'S',
  };
}
