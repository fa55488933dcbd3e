import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Avatar } from './avatar.tsx';
import { MicOffIcon, ScreenIcon } from './icons.tsx';
import { TrackVideo } from './track-video.tsx';

export interface TileProps {
  name: string;
  /** Ourselves: mirrored, and called so. */
  self?: boolean;
  track: MediaStreamTrack | undefined;
  screen?: boolean;
  muted: boolean;
  speaking: boolean;
  /** Pixels; 0: as the style says. */
  width: number;
  height: number;
  testId: string;
  /** In its corner, such as how good the picture is. */
  corner?: ComponentChildren;
}

/** One picture with its name. */
export function Tile(props: TileProps) {
  const { name, self = false, track, screen = false, muted, speaking, width, height, testId, corner } = props;
  const tile = useRef<HTMLElement>(null);
  useEffect(() => {
    const style = tile.current?.style;
    if (!style) return;
    style.width = width > 0 ? `${width}px` : '';
    style.height = height > 0 ? `${height}px` : '';
  }, [width, height]);
  const shown = self ? `${name} (you)` : name;
  const plate = screen ? (self ? 'Your screen' : `${name}’s screen`) : self ? 'You' : name;
  const label = [
    screen ? `Screen of ${shown}` : shown,
    !screen && muted && 'muted',
    !screen && !track && 'camera off',
  ]
    .filter(Boolean)
    .join(', ');
  return (
    <figure
      ref={tile}
      class={['tile', speaking && 'speaking', screen && 'tile-screen'].filter(Boolean).join(' ')}
      data-testid={testId}
      aria-label={label}
    >
      {track ? (
        <TrackVideo track={track} mirrored={self && !screen} contain={screen} label={label} />
      ) : (
        <Avatar name={name} />
      )}
      {corner}
      <figcaption class="plate">
        {screen && <ScreenIcon />}
        {!screen && muted && (
          <span class="plate-muted">
            <MicOffIcon />
          </span>
        )}
        <span class="plate-name">{plate}</span>
      </figcaption>
    </figure>
  );
}
