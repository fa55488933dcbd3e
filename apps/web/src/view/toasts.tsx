import { dismiss, toasts } from '../model/toasts.ts';

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <button
          key={toast.id}
          type="button"
          class={`toast toast-${toast.tone}`}
          title="Dismiss"
          onClick={() => dismiss(toast.id)}
        >
          {toast.text}
        </button>
      ))}
    </div>
  );
}
