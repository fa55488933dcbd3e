/**
 * Whether somebody speaks, from a loudness that flickers: on at once, off only after a pause, so that the
 * ring does not blink between words. A machine without a clock.
 */
export class SpeakingDetector {
  #until = 0;

  /**
   * @param level 0 to 1
   * @param nowMs any origin
   */
  update(level: number, nowMs: number): boolean {
    // About -40 dB: a voice, not a fan.
    if (level > 0.01) this.#until = nowMs + 600;
    return nowMs < this.#until;
  }
}

/** Loudness of the samples, as a meter shows it: 0 (-60 dB and below) to 1. */
export function meterLevel(rms: number): number {
  if (rms <= 0) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(rms) + 60) / 60));
}
