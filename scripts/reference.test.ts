import { describe, expect, it } from 'vitest';
import { readDeclarations } from './declarations.ts';
import { currentPages, writtenPages } from './reference.ts';
import { referencePages } from './reference-pages.ts';

describe('docs/reference', () => {
  it('is what the doc comments say now: every public member is there and nothing is stale', () => {
    const current = currentPages();
    const written = writtenPages();
    expect([...written.keys()].sort()).toEqual([...current.keys()].sort());
    for (const [name, text] of current)
      expect(written.get(name), `${name}: run npm run docs:reference`).toBe(text);
  });
});

describe('readDeclarations()', () => {
  const [thing] = readDeclarations(`
/**
 * First line
 * goes on.
 *
 * Second paragraph.
 */
export declare class Thing extends Base<ThingId, ThingEvents> {
    #private;
    constructor(secret: string);
    /** The id. */
    get id(): ThingId;
    get appData(): object;
    set appData(value: object);
    /** Does it. */
    run(options?: {
        fast?: boolean;
    }): Promise<void>;
    protected hidden(): void;
    [symbol](): void;
}
`);

  it('reads class, base and comment', () => {
    expect(thing).toMatchObject({
      kind: 'class',
      name: 'Thing',
      base: 'Base<ThingId, ThingEvents>',
      doc: 'First line goes on.\n\nSecond paragraph.',
    });
  });

  it('reads public members only', () => {
    expect(thing!.members).toEqual([
      { kind: 'property', name: 'id', signature: 'get id(): ThingId', settable: false, doc: 'The id.' },
      { kind: 'property', name: 'appData', signature: 'get appData(): object', settable: true, doc: '' },
      {
        kind: 'method',
        name: 'run',
        signature: 'run(options?: { fast?: boolean; }): Promise<void>',
        settable: false,
        doc: 'Does it.',
      },
    ]);
  });

  it('a class without comments is refused', () => {
    const bare = ['Server', 'Room', 'Peer', 'Transport', 'PlainTransport', 'RtpReceiver', 'RtpSender']
      .concat(['AudioLevelObserver', 'ActiveSpeakerObserver'])
      .map((name) => `/** A ${name}. */\nexport declare class ${name} {\n    get id(): number;\n}`);
    expect(() => referencePages(readDeclarations(bare.join('\n')), [])).toThrow('Server.id, Room.id');
  });
});
