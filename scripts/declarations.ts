/** A small reader of the declaration files that tsc writes: documented classes, interfaces, types and functions. */

export interface Declaration {
  readonly kind: 'class' | 'interface' | 'type' | 'function';
  readonly name: string;
  /** `RoomObject<PeerId, PeerEvents>`; undefined if there is none. */
  readonly base: string | undefined;
  readonly doc: string;
  readonly members: readonly Member[];
  /** Of a type, what it stands for; of a function, its declaration. */
  readonly text: string;
}

export interface Member {
  readonly kind: 'property' | 'method';
  readonly name: string;
  /** As declared, without a final semicolon: `get id(): PeerId`, `close(error?: Error): void`. */
  readonly signature: string;
  readonly settable: boolean;
  readonly doc: string;
}

/** All that one declaration file exports. Members that are private, protected, constructors or named by symbols are left out. */
export function readDeclarations(text: string): Declaration[] {
  const lines = text.split('\n');
  const found: Declaration[] = [];
  for (let i = 0; i < lines.length; i++) {
    const alias = /^export (?:declare )?(type|function) (\w+)/.exec(lines[i]!);
    if (alias !== null) {
      const doc = docBefore(lines, i);
      let text = lines[i]!.trim();
      while (!text.endsWith(';') || open(text) > 0) text += ` ${lines[++i]!.trim()}`;
      text = text.replace(/^export (declare )?(type \w+ = |function )?/, '').slice(0, -1);
      found.push({
        kind: alias[1] as Declaration['kind'],
        name: alias[2]!,
        base: undefined,
        doc,
        members: [],
        text,
      });
      continue;
    }
    const head = /^export (?:declare )?(?:abstract )?(class|interface) (\w+)[^{]*\{(\})?/.exec(lines[i]!);
    if (head === null) continue;
    const base = / extends ([^{]+?) \{/.exec(lines[i]!)?.[1];
    const end = head[3] === '}' ? i : lines.indexOf('}', i);
    found.push({
      kind: head[1] as Declaration['kind'],
      name: head[2]!,
      base:
        base === undefined || base.startsWith('EventEmitter')
          ? undefined
          : base.replace(/^.*?\bextends /, ''),
      doc: docBefore(lines, i),
      members: readMembers(lines.slice(i + 1, end)),
      text: '',
    });
  }
  return found;
}

function readMembers(lines: readonly string[]): Member[] {
  const members: Member[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    // Members stand at four spaces; deeper lines belong to their types.
    if (!/^ {4}[\w'"]/.test(line) || /^ {4}(constructor|protected|private)\b|^ {4}\w+ \[/.test(line))
      continue;
    let signature = line.trim();
    const doc = docBefore(lines, i);
    while (!signature.endsWith(';') || open(signature) > 0) signature += ` ${lines[++i]!.trim()}`;
    signature = signature.slice(0, -1).replace(/^(readonly|abstract|override) /, '');
    const name = /^(?:get |set )?['"]?([\w-]+)['"]?/.exec(signature)![1]!;
    if (signature.startsWith('set ')) {
      const getter = members.findIndex((member) => member.name === name);
      if (getter >= 0) members[getter] = { ...members[getter]!, settable: true };
      continue;
    }
    const kind = /^['"]?\w+['"]?\??:|^get /.test(signature) ? 'property' : 'method';
    members.push({ kind, name, signature, settable: false, doc });
  }
  return members;
}

/** Brackets that were opened and not closed. */
function open(text: string): number {
  return (text.match(/[{([]/g)?.length ?? 0) - (text.match(/[})\]]/g)?.length ?? 0);
}

/** The text of the doc comment that ends right above line `i`, as one line per paragraph. */
function docBefore(lines: readonly string[], i: number): string {
  if (!lines[i - 1]?.trim().endsWith('*/')) return '';
  let from = i - 1;
  while (!lines[from]!.trim().startsWith('/**')) from--;
  return lines
    .slice(from, i)
    .map((line) =>
      line
        .trim()
        .replace(/^\/\*\*\s?/, '')
        .replace(/\s*\*\/$/, '')
        .replace(/^\*\s?/, ''),
    )
    .join('\n')
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.split('\n').join(' '))
    .join('\n\n');
}
