/** What is remembered between visits. Storage may be forbidden; then nothing is. */
export interface Remembered {
  name: string;
  cameraId: string;
  microphoneId: string;
}

const key = 'weir';

export function remembered(): Partial<Remembered> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Partial<Remembered>) : {};
  } catch {
    return {};
  }
}

export function remember(fields: Partial<Remembered>): void {
  try {
    localStorage.setItem(key, JSON.stringify({ ...remembered(), ...fields }));
  } catch {
    // Private browsing: the next visit asks again.
  }
}
