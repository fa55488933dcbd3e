import { render } from 'preact';
import './styles/tokens.css';
import './styles/base.css';
import './styles/join.css';
import './styles/meeting.css';
import './styles/quality.css';
import { start } from './model/app-state.ts';
import { App } from './view/app.tsx';

const root = document.getElementById('app');
if (root) {
  render(<App />, root);
  void start();
}
