/** So many samples fill the width; fewer stand at the right. */
export const plotSamples = 60;

/** The top of a scale for bitrates: the next of 1, 2, 5 · 10ⁿ above everything, at least 100 kbit/s. */
export function scaleOf(values: readonly number[]): number {
  const most = Math.max(100_000, ...values);
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= most) ?? most;
}

/** An SVG path through the samples, newest at the right; `area` closes it at the bottom. */
export function linePath(
  values: readonly number[],
  top: number,
  width: number,
  height: number,
  area: boolean,
): string {
  if (values.length < 2) return '';
  const step = width / (plotSamples - 1);
  const left = width - (values.length - 1) * step;
  const points = values.map((value, n) => {
    const y = height - 1 - (Math.min(value, top) / top) * (height - 2);
    return `${round(left + n * step)} ${round(y)}`;
  });
  const line = `M${points.join('L')}`;
  return area ? `${line}L${round(width)} ${height}L${round(left)} ${height}Z` : line;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
