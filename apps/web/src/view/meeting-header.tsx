import { useSignal } from '@preact/signals';
import { roomLink } from '../lib/page-url.ts';
import type { Meeting } from '../model/meeting.ts';
import { toast } from '../model/toasts.ts';
import { CheckIcon, LinkIcon, Mark, PeopleIcon } from './icons.tsx';
import { Settings } from './settings.tsx';

/** Where one is, with how many, and how the connection stands. */
export function MeetingHeader({ meeting }: { meeting: Meeting }) {
  const { state, sentence } = meeting.connection.value;
  const count = meeting.people.value.length + 1;
  return (
    <header class="top">
      <div class="top-room">
        <Mark />
        <h1>{meeting.session.room}</h1>
      </div>
      <p class={`state state-${state}`} role="status" data-testid="state-text" data-state={state}>
        <i aria-hidden="true" />
        {sentence}
      </p>
      <div class="top-end">
        <p class="count" title={count === 1 ? 'Only you are here' : `${count} people are here`}>
          <PeopleIcon />
          <span class="sr">People here: </span>
          {count}
        </p>
        <CopyLink meeting={meeting} testId="copy-link" />
        <Settings meeting={meeting} />
      </div>
    </header>
  );
}

export function CopyLink({ meeting, testId }: { meeting: Meeting; testId: string }) {
  const copied = useSignal(false);
  const link = roomLink(location.origin, meeting.session.room);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      copied.value = true;
      setTimeout(() => {
        copied.value = false;
      }, 2_000);
    } catch {
      toast(`Copy this link: ${link}`);
    }
  };
  return (
    <button type="button" class="copy" data-testid={testId} title={link} onClick={() => void copy()}>
      {copied.value ? <CheckIcon /> : <LinkIcon />}
      <span>{copied.value ? 'Link copied' : 'Copy link'}</span>
    </button>
  );
}
