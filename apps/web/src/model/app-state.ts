import { batch, signal } from '@preact/signals';
import { type CloseReason, type Session, WeirError } from '@weir/client';
import { type ErrorText, joinErrorText } from '../lib/error-text.ts';
import { inventRoom, readPageUrl, roomLink } from '../lib/page-url.ts';
import { remember, remembered } from '../lib/storage.ts';
import { LocalMedia } from './local-media.ts';
import { Meeting } from './meeting.ts';

declare global {
  interface Window {
    /** For inspection in the console and by end-to-end tests. */
    weirSession?: Session | undefined;
  }
}

/** Which page is seen. */
export type Screen =
  | { name: 'join' }
  | { name: 'meeting'; meeting: Meeting }
  | { name: 'left'; sentence: string; reason: CloseReason | undefined };

export interface JoinProblem extends ErrorText {
  /** The name is in use: offer to take it over. */
  taken: boolean;
}

const page = readPageUrl(location.search);

export const screen = signal<Screen>({ name: 'join' });
export const room = signal(page.room || inventRoom(Math.random));
/** Whether the room stood in the link: then only a name is missing. */
export const invited = page.room !== '';
export const personName = signal(page.name || (remembered().name ?? ''));
export const joining = signal(false);
export const joinProblem = signal<JoinProblem | undefined>(undefined);
export const local = new LocalMedia();

/** Opens camera and microphone for the preview, and joins at once if the link says so. */
export async function start(): Promise<void> {
  const opening = local.openBoth();
  if (page.join && personName.peek() !== '') {
    await opening;
    await join(false);
  }
}

export async function join(replace: boolean): Promise<void> {
  if (joining.peek()) return;
  const options = { room: room.peek(), name: personName.peek().trim(), replace, events: page.events };
  joining.value = true;
  joinProblem.value = undefined;
  try {
    const meeting = await Meeting.join(options, local);
    remember({ name: options.name });
    history.replaceState(null, '', linkWithOptions(options.room));
    window.weirSession = meeting.session;
    meeting.connection.subscribe((info) => {
      if (info.state === 'closed') ended(meeting, info.sentence, info.reason);
    });
    document.title = `${options.room} · Weir`;
    screen.value = { name: 'meeting', meeting };
  } catch (error) {
    const text = joinErrorText(error, options.name, options.room);
    joinProblem.value = { ...text, taken: error instanceof WeirError && error.code === 'name-taken' };
  } finally {
    joining.value = false;
  }
}

/** From the page after a meeting back to the door. */
export function backToJoin(): void {
  batch(() => {
    joinProblem.value = undefined;
    screen.value = { name: 'join' };
  });
  void local.openBoth();
}

function ended(meeting: Meeting, sentence: string, reason: CloseReason | undefined): void {
  const now = screen.peek();
  if (now.name !== 'meeting' || now.meeting !== meeting) return;
  local.closeBoth();
  document.title = 'Weir';
  screen.value = { name: 'left', sentence, reason };
}

/** Keeps `events=poll` over a reload, but not `join=1`: a reload asks again. */
function linkWithOptions(joined: string): string {
  const link = roomLink('', joined);
  return page.events === 'poll' ? `${link}&events=poll` : link;
}
