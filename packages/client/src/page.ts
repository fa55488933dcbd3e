/** What a page can tell a session about its life. */
export interface PageListener {
  /** The page is going away, perhaps for good. */
  onLeave: () => void;
  /** The network is back, or the page is seen again: whatever waits should try now. */
  onNudge: () => void;
}

/** Listens to the page until `signal` fires. Does nothing where there is no page. */
export function watchPage(signal: AbortSignal, listener: PageListener): void {
  if (typeof window === 'undefined') return;
  window.addEventListener('pagehide', listener.onLeave, { signal });
  window.addEventListener('online', listener.onNudge, { signal });
  document.addEventListener(
    'visibilitychange',
    () => {
      if (document.visibilityState === 'visible') listener.onNudge();
    },
    { signal },
  );
}
