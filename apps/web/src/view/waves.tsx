const lines = 7;

/** Water going over a weir, behind everything. Only decoration. */
export function Waves() {
  return (
    <svg class="waves" viewBox="0 0 1440 900" preserveAspectRatio="xMaxYMax slice" aria-hidden="true">
      <defs>
        <linearGradient id="crest" x1="0" x2="1">
          <stop offset="0" stop-color="#2b8f86" stop-opacity="0" />
          <stop offset="0.45" stop-color="#2b8f86" stop-opacity="0.7" />
          <stop offset="0.8" stop-color="#4fc9b8" stop-opacity="0.9" />
          <stop offset="1" stop-color="#2b8f86" stop-opacity="0.1" />
        </linearGradient>
      </defs>
      {Array.from({ length: lines }, (_, n) => (
        <g key={n} opacity={0.62 - n * 0.065}>
          <path class="wave" d={crest(n)} />
          <path class={`glint glint-${n % 3}`} d={crest(n)} />
        </g>
      ))}
    </svg>
  );
}

/** A calm line that falls over one step, a little earlier and deeper with each line. */
function crest(n: number): string {
  const top = 690 + n * 15;
  const drop = 52 + n * 10;
  const step = 940 - n * 30;
  return [
    `M-20 ${top}`,
    `C ${step * 0.3} ${top - 16}, ${step * 0.62} ${top + 12}, ${step} ${top}`,
    `C ${step + 100} ${top - 8}, ${step + 90} ${top + drop}, ${step + 210} ${top + drop}`,
    `C ${step + 330} ${top + drop}, 1320 ${top + drop - 14}, 1460 ${top + drop - 4}`,
  ].join(' ');
}
