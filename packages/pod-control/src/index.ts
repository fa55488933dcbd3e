export type { CallerOptions } from './call.ts';
export { type CallFailure, PodCallRefused, PodControlError } from './errors.ts';
export {
  type CallOptions,
  DrainState,
  deliverMedia,
  type MediaDelivery,
  PodClient,
  PodPulse,
  type PodRef,
  PodRooms,
} from './pod-client.ts';
export { ReportLoop, type ReportLoopChange, type ReportLoopOptions } from './report-loop.ts';
export { Reporter, type ReporterOptions, type ReporterStatus } from './reporter.ts';
export { minimumPodSecretLength, type PodSecrets, parsePodSecrets, podKeyText } from './secrets.ts';
export { SignalingClient, type SignalingClientOptions } from './signaling-client.ts';
export { callTokenSeconds, clockToleranceSeconds, signalingAudience } from './token.ts';
export { childTrace, parseTrace, type Trace, traceHeaders } from './trace.ts';
export { parseBody, type VerifyOptions, verifyPodCall, verifyReport } from './verify.ts';
export { addressesOfRoom, workerOfRoom } from './worker-of-room.ts';
