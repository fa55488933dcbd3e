import { z } from 'zod';

/**
 * RTP dictionaries in the shapes of mediasoup-client 3 (object-model.md §15.2). Inside Weir the
 * dictionaries of §10 are used; `@weir/ortc` converts at the border.
 */
export const WireMediaKind = z.enum(['audio', 'video']);
export type WireMediaKind = z.infer<typeof WireMediaKind>;

const payloadType = z.number().int().min(0).max(127);
const ssrc = z.number().int().min(0).max(0xffffffff);
const mimeType = z
  .string()
  .max(64)
  .regex(/^(audio|video)\/.+$/i, 'must look like "video/VP8"');
const codecParameters = z.record(z.string().max(64), z.union([z.string().max(256), z.number(), z.null()]));

export const WireRtcpFeedback = z.object({
  type: z.string().max(32),
  parameter: z.string().max(32).optional(),
});
export type WireRtcpFeedback = z.infer<typeof WireRtcpFeedback>;

export const WireRtpCodecCapability = z.object({
  kind: WireMediaKind,
  mimeType,
  preferredPayloadType: payloadType.optional(),
  clockRate: z.number().int().positive().max(1_000_000),
  channels: z.number().int().min(1).max(8).optional(),
  parameters: codecParameters.optional(),
  rtcpFeedback: z.array(WireRtcpFeedback).max(32).optional(),
});
export type WireRtpCodecCapability = z.infer<typeof WireRtpCodecCapability>;

export const WireHeaderExtensionDirection = z.enum(['sendrecv', 'sendonly', 'recvonly', 'inactive']);

export const WireRtpHeaderExtension = z.object({
  kind: WireMediaKind,
  uri: z.string().min(1).max(256),
  preferredId: z.number().int().min(1).max(255),
  preferredEncrypt: z.boolean().optional(),
  direction: WireHeaderExtensionDirection.optional(),
});
export type WireRtpHeaderExtension = z.infer<typeof WireRtpHeaderExtension>;

export const WireRtpCapabilities = z.object({
  codecs: z.array(WireRtpCodecCapability).max(128).default([]),
  headerExtensions: z.array(WireRtpHeaderExtension).max(64).default([]),
});
export type WireRtpCapabilities = z.infer<typeof WireRtpCapabilities>;

export const WireRtpCodecParameters = z.object({
  mimeType,
  payloadType,
  clockRate: z.number().int().positive().max(1_000_000),
  channels: z.number().int().min(1).max(8).optional(),
  parameters: codecParameters.optional(),
  rtcpFeedback: z.array(WireRtcpFeedback).max(32).optional(),
});
export type WireRtpCodecParameters = z.infer<typeof WireRtpCodecParameters>;

export const WireRtpEncoding = z.object({
  ssrc: ssrc.optional(),
  rid: z
    .string()
    .min(1)
    .max(16)
    .regex(/^[A-Za-z0-9_-]+$/)
    .optional(),
  codecPayloadType: payloadType.optional(),
  rtx: z.object({ ssrc }).optional(),
  dtx: z.boolean().optional(),
  active: z.boolean().optional(),
  scalabilityMode: z.string().max(16).optional(),
  scaleResolutionDownBy: z.number().min(1).optional(),
  maxBitrate: z.number().int().nonnegative().optional(),
  maxFramerate: z.number().positive().optional(),
  adaptivePtime: z.boolean().optional(),
  priority: z.enum(['very-low', 'low', 'medium', 'high']).optional(),
  networkPriority: z.enum(['very-low', 'low', 'medium', 'high']).optional(),
});
export type WireRtpEncoding = z.infer<typeof WireRtpEncoding>;

export const WireRtpHeaderExtensionParameters = z.object({
  uri: z.string().min(1).max(256),
  id: z.number().int().min(1).max(255),
  encrypt: z.boolean().optional(),
  parameters: codecParameters.optional(),
});
export type WireRtpHeaderExtensionParameters = z.infer<typeof WireRtpHeaderExtensionParameters>;

export const WireRtpParameters = z.object({
  mid: z.string().min(1).max(32).optional(),
  codecs: z.array(WireRtpCodecParameters).min(1, 'must list at least one codec').max(32),
  headerExtensions: z.array(WireRtpHeaderExtensionParameters).max(32).optional(),
  encodings: z.array(WireRtpEncoding).max(8).optional(),
  rtcp: z
    .object({
      cname: z.string().max(256).optional(),
      reducedSize: z.boolean().optional(),
      mux: z.boolean().optional(),
    })
    .optional(),
  msid: z.string().max(256).optional(),
});
export type WireRtpParameters = z.infer<typeof WireRtpParameters>;

export const WireIceParameters = z.object({
  usernameFragment: z.string(),
  password: z.string(),
  iceLite: z.literal(true),
});
export type WireIceParameters = z.infer<typeof WireIceParameters>;

export const WireIceCandidate = z.object({
  foundation: z.string(),
  priority: z.number().int(),
  /** 3.24 reads `address`, older clients `ip`; both carry the same value. */
  address: z.string(),
  ip: z.string(),
  port: z.number().int(),
  protocol: z.enum(['udp', 'tcp']),
  type: z.literal('host'),
  tcpType: z.literal('passive').optional(),
});
export type WireIceCandidate = z.infer<typeof WireIceCandidate>;

export const FingerprintAlgorithm = z.enum(['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512']);
export type FingerprintAlgorithm = z.infer<typeof FingerprintAlgorithm>;

export const WireDtlsParameters = z.object({
  role: z.enum(['auto', 'client', 'server']).optional(),
  fingerprints: z
    .array(z.object({ algorithm: FingerprintAlgorithm, value: z.string().min(2).max(200) }))
    .min(1)
    .max(8),
});
export type WireDtlsParameters = z.infer<typeof WireDtlsParameters>;
