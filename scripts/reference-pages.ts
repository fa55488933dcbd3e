import type { Declaration, Member } from './declarations.ts';

/** The classes of `@weir/sfu` that have a page, in the order of the index. */
export const documentedClasses = [
  'Server',
  'Room',
  'Peer',
  'Transport',
  'PlainTransport',
  'RtpReceiver',
  'RtpSender',
  'AudioLevelObserver',
  'ActiveSpeakerObserver',
] as const;

/**
 * Markdown pages by file name: one per class, and one for the functions of the module. Made from the doc comments. Throws Error naming every public member, event or
 * option without one.
 */
export function referencePages(
  declarations: readonly Declaration[],
  functions: readonly Declaration[],
): Map<string, string> {
  const byName = new Map(declarations.map((declaration) => [declaration.name, declaration]));
  const undocumented: string[] = [];
  const pages = new Map<string, string>();
  for (const name of documentedClasses) {
    const declaration = byName.get(name);
    if (declaration === undefined) throw new Error(`${name}: no such class`);
    pages.set(fileOf(name), page(declaration, byName, undocumented));
  }
  pages.set('module.md', modulePage(functions, byName, undocumented));
  pages.set('README.md', index(byName));
  if (undocumented.length > 0) throw new Error(`without a doc comment: ${undocumented.join(', ')}`);
  return pages;
}

function fileOf(name: string): string {
  return `${name.replace(/(?<=.)[A-Z]/g, '-$&').toLowerCase()}.md`;
}

function index(byName: ReadonlyMap<string, Declaration>): string {
  const rows = documentedClasses.map((name) => {
    const summary = byName.get(name)!.doc.split('\n')[0]!;
    return `- [${name}](${fileOf(name)}): ${summary}`;
  });
  return `${generated}\n# @weir/sfu\n\n- [Module](module.md): what the package exports.\n${rows.join('\n')}\n`;
}

function modulePage(
  functions: readonly Declaration[],
  byName: ReadonlyMap<string, Declaration>,
  undocumented: string[],
): string {
  const parts = functions.map(({ name, doc, text }) => {
    if (doc === '') undocumented.push(name);
    return `## ${name}()\n\n\`\`\`ts\n${text.replace('ServerObject', 'Server')}\n\`\`\`\n\n${doc}`;
  });
  const types = mentioned(
    functions.map(({ text }) => text),
    byName,
  );
  return `${generated}\n# Module\n\n${[...parts, typeSection(types, byName, undocumented)].join('\n\n')}\n`;
}

function page(
  declaration: Declaration,
  byName: ReadonlyMap<string, Declaration>,
  undocumented: string[],
): string {
  const { name } = declaration;
  const chain = ancestry(declaration, byName);
  const members = chain.flatMap((each) => each.members).filter(first);
  const events = chain
    .flatMap((each) => eventInterfaces(each))
    .flatMap((each) => byName.get(each)?.members ?? [])
    .concat(byName.get('CommonEvents')?.members ?? [])
    .filter(first);
  for (const member of [...members, ...events]) {
    if (member.doc === '') undocumented.push(`${name}.${member.name}`);
  }
  const instance = name[0]!.toLowerCase() + name.slice(1);
  const properties = members.filter(({ kind }) => kind === 'property');
  const methods = members.filter(({ kind }) => kind === 'method');
  const parts = [
    `${generated}\n# ${name}\n\n${declaration.doc}`,
    `## Properties\n\nRead only unless said otherwise.\n\n${properties.map((member) => property(instance, member, declaration)).join('\n\n')}`,
    `## Methods\n\n${methods.map((member) => method(instance, member)).join('\n\n')}`,
    `## Events\n\n${events.map((member) => event(instance, member)).join('\n\n')}`,
  ];
  const types = mentioned(
    [...members, ...events].map(({ signature }) => signature),
    byName,
  );
  if (types.length > 0) parts.push(typeSection(types, byName, undocumented));
  return `${parts.join('\n\n')}\n`;
}

/** The class and its base classes, the class first. */
function ancestry(declaration: Declaration, byName: ReadonlyMap<string, Declaration>): Declaration[] {
  const base = declaration.base === undefined ? undefined : byName.get(declaration.base.split('<')[0]!);
  if (base === undefined || base.name === 'SafeEmitter') return [declaration];
  return [declaration, ...ancestry(base, byName)];
}

/** `RoomObject<PeerId, PeerEvents>` has PeerEvents. */
function eventInterfaces({ base }: Declaration): string[] {
  return base?.match(/\b\w+Events\b/g) ?? [];
}

function first(member: Member, i: number, all: readonly Member[]): boolean {
  return all.findIndex(({ name }) => name === member.name) === i;
}

function property(
  instance: string,
  { name, signature, settable, doc }: Member,
  declaration: Declaration,
): string {
  const declared = signature.slice(signature.indexOf(':') + 1).trim();
  // `Id` is a parameter of the base class: `RoomObject<PeerId, …>`.
  const type = declared === 'Id' ? (/<(\w+Id)\b/.exec(declaration.base ?? '')?.[1] ?? 'number') : declared;
  return `### ${instance}.${name}\n\n\`${type}\`${settable ? ' (settable)' : ''}\n\n${doc}`;
}

function method(instance: string, { name, signature, doc }: Member): string {
  return `### ${instance}.${name}()\n\n\`\`\`ts\n${instance}.${signature}\n\`\`\`\n\n${doc}`;
}

/** `newpeer: [peer: Peer]` becomes `on("newpeer", (peer: Peer) => …)`. */
function event(instance: string, { name, signature, doc }: Member): string {
  const argumentList = signature.slice(signature.indexOf('[') + 1, signature.lastIndexOf(']'));
  return `### ${instance}.on('${name}')\n\n\`\`\`ts\n${instance}.on('${name}', (${argumentList}) => {})\n\`\`\`\n\n${doc}`;
}

/** Interfaces and types that the texts name, and those that these name, without classes and dumps. */
function mentioned(texts: readonly string[], byName: ReadonlyMap<string, Declaration>): Declaration[] {
  const found = new Set<Declaration>();
  const visit = (text: string) => {
    for (const word of text.match(/\b[A-Z]\w+\b/g) ?? []) {
      const type = byName.get(word);
      if (type === undefined || type.kind === 'class' || type.kind === 'function' || found.has(type))
        continue;
      if (/(Dump|Events|Id)$/.test(type.name) || hasNoValues(type)) continue;
      found.add(type);
      visit(type.text);
      for (const member of fieldsOf(type, byName)) visit(member.signature);
    }
  };
  for (const text of texts) visit(text);
  return [...found];
}

/** Only forbids fields, as `{ port?: undefined }` does. */
function hasNoValues({ kind, members }: Declaration): boolean {
  return kind === 'interface' && members.every(({ signature }) => signature.endsWith('?: undefined'));
}

/** Own fields, then those of the base. */
function fieldsOf(type: Declaration, byName: ReadonlyMap<string, Declaration>): readonly Member[] {
  const base = type.base === undefined ? undefined : byName.get(type.base);
  return base === undefined ? type.members : [...type.members, ...fieldsOf(base, byName)];
}

function typeSection(
  types: readonly Declaration[],
  byName: ReadonlyMap<string, Declaration>,
  undocumented: string[],
): string {
  return `## Types\n\n${types.map((type) => typeText(type, byName, undocumented)).join('\n\n')}`;
}

function typeText(
  type: Declaration,
  byName: ReadonlyMap<string, Declaration>,
  undocumented: string[],
): string {
  const head = `### ${type.name}\n\n${type.doc === '' ? '' : `${type.doc}\n\n`}`;
  if (type.kind === 'type') return `${head}\`${type.text}\``;
  const rows = fieldsOf(type, byName).map(({ name, signature, doc }) => {
    const fieldType = signature.slice(signature.indexOf(':') + 1).trim();
    if (fieldType === 'undefined') return '';
    const optional = /^['"]?[\w-]+['"]?\?/.test(signature);
    if (doc === '' && /Options$/.test(type.name) && name !== 'appData')
      undocumented.push(`${type.name}.${name}`);
    const cells = [
      `\`${name}\`${optional ? ' (optional)' : ''}`,
      `\`${fieldType}\``,
      doc.replaceAll('\n', ' '),
    ];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  });
  return `${head}| Field | Type | |\n| --- | --- | --- |\n${rows.join('').trimEnd()}`;
}

const generated =
  '<!-- Made by `node scripts/reference.ts` from the doc comments of packages/sfu. Do not edit. -->\n';
