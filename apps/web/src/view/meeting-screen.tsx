import type { Meeting } from '../model/meeting.ts';
import { ControlBar } from './control-bar.tsx';
import { CopyLink, MeetingHeader } from './meeting-header.tsx';
import { Sounds } from './sounds.tsx';
import { Stage } from './stage.tsx';

export function MeetingScreen({ meeting }: { meeting: Meeting }) {
  const alone = meeting.people.value.length === 0;
  return (
    <main class="meeting">
      <MeetingHeader meeting={meeting} />
      <Stage meeting={meeting} />
      {alone && (
        <aside class="alone">
          <p>
            <strong>Only you are here.</strong> Share the link to bring others in.
          </p>
          <CopyLink meeting={meeting} testId="copy-link-alone" />
        </aside>
      )}
      <ControlBar meeting={meeting} />
      <Sounds meeting={meeting} />
    </main>
  );
}
