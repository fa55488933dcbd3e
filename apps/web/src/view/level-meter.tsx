import { useEffect, useRef } from 'preact/hooks';
import { meterLevel } from '../lib/speaking.ts';
import { local } from '../model/app-state.ts';

const bars = 5;

/** How loud the microphone is, while somebody tries it. */
export function LevelMeter() {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let frame = 0;
    let shown = 0;
    const draw = () => {
      const level = meterLevel(local.meter.read());
      shown = Math.max(level, shown * 0.92);
      const lit = Math.round(shown * bars);
      for (const [n, bar] of [...(root.current?.children ?? [])].entries()) {
        bar.classList.toggle('lit', n < lit);
      }
      frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, []);
  return (
    <div ref={root} class="meter" aria-hidden="true">
      {Array.from({ length: bars }, (_, n) => (
        <i key={n} />
      ))}
    </div>
  );
}
