import { sql } from 'drizzle-orm';
import { afterEach, describe, expect, it } from 'vitest';
import { type OpenDatabase, onEveryDatabase, onEveryDatabaseAndD1, type TestDatabase } from './databases.ts';
import { FakePods } from './fake-pods.ts';
import { Instance } from './harness.ts';
import { capabilities, opus } from './media.ts';
import { settle, VirtualClock } from './virtual-clock.ts';
import { Receiver, rightSignatures, secrets } from './webhook-receiver.ts';

const env = {
  WEIR_WEBHOOKS: JSON.stringify([{ id: 'main', url: 'https://backend.example/weir?key=hidden' }]),
  WEIR_WEBHOOK_SECRETS: secrets[0],
  WEIR_PEER_TIMEOUT_SECONDS: '3600',
};

/** Some instances on one database that call one receiver. */
class Deployment {
  readonly receiver = new Receiver();
  readonly clock = new VirtualClock();
  readonly instances: Instance[] = [];
  readonly #database: TestDatabase;
  readonly #env: Record<string, string>;
  readonly #pods = new FakePods();

  static async start(open: OpenDatabase, count = 1, more: Record<string, string> = {}): Promise<Deployment> {
    const deployment = new Deployment(await open(), { ...env, ...more });
    for (let index = 0; index < count; index += 1) deployment.add();
    deployments.push(deployment);
    return deployment;
  }

  private constructor(database: TestDatabase, environment: Record<string, string>) {
    this.#database = database;
    this.#env = environment;
  }

  /** One more instance, which delivers by itself or is told to. */
  add(delivers = true): void {
    const { clock, receiver } = this;
    const options = { clock, pods: this.#pods, env: this.#env, sendWebhook: receiver.send };
    const instance = new Instance(this.#database, options);
    this.instances.push(instance);
    if (delivers) instance.app.services.deliverer.start();
  }

  get weir(): Instance {
    return this.instances[0]!;
  }

  /** Lets time pass until something holds. */
  async until(holds: () => boolean, ms = 60_000): Promise<void> {
    for (let passed = 0; !holds(); passed += 250) {
      if (passed > ms) throw new Error(`it never came: ${JSON.stringify(this.receiver.types())}`);
      await this.clock.advance(250);
    }
  }
}

const deployments: Deployment[] = [];
afterEach(async () => {
  for (const { instances, clock } of deployments.splice(0)) {
    for (const { app } of instances) await clock.until(app.services.deliverer.stop());
  }
});

onEveryDatabaseAndD1((open) => {
  describe('webhooks', () => {
    it('hear what happens in a room, in order, signed', async () => {
      const deployment = await Deployment.start(open);
      const { weir, receiver } = deployment;
      await weir.lease('pod-1');
      const room = await weir.room('daily', { metadata: { team: 7 } });
      const alice = await weir.join(room, 'alice', { appData: { seat: 1 } });
      await alice.ok('PUT', '/capabilities', {
        rtpCapabilities: capabilities(alice.answer.snapshot.room as never),
      });
      const transport = await alice.ok('POST', '/transports', {});
      const rtpParameters = opus(1000);
      const published = await alice.ok('POST', '/receivers', {
        kind: 'audio',
        transportId: transport.id,
        rtpParameters,
      });
      await alice.ok('PATCH', `/receivers/${published.id}`, { paused: true });
      await alice.ok('PATCH', `/receivers/${published.id}`, { paused: false });
      const bob = await weir.join(room, 'bob');
      await weir.ok('DELETE', alice.path, { token: await weir.admin() });
      await weir.ok('DELETE', room, { token: await weir.admin() });
      await deployment.until(() => receiver.types().includes('room.closed'));
      const receiverData = { id: published.id, peerId: alice.id, kind: 'audio', appData: {} };
      const aliceData = { id: alice.id, name: 'alice', appData: { seat: 1 } };
      expect(receiver.got.map(({ event }) => [event.type, event.data])).toEqual([
        ['room.created', { metadata: { team: 7 } }],
        ['peer.joined', aliceData],
        ['receiver.created', receiverData],
        ['receiver.paused', receiverData],
        ['receiver.resumed', receiverData],
        ['peer.joined', { id: bob.id, name: 'bob', appData: {} }],
        ['receiver.closed', receiverData],
        ['peer.left', { ...aliceData, reason: 'removed' }],
        ['peer.left', { id: bob.id, name: 'bob', appData: {}, reason: 'room-closed' }],
        ['room.closed', { reason: 'closed' }],
      ]);
      const [first] = receiver.got;
      expect(receiver.got.map(({ event }) => event.seq - first!.event.seq)).toEqual([...receiver.got.keys()]);
      for (const call of receiver.got) {
        expect(call.url).toBe('https://backend.example/weir?key=hidden');
        expect(call.event.room).toBe('daily');
        expect(call.id).toBe(`evt_daily_${call.event.seq}`);
        const age = weir.clock.now() - Date.parse(call.event.timestamp);
        expect([age >= 0, age < 1000]).toEqual([true, true]);
        expect(rightSignatures(call, secrets)).toBe(1);
      }
    });

    it('are signed by every secret, so that a receiver can change from one to the next', async () => {
      const deployment = await Deployment.start(open, 1, { WEIR_WEBHOOK_SECRETS: secrets.join() });
      await deployment.weir.room();
      await deployment.until(() => deployment.receiver.got.length === 1);
      expect(rightSignatures(deployment.receiver.got[0]!, secrets)).toBe(2);
      expect(rightSignatures(deployment.receiver.got[0]!, [secrets[1]])).toBe(1);
    });

    it('that fail are called again, later and later, while other rooms go on and nothing overtakes', async () => {
      const deployment = await Deployment.start(open);
      const { weir, receiver, clock } = deployment;
      const times: number[] = [];
      receiver.answer = ({ event }) => {
        if (event.room !== 'broken' || times.length >= 5) return { status: 200 };
        times.push(clock.now());
        if (times.length === 2) throw new Error('connection refused');
        // A redirect is no acknowledgement.
        return { status: times.length === 3 ? 302 : 500 };
      };
      const broken = await weir.room('broken');
      const fine = await weir.room('fine');
      await weir.join(broken, 'alice');
      await weir.join(fine, 'alice');
      await settle(20);
      expect(receiver.types('fine')).toEqual(['room.created', 'peer.joined']);
      expect(receiver.types('broken')).toEqual(['room.created']);
      const { backlog, endpoints } = await weir.ok('GET', '/v1/webhooks', { token: await weir.admin() });
      expect(endpoints).toMatchObject([{ id: 'main', url: 'https://backend.example/weir' }]);
      expect(backlog).toMatchObject([
        { endpoint: 'main', room: 'broken', waiting: 2, attempts: 1, lastError: 'status 500' },
      ]);
      await deployment.until(() => receiver.types('broken').includes('peer.joined'));
      expect(receiver.types('broken')).toEqual([...Array(6).fill('room.created'), 'peer.joined']);
      expect(
        new Set(receiver.got.flatMap(({ id, event }) => (event.room === 'broken' ? [id] : []))).size,
      ).toBe(2);
      const waits = times.slice(1).map((time, index) => time - times[index]!);
      // 1, 2, 4 and 8 s, a fifth more or less, and up to a second until somebody looks.
      for (const [index, wait] of waits.entries()) {
        expect(wait).toBeGreaterThanOrEqual(800 * 2 ** index);
        expect(wait).toBeLessThanOrEqual(1200 * 2 ** index + 1250);
      }
    });

    it('that ask for time with Retry-After get it', async () => {
      const deployment = await Deployment.start(open);
      const { weir, receiver, clock } = deployment;
      receiver.answer = () =>
        receiver.got.length === 1 ? { status: 429, retryAfter: '30' } : { status: 204 };
      await weir.room();
      const from = clock.now();
      await deployment.until(() => receiver.got.length === 2);
      expect(clock.now() - from).toBeGreaterThanOrEqual(24_000);
    });

    it('that do not answer in time are called again', async () => {
      const deployment = await Deployment.start(open, 1, { WEIR_WEBHOOK_TIMEOUT_SECONDS: '5' });
      const { weir, receiver } = deployment;
      receiver.answer = () => (receiver.got.length === 1 ? new Promise<never>(() => {}) : { status: 204 });
      await weir.room();
      await deployment.until(() => receiver.got.length === 2);
      expect(receiver.got[1]).toMatchObject({ id: receiver.got[0]!.id, body: receiver.got[0]!.body });
    });

    it('give an event up after some attempts, show it, and go on; it can be delivered again or forgotten', async () => {
      const deployment = await Deployment.start(open, 1, { WEIR_WEBHOOK_ATTEMPTS: '3' });
      const { weir, receiver } = deployment;
      let broken = true;
      receiver.answer = ({ event }) => ({ status: broken && event.type === 'peer.joined' ? 500 : 200 });
      for (const id of ['one.a', 'two']) {
        const room = await weir.room(id);
        const alice = await weir.join(room, 'alice');
        await alice.ok('DELETE', '');
      }
      await deployment.until(() => receiver.types().filter((type) => type === 'peer.left').length === 2);
      expect(receiver.types('two')).toEqual(['room.created', ...Array(3).fill('peer.joined'), 'peer.left']);
      const admin = await weir.admin();
      const list = async (token = admin, query = '') =>
        await weir.ok('GET', `/v1/webhooks/dead-letters${query}`, { token });
      const { deadLetters } = await list();
      expect(deadLetters).toMatchObject([
        { endpoint: 'main', url: 'https://backend.example/weir', attempts: 3, lastError: 'status 500' },
        { event: { type: 'peer.joined', data: { name: 'alice' } } },
      ]);
      expect((await weir.ok('GET', '/v1/webhooks', { token: admin })).backlog).toEqual([]);
      // Page by page, and only what the token covers.
      const page = await list(admin, '?limit=1');
      expect(page.deadLetters).toEqual(deadLetters.slice(0, 1));
      expect(await list(admin, `?after=${page.next}`)).toEqual({ deadLetters: deadLetters.slice(1) });
      const ofTwo = await weir.token({ room: 'two', admin: true });
      const two = deadLetters.find(({ event }: { event: { room: string } }) => event.room === 'two');
      const one = deadLetters.find(({ event }: { event: { room: string } }) => event.room === 'one.a');
      expect((await list(ofTwo)).deadLetters).toEqual([two]);
      const path = (letter: { id: string }) => `/v1/webhooks/dead-letters/${letter.id}`;
      const notFound = { status: 404, code: 'not-found' };
      await weir.refused('POST', `${path(one)}/retry`, { token: ofTwo }, notFound);
      await weir.refused(
        'GET',
        '/v1/webhooks',
        { token: await weir.token() },
        { status: 403, code: 'forbidden' },
      );
      const failed = { status: 502, code: 'webhook-failed' };
      const { detail } = await weir.refused('POST', `${path(one)}/retry`, { token: admin }, failed);
      expect(detail).toMatch(/status 500/);
      broken = false;
      const before = receiver.got.length;
      expect((await weir.call('POST', `${path(one)}/retry`, { token: admin })).status).toBe(204);
      expect(receiver.got.slice(before)).toMatchObject([
        { event: one.event, id: one.id.replace('main.', '') },
      ]);
      await weir.refused('POST', `${path(one)}/retry`, { token: admin }, notFound);
      for (let time = 0; time < 2; time += 1) {
        expect((await weir.call('DELETE', path(two), { token: admin })).status).toBe(204);
      }
      expect(await list()).toEqual({ deadLetters: [] });
    });

    it('are called once for each event, whichever of many instances does it', async () => {
      const deployment = await Deployment.start(open, 3);
      const { instances, receiver } = deployment;
      // Answers take a while, so that lines pile up.
      receiver.answer = async () => {
        await settle(2);
        return { status: 200 };
      };
      const rooms = 6;
      for (let index = 0; index < rooms; index += 1) {
        const instance = instances[index % 3]!;
        const room = await instance.room(`room-${index}`);
        for (const name of ['a', 'b', 'c']) await instances[(index + 1) % 3]!.join(room, name);
      }
      await deployment.until(() => receiver.got.length >= rooms * 4);
      await deployment.clock.advance(15_000);
      expect(receiver.got).toHaveLength(rooms * 4);
      for (let index = 0; index < rooms; index += 1) {
        const names = receiver.got.flatMap(({ event }) =>
          event.room === `room-${index}` ? [event.data.name ?? event.type] : [],
        );
        expect(names).toEqual(['room.created', 'a', 'b', 'c']);
      }
    });

    it('of one slow receiver leave places for the others, and never more are called than may be', async () => {
      const endpoints = ['slow', 'quick'].map((id) => ({ id, url: `https://${id}.example/` }));
      const deployment = await Deployment.start(open, 1, {
        WEIR_WEBHOOKS: JSON.stringify(endpoints),
        WEIR_WEBHOOK_CONCURRENCY: '4',
      });
      const { weir, receiver } = deployment;
      receiver.answer = ({ url }) => (url.includes('slow') ? new Promise<never>(() => {}) : { status: 204 });
      for (let index = 0; index < 8; index += 1) await weir.room(`room-${index}`);
      const quick = () => receiver.got.filter(({ url }) => url.includes('quick')).length;
      await deployment.until(() => quick() === 8, 5000);
      expect(receiver.mostOpen).toBeLessThanOrEqual(4);
    });

    it('of a room are called for that room, with the types it wants, until they are taken away', async () => {
      const deployment = await Deployment.start(open, 1, { WEIR_WEBHOOKS: '[]' });
      const { weir, receiver } = deployment;
      const webhook = { url: 'https://app.example/hook', events: ['peer.joined'] };
      const room = await weir.room('daily', { webhook });
      const silent = await weir.room('silent');
      await weir.join(silent, 'nobody');
      const alice = await weir.join(room, 'alice');
      await alice.ok('DELETE', '');
      await weir.join(room, 'bob');
      await deployment.until(() => receiver.got.length === 2);
      expect(receiver.got.map(({ url, event }) => [url, event.data.name])).toEqual([
        [webhook.url, 'alice'],
        [webhook.url, 'bob'],
      ]);
      // Who joins need not know of it.
      expect(JSON.stringify(alice.answer)).not.toContain('app.example');
      const admin = await weir.admin();
      await weir.ok('PATCH', room, { token: admin, body: { webhook: null } });
      await weir.join(room, 'carol');
      await weir.ok('PATCH', room, { token: admin, body: { webhook: { url: 'https://app.example/two' } } });
      await weir.join(room, 'dave');
      await deployment.until(() => receiver.got.length === 3);
      expect(receiver.got[2]).toMatchObject({
        url: 'https://app.example/two',
        event: { data: { name: 'dave' } },
      });
    });

    it('are only accepted where they may lead', async () => {
      const { weir } = await Deployment.start(open);
      const token = await weir.admin();
      const refusals = [
        'http://app.example/',
        'ftp://app.example/',
        'https://user:pass@app.example/',
        'https://127.0.0.1/',
        'https://10.1.2.3:8443/',
        'https://[::1]/',
        'https://[::ffff:169.254.169.254]/',
        'https://2130706433/',
        'https://localhost/',
        'https://metadata.internal/',
        'app.example',
      ];
      for (const url of refusals) {
        const problem = { status: 422, code: 'invalid-parameter', field: 'webhook.url' };
        await weir.refused('POST', '/v1/rooms', { token, body: { id: 'x', webhook: { url } } }, problem);
      }
      const room = await weir.room('y', { webhook: { url: 'https://app.example/' } });
      await weir.refused(
        'PATCH',
        room,
        { token, body: { webhook: { url: 'http://app.example' } } },
        { status: 422, code: 'invalid-parameter', field: 'webhook.url' },
      );
      const without = await Deployment.start(open, 1, { WEIR_WEBHOOKS: '[]', WEIR_WEBHOOK_SECRETS: '' });
      await without.weir.refused(
        'POST',
        '/v1/rooms',
        { token: await without.weir.admin(), body: { webhook: { url: 'https://app.example/' } } },
        { status: 422, code: 'invalid-parameter', field: 'webhook' },
      );
      const allowed = await Deployment.start(open, 1, {
        WEIR_WEBHOOK_ALLOW_HTTP: '1',
        WEIR_WEBHOOK_ALLOW_PRIVATE: '1',
      });
      await allowed.weir.room('z', { webhook: { url: 'http://127.0.0.1:8080/' } });
    });

    it('outlive the room: what was not delivered is kept, what was is forgotten', async () => {
      const deployment = await Deployment.start(open, 1, { WEIR_WEBHOOK_ATTEMPTS: '1000' });
      const { weir, receiver, clock } = deployment;
      receiver.answer = ({ event }) => ({ status: event.room === 'broken' ? 500 : 200 });
      for (const id of ['broken', 'fine']) {
        const room = await weir.room(id);
        await weir.ok('DELETE', room, { token: await weir.admin() });
      }
      await deployment.until(() => receiver.types('fine').length === 2);
      const count = async (table: string, room: string) => {
        const [rows] = await weir.driver.read([
          sql`SELECT COUNT(*) AS count FROM ${sql.identifier(table)} WHERE room_id = ${room}`,
        ]);
        return Number(rows![0]!.count);
      };
      // Nobody is there for an hour, and it costs no time to wait for that.
      await clock.until(weir.app.services.deliverer.stop());
      await clock.advance(4_000_000);
      await weir.sweeper.sweep();
      await weir.refused(
        'GET',
        '/v1/rooms/fine',
        { token: await weir.admin() },
        { status: 404, code: 'room-not-found' },
      );
      expect([await count('room_events', 'fine'), await count('webhook_cursors', 'fine')]).toEqual([0, 0]);
      expect([await count('room_events', 'broken'), await count('webhook_cursors', 'broken')]).toEqual([
        2, 1,
      ]);
      const last = receiver.got.findLast(({ event }) => event.room === 'broken')!.event.seq;
      receiver.answer = () => ({ status: 200 });
      deployment.add();
      // A room of the same id goes on where that one ended.
      await weir.room('broken');
      const heard = () => receiver.got.filter(({ event }) => event.room === 'broken' && event.seq > last);
      await deployment.until(() => heard().length === 2);
      expect(heard().map(({ event }) => event.type)).toEqual(['room.closed', 'room.created']);
    });

    it('are not cut off when an instance stops: calls under way end, or are left to others uncounted', async () => {
      const deployment = await Deployment.start(open, 2);
      const { instances, receiver, clock, weir } = deployment;
      let answer = () => {};
      receiver.answer = ({ event }) => {
        if (event.room === 'patient' && receiver.types('patient').length === 1)
          return new Promise((resolve) => {
            answer = () => resolve({ status: 200 });
          });
        if (event.room === 'stuck' && receiver.types('stuck').length === 1) return new Promise(() => {});
        return { status: 200 };
      };
      await weir.room('patient');
      await weir.room('stuck');
      await settle(20);
      expect(receiver.types()).toHaveLength(2);
      const busy = instances.map(({ app }) => app.services.deliverer);
      const stopped = busy[0]!.stop();
      await weir.join('/v1/rooms/patient', 'alice');
      answer();
      await clock.until(stopped, 10_000);
      await deployment.until(() => receiver.got.length === 4, 10_000);
      expect(receiver.types('patient')).toEqual(['room.created', 'peer.joined']);
      expect(receiver.types('stuck')).toEqual(['room.created', 'room.created']);
      const { backlog } = await weir.ok('GET', '/v1/webhooks', { token: await weir.admin() });
      expect(backlog).toEqual([]);
    });
  });
});

onEveryDatabase((open) => {
  describe('webhooks', () => {
    it('of rooms whose receivers are slow hold up no other room, wherever it is called', async () => {
      const deployment = await Deployment.start(open, 1, { WEIR_WEBHOOKS: '[]' });
      const { weir, receiver, clock } = deployment;
      receiver.answer = async ({ url }) => {
        if (url.includes('slow')) await new Promise<void>((resume) => clock.after(9000, resume));
        return { status: 200 };
      };
      const visit = async (id: string, url: string, names: number) => {
        const room = await weir.room(id, { webhook: { url } });
        for (let index = 0; index < names; index += 1) await weir.join(room, `visitor ${index}`);
      };
      for (let index = 0; index < 16; index += 1) {
        await visit(`slow-${index}`, `https://${index % 2 === 0 ? 'one' : 'two'}.example/slow`, 10);
      }
      await visit('elsewhere', 'https://quick.example/', 2);
      await deployment.until(() => receiver.types('elsewhere').length === 3, 1000);
      // Rooms that share a slow receiver with others have their turn, too.
      await visit('neighbour', 'https://one.example/quick', 2);
      await deployment.until(() => receiver.types('neighbour').length === 3, 40_000);
      expect(receiver.mostOpen).toBeLessThanOrEqual(16);
    });

    it('are delivered in time that was only lent, while a slow one is waited for', async () => {
      const deployment = await Deployment.start(open, 0, { WEIR_WEBHOOKS: '[]' });
      deployment.add(false);
      const { weir, receiver, clock } = deployment;
      receiver.answer = async ({ url }) => {
        if (url.includes('slow')) await new Promise<void>((resume) => clock.after(9000, resume));
        return { status: 200 };
      };
      await weir.room('slow', { webhook: { url: 'https://slow.example/' } });
      for (let index = 0; index < 20; index += 1) {
        await weir.room(`quick-${index}`, { webhook: { url: `https://quick-${index}.example/` } });
      }
      const from = clock.now();
      const drained = weir.app.services.deliverer.drain(15_000);
      await deployment.until(() => receiver.got.length === 21, 1000);
      await clock.until(drained);
      expect(clock.now() - from).toBeLessThanOrEqual(9500);
      expect(await weir.app.services.webhooks.nextDue()).toBeUndefined();
    });
  });
});
