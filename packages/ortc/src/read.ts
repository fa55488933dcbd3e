import { invalid } from './errors.ts';

/**
 * Readers for the rule of §10: a wrong type in an optional field means its default, in a mandatory field
 * it refuses the whole dictionary. `field` is the path of the value itself.
 */
export type Dictionary = Readonly<Record<string, unknown>>;

export function isDictionary(value: unknown): value is Dictionary {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws OrtcError if it is not an object. */
export function dictionary(value: unknown, field: string): Dictionary {
  if (!isDictionary(value)) throw invalid(field, 'is missing or not an object; give an object');
  return value;
}

/** @throws OrtcError if it is not a non-empty string. */
export function requiredText(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '') {
    throw invalid(field, 'is missing or not a non-empty string; give a string');
  }
  return value;
}

export function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** @throws OrtcError if it is not an integer in the range. */
export function requiredInteger(value: unknown, field: string, min: number, max: number): number {
  if (!Number.isInteger(value))
    throw invalid(field, `is missing or not an integer; give one of ${min}…${max}`);
  return inRange(value as number, field, min, max);
}

/** Undefined if it is not an integer. @throws OrtcError if it is one outside the range. */
export function optionalInteger(value: unknown, field: string, min: number, max: number): number | undefined {
  return Number.isInteger(value) ? inRange(value as number, field, min, max) : undefined;
}

/** Undefined if it is not a finite number. @throws OrtcError if it is one not greater than zero. */
export function optionalPositive(value: unknown, field: string): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  if (value <= 0) throw invalid(field, `is ${value}; give a number greater than 0`);
  return value;
}

/** An array, or the empty one for any other type. */
export function optionalList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function inRange(value: number, field: string, min: number, max: number): number {
  if (value < min || value > max) throw invalid(field, `is ${value}; give an integer of ${min}…${max}`);
  return value;
}
