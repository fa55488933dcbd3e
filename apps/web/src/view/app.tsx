import { screen } from '../model/app-state.ts';
import { JoinScreen } from './join-screen.tsx';
import { LeftScreen } from './left-screen.tsx';
import { MeetingScreen } from './meeting-screen.tsx';
import { Toasts } from './toasts.tsx';

export function App() {
  const now = screen.value;
  return (
    <>
      {now.name === 'join' && <JoinScreen />}
      {now.name === 'meeting' && <MeetingScreen meeting={now.meeting} />}
      {now.name === 'left' && <LeftScreen sentence={now.sentence} reason={now.reason} />}
      <Toasts />
    </>
  );
}
