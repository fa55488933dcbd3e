export { type LaunchOptions, launchChromium, launchFirefox, missingBrowser } from './browser.ts';
export { type Clock, realClock, type Timer, VirtualClock } from './clock.ts';
export { type LinkCounters, type LinkPolicy, LinkShaper } from './link-shaper.ts';
export { type End, type Pair, pair } from './pair.ts';
export { createRandom, type Random } from './random.ts';
export { VirtualNetwork, type VirtualNetworkOptions, VirtualSocket } from './virtual-network.ts';
