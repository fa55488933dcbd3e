import { useEffect, useRef } from 'preact/hooks';
import { cleanRoom } from '../lib/page-url.ts';
import { invited, join, joining, joinProblem, personName, room } from '../model/app-state.ts';
import { AlertIcon, Mark } from './icons.tsx';
import { Preview } from './preview.tsx';
import { Waves } from './waves.tsx';

/** The door: who, where, and how one looks. */
export function JoinScreen() {
  return (
    <main class="join">
      <Waves />
      <header class="brand">
        <Mark />
        <span>Weir</span>
      </header>
      <div class="join-card">
        <Preview />
        <JoinForm />
      </div>
    </main>
  );
}

function JoinForm() {
  const nameField = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (personName.peek() === '') nameField.current?.focus();
  }, []);
  const ready = personName.value.trim() !== '' && room.value !== '';
  return (
    <form
      class="join-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) void join(false);
      }}
    >
      <h1>{invited ? 'You are invited' : 'Meet here'}</h1>
      <p class="lead">
        {invited
          ? 'Say who you are, and step in.'
          : 'Pick a name for the room and share the link. No account, no install.'}
      </p>
      <label class="field">
        <span>Your name</span>
        <input
          ref={nameField}
          data-testid="join-name"
          name="name"
          autocomplete="name"
          maxLength={64}
          required
          placeholder="Ada"
          value={personName.value}
          onInput={(event) => {
            personName.value = event.currentTarget.value;
          }}
        />
      </label>
      <label class="field">
        <span>Room</span>
        <input
          data-testid="join-room"
          name="room"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          maxLength={64}
          required
          value={room.value}
          onInput={(event) => {
            const cleaned = cleanRoom(event.currentTarget.value);
            // What can't stand in a room's name shall not stand in the field either.
            event.currentTarget.value = cleaned;
            room.value = cleaned;
          }}
        />
      </label>
      <Problem />
      <button class="primary" type="submit" data-testid="join-button" disabled={!ready || joining.value}>
        {joining.value ? 'Joining…' : 'Join'}
      </button>
      <p class="fine">Nobody sees or hears you before you join.</p>
    </form>
  );
}

function Problem() {
  const problem = joinProblem.value;
  if (!problem) return null;
  return (
    <div class="notice notice-bad" role="alert" data-testid="join-error">
      <AlertIcon />
      <div>
        <strong>{problem.title}</strong>
        <p>{problem.hint}</p>
        {problem.taken && (
          <button
            type="button"
            class="secondary"
            data-testid="replace-button"
            onClick={() => void join(true)}
          >
            Take over here
          </button>
        )}
      </div>
    </div>
  );
}
