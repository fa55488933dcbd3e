export * from './api.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './ids.ts';
export * from './media.ts';
export * from './pod.ts';
export * from './rtp.ts';
export * from './webhooks.ts';
