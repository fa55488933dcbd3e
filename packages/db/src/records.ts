import type { RtpCapabilities } from '@weir/ortc';
import type { RoomWebhook } from '@weir/protocol';

/** What a room is besides its objects; the JSON of `rooms.record`. */
export interface RoomDetails {
  readonly capabilities: RtpCapabilities;
  readonly maxPeers: number;
  /** The room closes when nobody has been in it for so long; 0 = never. */
  readonly emptyTtlSeconds: number;
  /** The room closes after so long whatever happens; 0 = never. */
  readonly maxDurationSeconds: number;
  /** Only so many receivers of sound are forwarded, the loudest; 0 or absent = all. */
  readonly maxLoudestAudio?: number;
  readonly metadata: Record<string, unknown>;
  /** The room's own, besides those of the deployment. */
  readonly webhook?: RoomWebhook;
}

/** Which token a peer belongs to. */
export interface TokenBinding {
  /** `jti`. */
  readonly tokenId: string;
  /** `sub`, or the `jti` again. */
  readonly tokenSubject: string;
  /** Milliseconds since 1970. */
  readonly tokenExpiresAt: number;
}
