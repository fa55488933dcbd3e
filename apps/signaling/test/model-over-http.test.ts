import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventType } from '@weir/protocol';
import { beforeAll, describe, expect, it } from 'vitest';
import { onSqlite } from './databases.ts';
import { Instance, type Member } from './harness.ts';
import { capabilities, dtls, opus, vp8 } from './media.ts';
import { logOnly, model } from './model-table.ts';

/** The object model, whole: what the library's classes can do, requests and events can do too, or the table says why not. */

interface Schema {
  $ref?: string;
  properties?: Record<string, Schema>;
  anyOf?: Schema[];
  allOf?: Schema[];
}
interface Content {
  content?: Record<string, { schema: Schema }>;
}

/** Members of the public classes, as docs/reference has them; another test compares it with the source. */
function publicMembers(): string[] {
  const folder = join(import.meta.dirname, '../../../docs/reference');
  const pages = readdirSync(folder).filter((name) => !['README.md', 'module.md'].includes(name));
  return pages.flatMap((name) => {
    const [members = ''] = readFileSync(join(folder, name), 'utf8').split('\n## Types\n');
    return [...members.matchAll(/^### (\S.*)$/gm)].map(([, member]) => member!);
  });
}

onSqlite((open) => {
  const members = publicMembers();
  let calls: Map<string, Set<string>>;

  beforeAll(async () => {
    const weir = new Instance(await open());
    const { paths, components } = await weir.ok('GET', '/openapi.json');
    const fieldsOf = (schema: Schema | undefined): string[] => {
      if (schema === undefined) return [];
      const named: Schema | undefined = schema.$ref && components.schemas[schema.$ref.split('/').at(-1)!];
      const parts = [...(schema.anyOf ?? []), ...(schema.allOf ?? []), ...(named ? [named] : [])];
      return [...Object.keys(schema.properties ?? {}), ...parts.flatMap(fieldsOf)];
    };
    calls = new Map();
    for (const [path, item] of Object.entries<
      Record<string, { requestBody?: Content; responses: Record<string, Content> }>
    >(paths)) {
      for (const [method, { requestBody, responses }] of Object.entries(item)) {
        const told = [
          requestBody,
          ...Object.keys(responses)
            .filter((s) => s.startsWith('2'))
            .map((s) => responses[s]),
        ];
        const fields = told.flatMap((one) => fieldsOf(one?.content?.['application/json']?.schema));
        calls.set(`${method.toUpperCase()} ${path}`, new Set(fields));
      }
    }
  });

  describe('the object model over HTTP', () => {
    it('has an entry for each public member, and none for what is not there', () => {
      expect(members.length).toBeGreaterThan(150);
      // What a plain transport inherits is reached as with any transport.
      const inherited = (member: string) =>
        member.startsWith('plainTransport.') &&
        model[member.replace('plainTransport', 'transport')] !== undefined;
      const own = members.filter((member) => !inherited(member));
      expect(Object.keys(model).sort()).toEqual([...own].sort());
    });

    it.each(Object.entries(model))('%s: %s', (_member, reached) => {
      const [first, second = '', third = ''] = reached.split(' ');
      if (first === 'none:') {
        expect(reached.length).toBeGreaterThan(12);
        return;
      }
      if (first === 'event') {
        expect(['room', 'peer', 'transport', 'rtpreceiver', 'rtpsender']).toContain(second);
        expect(EventType.options).toContain(third);
        return;
      }
      const path = second.replace('…', '/v1/rooms/{room}/peers/{peer}');
      const fields = calls.get(`${first} ${path}`);
      expect(fields, `${first} ${path} is no call of the API`).toBeDefined();
      if (third !== '') expect([...fields!]).toContain(third);
    });

    it('has no event that is neither of a class nor explained', () => {
      const mapped = Object.values(model).flatMap((reached) => /^event \w+ (\w+)$/.exec(reached)?.[1] ?? []);
      expect(new Set([...mapped, ...Object.keys(logOnly)])).toEqual(new Set(EventType.options));
    });
  });

  describe('events of the model in the logs of peers', () => {
    /** Two peers, one of whom publishes; then everything happens that can. */
    async function everything(): Promise<Set<string>> {
      const weir = new Instance(await open());
      await weir.lease('pod-1');
      const room = await weir.room();
      const alice = await weir.join(room, 'alice');
      const bob = await weir.join(room, 'bob');
      const heard = new Set<string>();
      const listen = async () => {
        for (const member of [alice, bob]) {
          for (const { type, target } of await member.events()) heard.add(`event ${target.kind} ${type}`);
        }
      };
      for (const one of [alice, bob]) {
        await one.ok('PUT', '/capabilities', {
          rtpCapabilities: capabilities(alice.answer.snapshot.room as never),
        });
      }
      const transport = async (member: Member) => {
        const { id } = await member.ok('POST', '/transports', {});
        await member.ok('PUT', `/transports/${id}/dtls`, { dtlsParameters: dtls });
        return id as string;
      };
      const [sending, other, receiving] = [
        await transport(alice),
        await transport(alice),
        await transport(bob),
      ];
      const publish = (kind: string, rtpParameters: object) =>
        alice.ok('POST', '/receivers', { kind, transportId: sending, rtpParameters });
      const audio = await publish('audio', opus(1000));
      const video = await publish('video', vp8(2000));
      const { senders } = await bob.ok('GET', '/senders');
      const sender = senders.find(({ kind }: { kind: string }) => kind === 'video');
      await bob.ok('PATCH', `/senders/${sender.id}`, { transportId: receiving, enabled: true });
      await alice.ok('PATCH', `/receivers/${video.id}`, { transportId: other });
      await alice.ok('PATCH', `/receivers/${video.id}`, { paused: true });
      await alice.ok('PATCH', `/receivers/${video.id}`, { paused: false });
      await alice.ok('PUT', `/receivers/${video.id}/parameters`, { rtpParameters: vp8(3000) });

      const of = { roomId: 'daily' } as const;
      const transportId = Number(receiving);
      const [receiverId, senderId] = [Number(video.id), Number(sender.id)];
      const local = { localIP: '127.0.0.1', localPort: 40000 };
      const tuple = { ...local, remoteIP: '127.0.0.1', remotePort: 5, protocol: 'udp' } as const;
      await weir.pod('pod-1').report([
        { ...of, type: 'transport.tuple', transportId, tuple },
        { ...of, type: 'transport.ice', transportId, state: 'completed' },
        { ...of, type: 'transport.dtls', transportId, state: 'connected' },
        { ...of, type: 'receiver.score', receiverId, scores: [{ encodingIdx: 0, ssrc: 3000, score: 9 }] },
        { ...of, type: 'sender.score', senderId, score: 8, receiverScore: 9 },
        { ...of, type: 'receiver.videoorientation', receiverId, camera: false, flip: false, rotation: 90 },
        { ...of, type: 'receiver.wantedlayers', receiverId, spatialLayers: [0] },
        { ...of, type: 'sender.layers', senderId, layers: { spatialLayer: 0 } },
        { ...of, type: 'audio.levels', levels: [{ receiverId: Number(audio.id), audioLevel: -20 }] },
        { ...of, type: 'audio.speaker', receiverId: Number(audio.id) },
      ]);
      await listen();
      await alice.ok('DELETE', `/receivers/${video.id}`);
      await alice.ok('DELETE', `/transports/${other}`);
      await weir.ok('DELETE', room, { token: await weir.admin() });
      await listen();
      return heard;
    }

    it('are all heard, each of its target', async () => {
      const heard = await everything();
      const wanted = new Set(Object.values(model).filter((reached) => reached.startsWith('event ')));
      expect([...wanted].filter((event) => !heard.has(event))).toEqual([]);
    });

    it('the dominant speaker is told to everybody, by the newest only, and not of who is gone', async () => {
      const weir = new Instance(await open());
      await weir.lease('pod-1');
      const room = await weir.room();
      const [alice, bob] = [await weir.join(room, 'alice'), await weir.join(room, 'bob')];
      const receivers: string[] = [];
      for (const [ssrc, one] of [alice, bob].entries()) {
        await one.ok('PUT', '/capabilities', {
          rtpCapabilities: capabilities(alice.answer.snapshot.room as never),
        });
        const { id } = await one.ok('POST', '/transports', {});
        const body = { kind: 'audio', transportId: id, rtpParameters: opus(ssrc + 1) };
        receivers.push((await one.ok('POST', '/receivers', body)).id);
      }
      await Promise.all([alice.events(), bob.events()]);
      const speaks = (receiverId: number) =>
        ({ type: 'audio.speaker', roomId: 'daily', receiverId }) as const;
      const [first, second] = [Number(receivers[0]), Number(receivers[1])];
      await weir.pod('pod-1').report([speaks(second), speaks(first)]);
      const told = {
        type: 'dominantspeaker',
        target: { kind: 'room', id: 'daily' },
        data: { receiverId: receivers[0], peerId: alice.id },
      };
      expect(await alice.events()).toMatchObject([told]);
      await weir.pod('pod-1').report([speaks(second)]);
      // Bob was behind: he hears only who speaks now.
      const last = { ...told, data: { receiverId: receivers[1], peerId: bob.id } };
      expect(await bob.events()).toMatchObject([last]);
      expect(await alice.events()).toMatchObject([last]);
      await alice.ok('DELETE', `/receivers/${receivers[0]}`);
      await Promise.all([alice.events(), bob.events()]);
      await weir.pod('pod-1').report([speaks(first)]);
      expect([await alice.events(), await bob.events()]).toEqual([[], []]);
    });
  });
});
