/** `1.72 Mbit/s`, `48 kbit/s`. */
export function formatBitrate(bps: number): string {
  if (bps >= 9_950_000) return `${Math.round(bps / 1e6)} Mbit/s`;
  if (bps >= 995_000) return `${(bps / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(bps / 1000)} kbit/s`;
}

/** `0 %`, `0.4 %`, `12 %`; `share` from 0 to 1. */
export function formatLoss(share: number): string {
  const percent = share * 100;
  if (percent === 0) return '0 %';
  return percent < 9.95 ? `${Math.max(0.1, percent).toFixed(1)} %` : `${Math.round(percent)} %`;
}

/** One or two letters to stand for a person without a picture. */
export function initials(name: string): string {
  const words = name
    .trim()
    .split(/[\s._-]+/)
    .filter(Boolean);
  const first = [...(words[0] ?? '?')][0] ?? '?';
  const last = words.length > 1 ? ([...(words.at(-1) ?? '')][0] ?? '') : '';
  return (first + last).toUpperCase();
}

/** A hue that stays with a name, 0 to 359. */
export function hueOf(name: string): number {
  let hash = 2166136261;
  for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619);
  return (hash >>> 0) % 360;
}
