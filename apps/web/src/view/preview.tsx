import { local, personName } from '../model/app-state.ts';
import { Avatar } from './avatar.tsx';
import { DeviceChoices } from './device-choices.tsx';
import { CameraIcon, CameraOffIcon, MicIcon, MicOffIcon } from './icons.tsx';
import { LevelMeter } from './level-meter.tsx';
import { TrackVideo } from './track-video.tsx';

/** How one looks and sounds before one joins. */
export function Preview() {
  const { camera, microphone } = local;
  const picture = camera.track.value;
  const sound = microphone.track.value;
  const errors = [camera.error.value, microphone.error.value].filter((error) => error !== undefined);
  return (
    <section class="preview" aria-label="Camera and microphone">
      <div class="preview-picture">
        {picture ? (
          <TrackVideo track={picture} mirrored label="Your camera" />
        ) : (
          <div class="preview-empty">
            <Avatar name={personName.value} />
            <p>{camera.busy.value ? 'Starting the camera…' : 'Your camera is off'}</p>
          </div>
        )}
        <div class="preview-controls">
          <Toggle
            on={sound !== undefined}
            what="microphone"
            icon={sound ? <MicIcon /> : <MicOffIcon />}
            onClick={() => void (sound ? microphone.close() : microphone.open())}
          />
          <Toggle
            on={picture !== undefined}
            what="camera"
            icon={picture ? <CameraIcon /> : <CameraOffIcon />}
            onClick={() => void (picture ? camera.close() : camera.open())}
          />
        </div>
        {sound && <LevelMeter />}
      </div>
      {errors.map((error) => (
        <p key={error.title} class="notice notice-warn" role="alert">
          <strong>{error.title}.</strong> {error.hint}
        </p>
      ))}
      <DeviceChoices />
    </section>
  );
}

interface ToggleProps {
  on: boolean;
  what: string;
  icon: preact.JSX.Element;
  onClick: () => void;
}

function Toggle({ on, what, icon, onClick }: ToggleProps) {
  const label = `Turn ${what} ${on ? 'off' : 'on'}`;
  return (
    <button
      type="button"
      class={`round ${on ? '' : 'off'}`}
      aria-pressed={on}
      aria-label={label}
      title={label}
      onClick={onClick}
    >
      {icon}
    </button>
  );
}
