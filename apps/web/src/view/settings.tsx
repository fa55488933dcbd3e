import type { Meeting } from '../model/meeting.ts';
import { toast } from '../model/toasts.ts';
import { DeviceChoices } from './device-choices.tsx';
import { SettingsIcon } from './icons.tsx';

/** Devices in the middle of a meeting, and what support will ask for. */
export function Settings({ meeting }: { meeting: Meeting }) {
  const copyReport = async () => {
    try {
      await navigator.clipboard.writeText(meeting.report());
      toast('Report copied', 'good');
    } catch {
      toast('The browser does not allow copying here', 'bad');
    }
  };
  return (
    <>
      <button
        type="button"
        class="copy settings-button"
        aria-label="Settings"
        title="Settings"
        data-testid="settings-button"
        popovertarget="settings"
      >
        <SettingsIcon />
      </button>
      <div id="settings" class="settings" popover="auto">
        <h2>Settings</h2>
        <DeviceChoices />
        <div class="settings-report">
          <p>Something wrong? A report says what happened lately, without passwords.</p>
          <button type="button" class="secondary" data-testid="copy-report" onClick={() => void copyReport()}>
            Copy report
          </button>
        </div>
      </div>
    </>
  );
}
