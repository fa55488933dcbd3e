import type { CloseReason } from '@weir/client';
import { useEffect, useRef } from 'preact/hooks';
import { backToJoin, join, room } from '../model/app-state.ts';
import { Mark } from './icons.tsx';
import { Waves } from './waves.tsx';

const headings: Record<CloseReason, string> = {
  left: 'See you',
  removed: 'You were removed',
  replaced: 'You are somewhere else',
  timeout: 'You were gone for too long',
  'room-closed': 'The meeting is over',
  unauthorized: 'Your access has ended',
  error: 'The call was cut off',
};

/** After a meeting. */
export function LeftScreen({ sentence, reason }: { sentence: string; reason: CloseReason | undefined }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <main class="join">
      <Waves />
      <header class="brand">
        <Mark />
        <span>Weir</span>
      </header>
      <div class="left-card">
        <h1 ref={heading} tabIndex={-1}>
          {headings[reason ?? 'left']}
        </h1>
        <p class="lead" data-testid="left-text">
          {sentence}
          {reason === 'left' ? ` “${room.value}”.` : '.'}
        </p>
        <div class="left-buttons">
          <button type="button" class="primary" data-testid="rejoin-button" onClick={() => void rejoin()}>
            Join again
          </button>
          <button type="button" class="secondary" onClick={backToJoin}>
            To the entrance
          </button>
        </div>
      </div>
    </main>
  );
}

async function rejoin(): Promise<void> {
  backToJoin();
  await join(false);
}
