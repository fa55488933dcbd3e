import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

export interface CornerPanelProps {
  id: string;
  label: string;
  testId: string;
  /** On the button. */
  badge: ComponentChildren;
  /** Rendered only while it is open. */
  children: () => ComponentChildren;
}

const margin = 10;

/** A small button in the corner of a tile that opens a panel beside it, above everything and inside the window. */
export function CornerPanel({ id, label, testId, badge, children }: CornerPanelProps) {
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const element = panel.current;
    if (!element) return;
    const onToggle = (event: Event) => setOpen((event as ToggleEvent).newState === 'open');
    element.addEventListener('toggle', onToggle);
    return () => element.removeEventListener('toggle', onToggle);
  }, []);
  useEffect(() => {
    if (!open) return;
    const place = () => {
      const at = button.current?.getBoundingClientRect();
      const element = panel.current;
      if (!at || !element) return;
      const { offsetWidth, offsetHeight } = element;
      const left = Math.min(innerWidth - offsetWidth - margin, at.right - offsetWidth);
      const below = at.bottom + 8;
      const top = Math.min(below, innerHeight - offsetHeight - margin);
      element.style.left = `${Math.max(margin, left)}px`;
      element.style.top = `${Math.max(margin, top)}px`;
    };
    place();
    const observer = new ResizeObserver(place);
    if (panel.current) observer.observe(panel.current);
    addEventListener('resize', place);
    return () => {
      observer.disconnect();
      removeEventListener('resize', place);
    };
  }, [open]);
  return (
    <>
      <button
        ref={button}
        type="button"
        class={open ? 'corner corner-open' : 'corner'}
        aria-label={label}
        title={label}
        aria-expanded={open}
        data-testid={testId}
        popovertarget={id}
      >
        {badge}
      </button>
      <div ref={panel} id={id} class="corner-panel" popover="auto" data-testid={`${testId}-panel`}>
        {open && children()}
      </div>
    </>
  );
}
