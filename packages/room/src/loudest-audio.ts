import { typeError } from './errors.ts';

const maxPlaces = 100;

/** How many receivers of sound a room forwards at most; 0 = all. @throws RoomError unless it is an integer of 0…100 */
export function checkMaxLoudestAudio(value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxPlaces)
    return value as number;
  throw typeError('maxLoudestAudio', `must be an integer of 0…${maxPlaces}; 0 forwards all`);
}
