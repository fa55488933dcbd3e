import { WeirError, type WeirErrorCode } from '@weir/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deviceErrorText, joinErrorText } from './error-text.ts';

describe('joining', () => {
  it.each<[WeirErrorCode, string]>([
    ['name-taken', 'Somebody named “Ada” is already in “tarn”'],
    ['room-full', '“tarn” is full'],
    ['network', 'The server does not answer'],
    ['no-pod', 'The server has no room for another call now'],
    ['unauthorized', 'You may not enter this room'],
    ['unsupported', 'This browser cannot do video calls'],
  ])('explains %s', (code, title) => {
    const text = joinErrorText(new WeirError({ code, detail: 'technical' }), 'Ada', 'tarn');
    expect(text.title).toBe(title);
    expect(text.hint).not.toContain('technical');
  });

  it('passes on what it does not know', () => {
    const error = new WeirError({ code: 'internal', detail: 'Something went wrong inside Weir' });
    expect(joinErrorText(error, 'Ada', 'tarn').hint).toBe('Something went wrong inside Weir');
  });
});

describe('devices', () => {
  beforeEach(() => {
    vi.stubGlobal('isSecureContext', true);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it.each([
    ['NotAllowedError', 'The camera is blocked'],
    ['NotFoundError', 'No camera found'],
    ['NotReadableError', 'The camera is in use'],
    ['Whatever', 'The camera could not be opened'],
  ])('explains %s', (name, title) => {
    expect(deviceErrorText(new DOMException('…', name), 'camera').title).toBe(title);
  });

  it('asks for https first', () => {
    vi.stubGlobal('isSecureContext', false);
    expect(deviceErrorText(new Error('x'), 'microphone').title).toBe('The microphone needs a secure page');
  });
});
