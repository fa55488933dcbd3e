import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import puppeteer, { type Browser as FirefoxBrowser } from 'puppeteer-core';

export interface LaunchOptions {
  /** Added to the flags below. */
  readonly args?: readonly string[];
  /** Firefox only: added to the preferences below. */
  readonly preferences?: Readonly<Record<string, string | number | boolean>>;
  /** A browser elsewhere than in the usual places. */
  readonly executablePath?: string;
  readonly headless?: boolean;
  /** Chromium only: pictures per second of the fake camera, 5 to 60. Default 20. Several pages that encode share a processor. */
  readonly cameraFps?: number;
}

/**
 * Why a test with this browser can't run here, said loudly; undefined if the browser is there. Throws under
 * `CI=true`, where nothing is skipped. For `describe.skipIf(missingBrowser('chromium') !== undefined)`.
 */
export function missingBrowser(name: 'chromium' | 'firefox'): string | undefined {
  if (findBrowser(name)) return undefined;
  const reason = `no ${name} found at ${PLACES[name].join(', ')}: install it or its tests do not run`;
  if (process.env.CI === 'true') throw new Error(reason);
  console.warn(`\n!!! SKIPPED: ${reason}\n`);
  return reason;
}

/**
 * Starts headless Chromium with a fake camera and microphone, a profile of its own, and WebRTC on loopback
 * addresses. Throws Error if there is none.
 */
export async function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  return await chromium.launch({
    executablePath: options.executablePath ?? findBrowserOrThrow('chromium'),
    headless: options.headless ?? true,
    args: [
      ...CHROMIUM_FLAGS,
      `--use-fake-device-for-media-stream=fps=${options.cameraFps ?? 20}`,
      ...(options.args ?? []),
    ],
  });
}

/** The same for Firefox, driven over WebDriver BiDi. */
export async function launchFirefox(options: LaunchOptions = {}): Promise<FirefoxBrowser> {
  return await puppeteer.launch({
    browser: 'firefox',
    protocol: 'webDriverBiDi',
    executablePath: options.executablePath ?? findBrowserOrThrow('firefox'),
    headless: options.headless ?? true,
    args: [...(options.args ?? [])],
    extraPrefsFirefox: { ...FIREFOX_PREFERENCES, ...options.preferences },
  });
}

function findBrowser(name: 'chromium' | 'firefox'): string | undefined {
  return PLACES[name].find((path) => existsSync(path));
}

function findBrowserOrThrow(name: 'chromium' | 'firefox'): string {
  const path = findBrowser(name);
  if (!path) throw new Error(`no ${name} found at ${PLACES[name].join(', ')}: install it`);
  return path;
}

const PLACES = {
  chromium: [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/usr/bin/google-chrome-stable',
    '/snap/bin/chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ],
  firefox: [
    '/usr/bin/firefox',
    '/usr/bin/firefox-esr',
    '/snap/bin/firefox',
    '/Applications/Firefox.app/Contents/MacOS/firefox',
  ],
} as const;

const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-ui-for-media-stream',
  // Host candidates carry addresses instead of mDNS names.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--autoplay-policy=no-user-gesture-required',
];

const FIREFOX_PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  // Nothing of its own on the network.
  'app.update.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.enabled': false,
  'media.gmp-manager.updateEnabled': false,
};
