export { type LaunchOptions, launchChromium, launchFirefox, missingBrowser } from './browser.ts';
export { type Clock, realClock, type Timer, VirtualClock } from './clock.ts';
export { missingD1, startD1, type TestD1 } from './d1.ts';
export {
  BitString,
  type DependencyTemplate,
  type DescribedFrame,
  encodeDependencyDescriptor,
  type TemplateStructure,
} from './dependency-descriptor.ts';
export { ensureBaseImage, ensureDocker, ensureImage } from './docker.ts';
export { EndpointDriver } from './endpoint-driver.ts';
export { IceControlling, type IceOptions } from './ice-controlling.ts';
export {
  createLinkEmulator,
  type EmulatedClient,
  type LinkEmulator,
  type LinkEmulatorOptions,
} from './link-emulator.ts';
export { type LinkCounters, type LinkPolicy, LinkShaper } from './link-shaper.ts';
export { type LocalPostgres, missingPostgres, startLocalPostgres } from './local-postgres.ts';
export { type End, type Pair, pair } from './pair.ts';
export { createRandom, type Random } from './random.ts';
export { type ScalabilityOptions, type ScalableFrame, ScalableSource } from './scalable-source.ts';
export { TestSrtp } from './srtp.ts';
export {
  type Attack,
  type RemoteTransport,
  TestEndpoint,
  type TestEndpointOptions,
  type TestEndpointState,
} from './test-endpoint.ts';
export { hostAddress, openUdpSocket } from './udp-socket.ts';
export { VirtualNetwork, type VirtualNetworkOptions, VirtualSocket } from './virtual-network.ts';
export {
  buildWeirImage,
  ensureLocalBases,
  ensureWeirImages,
  type ImageBases,
  type WeirProgram,
  weirPrograms,
} from './weir-images.ts';
