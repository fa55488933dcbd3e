import { WeirError } from '@weir/client';

/** What went wrong, for the person in front of the screen. */
export interface ErrorText {
  title: string;
  /** What to do about it. */
  hint: string;
}

/** Of joining. */
export function joinErrorText(error: unknown, name: string, room: string): ErrorText {
  const code = error instanceof WeirError ? error.code : undefined;
  switch (code) {
    case 'name-taken':
      return {
        title: `Somebody named “${name}” is already in “${room}”`,
        hint: 'If that is you in another tab or on another device, you can take over here.',
      };
    case 'room-full':
      return { title: `“${room}” is full`, hint: 'Wait until somebody leaves, then try again.' };
    case 'room-closed':
      return { title: `“${room}” was closed`, hint: 'Choose another room.' };
    case 'room-not-found':
      return { title: `There is no room “${room}”`, hint: 'Check the link you were given.' };
    case 'unauthorized':
    case 'forbidden':
      return { title: 'You may not enter this room', hint: 'Ask whoever invited you for a new link.' };
    case 'rate-limited':
      return { title: 'Too many attempts', hint: 'Wait a moment, then try again.' };
    case 'no-pod':
    case 'pod-unreachable':
    case 'store-unavailable':
      return { title: 'The server has no room for another call now', hint: 'Try again in a minute.' };
    case 'network':
    case 'timeout':
    case 'bad-answer':
      return { title: 'The server does not answer', hint: 'Check your network, then try again.' };
    case 'not-found':
      return { title: 'This server does not offer meetings', hint: 'Its demo pages are switched off.' };
    case 'unsupported':
      return {
        title: 'This browser cannot do video calls',
        hint: 'Use a current Chrome, Firefox, Edge or Safari.',
      };
    default:
      return {
        title: 'Joining failed',
        hint: error instanceof Error ? error.message : 'Try again.',
      };
  }
}

/** Of opening a camera, a microphone or the screen. */
export function deviceErrorText(error: unknown, device: 'camera' | 'microphone' | 'screen'): ErrorText {
  const the = `The ${device}`;
  if (!globalThis.isSecureContext) {
    return { title: `${the} needs a secure page`, hint: 'Open this page over https.' };
  }
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return {
        title: `${the} is blocked`,
        hint: `Allow it in the address bar. You can also join without ${device === 'screen' ? 'it' : `a ${device}`}.`,
      };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { title: `No ${device} found`, hint: 'Plug one in, or join without.' };
    case 'NotReadableError':
    case 'AbortError':
      return { title: `${the} is in use`, hint: 'Close the other program that uses it, then try again.' };
    default:
      return {
        title: `${the} could not be opened`,
        hint: error instanceof Error ? error.message : 'Try again.',
      };
  }
}
