import { useEffect, useRef } from 'preact/hooks';
import type { Meeting } from '../model/meeting.ts';
import { SoundIcon } from './icons.tsx';

/** Plays what others say; asks for a tap where the browser insists on one. */
export function Sounds({ meeting }: { meeting: Meeting }) {
  const tracks = meeting.people.value
    .flatMap(({ sounds }) => sounds)
    .map((sound) => sound.subscription?.track)
    .filter((track) => track !== undefined);
  return (
    <>
      {tracks.map((track) => (
        <Sound key={track.id} track={track} meeting={meeting} />
      ))}
      {meeting.needsTap.value && (
        <button
          type="button"
          class="tap"
          onClick={() => {
            meeting.needsTap.value = false;
            for (const audio of document.querySelectorAll('audio')) audio.play().catch(() => {});
          }}
        >
          <SoundIcon /> Tap to hear the others
        </button>
      )}
    </>
  );
}

function Sound({ track, meeting }: { track: MediaStreamTrack; meeting: Meeting }) {
  const audio = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const element = audio.current;
    if (!element) return;
    element.srcObject = new MediaStream([track]);
    element.play().catch((error: Error) => {
      if (error.name === 'NotAllowedError') meeting.needsTap.value = true;
    });
  }, [track]);
  // biome-ignore lint/a11y/useMediaCaption: live speech has no captions
  return <audio ref={audio} autoPlay />;
}
