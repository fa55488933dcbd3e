import { useEffect, useRef } from 'preact/hooks';
import { hueOf, initials } from '../lib/format.ts';
import { PersonIcon } from './icons.tsx';

/** Stands for somebody without a picture, in a colour that stays with the name. */
export function Avatar({ name }: { name: string }) {
  const disc = useRef<HTMLDivElement>(null);
  useEffect(() => {
    disc.current?.style.setProperty('--hue', String(hueOf(name)));
  }, [name]);
  return (
    <div ref={disc} class="avatar" aria-hidden="true">
      {name.trim() === '' ? <PersonIcon /> : initials(name)}
    </div>
  );
}
