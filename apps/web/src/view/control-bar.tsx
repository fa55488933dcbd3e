import { useEffect } from 'preact/hooks';
import type { Meeting } from '../model/meeting.ts';
import { CameraIcon, CameraOffIcon, LeaveIcon, MicIcon, MicOffIcon, ScreenIcon } from './icons.tsx';
import { StatsPlot } from './stats-plot.tsx';

/** What one can do in a meeting. */
export function ControlBar({ meeting }: { meeting: Meeting }) {
  useShortcuts(meeting);
  const microphone = meeting.microphoneOn.value;
  const camera = meeting.cameraOn.value;
  const sharing = meeting.screenTrack.value !== undefined;
  return (
    <footer class="bar">
      <StatsPlot meeting={meeting} />
      <fieldset class="controls" aria-label="Call controls">
        <Control
          testId="mic-button"
          on={microphone}
          caption={microphone ? 'Mute' : 'Unmute'}
          label={microphone ? 'Turn microphone off' : 'Turn microphone on'}
          shortcut="m"
          icon={microphone ? <MicIcon /> : <MicOffIcon />}
          onClick={() => void meeting.toggleMicrophone()}
        />
        <Control
          testId="cam-button"
          on={camera}
          caption={camera ? 'Stop video' : 'Start video'}
          label={camera ? 'Turn camera off' : 'Turn camera on'}
          shortcut="v"
          icon={camera ? <CameraIcon /> : <CameraOffIcon />}
          onClick={() => void meeting.toggleCamera()}
        />
        {meeting.canShareScreen && (
          <Control
            testId="screen-button"
            on
            active={sharing}
            caption={sharing ? 'Stop sharing' : 'Share'}
            label={sharing ? 'Stop sharing your screen' : 'Share your screen'}
            shortcut="s"
            icon={<ScreenIcon />}
            onClick={() => void meeting.toggleScreen()}
          />
        )}
        <button
          type="button"
          class="control control-leave"
          data-testid="leave-button"
          aria-label="Leave the meeting"
          title="Leave"
          onClick={() => void meeting.leave()}
        >
          <span class="control-disc">
            <LeaveIcon />
          </span>
          <span class="control-caption">Leave</span>
        </button>
      </fieldset>
      <div class="bar-end" />
    </footer>
  );
}

interface ControlProps {
  testId: string;
  on: boolean;
  active?: boolean;
  caption: string;
  label: string;
  shortcut: string;
  icon: preact.JSX.Element;
  onClick: () => void;
}

function Control({ testId, on, active = false, caption, label, shortcut, icon, onClick }: ControlProps) {
  const classes = ['control', !on && 'control-off', active && 'control-active'].filter(Boolean).join(' ');
  return (
    <button
      type="button"
      class={classes}
      data-testid={testId}
      aria-label={label}
      aria-pressed={testId === 'screen-button' ? active : on}
      aria-keyshortcuts={shortcut}
      title={`${label} (${shortcut.toUpperCase()})`}
      onClick={onClick}
    >
      <span class="control-disc">{icon}</span>
      <span class="control-caption">{caption}</span>
    </button>
  );
}

/** One key each, unless somebody types or holds a modifier. */
function useShortcuts(meeting: Meeting): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if ((event.target as Element | null)?.closest('input, select, textarea')) return;
      if (event.key === 'm') void meeting.toggleMicrophone();
      if (event.key === 'v') void meeting.toggleCamera();
      if (event.key === 's' && meeting.canShareScreen) void meeting.toggleScreen();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [meeting]);
}
