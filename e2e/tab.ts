import { launchChromium, launchFirefox } from '@weir/testing';

/** A page of any browser, as far as these tests need it. */
export interface Tab {
  readonly browser: 'chromium' | 'firefox';
  /** Runs a function inside the page; its argument and answer travel as JSON. */
  run<A, R>(script: (argument: A) => R | Promise<R>, argument: A): Promise<R>;
  close(): Promise<void>;
}

export interface TabMaker {
  readonly browser: 'chromium' | 'firefox';
  open(url: string): Promise<Tab>;
  close(): Promise<void>;
}

/** Chromium through playwright-core, with flags of its own. */
export async function chromiumTabs(args: readonly string[] = []): Promise<TabMaker> {
  const browser = await launchChromium({ args });
  return {
    browser: 'chromium',
    async open(url) {
      const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
      const page = await context.newPage();
      await page.goto(url);
      return {
        browser: 'chromium',
        run: (script, argument) => page.evaluate(script as never, argument) as never,
        close: () => context.close(),
      };
    },
    close: () => browser.close(),
  };
}

/** Firefox through puppeteer-core over WebDriver BiDi. */
export async function firefoxTabs(): Promise<TabMaker> {
  const browser = await launchFirefox();
  return {
    browser: 'firefox',
    async open(url) {
      const page = await browser.newPage();
      await page.goto(url);
      return {
        browser: 'firefox',
        run: (script, argument) => page.evaluate(script as never, argument as never) as never,
        close: () => page.close(),
      };
    },
    close: () => browser.close(),
  };
}
