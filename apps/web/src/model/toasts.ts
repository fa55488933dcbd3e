import { signal } from '@preact/signals';

export interface Toast {
  id: number;
  text: string;
  tone: 'plain' | 'good' | 'bad';
}

/** Short messages in the order in which they came; each goes by itself. */
export const toasts = signal<Toast[]>([]);

const shownMs = 4_000;
const most = 4;
let nextId = 1;

export function toast(text: string, tone: Toast['tone'] = 'plain'): void {
  const entry = { id: nextId++, text, tone };
  toasts.value = [...toasts.value, entry].slice(-most);
  setTimeout(() => dismiss(entry.id), tone === 'bad' ? shownMs * 2 : shownMs);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((entry) => entry.id !== id);
}
