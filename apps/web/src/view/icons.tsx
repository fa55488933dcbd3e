import type { ComponentChildren } from 'preact';

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export const MicIcon = () => (
  <Icon>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
  </Icon>
);

export const MicOffIcon = () => (
  <Icon>
    <path d="M9 9v2a3 3 0 0 0 4.6 2.5M15 10.5V6a3 3 0 0 0-5.7-1.3M5.5 11.5a6.5 6.5 0 0 0 9.9 5.5M18.5 11.5a6.5 6.5 0 0 1-.7 2.9M12 18v3M4 3l16 18" />
  </Icon>
);

export const CameraIcon = () => (
  <Icon>
    <rect x="2.5" y="6" width="13" height="12" rx="3" />
    <path d="m15.5 10.8 4.6-2.9a.9.9 0 0 1 1.4.8v6.6a.9.9 0 0 1-1.4.8l-4.6-2.9" />
  </Icon>
);

export const CameraOffIcon = () => (
  <Icon>
    <path d="M10.5 6h2a3 3 0 0 1 3 3v1.8l4.6-2.9a.9.9 0 0 1 1.4.8v6.6a.9.9 0 0 1-1 .9M15.5 15a3 3 0 0 1-3 3h-7a3 3 0 0 1-3-3V9a3 3 0 0 1 2-2.8M4 3l16 18" />
  </Icon>
);

export const ScreenIcon = () => (
  <Icon>
    <rect x="2.5" y="4" width="19" height="13" rx="2.5" />
    <path d="M9 21h6M12 13.5V8M9.3 10.4 12 7.7l2.7 2.7" />
  </Icon>
);

export const LeaveIcon = () => (
  <Icon>
    <path d="M3.2 14.7c-.9-3 4-5.7 8.8-5.7s9.7 2.7 8.8 5.7c-.3 1-1.3 1.5-2.3 1.3l-2.5-.5c-.9-.2-1.5-1-1.5-1.9v-1.2c-1.6-.5-3.4-.5-5 0v1.2c0 .9-.6 1.7-1.5 1.9l-2.5.5c-1 .2-2-.3-2.3-1.3Z" />
  </Icon>
);

export const LinkIcon = () => (
  <Icon>
    <path d="M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.1-1.1" />
  </Icon>
);

export const CheckIcon = () => (
  <Icon>
    <path d="m5 12.5 4.5 4.5L19 7.5" />
  </Icon>
);

export const PeopleIcon = () => (
  <Icon>
    <circle cx="9" cy="8.5" r="3.5" />
    <path d="M2.5 19.5c.6-3.4 3.2-5.5 6.5-5.5s5.9 2.1 6.5 5.5M15.5 5.3a3.5 3.5 0 0 1 0 6.4M18 14.5c1.9.8 3.1 2.6 3.5 5" />
  </Icon>
);

export const PersonIcon = () => (
  <Icon>
    <circle cx="12" cy="8.5" r="4" />
    <path d="M4.5 20c.7-3.9 3.7-6 7.5-6s6.8 2.1 7.5 6" />
  </Icon>
);

export const SoundIcon = () => (
  <Icon>
    <path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4ZM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11" />
  </Icon>
);

export const SettingsIcon = () => (
  <Icon>
    <path d="M4 7h9M17 7h3M4 17h3M11 17h9" />
    <circle cx="15" cy="7" r="2.2" />
    <circle cx="9" cy="17" r="2.2" />
  </Icon>
);

export const SignalIcon = () => (
  <Icon>
    <path d="M5 19v-4M12 19V10M19 19V5" stroke-width="2.6" />
  </Icon>
);

export const AlertIcon = () => (
  <Icon>
    <path d="M12 8v5M12 16.5v.1M10.3 3.9 2.6 17.2A2 2 0 0 0 4.3 20h15.4a2 2 0 0 0 1.7-2.8L13.7 3.9a2 2 0 0 0-3.4 0Z" />
  </Icon>
);

/** Water going over a step: the sign of Weir. */
export const Mark = () => (
  <svg
    class="mark"
    viewBox="0 0 32 32"
    fill="none"
    stroke-width="3"
    stroke-linecap="round"
    aria-hidden="true"
  >
    <path class="mark-1" d="M4 9h8c6 0 4 4 10 4h6" />
    <path class="mark-2" d="M4 15.5h5c7 0 5 5 12 5h7" />
    <path class="mark-3" d="M4 22h2c7 0 6 5 13 5h9" />
  </svg>
);
