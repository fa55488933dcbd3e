import { local } from '../model/app-state.ts';
import type { LocalDevice } from '../model/local-media.ts';

/** Which camera and which microphone. */
export function DeviceChoices() {
  return (
    <div class="devices">
      <DeviceChoice label="Camera" list={local.devices.value.cameras} device={local.camera} />
      <DeviceChoice label="Microphone" list={local.devices.value.microphones} device={local.microphone} />
    </div>
  );
}

interface DeviceChoiceProps {
  label: string;
  list: MediaDeviceInfo[];
  device: LocalDevice;
}

function DeviceChoice({ label, list, device }: DeviceChoiceProps) {
  const named = list.filter(({ deviceId }) => deviceId !== '');
  const current = device.track.value?.getSettings().deviceId ?? device.deviceId.value;
  return (
    <label class="field field-small">
      <span>{label}</span>
      <select
        value={current}
        disabled={named.length === 0}
        onChange={(event) => void device.choose(event.currentTarget.value)}
      >
        {named.length === 0 && <option value="">{list.length > 0 ? 'Default' : 'None found'}</option>}
        {named.map((each, n) => (
          <option key={each.deviceId} value={each.deviceId}>
            {each.label || `${label} ${n + 1}`}
          </option>
        ))}
      </select>
    </label>
  );
}
