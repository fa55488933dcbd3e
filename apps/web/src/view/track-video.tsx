import { useEffect, useRef } from 'preact/hooks';

export interface TrackVideoProps {
  track: MediaStreamTrack | undefined;
  /** Like a mirror, as people know themselves. */
  mirrored?: boolean;
  /** Show the whole picture instead of filling the tile. */
  contain?: boolean;
  label: string;
}

/** A picture without sound; sound is played apart, so that a tile may come and go. */
export function TrackVideo({ track, mirrored = false, contain = false, label }: TrackVideoProps) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = track ? new MediaStream([track]) : null;
    // `muted` must be the property: the attribute comes too late for autoplay.
    element.muted = true;
    if (track) element.play().catch(() => {});
  }, [track]);
  const classes = ['video', mirrored && 'mirrored', contain && 'contain'].filter(Boolean).join(' ');
  return <video ref={video} class={classes} autoPlay playsInline muted aria-label={label} />;
}
