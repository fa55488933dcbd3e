import type { ExtensionProfile } from './extension-profile.ts';

/** The newest packets that can be sent again as they were. */
const places = 512;

/**
 * What went into the headers of packets that are resent under their own number, without RTX. Sealing two
 * different packets under one number gives the key away (RFC 7714 §8.1), so a copy repeats these as well.
 */
export class SentCopies {
  readonly #number = new Float64Array(places).fill(-1);
  readonly #profile: (ExtensionProfile | undefined)[] = new Array(places).fill(undefined);
  readonly #markerAndPayloadType = new Uint8Array(places);
  /** Decode targets that it told as active; -1 = nothing was put in. */
  readonly activeTargets = new Float64Array(places);
  readonly absSendTime = new Uint32Array(places);
  readonly transportSequence = new Uint16Array(places);

  note(
    out: number,
    profile: ExtensionProfile,
    markerAndPayloadType: number,
    activeTargets: number,
    absSendTime: number,
    transportSequence: number,
  ): void {
    const place = out % places;
    // One that comes late must not push a newer one out.
    if (this.#number[place]! > out) return;
    this.#number[place] = out;
    this.#profile[place] = profile;
    this.#markerAndPayloadType[place] = markerAndPayloadType;
    this.activeTargets[place] = activeTargets;
    this.absSendTime[place] = absSendTime;
    this.transportSequence[place] = transportSequence;
  }

  /** Packet `out`, noted already, left only now. */
  sent(out: number, absSendTime: number, transportSequence: number): void {
    const place = out % places;
    if (this.#number[place] !== out) return;
    this.absSendTime[place] = absSendTime;
    this.transportSequence[place] = transportSequence;
  }

  /** Where packet `out` is noted; -1 = it is not, or could not be made the same again. */
  find(out: number, markerAndPayloadType: number): number {
    const place = out % places;
    const same = this.#number[place] === out && this.#markerAndPayloadType[place] === markerAndPayloadType;
    return same ? place : -1;
  }

  /** With which the packet at that place was made; the sender may have another one by now. */
  profile(place: number): ExtensionProfile {
    return this.#profile[place]!;
  }

  /** New numbers begin. */
  clear(): void {
    this.#number.fill(-1);
    this.#profile.fill(undefined);
  }
}
